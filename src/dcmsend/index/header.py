"""Reads the beginning of data sets during the scan, while their files are open, if more than the UIDs is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from dcmsend.dicom.byte_source import ByteSource, SourceFrom
from dcmsend.dicom.tag import SERIES_INSTANCE_UID, SPECIFIC_CHARACTER_SET, STUDY_INSTANCE_UID
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.dicom.walk import walk_data_set
from dcmsend.dicom.walk_notes import LONGEST_NOTE
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, Source, open_to_look
from dcmsend.reasons import Rejection

from .facts import HeaderFacts, facts_of
from .instance import ReadMode
from .locate import locate_data_set

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

    from .value_choice import ValueChoice

__all__ = ["HEADER_READ", "Header", "HeaderReader"]

HEADER_READ: Final = 18 * 1024
"""Bytes read at once if headers are needed: most have fewer before their Series Instance UID."""

_UIDS: Final = frozenset((STUDY_INSTANCE_UID, SERIES_INSTANCE_UID))
_MOST_KNOWN: Final = 10_000


class Header(NamedTuple):
    """What was found out about an input.

    Attributes:
        facts: None if none are wanted, or if the header cannot be read as far as it is needed.
        is_chosen: whether the values are such that the instance is to be sent; None if the header cannot be read.
    """

    facts: HeaderFacts | None
    is_chosen: bool | None


UNREAD: Final = Header(None, None)


class HeaderReader:
    """Finds Study and Series Instance UID, and further elements that stand before them, in open inputs.

    Equal facts are one object, so an instance costs only a reference, however many instances its series has.

    Args:
        others: tags of the further elements, all below (0020,000E).
        mode: how files are read.
        dictionary: makes the data dictionary when it is needed, None for the built-in one.
        choice: tells by their values which instances are sent; None if all are.
        keeps_facts: whether the facts are wanted.
        needs: which of the two UIDs is looked for to the end of a data set that is not in order.
        check: called whenever more than the first bytes of an input is read, and may raise to end that.
    """

    def __init__(
        self,
        others: frozenset[int],
        mode: ReadMode,
        dictionary: Callable[[], DataDictionary] | None,
        choice: ValueChoice | None = None,
        *,
        keeps_facts: bool = True,
        needs: frozenset[int] = frozenset(),
        check: Callable[[], None] | None = None,
    ) -> None:
        self._check = check
        self._others = others
        self._tags = _UIDS | others
        self._choice = choice
        self._keeps_facts = keeps_facts
        self._last = SERIES_INSTANCE_UID
        self._needed = needs
        if choice is not None:
            self._tags |= choice.tags
            self._needed |= choice.decisive
            self._last = max(*choice.tags, SERIES_INSTANCE_UID)
        self._mode = mode
        self._dictionary = dictionary
        self._known: dict[HeaderFacts, HeaderFacts] = {}

    def read(self, item: Source, descriptor: int, beginning: bytes = b"") -> Header:
        """What the header of an open input tells, if it can be read as far as it is needed.

        ``descriptor`` stays open; -1 means that there is none and the input is opened here.  ``beginning`` are its
        first bytes.  Without a choice errors are not reported here, but when the input is sent.  With one the input may
        not be sent, so what is no fault of the header itself is raised: FileUnreadable, and DataSetError of an input
        that was changed or cannot be read out of its archive.
        """
        mode = ReadMode.FILE_ONLY if item.has_meta else self._mode
        try:
            if descriptor >= 0:
                return self._read(_OpenSource(FileSource(descriptor), beginning, self._check), mode, beginning)
            if not item.has_meta:  # a member of an archive: most have what is wanted in their first bytes
                with suppress(_Needed):
                    return self._read(_Beginning(beginning), mode, beginning)
            file = open_to_look(item, HEADER_READ)
            try:
                return self._read(_OpenSource(file.source(), file.head, self._check), mode, file.head)
            finally:
                file.close()
        except FileUnreadable:
            if self._choice is not None:
                raise
        except DataSetError as error:
            if self._choice is not None and error.why is not Rejection.BROKEN:
                raise
        return UNREAD

    def _once(self, facts: HeaderFacts) -> HeaderFacts:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        return self._known.setdefault(facts, facts)

    def _read(self, content: ByteSource, mode: ReadMode, beginning: bytes) -> Header:
        location = locate_data_set(content, mode, self._dictionary, beginning)
        syntax = location.transfer_syntax
        if not syntax.is_known:
            return UNREAD
        source: ByteSource = SourceFrom(content, location.offset)
        if syntax.is_deflated:
            from dcmsend.transcode import InflatingSource

            source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
        collector = _Collector(source, self._tags, self._last, self._needed)
        with suppress(_Passed):
            walk_data_set(source, syntax, dictionary=self._dictionary, builder=collector)
        found = {
            tag: (vr, source.read_at(at, length))
            for tag, (vr, at, length) in collector.places.items()
            if length <= LONGEST_NOTE
        }
        facts = None
        if self._keeps_facts:
            facts = self._once(facts_of({tag: value for tag, (_, value) in found.items()}, self._others))
        if self._choice is None:
            return Header(facts, True)
        return Header(facts, self._choice.takes(found, is_little_endian=syntax.is_little_endian))


class _OpenSource:
    """An open input whose first bytes have been read already."""

    __slots__ = ("_beginning", "_check", "_file")

    def __init__(self, file: ByteSource, beginning: bytes, check: Callable[[], None] | None) -> None:
        self._check = check
        self._file = file
        self._beginning = beginning

    def read_at(self, position: int, size: int) -> bytes:
        if position + size <= len(self._beginning):
            return self._beginning[position : position + size]
        if self._check is not None:  # a file is read to its end if it lacks what is looked for
            self._check()
        return self._file.read_at(position, size)


class _Needed(Exception):
    """More is needed than the first bytes of an input."""


class _Beginning:
    """The first bytes of an input that is not open."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_at(self, position: int, size: int) -> bytes:
        if position + size > len(self._data):
            raise _Needed
        return self._data[position : position + size]


class _Passed(Exception):
    """The walk has passed the place of the last wanted element; nothing more is read."""


class _Collector:
    """Notes the positions of elements of the data set, and stops the walk after the last wanted one.

    A data set that is not in ascending order is put in order and sent with all that is in it.  So the walk goes on
    until all that is ``needed`` was met, or is known to be missing, and then for the character set of the text that
    was found, if only one that stands behind it can tell what it is.

    Attributes:
        places: VR, position and length of the elements that were found.
    """

    def __init__(self, source: ByteSource, tags: frozenset[int], last: int, needed: frozenset[int]) -> None:
        self._source = source
        self._tags = tags
        self._last = last
        self._texts = needed - _UIDS  # a UID is no text
        self._missing = set(needed)
        self._has_passed = False
        self._depth = 0
        self.places: dict[int, tuple[str, int, int]] = {}

    def element(self, tag: int, vr: str, position: int, length: int) -> None:
        if self._depth == 0:
            if tag in self._tags:
                self.places.setdefault(tag, (vr, position, length))
                self._missing.discard(tag)  # all that is needed is wanted
            if tag >= self._last or self._has_passed:
                self._meet(tag, True)

    def begin_sequence(self, tag: int, implicit: bool) -> None:
        if self._depth == 0:
            self._meet(tag, tag > self._last)
        self._depth += 1

    def end_sequence(self) -> None:
        self._depth -= 1

    def begin_fragments(self, tag: int) -> None:
        if self._depth == 0:
            self._meet(tag, True)

    def _meet(self, tag: int, is_last: bool) -> None:
        self._missing.discard(tag)
        self._has_passed = self._has_passed or is_last
        if not self._has_passed or self._missing:
            return
        if not self._lacks_character_set():
            raise _Passed
        self._missing.add(SPECIFIC_CHARACTER_SET)

    def _lacks_character_set(self) -> bool:
        """Whether text was found that a character set behind it may tell; asked once."""
        texts, self._texts = self._texts, frozenset()
        if not texts or SPECIFIC_CHARACTER_SET in self.places:
            return False
        from .value_choice import needs_character_set

        found = (self.places[tag] for tag in texts if tag in self.places)
        return any(
            length <= LONGEST_NOTE and needs_character_set((vr, self._source.read_at(at, length)))
            for vr, at, length in found
        )

    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...
