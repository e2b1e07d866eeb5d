"""Finds the sequence items that contain an element, e.g. the records of a DICOMDIR that refer to a file.

Source: PS3.3 F.3.2.2; DCMTK looks for them at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import TYPE_CHECKING, Final

from .byte_source import ByteSource
from .transfer_syntax import TransferSyntax
from .walk import walk_data_set

if TYPE_CHECKING:
    from .data_dictionary import DataDictionary

__all__ = ["find_items_with"]

_LONGEST_VALUE: Final = 64 * 1024
_ENTRY: Final = Struct("<LQL")  # tag, position, length
_ONE_READ: Final = 256 * 1024


def find_items_with(
    source: ByteSource,
    syntax: TransferSyntax,
    tag: int,
    others: Iterable[int] = (),
    *,
    dictionary: Callable[[], DataDictionary] | None = None,
    origin: int = 0,
) -> Iterator[dict[int, bytes]]:
    """Every sequence item at any depth that contains the element ``tag``, in the order in which these elements stand.

    Yields the values of the item's own elements ``tag`` and ``others`` (no sequences, no pixel fragments) by tag, raw,
    the first one where an element appears twice; values longer than 64 KiB are left out.  The whole data set is walked
    before the first one is given; kept of it are 16 bytes for each of these elements, however many others there are.

    ``origin`` is the position of the data set in its file, for messages.
    Raises DataSetError when the data set is truncated or corrupt, FileUnreadable from the source.
    """
    collector = _Collector(tag, others)
    walk_data_set(source, syntax, dictionary=dictionary, builder=collector, origin=origin)
    for _, elements in sorted(collector.found, key=lambda item: item[0]):
        yield _values(source, elements)


def _values(source: ByteSource, elements: bytes) -> dict[int, bytes]:
    """Read the values of one item, with one call if they lie close together."""
    entries = list(_ENTRY.iter_unpack(elements))
    first = entries[0][1]
    span = entries[-1][1] + entries[-1][2] - first
    together = source.read_at(first, span) if span <= _ONE_READ else b""
    values: dict[int, bytes] = {}
    for tag, position, length in entries:
        offset = position - first
        values[tag] = together[offset : offset + length] if together else source.read_at(position, length)
    return values


class _Collector:
    """Keeps, for each item that is open, where its wanted elements lie, and the items that contain ``tag``."""

    def __init__(self, tag: int, others: Iterable[int]) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._tag = tag
        self._wanted = frozenset((tag, *others))
        self._open: list[dict[int, tuple[int, int]]] = []

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if tag in self._wanted and self._open and length <= _LONGEST_VALUE:
            self._open[-1].setdefault(tag, (position, length))

    def begin_item(self) -> None:
        self._open.append({})

    def end_item(self) -> None:
        elements = self._open.pop()
        if self._tag in elements:
            entries = [_ENTRY.pack(tag, *place) for tag, place in elements.items()]
            self.found.append((elements[self._tag][0], b"".join(entries)))

    def begin_sequence(self, tag: int, implicit: bool) -> None: ...
    def end_sequence(self) -> None: ...
    def begin_fragments(self, tag: int) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...
