"""Identifiers of C-FIND at the IMAGE level: asks for instances of a series, and reads which ones an archive has.

Source: PS3.4 C.4.1, C.6.2 (Study Root), C.6.2.1.5 for the keys.
"""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from typing import Final

from dcmsend.dicom.value import Value
from dcmsend.errors import PeerDataSetError

from .data_set_values import Element, encode_data_set, encode_uids, read_values, text_of, uid_of_value

__all__ = ["STUDY_ROOT_FIND", "ImageMatch", "ImageQuery", "decode_image_match", "encode_image_query"]

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
"""Study Root Query/Retrieve Information Model - FIND.  Source: PS3.4 C.6.2.3."""

SOP_INSTANCE_UID: Final = 0x00080018
QUERY_RETRIEVE_LEVEL: Final = 0x00080052
INSTANCE_AVAILABILITY: Final = 0x00080056
STUDY_INSTANCE_UID: Final = 0x0020000D
SERIES_INSTANCE_UID: Final = 0x0020000E


class ImageQuery(Value):
    """A query for instances.

    Attributes:
        study_instance_uid, series_instance_uid: ``''`` for any, which many archives refuse.
        sop_instance_uids: the instances to look for; empty for all of the series.
    """

    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uids")

    def __init__(
        self, study_instance_uid: str, series_instance_uid: str, sop_instance_uids: tuple[str, ...] = ()
    ) -> None:
        self.study_instance_uid: Final = study_instance_uid
        self.series_instance_uid: Final = series_instance_uid
        self.sop_instance_uids: Final = sop_instance_uids


class ImageMatch(Value):
    """One instance that the archive says it has.

    Attributes:
        sop_instance_uid: never empty.
        instance_availability: ``ONLINE``, ``NEARLINE``, ``OFFLINE`` or ``UNAVAILABLE``; ``''`` from many archives.
        study_instance_uid, series_instance_uid: ``''`` if the archive does not repeat them.

    Source: PS3.4 C.4.1.1.3.2, PS3.3 C.4.23.1.1 for the availability.
    """

    __slots__ = ("sop_instance_uid", "instance_availability", "study_instance_uid", "series_instance_uid")

    def __init__(
        self,
        sop_instance_uid: str,
        instance_availability: str = "",
        study_instance_uid: str = "",
        series_instance_uid: str = "",
    ) -> None:
        self.sop_instance_uid: Final = sop_instance_uid
        self.instance_availability: Final = instance_availability
        self.study_instance_uid: Final = study_instance_uid
        self.series_instance_uid: Final = series_instance_uid


def encode_image_query(query: ImageQuery, transfer_syntax_uid: str) -> bytes:
    """The Identifier of a C-FIND-RQ.

    Raises LocalProtocolError when the list of UIDs is longer than 65,534 bytes in Explicit VR, or for a transfer syntax
    that is not in MESSAGE_TRANSFER_SYNTAXES.
    """
    elements: list[Element] = [
        (SOP_INSTANCE_UID, "UI", encode_uids(*query.sop_instance_uids)),
        (QUERY_RETRIEVE_LEVEL, "CS", b"IMAGE"),
        (INSTANCE_AVAILABILITY, "CS", b""),
        (STUDY_INSTANCE_UID, "UI", encode_uids(query.study_instance_uid)),
        (SERIES_INSTANCE_UID, "UI", encode_uids(query.series_instance_uid)),
    ]
    return encode_data_set(elements, transfer_syntax_uid)


def decode_image_match(data: bytes, transfer_syntax_uid: str) -> ImageMatch:
    """The instance in the Identifier of a pending C-FIND-RSP.

    Raises PeerDataSetError when it cannot be read, has too many parts, or has no SOP Instance UID; LocalProtocolError
    for a transfer syntax that is not in MESSAGE_TRANSFER_SYNTAXES.
    """
    wanted = (SOP_INSTANCE_UID, INSTANCE_AVAILABILITY, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
    values = read_values(data, transfer_syntax_uid, wanted).values
    sop_instance_uid = uid_of_value(values.get(SOP_INSTANCE_UID))
    if not sop_instance_uid:
        raise PeerDataSetError("no SOP Instance UID (0008,0018)")
    return ImageMatch(
        sop_instance_uid,
        text_of(values.get(INSTANCE_AVAILABILITY)),
        uid_of_value(values.get(STUDY_INSTANCE_UID)),
        uid_of_value(values.get(SERIES_INSTANCE_UID)),
    )
