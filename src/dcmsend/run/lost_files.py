"""Instances that the archive lacks and that cannot be sent again, because their files are gone or hold others now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dcmsend.loggers import get_logger

if TYPE_CHECKING:
    from dcmsend.journal import Proofs, StoredRow

__all__ = ["LostFiles"]

_MOST_NAMED: Final = 10
_MOST_KNOWN: Final = 1000
_MARK: Final = f"!{os.sep}"
"""Behind the name of an archive, before that of a member."""

_log = get_logger("dcmsend.app")


class LostFiles:
    """Gathers such instances; tells of them in the end, with the names of the first."""

    def __init__(self) -> None:
        self._gone = self._replaced = 0
        self._names_gone: list[str] = []
        self._names_replaced: list[str] = []
        self._others: dict[str, bool] = {}  # by a directory: whether one of the journal is there below it

    def is_gone(self, row: StoredRow, proofs: Proofs) -> bool:
        """Whether the row's file is not there, and this machine sees the place where it was.  Raises JournalError.

        It sees the place if the directory is there, or others of the journal beside that: else all of it may be on
        another host, or is not mounted now.
        """
        places = _places_without(row.path, row.key[1])
        if not places:
            return False
        return any(map(os.path.isdir, places)) or self._has_others(places[0], proofs)

    def _has_others(self, directory: str, proofs: Proofs) -> bool:
        while not os.path.isdir(directory):
            above = os.path.dirname(directory)
            if above == directory:
                return False
            directory = above
        if os.path.dirname(directory) == directory:
            return False  # every machine has a root
        if directory not in self._others:
            if len(self._others) >= _MOST_KNOWN:
                self._others.clear()
            self._others[directory] = any(map(os.path.isdir, proofs.directories_below(directory)))
        return self._others[directory]

    def add_gone(self, row: StoredRow) -> None:
        """Note one whose file is not there."""
        self._gone += 1
        if len(self._names_gone) < _MOST_NAMED:
            self._names_gone.append(row.path)

    def add_replaced(self, row: StoredRow) -> None:
        """Note one whose file holds another instance."""
        self._replaced += 1
        if len(self._names_replaced) < _MOST_NAMED:
            self._names_replaced.append(f"{row.path} ({row.sop_instance_uid})")

    def tell(self) -> None:
        """Tell in the log."""
        _tell("are not there any more", self._gone, self._names_gone)
        _tell("hold others now", self._replaced, self._names_replaced)


def _tell(what: str, count: int, names: list[str]) -> None:
    if count:
        from dcmsend.advice import CANNOT_SEND_AGAIN

        shown = ", ".join(names) + (", ..." if count > len(names) else "")
        _log.error("the archive lacks %d instances whose files %s: %s\n%s", count, what, shown, CANNOT_SEND_AGAIN)


def _places_without(path: str, name: bytes) -> list[str] | None:
    """The directories in which a file of this machine should be and is not, by its full name and the last part of that.

    None if it is there, or nobody knows.  A member of an archive goes by the archive: there are several directories
    where the name does not tell which part is the archive.  An object of a store is not looked for.
    """
    if not os.path.isabs(path):
        return None  # an address
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):
        return None
    else:
        return None
    places = [os.path.dirname(path)]
    at = path.find(_MARK)
    while at >= 0:
        if os.path.isfile(path[:at]):
            return None  # it may be a member of that
        places.append(os.path.dirname(path[:at]))
        at = path.find(_MARK, at + 1)
    return places if path.endswith(os.sep + os.fsdecode(name)) else None  # else a member that begins with a slash
