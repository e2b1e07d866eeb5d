"""Items of the A-ASSOCIATE PDUs: a type, a length, and texts.  Source: PS3.8 §9.3.1, Annex F."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, pack

from dcmsend.errors import LocalProtocolError, RemoteProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "INVALID_PARAMETER_VALUE",
    "decode_ae_title",
    "decode_text",
    "decode_uid",
    "encode_item",
    "encode_text",
    "encode_uid",
    "ill_formed",
    "iter_items",
]

INVALID_PARAMETER_VALUE: Final = 6
"""Reason in our A-ABORT when a PDU has inconsistent lengths.  Source: PS3.8 Table 9-26."""

MAX_UID_LENGTH: Final = 64
_HEADER: Final = Struct(">BxH")


def ill_formed(detail: str) -> RemoteProtocolError:
    """The error for a PDU with inconsistent lengths, in DCMTK's words."""
    return RemoteProtocolError(f"DUL Illegal or ill-formed PDU: {detail}", INVALID_PARAMETER_VALUE)


def encode_item(item_type: int, body: bytes) -> bytes:
    """An item or sub-item with its header.  Raises LocalProtocolError when the body does not fit a 16-bit length."""
    if len(body) > 0xFFFF:
        raise LocalProtocolError(f"item {item_type:02X}H of {len(body)} bytes is too long")
    return pack(">BxH", item_type, len(body)) + body


def iter_items(data: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, first byte and end of the body of each item in ``data[offset:end]``.

    Raises RemoteProtocolError when an item does not fit.
    """
    while offset < end:
        if end - offset < _HEADER.size:
            raise ill_formed("item header is cut off")
        item_type, length = _HEADER.unpack_from(data, offset)
        start = offset + _HEADER.size
        offset = start + length
        if offset > end:
            raise ill_formed(f"item {item_type:02X}H has {length} bytes, {end - start} are left")
        yield item_type, start, offset


def encode_uid(uid: str) -> bytes:
    """A UID without padding, cut before a NUL and at 64 characters as DCMTK does.  Source: PS3.8 Annex F."""
    if len(uid) > MAX_UID_LENGTH or "\0" in uid:
        uid = uid.partition("\0")[0][:MAX_UID_LENGTH]
    return uid.encode("latin-1", "replace")


def decode_uid(data: bytes) -> str:
    """A UID without the padding that some peers add."""
    return data.decode("latin-1").rstrip("\0 ")


def encode_text(text: str) -> bytes:
    """Text of the ISO 646 repertoire; characters outside Latin-1 become ``?``."""
    return text.encode("latin-1", "replace")


def decode_text(data: bytes) -> str:
    """Text without trailing padding; each byte is read as Latin-1."""
    return data.decode("latin-1").rstrip("\0 ")


def decode_ae_title(data: bytes) -> str:
    """An AE title without trailing padding; the reverse of ``encode_ae_title``."""
    return data.rstrip(b"\0 ").decode("utf-8", "surrogateescape")
