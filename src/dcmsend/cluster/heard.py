"""What was heard of an attempt so far."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dcmsend.errors import DcmsendError
from dcmsend.inputs import Source

from .window import Attempt

__all__ = ["Heard"]


class Heard:
    """The groups of an attempt, and what they have said of the whole of it.

    An attempt has a further course where its worker has died and Dask has let another one begin it by itself.

    Attributes:
        course: the mark of the course that counts, the last one.
        is_repeated: whether its inputs were on their way before.
    """

    __slots__ = (
        "_courses", "_seen", "attempt", "course", "error", "groups", "has_left", "host", "is_repeated", "last",
    )  # fmt: skip

    def __init__(self, attempt: Attempt[Source]) -> None:
        self.attempt = attempt
        self.is_repeated = attempt.is_repeated
        self.course = self.host = ""
        self._courses: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.groups: set[int] = set()
        self._seen: Counter[str] = Counter()
        self.last = 0
        self.error: DcmsendError | None = None
        self.has_left = False

    def note_course(self, group: dict[str, Any]) -> bool:
        """Note the course of a group; return whether it is a further one, of which nothing was heard before."""
        course = group.get("course", "")
        if course in self._courses:
            return False
        is_further = bool(self._courses)
        self._courses.add(course)
        self.course = course
        if is_further:
            self.is_repeated = True
            self._begin()
        return is_further

    def is_late(self, group: dict[str, Any]) -> bool:
        """Whether a group is of a course that is over."""
        return bool(group.get("course", "") != self.course)

    def numbered(self, digest: str) -> str:
        """Count the digest of what was found in an input; return it, with its number from the second time on.

        Two records of a DICOMDIR may be for one file; each attempt tells of them in the same order.
        """
        self._seen[digest] += 1
        return digest if self._seen[digest] == 1 else f"{digest} {self._seen[digest]}"

    @property
    def is_complete(self) -> bool:
        """Whether all groups have come in."""
        return bool(self.last) and len(self.groups) == self.last
