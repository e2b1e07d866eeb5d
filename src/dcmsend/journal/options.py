"""The options of the journal."""

from __future__ import annotations

from dcmsend.dicom.record import FileName, Record

__all__ = ["JournalOptions"]


class JournalOptions(Record):
    """Where outcomes are kept from run to run.  Raises ValueError for impossible names.

    Attributes:
        path: file name of the journal (``--journal``); made by the first run.
        resume: continue an existing journal and skip what is stored (``--resume``).  Without it the file must not
            exist.
        move_sent: directory to which files are moved once they are stored, ``""`` for none (``--move-sent``).
    """

    path: FileName
    resume: bool = False
    move_sent: FileName = FileName()

    def check(self) -> None:
        if not self.path or "\0" in self.path + self.move_sent:
            raise ValueError("JournalOptions: no file can have this name")
