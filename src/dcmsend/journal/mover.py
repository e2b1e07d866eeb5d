"""Moves files away once they are stored and the journal knows it (``--move-sent``)."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final, NamedTuple

from dcmsend.errors import JournalError
from dcmsend.inputs import Origin, Source
from dcmsend.interrupt import WAIT_SLICE, Interrupt
from dcmsend.loggers import get_logger

from .folder import check_writable
from .move_file import NotMoved, move_file
from .move_note import KeptNote, is_noted, is_temporary
from .move_recovery import recover
from .sent_directory import SentDirectory, cannot_be_moved
from .staying import Staying

__all__ = ["Mover"]

_MOST_WAITING: Final = 1000
_WAIT_SECONDS: Final = 0.05

_log = get_logger("dcmsend.app")


class _Waiting(NamedTuple):
    item: Source
    stamp: tuple[int, int]
    identity: tuple[int, int] | None


class Mover:
    """Moves files on a thread of its own, because another file system may be slow; a failure is logged as a warning.

    Attributes:
        has_moved: whether any file was moved yet.
    """

    def __init__(
        self,
        directory: str,
        journal: str,
        interrupt: Interrupt,
        *,
        may_stay: bool = False,
        stays: Staying | None = None,
    ) -> None:
        """Make the directory.  Raises JournalError where that is impossible.

        ``interrupt``: once it asks to end, nobody waits for files to be moved; the next run moves them.

        With ``may_stay`` no file is moved before the search has ended, because a DICOMDIR may refer to it.  ``stays``
        holds such files as far as known; more are added.
        """
        try:
            os.makedirs(directory, exist_ok=True)
            self._directory = os.path.realpath(directory)
            check_writable(self._directory)
            self._status = os.stat(self._directory)
            recover(self._directory)
        except (OSError, ValueError) as error:
            raise cannot_be_moved(directory, journal, error) from error
        self._sent = SentDirectory(self._directory)
        self._interrupt = interrupt
        self.has_moved = False
        self._waiting: deque[_Waiting] = deque()
        self._may_stay = may_stay
        self._later: list[_Waiting] = []
        self._stays = Staying() if stays is None else stays
        self._changed = threading.Condition()
        self._stopping = False
        self._has_told = False
        self._note: KeptNote | None = None
        self._thread = threading.Thread(target=self._run, name="move-sent", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # a limit of processes
            raise JournalError(journal, str(error)) from error

    @property
    def is_behind(self) -> bool:
        """Whether too many files wait, so that sending should wait too."""
        return len(self._waiting) >= _MOST_WAITING

    def wait_while_behind(self) -> None:
        """Wait until there is room for more files, or the run has to end."""
        with self._changed:
            while self.is_behind and self._thread.is_alive() and not self._interrupt.requested:
                self._changed.wait(_WAIT_SECONDS)

    @staticmethod
    def takes(item: Source) -> bool:
        """Whether an input may be moved at all: not the file of a DICOMDIR, a member of an archive, an object."""
        is_named = item.origin in (Origin.PARAMETER, Origin.DIRECTORY)
        return is_named and item.container is None and not item.is_remote

    def add(self, item: Source, stamp: tuple[int, int], identity: tuple[int, int] | None = None) -> None:
        """Queue a file to be moved; files that a DICOMDIR refers to stay."""
        if not self.takes(item):
            return
        with self._changed:
            (self._later if self._may_stay else self._waiting).append(_Waiting(item, stamp, identity))
            self._changed.notify_all()

    def all_found(self) -> None:
        """Note that the search has ended, so the files that have to stay are known."""
        with self._changed:
            self._may_stay = False
            self._waiting += self._later
            self._later.clear()
            self._changed.notify_all()

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Keep a file in place because a DICOMDIR refers to it, even if it was also found in another way.

        With ``all_below`` it is a directory with all that is in there.
        """
        self._stays.keep(path, all_below=all_below)

    def holds(self, directory: bytes, name: bytes, root: bytes) -> bool:
        """Whether a file lies where files are moved to, or is being moved: it must not be sent again.

        ``directory`` and ``root``, the searched directory, are without links.
        """
        if is_temporary(name) and is_noted(self._directory, name):
            return True
        if not self._sent.holds(directory, root):
            return False
        if not self._has_told:
            self._has_told = True
            _log.warning("ignoring files in the directory to which sent files are moved: %s", self._directory)
        return True

    def close(self) -> None:
        """Move the waiting files; when the run has to end they are left for the next run, but for the one being moved.

        Those that wait for the end of a search that has ended early are left, too: a DICOMDIR may refer to them.  When
        the run has to end at once nobody waits for the file being moved either: the next run finds the note of it.
        """
        with self._changed:
            self._later.clear()
            self._stopping = True
            if self._interrupt.requested:
                self._waiting.clear()
            self._changed.notify_all()
        while self._thread.is_alive():
            self._thread.join(WAIT_SLICE)
            if self._interrupt.requested:
                with self._changed:
                    self._waiting.clear()
            if self._interrupt.aborted:
                break

    def _run(self) -> None:
        self._move_all()
        if self._note is not None:
            self._note.close()
            self._note = None

    def _move_all(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    return
                waiting = self._waiting[0]
            self._move(waiting)
            with self._changed:
                if self._waiting:
                    self._waiting.popleft()
                self._changed.notify_all()

    def _move(self, waiting: _Waiting) -> None:
        item, stamp, identity = waiting
        target = self._target_of(item)
        try:
            if not os.path.samestat(os.stat(self._directory), self._status):
                raise NotMoved("the directory was replaced")
            if self._stays.holds(item.path):
                return
            if self._note is None:
                self._note = KeptNote(self._directory)
            new_name = move_file(item.path, target, stamp, identity=identity, note=self._note, outer=self._directory)
        except FileNotFoundError as error:
            # The file was named twice and moved already, or someone has removed it.
            _log.debug("cannot move sent file to '%s': %s: %s", target, item.path, error.strerror)
        except NotMoved as error:
            _log.warning("sent file is not moved to '%s': %s: %s", target, item.path, error)
            if error.is_left and self._note is not None:
                self._note.close(leave=True)
                self._note = None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            _log.warning("cannot move sent file to '%s': %s: %s", target, item.path, reason)
        else:
            self.has_moved = True
            if new_name != target:
                _log.warning("sent file is moved to '%s', '%s' has the same bytes: %s", new_name, target, item.path)

    def _target_of(self, item: Source) -> str:
        below = item.path[len(item.root) :] if item.origin is Origin.DIRECTORY else os.path.basename(item.path)
        return os.path.join(self._directory, below.lstrip(os.sep))
