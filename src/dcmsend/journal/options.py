"""What the user says about the journal."""

from __future__ import annotations

from dcmsend.dicom.record import Record

__all__ = ["JournalOptions"]


class JournalOptions(Record):
    """Where the outcomes are kept from run to run.  Raises ValueError for impossible names.

    Attributes:
        path: file name of the journal (``--journal``); made by the first run.
        resume: go on with an existing journal: what is stored is left out (``--resume``).  Without it the file must not
            be there yet.
        move_sent: directory to which files are moved once they are stored, ``""`` for none (``--move-sent``).
    """

    path: str
    resume: bool = False
    move_sent: str = ""

    def check(self) -> None:
        if not self.path or "\0" in self.path + self.move_sent:
            raise ValueError("JournalOptions: no file can have this name")
