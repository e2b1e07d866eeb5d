"""Data sets without a meta header: guesses their encoding and reads their UIDs.  Source: DCMTK ``+f`` and ``-f``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
)
from dcmsend.dicom.vr import is_standard
from dcmsend.errors import DataSetError
from dcmsend.loggers import get_logger
from dcmsend.reasons import Rejection

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["guess_transfer_syntax", "read_data_set_uids"]

_log = get_logger("dcmsend.data")

_IMPLICIT_VR_BIG_ENDIAN: Final = TransferSyntax("", "Virtual Big Endian Implicit", "nib")
"""The first bytes may look like this encoding, which is no transfer syntax; without a UID it cannot be sent."""


def guess_transfer_syntax(first_bytes: bytes, dictionary: Callable[[], DataDictionary] | None = None) -> TransferSyntax:
    """The encoding of a data set, judged by its first element.

    It rests on whether the tag is known in either byte order, and whether a VR is there.  DCMTK guesses in the same
    way, so the same files are read.

    Args:
        first_bytes: at least six bytes, unless the data set is shorter.
        dictionary: makes the data dictionary when it is needed, None for the built-in one.

    Returns an object with an empty UID for Implicit VR Big Endian, which is no transfer syntax.
    """
    if len(first_bytes) < 6:
        return EXPLICIT_VR_LITTLE_ENDIAN
    is_explicit = is_standard(first_bytes[4:6].decode("latin-1"))
    if _is_little_endian(first_bytes, dictionary):
        return EXPLICIT_VR_LITTLE_ENDIAN if is_explicit else IMPLICIT_VR_LITTLE_ENDIAN
    return EXPLICIT_VR_BIG_ENDIAN if is_explicit else _IMPLICIT_VR_BIG_ENDIAN


def _is_little_endian(first_bytes: bytes, dictionary: Callable[[], DataDictionary] | None) -> bool:
    if dictionary is None:
        from dcmsend.dicom.data_dictionary import default_dictionary

        dictionary = default_dictionary
    is_known = dictionary().is_known
    group, element = (int.from_bytes(first_bytes[at : at + 2], "little") for at in (0, 2))
    big_group, big_element = (int.from_bytes(first_bytes[at : at + 2], "big") for at in (0, 2))
    if not is_known(big_group << 16 | big_element):
        return True
    if not is_known(group << 16 | element):
        return False
    return group <= 0x00FF or big_group > 0x00FF


def read_data_set_uids(
    source: ByteSource,
    syntax: TransferSyntax,
    dictionary: Callable[[], DataDictionary] | None = None,
    origin: int = 0,
) -> tuple[str, str]:
    """SOP Class UID (0008,0016) and SOP Instance UID (0008,0018) of the data set in ``source``, ``''`` where missing.

    Several values, which no UID may have, stand there with their backslashes.
    The data set, which begins at byte ``origin`` of its file, is walked to its end.  Raises DataSetError when it is
    truncated or corrupt.
    """
    from dcmsend.dicom.walk import walk_data_set

    if dictionary is None:
        from dcmsend.dicom.data_dictionary import default_dictionary

        dictionary = default_dictionary
    if syntax.is_deflated:
        from dcmsend.transcode import InflatingSource

        source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
    try:
        result = walk_data_set(source, syntax, dictionary=dictionary, origin=origin)
    except DataSetError as error:
        if error.why is not Rejection.ENCAPSULATED:
            raise
        # The guess does not see encapsulated pixel data; whether the data set can be sent is checked elsewhere.
        flags = "e" + "i" * syntax.is_implicit_vr + "b" * (not syntax.is_little_endian)
        as_encapsulated = TransferSyntax(syntax.uid, syntax.name, flags)
        result = walk_data_set(source, as_encapsulated, dictionary=dictionary, origin=origin)
    for warning in result.warnings:
        _log.warning("%s", warning)
    return result.uids
