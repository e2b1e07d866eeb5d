"""A transfer list that is still growing, and its answers to a request for more."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum

from dcmsend.index import Instance

__all__ = ["GrowingList", "Pulled"]


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
