"""Whether the UIDs of an instance allow to send it.  Source: DCMTK dcmsend, ``--no-uid-checks``."""

from __future__ import annotations

import logging

from dcmsend.dicom.sop_class import is_storage_sop_class, sop_class_name
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.uid import is_named_standard_uid, is_valid_uid

__all__ = ["check_uids"]

_MOST_KINDS = 1000
_sound_kinds: set[tuple[str, str, bool]] = set()
"""SOP Class and Transfer Syntax UIDs of instances that were found sound: a run has few kinds and many instances."""

_STANDARD_ROOT = "1.2.840.10008"

_log = logging.getLogger("dcmsend.network")


def check_uids(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, *, thorough: bool = True) -> str:
    """The first reason not to send an instance with these UIDs, in DCMTK's words; ``''`` if there is none.

    An empty UID is always a reason.  What the UIDs are is looked at only if ``thorough`` (not with ``-nuc``).  Why
    exactly is logged as a debug message.
    """
    kind = (sop_class_uid, transfer_syntax_uid, thorough)
    if kind in _sound_kinds:
        return _check_form("SOP Instance UID", sop_instance_uid, thorough)
    reason = (
        _check_form("SOP Class UID", sop_class_uid, thorough)
        or (_check_class(sop_class_uid) if thorough else "")
        or _check_form("SOP Instance UID", sop_instance_uid, thorough)
        or _check_form("Transfer Syntax UID", transfer_syntax_uid, thorough)
        or (_check_syntax(transfer_syntax_uid) if thorough else "")
    )
    if not reason and len(_sound_kinds) < _MOST_KINDS:
        _sound_kinds.add(kind)
    return reason


def _check_form(name: str, uid: str, thorough: bool) -> str:
    if not uid:
        _log.debug("empty or missing %s", name)
    elif thorough and not is_valid_uid(uid):
        violated = "Multiplicity" if "\\" in uid else "Representation"
        _log.debug("invalid %s %s: Value %s violated", name, uid, violated)
    else:
        return ""
    return f"Invalid {name}"


def _check_class(uid: str) -> str:
    if is_storage_sop_class(uid) or not uid.startswith(_STANDARD_ROOT):
        return ""  # a UID of somebody else is supposed to be a private storage class
    if is_named_standard_uid(uid):
        _log.debug("unexpected standard UID (no storage SOP class): %s (%s)", uid, sop_class_name(uid))
        return "Invalid SOP Class UID"
    _log.debug("unknown standard UID (probably no storage SOP class): %s", uid)
    return "Unknown Storage SOP Class"


def _check_syntax(uid: str) -> str:
    if transfer_syntax(uid).is_known:
        return ""
    _log.debug("unknown standard UID (probably no transfer syntax): %s", uid)
    return "Unknown Transfer Syntax"
