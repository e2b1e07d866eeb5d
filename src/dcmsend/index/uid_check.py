"""Whether the UIDs of an instance allow to send it.  Source: DCMTK dcmsend, ``--no-uid-checks``."""

from __future__ import annotations

from dcmsend.dicom.sop_class import is_storage_sop_class
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.uid import is_named_standard_uid, is_valid_uid

__all__ = ["check_uids"]

_STANDARD_ROOT = "1.2.840.10008"


def check_uids(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, *, thorough: bool = True) -> str:
    """The first reason not to send an instance with these UIDs, in DCMTK's words; ``''`` if there is none.

    An empty UID is always a reason.  What the UIDs are is looked at only if ``thorough`` (not with ``-nuc``).
    """
    if not sop_class_uid:
        return "Invalid SOP Class UID"
    if thorough:
        reason = _sop_class_reason(sop_class_uid)
        if reason:
            return reason
    if not sop_instance_uid or (thorough and not is_valid_uid(sop_instance_uid)):
        return "Invalid SOP Instance UID"
    if not transfer_syntax_uid:
        return "Invalid Transfer Syntax UID"
    if thorough and not transfer_syntax(transfer_syntax_uid).is_known:
        return "Unknown Transfer Syntax" if is_valid_uid(transfer_syntax_uid) else "Invalid Transfer Syntax UID"
    return ""


def _sop_class_reason(uid: str) -> str:
    if is_storage_sop_class(uid):
        return "" if is_valid_uid(uid) else "Invalid SOP Class UID"
    if not is_valid_uid(uid):
        return "Invalid SOP Class UID"
    if not uid.startswith(_STANDARD_ROOT):
        return ""
    return "Invalid SOP Class UID" if is_named_standard_uid(uid) else "Unknown Storage SOP Class"
