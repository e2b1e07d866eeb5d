"""Data sets of pydicom: how they become the bytes of a data set.  Only the library has them."""

from __future__ import annotations

import zlib
from typing import Any

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DataSetError

__all__ = ["encode_data_set"]


def encode_data_set(data_set: Any, syntax: TransferSyntax) -> bytes:
    """The bytes of a ``pydicom.Dataset`` in ``syntax``, without meta header; the data set needs none of its own.

    As in pydicom itself, pixels and other binary values have to be in ``syntax`` already: they are not converted.
    Raises DataSetError.
    """
    from pydicom.filebase import DicomBytesIO  # the caller has made a Dataset, so it is there
    from pydicom.filewriter import write_dataset

    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax.is_implicit_vr
    buffer.is_little_endian = syntax.is_little_endian
    try:
        if "PixelData" in data_set:
            data_set["PixelData"].is_undefined_length = syntax.is_encapsulated
        write_dataset(buffer, data_set)
    except Exception as error:  # pydicom raises many kinds
        raise DataSetError("Invalid stream", f"pydicom cannot encode the data set: {error}") from error
    encoded: bytes = buffer.getvalue()
    return _deflate(encoded) if syntax.is_deflated else encoded


def _deflate(data: bytes) -> bytes:
    """A raw deflate stream of even length.  Source: PS3.5 A.5."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush()
    return deflated + b"\0" * (len(deflated) % 2)
