"""Checks whether an instance with these UIDs may be sent.  Source: DCMTK dcmsend, ``--no-uid-checks``."""

from __future__ import annotations

from dcmsend.dicom.sop_class import MEDIA_STORAGE_DIRECTORY, is_storage_sop_class, sop_class_name
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.uid import is_named_standard_uid, is_valid_uid
from dcmsend.dicom.value import Value
from dcmsend.loggers import get_logger
from dcmsend.reasons import Rejection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["Fault", "find_uid_fault"]

_MOST_KINDS = 1000
_sound_kinds: set[tuple[str, str, bool]] = set()
"""SOP Class and Transfer Syntax UIDs that passed the check: a run has few kinds and many instances."""

_STANDARD_ROOT = "1.2.840.10008"

_log = get_logger("dcmsend.network")


class Fault(Value):
    """Why an instance with these UIDs is not sent.

    Attributes:
        condition: the reason in DCMTK's words.
        why: the reason as a value.
    """

    __slots__ = ("condition", "why")

    def __init__(self, condition: str, why: Rejection) -> None:
        self.condition: Final = condition
        self.why: Final = why


CANNOT_CHOOSE: Final = Fault("Unreadable values: not known whether it is wanted", Rejection.BROKEN)
"""Of an instance whose header cannot be read as far as its values are needed."""


def find_uid_fault(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, *, thorough: bool = True
) -> Fault | None:
    """The first reason not to send an instance with these UIDs; None if there is none.

    An empty UID is always a reason.  The content of UIDs is only checked if ``thorough`` (not with ``-nuc``).  Details
    are logged as debug messages.
    """
    kind = (sop_class_uid, transfer_syntax_uid, thorough)
    if kind in _sound_kinds:
        return _check_form("SOP Instance UID", sop_instance_uid, thorough)
    fault = (
        _check_form("SOP Class UID", sop_class_uid, thorough)
        or (_check_class(sop_class_uid) if thorough else None)
        or _check_form("SOP Instance UID", sop_instance_uid, thorough)
        or _check_form("Transfer Syntax UID", transfer_syntax_uid, thorough)
        or (_check_syntax(transfer_syntax_uid) if thorough else None)
    )
    if fault is None and len(_sound_kinds) < _MOST_KINDS:
        _sound_kinds.add(kind)
    return fault


def _check_form(name: str, uid: str, thorough: bool) -> Fault | None:
    if not uid:
        _log.debug("empty or missing %s", name)
        return Fault(f"Invalid {name}", Rejection.UID_MISSING)
    if thorough and not is_valid_uid(uid):
        violated = "Multiplicity" if "\\" in uid else "Representation"
        _log.debug("invalid %s %s: Value %s violated", name, uid, violated)
        return Fault(f"Invalid {name}", Rejection.INVALID_UID)
    return None


def _check_class(uid: str) -> Fault | None:
    if is_storage_sop_class(uid) or not uid.startswith(_STANDARD_ROOT):
        return None  # a UID with another organisation's root is taken for a private storage class
    if is_named_standard_uid(uid):
        _log.debug("unexpected standard UID (no storage SOP class): %s (%s)", uid, sop_class_name(uid))
        is_dicomdir = uid == MEDIA_STORAGE_DIRECTORY
        return Fault("Invalid SOP Class UID", Rejection.DICOMDIR if is_dicomdir else Rejection.NO_STORAGE_CLASS)
    _log.debug("unknown standard UID (probably no storage SOP class): %s", uid)
    return Fault("Unknown Storage SOP Class", Rejection.UNKNOWN_STORAGE_CLASS)


def _check_syntax(uid: str) -> Fault | None:
    if transfer_syntax(uid).is_known:
        return None
    _log.debug("unknown standard UID (probably no transfer syntax): %s", uid)
    return Fault("Unknown Transfer Syntax", Rejection.UNKNOWN_TRANSFER_SYNTAX)
