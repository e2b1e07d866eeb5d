"""The element walk: goes through an encoded data set from its first byte to its last without reading values.

Every sequence is entered and every length and delimiter checked, so that a truncated or corrupt file is recognised
before its first byte is sent.  What DCMTK's dcmsend sends passes; what it refuses is refused with its condition text.

The loop in ``walk_structure`` is the only code that runs for each element (PS3.5 7.1): one long function over local
variables; all rare cases are methods of ``WalkState``.
"""

from __future__ import annotations

from collections.abc import Callable

from .byte_source import ByteSource, InflatedSource
from .transfer_syntax import TransferSyntax
from .walk_encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT, Encoding
from .walk_notes import LONGEST_NOTE, Notes
from .walk_result import WalkResult
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
from .walk_vrs import BEYOND_DCMTK, UNKNOWN, WHITE_SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .data_dictionary import DataDictionary
    from .walk_trial import Inside

__all__ = ["StructureBuilder", "WalkResult", "walk_data_set"]

_NO_END: Final = 1 << 61  # behind any position; compiled code needs no object for it (decision 21)
_UNKNOWN_HEADER: Final = 16  # added to ``WalkState.work`` for an element whose header was not seen before


def walk_data_set(
    source: ByteSource,
    syntax: TransferSyntax,
    *,
    dictionary: Callable[[], DataDictionary] | None = None,
    builder: StructureBuilder | None = None,
    origin: int = 0,
    vendor_vrs: bool = False,
    notes: Notes | None = None,
) -> WalkResult:
    """Walk the data set that fills ``source``.

    Args:
        source: the data set, position 0 is its first byte; for a deflated syntax the inflated bytes.
        syntax: its transfer syntax; must be known.
        dictionary: called when a dictionary is needed (Implicit VR).
        builder: is told of every element.
        origin: position of the data set in its file, for messages.
        vendor_vrs: use VRs that DCMTK's dictionary does not know where they fit (see ``walk_vrs``); without it such
            elements are UN.
        notes: filled with values met on the way; only without ``builder``.

    Raises DataSetError with DCMTK's condition text for a truncated or corrupt data set, FileUnreadable from the source.
    """
    if syntax.is_implicit_vr:
        encoding = IMPLICIT
    else:
        encoding = EXPLICIT_LITTLE if syntax.is_little_endian else EXPLICIT_BIG
    if isinstance(source, InflatedSource):
        state = WalkState(source, dictionary, None, source.header_allowance, notes=notes)
    else:
        state = WalkState(source, dictionary, origin, notes=notes)
    length, encoded_length = _walk(state, encoding, syntax.is_encapsulated, builder, vendor_vrs)
    return WalkResult(state, length, encoded_length)


def _nothing_known(_header: bytes) -> None:
    """Stands for the known headers if there is a builder, which is told of every element."""


def _walk(
    state: WalkState,
    encoding: Encoding,
    is_encapsulated: bool,
    builder: StructureBuilder | None,
    vendor_vrs: bool = False,
    inside: Inside | None = None,
) -> tuple[int, int]:
    """The loop.  Returns how much of the data set is to be sent, and where the data set ends.

    ``inside`` limits the walk to a part of the source.
    """
    bound: Encoding | None = None
    vr_codes: dict[int, int] = {}
    creators: dict[int, str] = {}  # private creators of the current item (Implicit VR only)
    window, base, limit = b"", 0, -1
    position = tag = start = length = 0
    previous, end, sequence_end = -1, _NO_END, 0
    padding_start = padding_end = -1
    in_sequence = is_new = False
    frames: list[tuple[int, int, int, Encoding, dict[int, str], int]] = []  # state around the current sequence; its tag
    deepest = MAX_DEPTH
    noted, notes = state.notes.tags, state.notes.values
    unknown_header = _UNKNOWN_HEADER if builder is None else 0  # a builder, to which none is known, counts itself
    if inside is not None:
        position, end, sequence_end, depth, is_item = inside
        frames.append((0, 0, -1, encoding, creators, 0))
        deepest -= depth
        in_sequence = not is_item

    while True:
        if encoding is not bound:
            bound = encoding
            explicit, little, short, long = bound.is_explicit, bound.is_little, bound.short, bound.long
            sequence, uid, bytes_or_words, names = bound.sequence, bound.uid, bound.bytes_or_words, bound.names
            unpack_element, unpack_item, unpack_length = bound.unpack_element, bound.unpack_item, bound.unpack_length
            vr_codes = {} if explicit else state.known_vrs()
            headers = bound.headers.of(noted) if explicit else state.known_headers()
            known_header = headers.meanings.get if builder is None else _nothing_known
            delimiter = bound.sequence_delimiter

        while in_sequence:  # the next item, or the end of the sequence
            if position >= sequence_end:
                if position > sequence_end:
                    state.repair("a sequence has a wrong length")
                in_sequence = False
            elif position > limit and not state.load_item(position, tag, start, length):
                if not is_new:
                    state.fail_unfinished(frames[-1][5], position)
                state.note_no_item(frames[-1][5], position)  # DCMTK takes the sequence for an empty one
                limit = -1
                in_sequence = False
            else:
                if position > limit:
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
                            state.note_odd_item(frames[-1][5])
                        if end > sequence_end:
                            from .walk_trial import ends_with_its_sequence  # seldom needed

                            believed = state.is_trial or not ends_with_its_sequence(
                                _walk, state, encoding, position, end, sequence_end, len(frames) - 1
                            )
                            end = state.note_long_item(
                                len(frames), frames[-1][5], position, length, position if believed else sequence_end
                            )
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
            if not in_sequence:  # the sequence has ended
                end, sequence_end, previous, encoding, creators, _ = frames.pop()
                if builder is not None:
                    builder.end_sequence()
        if encoding is not bound:
            continue

        while position < end:  # the elements of the data set, or of one item
            if position > limit:
                if not state.load_element(position, explicit, little, tag, start, length):
                    limit = -1
                    break
                window, base, limit = state.data, state.base, state.limit

            # Nearly all headers were seen before; then only the length, and the order of tags, matter.
            at = position - base
            last = (limit if limit < end else end - 1) - base
            while at <= last:
                header = known_header(window[at : at + 8])
                if header is None:
                    break
                tag, step, run = header
                if tag <= previous:
                    header = None
                    break
                if step <= 0:
                    if not step:
                        break
                    step = -step
                    value = window[at + 8 : at + step]
                    if len(value) != step - 8 or value.translate(None, WHITE_SPACE) != value:
                        header = None
                        break
                    if tag in noted and not frames:
                        notes[tag] = value
                elif run is not None and at + run.reach <= last:
                    if window[at : at + run.reach + 8] == run.content:
                        run.met += 1
                    else:
                        run = headers.other_run(run, tag, step, window, at, last)
                    if run is not None:  # all of it was walked before
                        at += run.reach
                        tag, step = run.tag, run.step
                previous = tag
                at += step
            else:  # at the end of the window, or of the item
                position = at + base
                length = step - 8
                start = position - length
                if position > end:
                    end = state.stretched(len(frames), end) or end
                    if position > end and start <= end:
                        state.fail_too_long(tag, start)
                if position == end == sequence_end and frames[-1][3] is bound:  # the sequence ends with its item
                    end, sequence_end, previous, encoding, creators, _ = frames.pop()
                continue
            position = at + base
            if header is not None and tag != ITEM_DELIMITATION:
                start = position + 12 if explicit else position + 8
                (length,) = unpack_length(window, start - base - 4)
                if length == UNDEFINED or (not length & 1 and start + length <= end):
                    previous = tag
                    position = start
                    if not length:
                        continue
                    if len(frames) == deepest:
                        state.fail_too_deep(tag, start)
                    frames.append((end, sequence_end, previous, encoding, creators, tag))
                    sequence_end = _NO_END if length == UNDEFINED else start + length
                    if position <= limit:
                        group, element, length = unpack_item(window, position - base)
                        if (
                            element == 0xE000
                            and group == 0xFFFE
                            and (length == UNDEFINED or (not length & 1 and position + 8 + length <= sequence_end))
                        ):
                            position += 8
                            end = _NO_END if length == UNDEFINED else position + length
                            previous = -1
                            if not explicit:
                                creators = {}
                            tag, start, length = ITEM, position, 0
                            continue
                    length = 0
                    in_sequence = is_new = True
                    break
            elif header is not None and frames:
                position = start = position + 8
                length = 0
                is_at_end = end == sequence_end == _NO_END and window[at + 8 : at + 16] == delimiter
                if not is_at_end or frames[-1][3] is not bound:
                    break
                position = start = position + 8  # this was the last item of its sequence
                end, sequence_end, previous, encoding, creators, _ = frames.pop()
                continue

            state.work += unknown_header
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
                code = vr_codes.get(tag)
                vr = code if code is not None else state.look_up(tag, start, length, creators, previous)
                if vr >= BEYOND_DCMTK:
                    vr -= BEYOND_DCMTK
                    vr = _vendor_vr(state, vr, start, length, len(frames)) if vendor_vrs else UNKNOWN

            if tag >= PIXEL_DATA:
                if tag in DELIMITERS:
                    start = position + 8
                    (length,) = unpack_length(window, position - base + 4)
                    if tag != ITEM_DELIMITATION or length:
                        state.check_delimiter(tag, start, length, end)
                    elif builder is None:
                        headers.remember(window[position - base : start - base], tag, 0)
                    length = 0
                    position = start if frames else state.note_rest(position)
                    break
                if not frames:
                    if tag == PIXEL_DATA:
                        state.pixel_data = state.pixel_data or (start, length)
                    elif tag == TRAILING_PADDING:
                        padding_start, padding_end = position, start + length
            elif group < 9:
                state.low_group(tag, start, length, has_value=not frames and vr != sequence and length != UNDEFINED)
            if tag > previous:
                previous = tag
            else:
                state.note_order(tag, previous)
            is_structure = vr == sequence
            if builder is None and 0x00080000 <= tag < PIXEL_DATA:
                # Remember what these eight bytes of a header mean: the tag, and the distance to the next element.
                is_noted = tag in noted and length <= LONGEST_NOTE
                if is_noted and not frames and not is_structure:
                    state.note(tag, start, length)
                is_ordinary = is_structure or (not length & 1 and (vr in short or not explicit))
                if is_ordinary and (explicit or not tag & 0x10000):  # private tags depend on their creator
                    step = -8 - length if is_noted or (vr == uid and length) else 8 + length
                    headers.remember(window[position - base : position - base + 8], tag, 0 if is_structure else step)
            if length & 1:
                if length == UNDEFINED:
                    is_structure = True
                else:
                    state.note_odd(tag, vr, explicit, little)
            if vr == uid and length:
                state.check_uid(tag, start, length)
            if not is_structure:
                position = start + length
                if position > end:
                    end = state.stretched(len(frames), end) or end
                    if position > end and start <= end:
                        state.fail_too_long(tag, start)
                if builder is not None:
                    builder.element(tag, names.get(vr, "??"), start, length)
                continue

            # A sequence, encapsulated pixel data, or an undefined length where it is not permitted.
            if length != UNDEFINED and end < start + length:
                end = state.stretched(len(frames), end) or end
                if start <= end < start + length:
                    state.fail_too_long(tag, start)
            kind = SEQUENCE if vr == sequence else state.undefined_length(tag, vr, little, explicit)
            if kind == FRAGMENTS:
                from .walk_fragments import walk_fragments  # only for compressed images

                position = walk_fragments(state, unpack_item, tag, start, builder)
                window, base, limit = state.data, state.base, state.limit
                continue
            position = start
            if builder is not None:
                builder.begin_sequence(tag, kind == IMPLICIT_SEQUENCE)
            if not length:
                if builder is not None:
                    builder.end_sequence()
                continue
            if len(frames) == deepest:
                state.fail_too_deep(tag, start)
            frames.append((end, sequence_end, previous, encoding, creators, tag))
            sequence_end = _NO_END if length == UNDEFINED else start + length
            length = 0
            in_sequence = is_new = True
            if kind == IMPLICIT_SEQUENCE:
                encoding = IMPLICIT
            break

        if not in_sequence:
            if not frames:
                break
            if position > end and state.claims:
                stretched = state.stretched(len(frames), end)
                if stretched:
                    end = stretched
                    continue
            if position != end != _NO_END:
                state.repair("an item has a wrong length")
            if builder is not None:
                builder.end_item()
            in_sequence, is_new = True, False

    state.check_pixel_data(is_encapsulated)
    if position == padding_end:
        return padding_start, position
    return position, position


def _vendor_vr(state: WalkState, code: int, start: int, length: int, depth: int) -> int:
    from .walk_trial import vendor_vr  # only for conversions

    return vendor_vr(_walk, state, code, start, length, depth)
