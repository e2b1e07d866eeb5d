"""Checks that the values of a pydicom data set are in the transfer syntax of its meta header.

pydicom encodes numbers and text anew in any encoding, but passes on the bytes of binary values as it has read them.
With another Transfer Syntax UID these would be sent wrong.  Source: PS3.5 7.3, A.4.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DataSetError

__all__ = ["agree_with_syntax"]

_PIXEL_DATA: Final = 0x7FE00010
_PIXEL_DATA_ELEMENT: Final = b"\xe0\x7f\x10\x00"
"""The element's first bytes in a sequence that was not parsed yet; only little endian data sets may be compressed."""
_WORDS: Final = frozenset(("OW", "OF", "OD", "OL", "OV", "UN", "OB or OW", "US or OW", "US or SS or OW"))
"""VRs whose values pydicom keeps as bytes, and that depend on the byte order, or may depend on it."""

_ITEM: Final = b"\xfe\xff\x00\xe0"
_DELIMITER: Final = b"\xfe\xff\xdd\xe0"
_HEAD: Final = 1 << 16
"""Bytes of the first fragment that are examined."""

_FAMILIES: Final = {
    "JPEG": (*(f"4.{number}" for number in range(50, 67)), "4.70"),
    "JPEG-LS": ("4.80", "4.81"),
    "JPEG 2000": ("4.90", "4.91", "4.92", "4.93", "4.201", "4.202", "4.203", "4.204", "4.205"),
    "JPEG XL": ("4.110", "4.111", "4.112"),
    "RLE": ("5",),
}
_FAMILY: Final = {
    f"1.2.840.10008.1.2.{suffix}": family for family, suffixes in _FAMILIES.items() for suffix in suffixes
}

_NOT_COMPRESSED: Final = "1.2.840.10008.1.2.1.98"
"""Encapsulated Uncompressed: its frames may begin with any bytes."""


def agree_with_syntax(data_set: Any, syntax: TransferSyntax) -> None:
    """Prepare a data set to be written in ``syntax``; the function may change its elements.

    Raises DataSetError where a value is in another byte order, or pixel data are not compressed as ``syntax`` says.
    """
    _agree(data_set, syntax, is_item=False, is_private=False)


def _agree(data_set: Any, syntax: TransferSyntax, *, is_item: bool, is_private: bool) -> None:
    encoding = (syntax.is_implicit_vr, syntax.is_little_endian)
    of_data_set = data_set.original_encoding[1]
    is_text_ready = data_set.original_character_set == data_set._character_set
    for tag in list(data_set.keys()):
        element = data_set.get_item(tag)
        is_little_endian = element.is_little_endian if element.is_raw else of_data_set
        is_ready = element.is_raw and (element.is_implicit_VR, element.is_little_endian) == encoding
        if is_ready and is_text_ready and tag != _PIXEL_DATA and _PIXEL_DATA_ELEMENT not in (element.value or b""):
            continue  # these bytes are the same in any encoding
        element = data_set[tag]  # parses it: pydicom would write a raw value unchanged, even from another data set
        if is_little_endian not in (None, syntax.is_little_endian):
            _check_byte_order(element, syntax)
        if tag == _PIXEL_DATA and not is_private:  # some makers put compressed icons into native data sets
            _check_compression(element, syntax, is_item=is_item)
        if element.VR == "SQ":
            for item in element.value or ():
                _hand_down_character_set(data_set, item)
                _agree(item, syntax, is_item=True, is_private=is_private or element.tag.is_private)
        elif len(element.VR) > 2:
            _settle_vr(element, data_set, syntax)


def _hand_down_character_set(data_set: Any, item: Any) -> None:
    """Tell an item in which character set text is written around it.

    pydicom writes all text of an item anew if that is another one than the item was read in, or the same in a list.
    """
    around, of_item = data_set._character_set, item.original_character_set
    is_same = around in (of_item, [of_item]) or of_item == [around]
    item._parent_encoding = of_item if is_same else around


def _settle_vr(element: Any, data_set: Any, syntax: TransferSyntax) -> None:
    """Give an element the one VR that it has among other elements; pydicom does that for new data sets only."""
    from pydicom.filewriter import correct_ambiguous_vr_element

    with suppress(AttributeError):  # an element is missing on which the VR depends
        correct_ambiguous_vr_element(element, data_set, syntax.is_little_endian)


def _check_byte_order(element: Any, syntax: TransferSyntax) -> None:
    """Raise DataSetError for a value that was read in the other byte order."""
    if element.VR in _WORDS and _head(element, 2)[1:]:
        raise _contradiction(
            f"{element.tag} {element.name} was read in another byte order than that of {syntax.name}, "
            "and its bytes are not swapped"
        )


def _check_compression(element: Any, syntax: TransferSyntax, *, is_item: bool) -> None:
    """Check that Pixel Data are compressed if the syntax says so; an icon in a compressed data set may be native."""
    head = _head(element, _HEAD)
    is_encapsulated = _are_fragments(head)
    if is_encapsulated and syntax.is_known and not syntax.is_encapsulated:
        raise _contradiction(f"Pixel Data are compressed, {syntax.name} is not")
    if not is_encapsulated and syntax.is_encapsulated and not is_item:
        raise _contradiction(f"Pixel Data are not compressed, or not encapsulated, which {syntax.name} wants")
    family = _family(head) if is_encapsulated else ""
    holds_any = not syntax.is_known or not syntax.is_encapsulated or syntax.uid == _NOT_COMPRESSED
    if family and not holds_any and family != _FAMILY.get(syntax.uid):
        raise _contradiction(f"Pixel Data are compressed as {family}, and not as {syntax.name}")
    element.is_undefined_length = is_encapsulated


def _contradiction(detail: str) -> DataSetError:
    return DataSetError(
        "Invalid stream",
        f"{detail}; leave the Transfer Syntax UID as it was read, or convert the values and call set_original_encoding",
    )


def _head(element: Any, size: int) -> bytes:
    """The first bytes of a binary value, which may be a buffer."""
    value = element.value
    if value is None:
        return b""
    if not element.is_buffered:
        return bytes(value[:size])
    position = value.tell()
    head: bytes = value.read(size)
    value.seek(position)
    return head


def _are_fragments(head: bytes) -> bool:
    """Whether a value begins like fragments: the offset table, then an item or the delimiter.  Source: PS3.5 A.4."""
    if not head.startswith(_ITEM):
        return False
    end = 8 + int.from_bytes(head[4:8], "little")
    return head[end : end + 4] in (_ITEM, _DELIMITER, b"")


def _family(head: bytes) -> str:
    """The kind of compression of the first fragment; ``""`` where its beginning does not tell."""
    start = 16 + int.from_bytes(head[4:8], "little")
    frame = head[start:]
    if frame.startswith(b"\xff\xd8\xff"):
        return _jpeg_family(frame)
    if frame.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")):
        return "JPEG 2000"
    if frame.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "JPEG XL"
    is_rle = len(frame) >= 64 and 1 <= int.from_bytes(frame[:4], "little") <= 15 and frame[4:8] == b"\x40\0\0\0"
    return "RLE" if is_rle else ""


def _jpeg_family(frame: bytes) -> str:
    """The kind of JPEG by the marker of the frame header.  Source: ITU-T T.81 B.1.1.3; T.87 C.1.1."""
    position = 2
    while position + 4 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker == 0xF7:
            return "JPEG-LS"
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            return "JPEG"
        position += 1 if marker == 0xFF else 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return ""
