"""C-STORE status codes: their classes and DCMTK's texts.  Source: PS3.4 B.2.3, PS3.7 Annex C."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["StatusClass", "is_stored", "known_text", "status_class", "status_text"]

SUCCESS: Final = 0x0000
REFUSED_SOP_CLASS_NOT_SUPPORTED: Final = 0x0122


class StatusClass(Enum):
    """How DCMTK's status summary counts a C-STORE status."""

    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    ERROR = "ERROR"
    REFUSED = "REFUSED"
    UNKNOWN = "unknown"

    __hash__ = object.__hash__  # members exist once; Enum's own hash is Python code, and every outcome is counted by it


_CLASSES: Final = {
    SUCCESS: StatusClass.SUCCESS,
    0x0001: StatusClass.WARNING,
    0x0107: StatusClass.WARNING,
    0x0116: StatusClass.WARNING,
    REFUSED_SOP_CLASS_NOT_SUPPORTED: StatusClass.REFUSED,
}

_TEXTS: Final = {
    SUCCESS: "Success",
    REFUSED_SOP_CLASS_NOT_SUPPORTED: "Refused: SOPClassNotSupported",
    0xB000: "Warning: CoercionOfDataElements",
    0xB006: "Warning: ElementsDiscarded",
    0xB007: "Warning: DataSetDoesNotMatchSOPClass",
}


def status_class(code: int) -> StatusClass:
    """The class of a status; ``UNKNOWN`` for those that DCMTK counts as ``with unknown status``."""
    found = _CLASSES.get(code)
    if found is not None:
        return found
    if code >> 12 == 0xB:
        return StatusClass.WARNING
    if code >> 8 == 0xA7:
        return StatusClass.REFUSED
    if code >> 8 == 0xA9 or code >> 12 == 0xC:
        return StatusClass.ERROR
    return StatusClass.UNKNOWN


def status_text(code: int) -> str:
    """DCMTK's text, e.g. ``Refused: OutOfResources`` or ``Unknown Status: 0x110``."""
    return known_text(code) or f"Unknown Status: 0x{code:x}"


def known_text(code: int) -> str:
    """DCMTK's text of a status that it knows; ``""`` for any other."""
    found = _TEXTS.get(code)
    if found is not None:
        return found
    if code >> 8 == 0xA7:
        return "Refused: OutOfResources"
    if code >> 8 == 0xA9:
        return "Error: DataSetDoesNotMatchSOPClass"
    if code >> 12 == 0xC:
        return "Error: CannotUnderstand"
    return ""


def is_stored(code: int) -> bool:
    """Whether the peer confirms that it has the instance: success or a warning."""
    return code == SUCCESS or status_class(code) is StatusClass.WARNING
