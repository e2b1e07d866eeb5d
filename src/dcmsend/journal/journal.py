"""The journal as a run uses it: answers what is stored already, and keeps new outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from dcmsend.errors import Cancelled, JournalError
from dcmsend.fork import keep_for_ever
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import InputFile, Source
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import PeerFacts, Result, StoreOutcome

from .database import close_at_rest, open_database, open_read_only
from .lock import JournalLock
from .options import JournalOptions
from .own_files import OwnFiles
from .resume import Stored, StoredFiles
from .sqlite_errors import translated
from .writer import GroupWriter, is_kept, time_of_row

if TYPE_CHECKING:
    from .proofs import Proofs

__all__ = ["Journal"]


class Journal:
    """A journal that a run writes.

    If the journal cannot be written any more, it asks the run to end: requests in flight are finished, none is begun.

    Attributes:
        path: full name of its file, without links.
        stored: looks up files that are stored; for the thread that looks for inputs.
    """

    def __init__(
        self,
        options: JournalOptions,
        peer: PeerFacts,
        interrupt: Interrupt,
        on_commit: Callable[[Sequence[StoreOutcome]], None] | None = None,
        *,
        fingerprint: str = "",
    ) -> None:
        """Lock and open the journal, and check that it can be written.  Raises JournalError.

        ``on_commit`` is called, on a thread of the journal's, with outcomes that are safely kept.  ``fingerprint``
        stands for the options that change the bytes sent, ``""`` for none.
        """
        self._interrupt = interrupt
        self._process = os.getpid()
        self.path = os.path.realpath(options.path)
        self.stored: StoredFiles | None = None
        self._proofs: Proofs | None = None
        self._lock = JournalLock(options.path)
        self._own = OwnFiles(options.path)
        try:
            self._connection = open_database(
                options.path, peer, resume=options.resume, check=interrupt.check_request
            )
        except BaseException:
            self._lock.release()
            raise
        try:
            with translated(options.path):
                self.stored = StoredFiles(open_read_only(self.path)[0], options.path)
            self._writer = GroupWriter(
                self._connection, options.path, on_commit or _nothing, self._on_error, fingerprint=fingerprint
            )
        except BaseException:
            self._close_all()
            raise

    @property
    def error(self) -> JournalError | None:
        """Why the journal cannot be written any more; None while it can."""
        return self._writer.error

    @property
    def is_ours(self) -> bool:
        """Whether this process has opened the journal, and not the process it was forked from."""
        return os.getpid() == self._process

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent, because it is stored and unchanged.  Raises JournalError."""
        return self.find(item) is not None

    def find(self, item: Source) -> Stored | None:
        """The record of an input that need not be sent; None for any other.  Raises JournalError."""
        assert self.stored is not None
        return self.stored.find(item)

    def stored_in(self, directory: bytes, *, deep: bool) -> Iterator[tuple[bytes, bytes, tuple[object, object], str]]:
        """See ``StoredFiles.stored_in``."""
        assert self.stored is not None
        return self.stored.stored_in(directory, deep=deep)

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is a file of the journal."""
        if not item.is_lasting or not item.path:
            return False
        assert self.stored is not None
        return self._own.hold(*self.stored.key_of(item))

    def was_moved(self, instance: Instance) -> bool:
        """False: this journal moves nothing."""
        return False

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Does nothing: every file stays."""

    def all_found(self) -> None:
        """Does nothing: no file waits to be moved."""

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run sent the same instance completely from the same file and got no answer.

        Seldom asked.
        """
        try:
            files = StoredFiles(open_read_only(self.path)[0], self.path)  # the other connection belongs to the scan
        except JournalError:
            return False
        try:
            return files.is_unanswered(outcome)
        except JournalError:
            return False
        finally:
            files.close()

    def flush(self) -> None:
        """Wait until all noted outcomes are written, or writing has failed.

        Called on the thread that asks ``is_stored``, which knows of them then.
        """
        self._writer.flush()
        if self.stored is not None:
            self.stored.forget_unknown()

    @property
    def identity(self) -> str:
        """A digest of its name and of the time when it was made."""
        with translated(self.path):
            (created,) = self._connection.execute("SELECT created FROM peer").fetchone()
        return sha256(f"{self.path}\0{created}".encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def proofs(self) -> Proofs:
        """The proofs of stored instances, up to date with all noted outcomes.  They are closed with the journal.

        Raises JournalError.
        """
        if self._proofs is None:
            from .proofs import Proofs

            self._proofs = Proofs(self.path, self._writer.flush)
        return self._proofs

    def move_proven(self, item: Source, identity: tuple[int, int] | None) -> None:
        """Does nothing: this journal moves nothing."""

    def note(self, outcome: StoreOutcome) -> None:
        """Queue an outcome to be written soon."""
        if outcome.result is Result.STORED and outcome.file_stamp is None:
            return  # the file was named twice, and its outcome is written already
        if is_kept(outcome) and self.is_ours:
            self._writer.add(outcome)

    def note_earlier(self, outcome: StoreOutcome) -> None:
        """Queue an outcome of an earlier run, unless it is in the journal already, or what is there is newer.

        To write it a second time would count its attempts twice, and forget what the archive has said since: that the
        instance is proven, or is to be sent again.  Called on the thread that asks ``is_stored``.  Raises JournalError.
        """
        assert self.stored is not None
        if is_kept(outcome) and not self.stored.is_overtaken(outcome, time_of_row(outcome)):
            self.note(outcome)

    def reject(self, rejected: RejectedInput) -> None:
        """Note that an input is broken; if it was stored before, the journal then knows it as another file.

        Called on the thread that asks ``is_stored``.  Raises JournalError.
        """
        if not rejected.is_dicom or rejected.dicomdir is not None:
            return
        assert self.stored is not None
        outcome = self.stored.broken_since(InputFile(rejected.path))
        if outcome is not None:
            self._writer.add(outcome)

    def close(self) -> None:
        """Write the remaining outcomes; ``error`` tells whether that was possible.

        Does nothing in a forked child: the threads are not there, and the database belongs to the parent.
        """
        if not self.is_ours:
            keep_for_ever(self)
            return
        self.close_writer()
        self._close_all()

    def close_writer(self) -> None:
        """Write the remaining outcomes, and nothing after them."""
        self._writer.close()

    def _close_all(self) -> None:
        if self._proofs is not None:
            self._proofs.close()
        if self.stored is not None:
            self.stored.close()
        close_at_rest(self._connection)
        self._lock.release()

    def _on_error(self) -> None:
        self._interrupt.request(Cancelled.JOURNAL)


def _nothing(outcomes: Sequence[StoreOutcome]) -> None:
    """The default for ``on_commit``: does nothing."""
