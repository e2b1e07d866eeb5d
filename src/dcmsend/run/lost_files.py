"""Instances that the archive lacks and that cannot be sent again, because their files are gone or hold others now."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dcmsend.journal import StoredRow

__all__ = ["LostFiles", "is_gone"]

_MOST_NAMED: Final = 10
_MARK: Final = f"!{os.sep}"
"""Behind the name of an archive, before that of a member."""

_log = logging.getLogger("dcmsend.app")


class LostFiles:
    """Gathers such instances; tells of them in the end, with the names of the first."""

    def __init__(self) -> None:
        self._gone = self._replaced = 0
        self._names_gone: list[str] = []
        self._names_replaced: list[str] = []

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


def is_gone(path: str, name: bytes) -> bool:
    """Whether a file of this machine is not there, by its full name and the last part of that.

    A member of an archive goes by the archive, and an object of a store is not looked for.
    """
    if not os.path.isabs(path):
        return False  # an address
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):
        return False  # nobody knows
    else:
        return False
    at = path.find(_MARK)
    while at >= 0:
        if os.path.isfile(path[:at]):
            return False  # it may be a member of that
        at = path.find(_MARK, at + 1)
    return path.endswith(os.sep + os.fsdecode(name))  # else the path is that of a member that begins with a slash
