"""The journal as a run uses it: what is stored already, what became of an instance, what can be moved."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress

from dcmsend.errors import JournalError
from dcmsend.fork import keep_for_ever
from dcmsend.index import RejectedInput
from dcmsend.inputs import InputFile, Origin, Source
from dcmsend.interrupt import Interrupt
from dcmsend.reasons import NoJournal
from dcmsend.transfer import PeerFacts, Result, StoreOutcome

from .database import Binding, open_database, open_read_only, translated
from .lock import JournalLock
from .mover import Mover
from .options import JournalOptions
from .own_files import OwnFiles, check_places
from .path_key import Directories
from .resume import StoredFiles
from .sent_directory import SentDirectory
from .writer import GroupWriter, is_kept

__all__ = ["Journal", "JournalView"]


class Journal:
    """A journal that a run writes.

    When it cannot be written any more the run is asked to end: what is in flight is finished, nothing new is begun.
    """

    def __init__(
        self, options: JournalOptions, peer: PeerFacts, interrupt: Interrupt, *, reads_dicomdir: bool = False
    ) -> None:
        """Lock it, open it and see that it can be written.  Raises JournalError.

        ``reads_dicomdir``: some inputs may be told by a DICOMDIR; such files stay where they are.
        """
        self._interrupt = interrupt
        self._process = os.getpid()
        self._began = time.time_ns() // 1_000_000
        self._path = os.path.realpath(options.path)
        self._mover: Mover | None = None
        self._stored: StoredFiles | None = None
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
                self._stored = StoredFiles(open_read_only(self._path)[0], options.path)
            if options.move_sent:
                self._mover = Mover(options.move_sent, options.path, may_stay=reads_dicomdir)
            self._writer = GroupWriter(self._connection, options.path, self._on_commit, self._on_error)
        except BaseException:
            self._close_all()
            raise

    @property
    def error(self) -> JournalError | None:
        """Why it cannot be written any more."""
        return self._writer.error

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent, because it is stored and has not changed.  Raises JournalError."""
        assert self._stored is not None
        if item.origin is Origin.DICOMDIR:
            self.keep(item.path)
        found = self._stored.find(item)
        if found is None:
            return self._mover is not None and self._mover.has_moved and self._stored.was_stored(item, self._began)
        if self._mover is not None and found.status == 0:
            # the run before came to its end between the commit and the move
            self._mover.wait_while_behind()
            self._mover.add(item, found.stamp)
        return True

    def keep(self, path: str) -> None:
        """A DICOMDIR refers to a file: that is not moved, by whatever way it was found."""
        if self._mover is not None:
            self._mover.keep(path)

    def all_found(self) -> None:
        """No further DICOMDIR can turn up."""
        if self._mover is not None:
            self._mover.all_found()

    def was_moved(self, item: Source) -> bool:
        """Whether this run has had a file stored that is not there any more; seldom asked."""
        if self._mover is None:
            return False
        with suppress(JournalError):
            files = StoredFiles(open_read_only(self._path)[0], self._path)  # the other one belongs to the scan
            try:
                return files.was_stored(item, self._began, follow=True)
            finally:
                files.close()
        return False

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is a file of the journal, or lies where sent files are moved to."""
        if not item.is_lasting or not item.path:
            return False
        assert self._stored is not None
        directory, name = self._stored.key_of(item)
        if self._own.hold(directory, name):
            return True
        return self._mover is not None and self._mover.holds(directory, name, self._stored.root_of(item))

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run has completely sent the same instance from the same file and got no answer.

        Seldom asked.
        """
        try:
            files = StoredFiles(open_read_only(self._path)[0], self._path)  # the other one belongs to the scan
        except JournalError:
            return False
        try:
            return files.is_unanswered(outcome)
        except JournalError:
            return False
        finally:
            files.close()

    def note(self, outcome: StoreOutcome) -> None:
        """Have an outcome written soon."""
        if outcome.result is Result.STORED and outcome.file_stamp is None:
            return  # named twice: it is written already
        if is_kept(outcome) and os.getpid() == self._process:
            if self._mover is not None and self._mover.is_behind:
                self._mover.wait_while_behind()
            self._writer.add(outcome)

    def reject(self, rejected: RejectedInput) -> None:
        """An input is broken; if it was stored before it was, that is the outcome of another file now.

        On the thread that asks ``is_stored``.  Raises JournalError.
        """
        if rejected.dicomdir is not None and rejected.path:
            self.keep(rejected.path)
        if not rejected.is_dicom or rejected.dicomdir is not None:
            return
        assert self._stored is not None
        outcome = self._stored.broken_since(InputFile(rejected.path))
        if outcome is not None:
            self._writer.add(outcome)

    def close(self) -> None:
        """Write what is left, move what can be moved; ``error`` tells whether that was possible.

        In a child that was forked nothing is done: the threads are not there, and the database is the parent's.
        """
        if os.getpid() != self._process:
            keep_for_ever(self)
            return
        self._writer.close()
        self._close_all()

    def _close_all(self) -> None:
        if self._mover is not None:
            self._mover.close(at_once=self._interrupt.requested)
        if self._stored is not None:
            self._stored.close()
        with suppress(sqlite3.Error):  # at rest a journal is one file; while somebody reads it, it stays as it is
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        with suppress(sqlite3.Error):
            self._connection.close()
        self._lock.release()

    def _on_commit(self, outcomes: Sequence[StoreOutcome]) -> None:
        if self._mover is not None:
            for outcome in outcomes:
                if outcome.status == 0 and outcome.file_stamp is not None:
                    self._mover.add(outcome.instance.input, outcome.file_stamp, outcome.file_identity)

    def _on_error(self) -> None:
        self._interrupt.request("journal")


class JournalView:
    """A journal that is only asked what is stored already (``--dry-run``)."""

    def __init__(self, options: JournalOptions, peer: PeerFacts) -> None:
        """Raises JournalError for everything that a run would object to, but for one that uses it now."""
        self._stored: StoredFiles | None = None
        self._directories = Directories()
        self._own = OwnFiles(options.path)
        self._sent = SentDirectory(options.move_sent) if options.move_sent else None
        with translated(options.path):
            check_places(options.path)
        if not os.path.lexists(options.path):
            return
        if not options.resume:
            raise JournalError(options.path, "exists already", NoJournal.EXISTS)
        if not os.path.getsize(options.path):
            return
        connection, found = open_read_only(options.path)
        wanted = Binding.of(peer)
        if found[:3] != wanted[:3]:
            connection.close()
            raise JournalError(options.path, f"belongs to another peer: {found}, not {wanted}")
        self._stored = StoredFiles(connection, options.path)

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is a file of the journal, or lies where sent files are moved to."""
        if not item.path:
            return False
        directory, name = item.key(self._directories.resolve)
        if self._own.hold(directory, name):
            return True
        return self._sent is not None and self._sent.holds(directory, self._directories.root_of(item.root))

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent.  Raises JournalError."""
        return self._stored is not None and self._stored.find(item) is not None

    def close(self) -> None:
        """Give it back."""
        if self._stored is not None:
            self._stored.close()
