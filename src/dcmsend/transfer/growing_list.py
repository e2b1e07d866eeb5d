"""A transfer list that is still being made, and what it says when it is asked for more."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum

from dcmsend.index import Instance

__all__ = ["GrowingList", "Pulled"]


class Pulled(Enum):
    """What a list that grows says when it is asked for one instance more; true when it has grown."""

    ONE = "one"
    """The list has grown by one instance."""
    NOT_YET = "not yet"
    """The list may grow when instances that were handed out have their outcomes."""
    END = "end"
    """The list is complete."""

    def __bool__(self) -> bool:
        return self is Pulled.ONE


class GrowingList(Sequence[Instance]):
    """A transfer list that is still being made."""

    @property
    @abstractmethod
    def kinds(self) -> Sequence[Instance]:
        """One example of each kind of instance (SOP Class and transfer syntax) so far, in order."""

    @abstractmethod
    def pull(self) -> Pulled:
        """Have the list grow by one instance.  Never waits for outcomes, but may wait for a file."""

    @abstractmethod
    def pull_what_is_there(self, end: int) -> None:
        """Take what is known already, up to index ``end``; does not wait."""

    @abstractmethod
    def run_ahead(self) -> None:
        """Have the search go on before its instances are wanted; may be called by any thread."""
