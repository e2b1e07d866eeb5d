"""The element walk: goes through an encoded data set from its first byte to its last without reading values.

Every sequence is entered, every length and delimiter is checked, so that a truncated or corrupt file is known before
its first byte is sent.  What DCMTK's dcmsend sends must pass here; what it refuses is refused with the same condition
text.

The loop in ``walk_structure`` is the one place where time is spent for each element (PS3.5 7.1), so it is one long
function over local variables; everything that is rare is a method of ``WalkState``.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final

from .byte_source import ByteSource
from .transfer_syntax import TransferSyntax
from .vr import AMBIGUOUS_VRS, LONG_VRS, SHORT_VRS, vr_code
from .walk_state import (
    DELIMITERS,
    FRAGMENTS,
    IMPLICIT_SEQUENCE,
    ITEM,
    ITEM_DELIMITATION,
    MAX_DEPTH,
    PIXEL_DATA,
    SEQUENCE,
    SEQUENCE_DELIMITATION,
    TRAILING_PADDING,
    UNDEFINED,
    VOI_LUT_SEQUENCE,
    StructureBuilder,
    WalkState,
)

if TYPE_CHECKING:
    from .data_dictionary import DataDictionary

__all__ = ["StructureBuilder", "WalkResult", "walk_data_set"]

_NO_END: Final = 1 << 62


class _Encoding:
    """Unpackers and VR numbers of one of the three native encodings."""

    __slots__ = (
        "bytes_or_words", "is_explicit", "is_little", "long", "names", "sequence", "short", "uid", "unpack_element",
        "unpack_item", "unpack_length",
    )

    def __init__(self, is_explicit: bool, is_little: bool) -> None:
        order = "<" if is_little else ">"
        self.is_explicit = is_explicit
        self.is_little = is_little
        self.unpack_element = Struct(order + "HHHH").unpack_from  # group, element, VR, 16-bit length
        self.unpack_item = Struct(order + "HHL").unpack_from  # group, element, 32-bit length
        self.unpack_length = Struct(order + "L").unpack_from
        self.short = frozenset(vr_code(vr, little_endian=is_little) for vr in SHORT_VRS)
        self.long = frozenset(vr_code(vr, little_endian=is_little) for vr in LONG_VRS)
        self.sequence = vr_code("SQ", little_endian=is_little)
        self.uid = vr_code("UI", little_endian=is_little)
        self.bytes_or_words = frozenset(vr_code(vr, little_endian=is_little) for vr in ("OB", "OW"))
        known = (*SHORT_VRS, *LONG_VRS, *AMBIGUOUS_VRS)
        self.names = {vr_code(vr, little_endian=is_little): vr for vr in known}


_IMPLICIT: Final = _Encoding(False, True)
_EXPLICIT_LITTLE: Final = _Encoding(True, True)
_EXPLICIT_BIG: Final = _Encoding(True, False)


class WalkResult:
    """What the walk found.

    Attributes:
        sop_class_uid, sop_instance_uid: first value of (0008,0016) and (0008,0018) at top level without padding and
            white space, ``''`` if absent.
        length: bytes from position 0 that are to be sent when the data set is passed through: without a trailing
            (FFFC,FFFC), and without what follows an item delimiter at top level.
        encoded_length: bytes of the data set in its source.
        repairs: why it cannot be passed through but has to be written anew, each reason once; empty if it can.
        warnings: what DCMTK would log as warnings, at most 100; the list of a conversion is more exact.
        pixel_data_offset: position of the value of the top-level (7FE0,0010), or None.
        pixel_data_length: its length; 0xFFFFFFFF if it is encapsulated, or None.
    """

    __slots__ = (
        "encoded_length", "length", "pixel_data_length", "pixel_data_offset", "repairs", "sop_class_uid",
        "sop_instance_uid", "warnings",
    )

    def __init__(self, state: WalkState, length: int, encoded_length: int) -> None:
        self.sop_class_uid = _first_value(state.uids.get(0x00080016, b""))
        self.sop_instance_uid = _first_value(state.uids.get(0x00080018, b""))
        self.length = length
        self.encoded_length = encoded_length
        self.repairs = tuple(state.repairs)
        self.warnings = tuple(state.warnings)
        self.pixel_data_offset = state.pixel_data[0] if state.pixel_data is not None else None
        self.pixel_data_length = state.pixel_data[1] if state.pixel_data is not None else None


def _first_value(value: bytes) -> str:
    """First component of a UI value, cut at its first NUL, all white space removed."""
    return value.split(b"\\", 1)[0].split(b"\0", 1)[0].translate(None, b" \t\n\v\f\r").decode("latin-1")


def walk_data_set(
    source: ByteSource,
    syntax: TransferSyntax,
    *,
    dictionary: Callable[[], DataDictionary] | None = None,
    builder: StructureBuilder | None = None,
) -> WalkResult:
    """Walk the data set that fills ``source``.

    Args:
        source: the data set, position 0 is its first byte; for a deflated syntax the inflated bytes.
        syntax: its transfer syntax; must be known.
        dictionary: called when a dictionary is needed (Implicit VR).
        builder: is told of every element.

    Raises DataSetError with DCMTK's condition text when it is truncated or corrupt, FileUnreadable from the source.
    """
    if syntax.is_implicit_vr:
        encoding = _IMPLICIT
    else:
        encoding = _EXPLICIT_LITTLE if syntax.is_little_endian else _EXPLICIT_BIG
    state = WalkState(source, dictionary)
    length, encoded_length = _walk(state, encoding, syntax.is_encapsulated, builder)
    return WalkResult(state, length, encoded_length)


def _walk(
    state: WalkState, encoding: _Encoding, is_encapsulated: bool, builder: StructureBuilder | None
) -> tuple[int, int]:
    """The loop.  Returns how much of the data set is to be sent, and where it ends."""
    bound: _Encoding | None = None
    vr_codes: dict[int, int] = {}
    creators: dict[int, str] = {}  # private creators of the current item (Implicit VR only)
    window, base, limit = b"", 0, -1
    position = tag = start = length = 0
    previous, end, sequence_end = -1, _NO_END, 0
    padding_start = padding_end = -1
    in_sequence = is_new = False
    frames: list[tuple[int, int, int, _Encoding, dict[int, str]]] = []  # what surrounds the current sequence

    while True:
        if encoding is not bound:
            bound = encoding
            explicit, little, short, long = bound.is_explicit, bound.is_little, bound.short, bound.long
            sequence, uid, bytes_or_words, names = bound.sequence, bound.uid, bound.bytes_or_words, bound.names
            unpack_element, unpack_item, unpack_length = bound.unpack_element, bound.unpack_item, bound.unpack_length
            vr_codes = {} if explicit else state.known_vrs()

        while in_sequence:  # the next item, or the end of the sequence
            if position >= sequence_end:
                if position > sequence_end:
                    state.repair("a sequence has a wrong length")
                in_sequence = False
            elif position > limit and not state.load_item(position, tag, start, length):
                if not is_new:
                    state.fail_sequence(0, position)
                state.repair("the data set ends inside a sequence")  # DCMTK takes it for an empty one
                limit = -1
                in_sequence = False
            else:
                window, base, limit = state.data, state.base, state.limit
                group, element, length = unpack_item(window, position - base)
                tag = group << 16 | element
                position = start = position + 8
                if tag == ITEM:
                    if length == UNDEFINED:
                        end = _NO_END
                    else:
                        end = position + length
                        if length & 1:
                            state.note_odd_item(frames[-1][2])
                    length = 0
                    previous = -1
                    if not explicit:
                        creators = {}
                    if builder is not None:
                        builder.begin_item()
                    in_sequence = False
                    break
                if tag != SEQUENCE_DELIMITATION:
                    state.fail_sequence(tag, position - 8)
                if length:
                    state.repair("a delimiter has a length")
                    length = 0
                if position != sequence_end != _NO_END:
                    state.repair("a sequence has a wrong length")
                in_sequence = False
            if not in_sequence:  # it ended
                end, sequence_end, previous, encoding, creators = frames.pop()
                if builder is not None:
                    builder.end_sequence()
        if encoding is not bound:
            continue

        while position < end:  # the elements of the data set or of one item
            if position > limit:
                if not state.load_element(position, explicit, little, tag, start, length):
                    limit = -1
                    break
                window, base, limit = state.data, state.base, state.limit
            if explicit:
                group, element, vr, length = unpack_element(window, position - base)
                tag = group << 16 | element
                if vr in short:
                    start = position + 8
                elif vr in long:
                    start = position + 12
                    (length,) = unpack_length(window, position - base + 8)
                    if tag == VOI_LUT_SEQUENCE and length != UNDEFINED and vr in bytes_or_words:
                        state.fail_voi_lut_sequence(start)
                elif tag not in DELIMITERS:
                    start, vr, length = state.unusual_vr(tag, vr, length, position, little)
            else:
                group, element, length = unpack_item(window, position - base)
                tag = group << 16 | element
                start = position + 8
                known = vr_codes.get(tag)
                vr = known if known is not None else state.look_up(tag, start, length, creators)

            if tag >= PIXEL_DATA:
                if tag in DELIMITERS:
                    start = position + 8
                    (length,) = unpack_length(window, position - base + 4)
                    if tag != ITEM_DELIMITATION or length:
                        state.check_delimiter(tag, start, length, end)
                    length = 0
                    if frames:
                        position = start
                    break
                if not frames:
                    if tag == PIXEL_DATA:
                        state.pixel_data = state.pixel_data or (start, length)
                    elif tag == TRAILING_PADDING:
                        padding_start, padding_end = position, start + length
            elif group < 9:
                state.low_group(tag, start, length, len(frames))
            if tag > previous:
                previous = tag
            else:
                state.note_order(tag, previous)
            is_structure = vr == sequence
            if length & 1:
                if length == UNDEFINED:
                    is_structure = True
                else:
                    state.note_odd(tag, vr, explicit, little)
            if vr == uid and length:
                state.check_uid(tag, start, length)
            if not is_structure:
                position = start + length
                if position > end and start <= end:
                    state.fail_too_long(tag, start)
                if builder is not None:
                    builder.element(tag, names.get(vr, "??"), start, length)
                continue

            # A sequence, encapsulated pixel data, or an undefined length where none may be.
            if length != UNDEFINED and start <= end < start + length:
                state.fail_too_long(tag, start)
            kind = SEQUENCE if vr == sequence else state.undefined_length(tag, vr, little, explicit)
            if kind == FRAGMENTS:
                position, limit = _walk_fragments(state, unpack_item, tag, start, builder), -1
                continue
            position = start
            if builder is not None:
                builder.begin_sequence(tag, kind == IMPLICIT_SEQUENCE)
            if not length:
                if builder is not None:
                    builder.end_sequence()
                continue
            if len(frames) == MAX_DEPTH:
                state.fail_too_deep(tag, start)
            frames.append((end, sequence_end, previous, encoding, creators))
            sequence_end = _NO_END if length == UNDEFINED else start + length
            length = 0
            in_sequence = is_new = True
            if kind == IMPLICIT_SEQUENCE:
                encoding = _IMPLICIT
            break

        if not in_sequence:
            if not frames:
                break
            if position != end != _NO_END:
                state.repair("an item has a wrong length")
            if builder is not None:
                builder.end_item()
            in_sequence, is_new = True, False

    state.check_pixel_data(is_encapsulated)
    if position == padding_end:
        return padding_start, position
    return position, position


def _walk_fragments(
    state: WalkState,
    unpack_item: Callable[..., tuple[int, ...]],
    tag: int,
    position: int,
    builder: StructureBuilder | None,
) -> int:
    """The items of encapsulated pixel data from ``position``; returns the position behind their delimiter.

    Source: PS3.5 A.4.
    """
    if builder is not None:
        builder.begin_fragments(tag)
    start, length, limit = position, 0, -1
    while True:
        if position > limit:
            if not state.load_item(position, tag, start, length):
                if length:
                    state.fail_sequence(0, position)
                state.repair("the data set ends inside a sequence")  # DCMTK accepts it behind an empty fragment
                break
            window, base, limit = state.data, state.base, state.limit
        group, element, length = unpack_item(window, position - base)
        position = start = position + 8
        if element == 0xE000 and group == 0xFFFE:
            if length & 1 and length != UNDEFINED:
                state.note_odd_item(tag)
            if builder is not None:
                builder.fragment(start, length)
            position += length
        elif element == 0xE0DD and group == 0xFFFE:
            if length:
                state.repair("a delimiter has a length")
            break
        else:
            state.fail_sequence(group << 16 | element, position - 8)
    if builder is not None:
        builder.end_fragments()
    return position
