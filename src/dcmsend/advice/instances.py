"""Advice for single inputs and instances."""

from __future__ import annotations

from typing import Final

from dcmsend.reasons import Reason, Rejection

__all__ = [
    "LEAVE_OUT", "MISSING_OF_DICOMDIR", "NOTHING_ACCEPTED", "SAID_BY_THE_MESSAGE", "for_left_out", "for_reason",
    "for_rejection", "for_status", "for_untaken", "run_again", "several_at_once",
]

NOTHING_ACCEPTED: Final = (
    "the peer takes none of these kinds of object in these encodings; -v +v shows what was proposed, its "
    "administrator knows what it accepts"
)
_SEE_ANSWERS: Final = "-v +v shows its answers"
_THE_FILES: Final = "without +rd, +sd +r and its directory send the files themselves"
MISSING_OF_DICOMDIR: Final = f"is the medium complete, and does the DICOMDIR belong to it? {_THE_FILES}"

_BY_REJECTION: Final = {
    Rejection.NO_NAME: "a file name is empty; look at the command line or the file list",
    Rejection.UNREADABLE: "look at the name and the permissions",
    Rejection.UNSEARCHABLE: "nothing in this folder is sent, and nothing in it is counted; look at its permissions",
    Rejection.EMPTY: "the file is empty; get it again from where it came from",
    Rejection.NO_META_HEADER: "is it a DICOM file? +f also takes files without a meta header",
    Rejection.ARCHIVE: "this is a zip or tar archive; --archives sends what is in it",
    Rejection.BROKEN: "the file is damaged or cut off; get it again from where it came from",
    Rejection.ENCAPSULATED: "its transfer syntax is wrong; the file must be repaired first",
    Rejection.UID_MISSING_IN_META_HEADER: "the meta header is incomplete; +f looks in the data set for what it lacks",
    Rejection.UID_MISSING: "the data set must be repaired first",
    Rejection.INVALID_UID: "-nuc takes UIDs without a check",
    Rejection.DICOMDIR: "this is a DICOMDIR; +rd sends the files it refers to",
    Rejection.NO_STORAGE_CLASS: "such objects are not made to be stored; -nuc takes UIDs without a check",
    Rejection.UNKNOWN_STORAGE_CLASS: "-nuc takes UIDs without a check",
    Rejection.UNKNOWN_TRANSFER_SYNTAX: "-nuc takes UIDs without a check",
    Rejection.BROKEN_DICOMDIR: f"the DICOMDIR cannot be read; {_THE_FILES}",
    Rejection.DICOMDIR_NOT_FOLLOWED: (
        "--exclude with its name, as in --exclude '**/DICOMDIR', leaves it out, "
        "and its images are sent as they lie there"
    ),
    Rejection.RECORD_WITHOUT_FILE: f"the DICOMDIR is damaged; {_THE_FILES}",
    Rejection.RECORD_LACKS_UID: f"the DICOMDIR is incomplete; {_THE_FILES}",
    Rejection.OUTSIDE: "--dicomdir-allow-outside permits it",
    Rejection.NOT_NOW: "the object store did not deliver it in several attempts; run again later",
    Rejection.FILE_CHANGED: "it was being written; run again when it is complete, --min-age leaves such files for the "
    "next run",
    Rejection.MEMBER: "unpack the archive and send the files, or get it again from where it came from",
}
SAID_BY_THE_MESSAGE: Final = frozenset((
    Rejection.NO_NAME, Rejection.UNREADABLE, Rejection.EMPTY, Rejection.BROKEN, Rejection.ENCAPSULATED,
))  # fmt: skip
"""Rejections after which the log needs no words beside DCMTK's."""
LEAVE_OUT: Final = "-nh leaves out what is bad"

_CHECK_LOG: Final = "Ask the administrator to check its log"
_SEND_LATER: Final = "Send again later; --retry N does so up to N times."
_BY_REASON: Final = {
    Reason.FILE_UNREADABLE: "Look at the file's permissions, and whether it is still there.",
    Reason.DATA_SET_BROKEN: "The file is damaged or cut off. Get it again from where it came from.",
    Reason.FILE_CHANGED: "The file was being written. Send it again when it is complete; --min-age leaves such files "
    "for the next run.",
    Reason.STORE_BUSY: "The object store did not deliver it in several attempts. Run again later.",
    Reason.MISSING_UID: "The data set has no SOP Class or Instance UID. It must be repaired first.",
    Reason.NO_CONTEXT: "The archive does not take this kind of object, or not in this encoding. +dly decompresses what "
    "is compressed with loss; for the rest ask its administrator.",
    Reason.CONTEXT_REFUSED: "The archive does not take this encoding. +dly decompresses what is compressed with loss.",
    Reason.NO_DICTIONARY: "The data dictionary named in DCMDICTPATH cannot be read.",
    Reason.NOT_CONVERTIBLE: "The images cannot be decompressed as the archive wants them. The message says why.",
    Reason.CONNECTION_LOST: "The connection broke. The archive may have the instance; sending it again does no harm.",
    Reason.ABORTED: "The archive ended the association. Its log says why. Sending again may work.",
    Reason.RELEASED: "The archive ended the association in the middle. Sending again may work.",
    Reason.TIMED_OUT: "The archive did not answer in time. It may have the instance; -td waits longer.",
    Reason.PROTOCOL_ERROR: "The archive did not keep to the protocol. Its log and ours (-d) tell more.",
    Reason.NOT_IN_RESPONSE: f"The service does not list it among the stored instances. {_CHECK_LOG}.",
    Reason.TOO_LARGE: "The service, or a proxy before it, takes no request of that length. Its administrator can "
    "change that.",
    Reason.SERVER_BUSY: f"The service is busy or out of order. {_SEND_LATER}",
    Reason.NO_ASSOCIATION: "There was no association to send it over. Send again when the archive is there.",
    Reason.ONE_ASSOCIATION: "One association carries at most 128 kinds of objects and encodings. Send it without -ma.",
    Reason.HALTED: "The run ended before this instance was sent. Send it again. Without -nh the first error ends a "
    "run.",
    Reason.CANCELLED: "The run was interrupted before this instance was sent. Send it again.",
    Reason.TIME_WINDOW: "The time window was over. The next run sends this instance.",
    Reason.SENDER_DIED: "Reading it crashes the process that reads it. Send it alone, without a cluster, to see why.",
}
_REFUSED_FOR_GOOD: Final = "It cannot be sent until the cause is removed: the last line says why the run ended."

_BY_STATUS: Final = (
    (0xA700, 0xFF00, f"The archive is out of resources (disk, database). {_SEND_LATER}"),
    (0xA900, 0xFF00, f"The archive says that the data set does not fit its SOP Class. {_CHECK_LOG}."),
    (0xC000, 0xF000, f"The archive cannot understand the data set. {_CHECK_LOG}; --normalize may help."),
    (0x0110, 0xFFFF, "The archive failed while it processed the instance. Send again later."),
    (0x0111, 0xFFFF, "The archive already has an instance with this UID."),
    (0x0122, 0xFFFF, "The archive does not store this kind of object. Ask its administrator to enable the SOP Class."),
    (0x0124, 0xFFFF, "The archive does not allow this sender to store. Ask its administrator."),
)


def for_rejection(why: Rejection) -> str:
    """Advice for an input that cannot be sent."""
    return _BY_REJECTION[why]


def for_left_out(why: Rejection) -> str:
    """Advice for inputs that a run has left out and will meet again."""
    text = _BY_REJECTION[why]
    return f"{text}; --exclude '**/DICOMDIR' leaves it out" if why is Rejection.DICOMDIR else text


def for_reason(reason: Reason, *, is_permanent: bool = False) -> str:
    """Advice for an instance that was not stored and has no status, in one or two sentences.

    ``is_permanent``: no association will be possible until a person has acted.
    """
    return _REFUSED_FOR_GOOD if is_permanent else _BY_REASON[reason]


def for_status(status: int) -> str:
    """Advice for a DIMSE status that is neither success nor a warning, in one or two sentences."""
    for value, mask, text in _BY_STATUS:
        if status & mask == value:
            return text
    return f"The archive refused it with a status of its own. {_CHECK_LOG}."


def for_untaken(*, stays_lossy: bool) -> str:
    """Advice for an instance for which the peer has accepted no presentation context.

    ``stays_lossy``: it is compressed with loss, and could be decompressed, but may not.
    """
    return f"{_SEE_ANSWERS}, +dly decompresses what is compressed with loss" if stays_lossy else _SEE_ANSWERS


def run_again(*, with_journal: bool) -> str:
    """The words in the closing lines for instances that a new run may store."""
    return "may succeed when run again" + (" (--resume)" if with_journal else "")


def several_at_once(share: float, word: str) -> str:
    """The words in the closing lines of a run that has waited for answers for so large a part of its time."""
    times = min(8.0, 1 / max(1 - share, 0.001))
    return f"(--parallel-associations auto: several {word}s, up to {times:.0f} times as fast)"
