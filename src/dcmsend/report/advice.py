"""What a person can do about instances that were not stored."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["advice_for", "advice_for_status"]

_BY_STATUS: Final = (
    (0xA700, 0xFF00, "The archive is out of resources (disk, database). Send again later; --retry does it by itself."),
    (0xA900, 0xFF00, "The archive says that the data set does not fit its SOP Class. Have its log looked at."),
    (0xC000, 0xF000, "The archive cannot understand the data set. Have its log looked at; --normalize may help."),
    (0x0110, 0xFFFF, "The archive failed while it processed the instance. Send again later."),
    (0x0111, 0xFFFF, "The archive already has an instance with this UID."),
    (0x0122, 0xFFFF, "The archive does not store this kind of object. Ask its administrator to enable the SOP Class."),
    (0x0124, 0xFFFF, "The archive does not allow this sender to store. Ask its administrator."),
)
_BY_REASON: Final = {
    "file_unreadable": "Look at the file's permissions, and whether it is still there.",
    "data_set_broken": "The file is damaged or cut off. Get it again from where it came from.",
    "file_changed": "Somebody was writing the file. Send it again when it is whole; --min-age leaves such files alone.",
    "missing_uid": "The data set has no SOP Class or Instance UID. It has to be repaired first.",
    "no_context": "The archive takes neither this kind of object nor this encoding. Ask its administrator.",
    "context_refused": "The archive does not take this encoding. +dly decompresses what is compressed with loss.",
    "no_dictionary": "The data dictionary named in DCMDICTPATH cannot be read.",
    "not_convertible": "The images cannot be decompressed as the archive wants them. Look at the message.",
    "connection_lost": "The connection broke. The archive may have the instance; sending it again does no harm.",
    "aborted": "The archive ended the association. Its log knows why; sending again may work.",
    "released": "The archive ended the association in the middle. Sending again may work.",
    "timed_out": "The archive did not answer in time. It may have the instance; -td waits longer.",
    "protocol_error": "The archive did not keep to the protocol. Its log and ours (-d) tell more.",
    "no_association": "There was no association to send it over. Send again when the archive is there.",
    "halted": "The run ended before its turn. Send again; with -nh a run does not stop at the first trouble.",
    "cancelled": "The run was ended before its turn. Send again.",
    "time_window": "The time window was over. The next run sends it.",
    "invalid": "A DICOM file with impossible UIDs, or a damaged beginning. Look at the message.",
    "not_dicom": "No DICOM file; nothing to do.",
}


def advice_for(fields: dict[str, Any]) -> str:
    """One or two sentences for the fields of an instance; ``""`` for what was stored."""
    if fields["outcome"] == "stored":
        return ""
    if fields["status"] is not None:
        return advice_for_status(int(fields["status"], 16))
    return _BY_REASON.get(fields["reason"], "")


def advice_for_status(status: int) -> str:
    """One or two sentences for a DIMSE status that is neither success nor a warning."""
    for value, mask, text in _BY_STATUS:
        if status & mask == value:
            return text
    return "The archive refused it with a status of its own. Have its log looked at."
