"""What has begun and is kept somewhere is ended with the program, while the threads that it needs still run."""

from __future__ import annotations

import atexit
import weakref
from contextlib import ExitStack
from typing import Final, Protocol

__all__ = ["end_with_program"]


class Ending(Protocol):
    """What may still be going on when the program ends."""

    def program_ends(self) -> None:
        """Called once, before threads are stopped; also in a forked child, for what belongs to its parent."""
        ...


_begun: Final[weakref.WeakSet[Ending]] = weakref.WeakSet()
_is_registered: Final[list[bool]] = []


def end_with_program(thing: Ending) -> None:
    """Have ``thing`` told of the end of the program, if it then exists.

    Without this an iterator that is kept, in a module or by the traceback of an error, is closed by the interpreter
    when no other thread can run any more: who waits for one then waits for ever.
    """
    if not _is_registered:
        _is_registered.append(True)
        atexit.register(_end_all)
    _begun.add(thing)


def _end_all() -> None:
    with ExitStack() as stack:  # an error with one of them leaves none of the others as it is
        for thing in list(_begun):
            stack.callback(thing.program_ends)
