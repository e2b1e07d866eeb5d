"""Encodes pydicom data sets as DICOM data sets.  Only used through the library."""

from __future__ import annotations

import copy
import zlib
from typing import Any

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DataSetError

from .pydicom_encoding import agree_with_syntax

__all__ = ["encode_data_set"]


def encode_data_set(data_set: Any, syntax: TransferSyntax, meta_header: bytes = b"") -> bytes:
    """``meta_header`` and the bytes of a ``pydicom.Dataset`` in ``syntax``; the data set needs no meta header.

    As in pydicom itself, pixels and other binary values have to be in ``syntax`` already: they are not converted.  The
    data set is not changed.  Raises DataSetError, also where binary values are known to be in another syntax.
    """
    from pydicom.filebase import DicomBytesIO  # the caller has made a Dataset, so pydicom is installed
    from pydicom.filewriter import write_dataset

    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax.is_implicit_vr
    buffer.is_little_endian = syntax.is_little_endian
    try:
        if not syntax.is_deflated:
            buffer.write(meta_header)
        own = _copy(data_set)
        agree_with_syntax(own, syntax)
        write_dataset(buffer, own)
    except DataSetError:
        raise
    except Exception as error:  # pydicom raises many kinds, and quotes the values it rejects
        raise DataSetError("Invalid stream", f"pydicom cannot encode the data set: {type(error).__name__}") from error
    encoded: bytes = buffer.getvalue()
    return meta_header + _deflate(encoded) if syntax.is_deflated else encoded


def _copy(data_set: Any) -> Any:
    """Another data set with the same elements and shared values; pydicom changes VRs in the elements that it writes."""
    own = data_set[:]
    if hasattr(data_set, "_pixel_rep"):  # whether the pixels around an item have a sign, on which VRs depend
        own._pixel_rep = data_set._pixel_rep
    for tag in list(own.keys()):
        element = own.get_item(tag)
        if element.is_raw:
            continue
        element = copy.copy(element)
        own[tag] = element
        if element.VR == "SQ" and element.value is not None:
            is_undefined_length = getattr(element.value, "is_undefined_length", False)
            element.value = [_copy(item) for item in element.value]
            element.value.is_undefined_length = is_undefined_length
    own.is_undefined_length_sequence_item = getattr(data_set, "is_undefined_length_sequence_item", False)
    return own


def _deflate(data: bytes) -> bytes:
    """A raw deflate stream of even length.  Source: PS3.5 A.5."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush()
    return deflated + b"\0" * (len(deflated) % 2)
