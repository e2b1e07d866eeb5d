"""Values that the element walk notes in passing, so that they need not be searched for again."""

from __future__ import annotations

from .tag import SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["LONGEST_NOTE", "NOTED_UIDS", "Notes"]

NOTED_UIDS: Final = frozenset((SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID))
"""Tags whose values every walk notes."""

LONGEST_NOTE: Final = 1024
"""Longest value noted, in bytes; no identifier is longer."""


class Notes:
    """Values of top-level elements; valid when the walk has ended without an error.

    Attributes:
        tags: the noted tags: ``NOTED_UIDS``, and those that the caller asks for.
        values: the values by tag with their padding, of the first element of each tag; at most 1024 bytes long,
            except SOP Class UID and SOP Instance UID, which may have up to 4096.
    """

    __slots__ = ("tags", "values")

    def __init__(self, tags: frozenset[int] = frozenset()) -> None:
        self.tags = tags | NOTED_UIDS if tags else NOTED_UIDS
        self.values: dict[int, bytes] = {}
