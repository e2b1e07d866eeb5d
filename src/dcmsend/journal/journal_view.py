"""A journal opened only to look up what is stored already."""

from __future__ import annotations

import os

from dcmsend.errors import JournalError
from dcmsend.index import RejectedInput
from dcmsend.inputs import Source
from dcmsend.reasons import NoJournal
from dcmsend.transfer import PeerFacts

from .database import Binding, check_exists, holds_nothing, open_read_only, size_of_existing
from .lock import check_lockable
from .options import JournalOptions
from .own_files import OwnFiles, check_places
from .path_key import Directories
from .resume import StoredFiles
from .sent_directory import SentDirectory, check_sent_directory
from .sqlite_errors import translated

__all__ = ["JournalView"]


class JournalView:
    """A journal opened only to look up what is stored already (``--dry-run``).

    Attributes:
        lacked: how many of the files that were found stored the archive lacked when it was asked.
    """

    def __init__(self, options: JournalOptions, peer: PeerFacts, *, must_exist: bool = False) -> None:
        """Raises JournalError wherever a run would, except for a journal that a run is using.

        ``must_exist``: see ``open_journal``.
        """
        self._stored: StoredFiles | None = None
        self.lacked = 0
        self._directories = Directories()
        self._own = OwnFiles(options.path)
        self._sent = SentDirectory(options.move_sent) if options.move_sent else None
        with translated(options.path):
            check_places(options.path)
        if must_exist:
            check_exists(options.path)
        check_lockable(options.path)
        if options.move_sent:
            check_sent_directory(options.move_sent, options.path)
        if not os.path.lexists(options.path):
            return
        with translated(options.path):
            if not options.resume:
                if holds_nothing(options.path):
                    return
                raise JournalError(options.path, "exists already", NoJournal.EXISTS)
            size = size_of_existing(options.path)
            if not os.access(options.path, os.W_OK):
                raise JournalError(options.path, "cannot be written to")
            if not size:
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
        found = None if self._stored is None else self._stored.find(item)
        self.lacked += found is not None and found.is_refuted
        return found is not None

    def reject(self, rejected: RejectedInput) -> None:
        """Does nothing: a view writes nothing."""

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Does nothing: every file stays."""

    def all_found(self) -> None:
        """Does nothing: no file waits to be moved."""

    def close(self) -> None:
        """Close the database."""
        if self._stored is not None:
            self._stored.close()
