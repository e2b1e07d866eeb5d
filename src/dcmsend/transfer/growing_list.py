"""A transfer list that is still growing, and its answers to a request for more."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from enum import Enum

from dcmsend.index import Instance

__all__ = ["GrowingList", "Growth", "Pulled"]

_MOST_KNOWN_AHEAD = 64
"""Number of instances taken from the scan ahead, if it has them, so that their files can be opened early."""


class Pulled(Enum):
    """The answer of a growing list to a request for one more instance; true when it has grown."""

    ONE = "one"
    """The list has grown by one instance."""
    NOT_YET = "not yet"
    """The list may grow when instances that were handed out have their outcomes."""
    END = "end"
    """The list is complete."""

    def __bool__(self) -> bool:
        return self is Pulled.ONE


class GrowingList(Sequence[Instance]):
    """A transfer list that is still growing."""

    @property
    @abstractmethod
    def kinds(self) -> Sequence[Instance]:
        """One example of each kind of instance (SOP Class and transfer syntax) so far, in order."""

    @abstractmethod
    def pull(self) -> Pulled:
        """Let the list grow by one instance.  Never waits for outcomes, but may wait for a file."""

    @abstractmethod
    def pull_what_is_there(self, end: int) -> None:
        """Add instances that are already known, up to index ``end``; does not wait."""

    @abstractmethod
    def run_ahead(self) -> None:
        """Let the search run ahead; may be called by any thread."""


class Growth:
    """Lets a stretch take in the instances that are found later.

    Attributes:
        is_over: whether no further instance can belong to the stretch.

    Args:
        instances: the list.
        takes: whether the sessions of the stretch can serve an instance.
    """

    def __init__(self, instances: GrowingList, takes: Callable[[Instance], bool]) -> None:
        self._instances = instances
        self._takes = takes
        self.is_over = False

    def grow(self, end: int) -> Pulled:
        """Whether instance number ``end`` exists and belongs to the stretch; the list grows if necessary."""
        if self.is_over:
            return Pulled.END
        if end >= len(self._instances):
            pulled = self._instances.pull()
            if pulled is not Pulled.ONE:
                self.is_over = pulled is Pulled.END
                return pulled
        self._instances.pull_what_is_there(end + _MOST_KNOWN_AHEAD)
        if not self._takes(self._instances[end]):
            self.is_over = True
            return Pulled.END
        return Pulled.ONE
