"""The instances to be proven, as the caller gives them, gathered by series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

__all__ = ["Item", "Key", "Provable", "ProvableT", "gathered", "is_askable"]

MOST_TOGETHER: Final = 100_000
"""Instances of a series that are held at once; a longer series is asked for once for each so many."""

is_askable: Final = re.compile(r"(?!\.+$)[0-9.]{1,64}").fullmatch
"""Whether a UID can be asked for: one that is not valid in all its parts may be stored, but wild cards and lists are
other questions, and dots alone lead elsewhere in the path of a URL."""


class Provable(Protocol):
    """An instance that the archive has called stored; ``""`` for a study or series that is not known."""

    @property
    def study_uid(self) -> str: ...

    @property
    def series_uid(self) -> str: ...

    @property
    def sop_instance_uid(self) -> str: ...


Key = TypeVar("Key")
ProvableT = TypeVar("ProvableT", bound=Provable)


class Item(NamedTuple, Generic[Key]):
    """An instance to be proven, for callers that have no such object; by ``key`` they know it again."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    key: Key


def gathered(items: Iterable[ProvableT]) -> Iterator[tuple[str, str, list[ProvableT]]]:
    """Study UID, series UID and instances, for each run of instances of one series."""
    for (study_uid, series_uid), run in groupby(items, lambda item: (item.study_uid, item.series_uid)):
        while piece := list(islice(run, MOST_TOGETHER)):
            yield study_uid, series_uid, piece
