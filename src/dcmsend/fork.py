"""Objects that belong to one process: a forked child gives up its copies silently."""

from __future__ import annotations

import os
from _weakrefset import WeakSet  # `weakref` has it from there, and the rest of that takes a hundredth of a start

from dcmsend.bases import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["Owned", "keep_for_ever", "own"]


class Owned(Protocol):
    """An object that two processes cannot share, such as a connection."""

    def give_up(self) -> None:
        """Called in a forked child; may only touch the child's own copy."""


_owned: Final[WeakSet[Owned]] = WeakSet()
_kept: Final[list[object]] = []


def own(thing: Owned) -> None:
    """Have ``thing`` given up in every child forked from now on, as long as the object exists."""
    if not _owned:
        _register()
    _owned.add(thing)


def _register() -> None:
    if not _kept and hasattr(os, "register_at_fork"):
        _kept.append(_give_up_all)
        os.register_at_fork(after_in_child=_give_up_all)


def _give_up_all() -> None:
    things = list(_owned)
    _owned.clear()
    for thing in things:  # some belong to the child from now on
        thing.give_up()


def keep_for_ever(thing: object) -> None:
    """Keep ``thing`` alive, so that its clean-up never runs in this process, not even at the end.

    When a generator is collected its ``finally`` blocks run, and a database is closed: both belong to the parent.
    """
    _kept.append(thing)
    try:
        import ctypes  # only needed in a child, and only once a transfer

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    except Exception:  # another Python, or one that is ending: the object is kept until the interpreter has ended
        pass
