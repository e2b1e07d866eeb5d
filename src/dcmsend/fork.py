"""What belongs to one process stays with it: a child that is forked gives its copies up, and says nothing."""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol

__all__ = ["Owned", "keep_for_ever", "own"]


class Owned(Protocol):
    """Something that two processes cannot share, such as a connection."""

    def give_up(self) -> None:
        """Called in a child that was forked; nothing but its own copy may be touched."""
        ...


_owned: Final[weakref.WeakSet[Owned]] = weakref.WeakSet()
_kept: Final[list[object]] = []


def own(thing: Owned) -> None:
    """Have ``thing`` given up in every child that is forked from now on, as long as anybody holds it."""
    if not _owned and hasattr(os, "register_at_fork"):
        _register()
    _owned.add(thing)


def _register() -> None:
    if not _kept:
        _kept.append(_give_up_all)
        os.register_at_fork(after_in_child=_give_up_all)


def _give_up_all() -> None:
    for thing in list(_owned):
        thing.give_up()
    _owned.clear()


def keep_for_ever(thing: object) -> None:
    """See that nothing is done in this process when ``thing`` is let go, not even at its end.

    A generator that is collected runs what it has to do at its end, and a database is closed: that is the parent's.
    """
    _kept.append(thing)
    try:
        import ctypes  # only in a child, and only once a transfer

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    except (ImportError, AttributeError):  # another Python: at least until the end
        pass
