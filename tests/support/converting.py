"""One conversion of a data set in memory."""

from __future__ import annotations

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.transcode import convert_data_set

__all__ = ["converted"]


def converted(data: bytes, source_uid: str, target_uid: str, *, level: int = 6, keep_ybr: bool = False) -> bytes:
    """``data`` in another transfer syntax; the announced length and the size of the chunks are checked."""
    result = convert_data_set(
        BytesSource(data), transfer_syntax(source_uid), transfer_syntax(target_uid), dictionary=default_dictionary,
        deflate_level=level, keep_ybr=keep_ybr,
    )
    result.decode()
    chunks = list(result.chunks())
    encoded = b"".join(chunks)
    assert result.length in (None, len(encoded))
    assert all(len(chunk) <= 256 * 1024 for chunk in chunks)
    return encoded
