"""The log lines of a transfer.  Scripts look for DCMTK's words at the beginning of a line, so they are kept."""

from __future__ import annotations

from dcmsend.dicom.sop_class import modality_abbreviation, sop_class_name
from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    Cancelled,
    ConnectionLost,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    TranscodeError,
)
from dcmsend.load import explain
from dcmsend.loggers import DEBUG, INFO, get_logger
from dcmsend.protocol import CStoreRSP, status_text

from .prepare import PreparedStore

__all__ = [
    "log_aborting_for_release", "log_peer_gone", "log_receive_error", "log_request", "log_response",
    "log_unexpected_command", "with_code",
]  # fmt: skip

_log = get_logger("dcmsend.network")

_CODES = {AssociationAborted: "0006:0317", AssociationReleased: "0006:0319", ConnectionLost: "0006:0317"}
"""DCMTK's module and condition numbers of errors without a ``code`` of their own."""


def with_code(error: DcmsendError) -> str:
    """The message of an error, after DCMTK's number for it if there is one."""
    code: str = getattr(error, "code", "") or _CODES.get(type(error), "")
    return f"{code} {error.text}" if code else error.text


def log_peer_gone() -> None:
    """Log that the peer has ended the association."""
    _log.info("Peer Aborted Association")


def log_request(store: PreparedStore) -> None:
    """Log that an instance is being sent."""
    if not _log.isEnabledFor(INFO) or store.request is None:
        return
    request = store.request
    if not _log.isEnabledFor(DEBUG):
        _log.info(
            "Sending C-STORE Request (MsgID %d, %s)",
            request.message_id,
            modality_abbreviation(request.affected_sop_class_uid),
        )
        return
    _log.debug("sending SOP instance from file: %s", store.instance.input.path)
    _log.info("Sending C-STORE Request")
    _log.debug(
        _frame(
            "OUTGOING",
            ("Message Type", "C-STORE RQ"),
            ("Presentation Context ID", str(store.context_id)),
            ("Message ID", str(request.message_id)),
            ("Affected SOP Class UID", _class_name(request.affected_sop_class_uid)),
            ("Affected SOP Instance UID", request.affected_sop_instance_uid),
            ("Data Set", "present"),
            ("Priority", "medium"),
        )
    )


def log_response(store: PreparedStore, response: CStoreRSP) -> None:
    """Log the peer's answer."""
    if not _log.isEnabledFor(INFO):
        return
    text = status_text(response.status)
    if not _log.isEnabledFor(DEBUG):
        _log.info("Received C-STORE Response (%s)", text)
        return
    _log.info("Received C-STORE Response")
    rows = [
        ("Message Type", "C-STORE RSP"),
        ("Presentation Context ID", str(store.context_id)),
        ("Message ID Being Responded To", str(response.message_id_responded_to)),
        ("Affected SOP Class UID", _class_name(response.affected_sop_class_uid or "") or "none"),
        ("Affected SOP Instance UID", response.affected_sop_instance_uid or "none"),
        ("Data Set", "none"),
        ("DIMSE Status", f"0x{response.status:04x}: {text}"),
    ]
    if response.error_comment:
        rows.append(("Error Comment", response.error_comment))
    _log.debug(_frame("INCOMING", *rows))


def log_receive_error(store: PreparedStore | None, error: DcmsendError) -> None:
    """Log the error that ended the sending of an instance (``store``), or the wait for answers (None)."""
    if isinstance(error, Cancelled):
        return
    if store is None or isinstance(error, AssociationReleased):
        reason = error.description if isinstance(error, AssociationAborted) and error.source == 2 else ""
        _log.error("Failed receiving DIMSE response: %s%s", with_code(error), reason and f"\n{reason}")
    elif isinstance(error, FileUnreadable | DataSetError | TranscodeError):
        path = store.instance.input.path
        _log.error("cannot send SOP instance from file: %s: %s", path, explain(error))
    else:
        _log.error("Failed sending C-STORE request: %s", with_code(error))


def log_unexpected_command(command_field: int, error: DcmsendError) -> None:
    """Log that the peer has sent a command that is not an answer, and what is made of that."""
    _log.error("Expected C-STORE response but received DIMSE command 0x%04x\n%s", command_field, error.text)


def log_aborting_for_release() -> None:
    """Log that the peer's request to release is answered with an abort."""
    _log.error("Protocol Error: Peer requested release (Aborting)")


def _class_name(uid: str) -> str:
    name = sop_class_name(uid)
    return uid if name == "unknown" else name


def _frame(direction: str, *rows: tuple[str, str]) -> str:
    head = f" {direction} DIMSE MESSAGE "
    lines = [head.center(65, "=")]
    lines += [f"{name:<30}: {value}" for name, value in rows]
    lines.append(" END DIMSE MESSAGE ".center(65, "="))
    return "\n".join(lines)
