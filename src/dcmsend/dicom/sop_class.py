"""SOP classes: which ones may be stored, and their names.  Source: PS3.4 Annex B.5, PS3.6 Annex A."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MEDIA_STORAGE_DIRECTORY", "is_storage_sop_class", "modality_abbreviation", "sop_class_name"]

MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"
"""SOP Class of a DICOMDIR.  Source: PS3.10 section 8.6."""

_STORAGE_PREFIX = "1.2.840.10008.5.1.4.1.1"

_STORAGE_ELSEWHERE = frozenset((
    "1.2.840.10008.5.1.1.27",  # Stored Print, retired
    "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image, retired
    "1.2.840.10008.5.1.1.30",  # Hardcopy Color Image, retired
    "1.2.840.10008.5.1.4.34.1",  # RT Beams Delivery Instruction - Trial, retired
    "1.2.840.10008.5.1.4.34.7",  # RT Beams Delivery Instruction
    "1.2.840.10008.5.1.4.34.10",  # RT Brachy Application Setup Delivery Instruction
    "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol
    "1.2.840.10008.5.1.4.39.1",  # Color Palette
    "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template
    "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template
    "1.2.840.10008.5.1.4.45.1",  # Implant Template Group
))


def is_storage_sop_class(uid: str) -> bool:
    """Whether the UID is one of the standard's storage SOP classes, of any edition.

    The prefix is compared as a string, as in DCMTK, so some UIDs pass that are not storage classes
    (``...5.1.4.1.1.200.4``, Protocol Approval Information Model - FIND).
    """
    return uid.startswith(_STORAGE_PREFIX) or uid in _STORAGE_ELSEWHERE


def sop_class_name(uid: str) -> str:
    """DCMTK's display name, e.g. ``CTImageStorage``; ``unknown`` if PS3.6 has no such UID.

    Classes younger than DCMTK 3.6.7 have their keyword of PS3.6 as name.  Other registered UIDs have a name, too,
    because without UID checks a file may give any UID as its class.
    """
    from .sop_class_table import SOP_CLASSES

    row = SOP_CLASSES.get(uid)
    if row is not None:
        return row[0]
    from .uid_table import UID_NAMES

    if "\0" in uid:
        return sop_class_name(uid.partition("\0")[0])  # as in DCMTK, for which the text ends there
    return UID_NAMES.get(uid, "unknown")


def modality_abbreviation(uid: str) -> str:
    """DCMTK's short name in ``Sending C-STORE Request (MsgID n, XX)``, e.g. ``CT``; ``OT`` for unknown classes."""
    from .sop_class_table import SOP_CLASSES

    row = SOP_CLASSES.get(uid)
    return row[1] if row is not None else "OT"
