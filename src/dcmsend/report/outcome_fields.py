"""Turns an outcome, or a rejected input, into the fields of a report; the only place that does.

Names and meanings are those of ``docs/report-schema.md``.  The fields hold no values of the data set except UIDs.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.index import FilteredInput, RejectedInput
from dcmsend.transfer import Attempt, Reason, Result, StoreOutcome

from .path_bytes import path_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import InstanceProof, Proof, ProofState

__all__ = [
    "INSTANCE_FIELDS", "clean", "file_fields", "format_time", "outcome_fields", "path_fields", "proof_fields",
    "proven_fields", "rejected_fields", "state_name", "status_field", "to_json",
]

INSTANCE_FIELDS: Final = (
    "index", "path", "path_base64", "size", "mtime", "sop_class_uid", "sop_class_name", "sop_instance_uid",
    "series_uid", "study_uid", "syntax_file", "syntax_sent", "converted", "bytes_sent", "association", "context_id",
    "message_id", "outcome", "status", "error_comment", "offending_elements", "reason", "message", "retryable",
    "attempts", "started", "seconds",
)  # fmt: skip
"""All fields of an instance, in order; ``path_base64`` is only present if it is needed."""

_UNKNOWN: Final = (None, None)
_EPOCH: Final = "1970-01-01T00:00:00.000Z"

to_json: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Encodes fields as one line of JSON."""


def outcome_fields(outcome: StoreOutcome) -> dict[str, Any]:
    """The fields of an instance: sizes in bytes, times as RFC 3339 text, durations in seconds, None for unknown."""
    instance, sent = outcome.instance, outcome.sent_syntax
    sop_class = outcome.sop_class_uid or instance.sop_class_uid
    return {
        "index": outcome.index,
        **file_fields(instance.input.path, *(_stamp_of(outcome) or _UNKNOWN)),
        "sop_class_uid": clean(sop_class),
        "sop_class_name": sop_class_name(sop_class),
        "sop_instance_uid": clean(outcome.sop_instance_uid or instance.sop_instance_uid),
        "series_uid": None,
        "study_uid": None,
        "syntax_file": clean(instance.transfer_syntax.uid),
        "syntax_sent": None if sent is None else clean(sent.uid),
        "converted": sent is not None and sent.uid != instance.transfer_syntax.uid,
        "bytes_sent": outcome.bytes_sent,
        "association": outcome.association or None,
        "context_id": outcome.context_id or None,
        "message_id": outcome.message_id or None,
        "outcome": _outcome_name(outcome.result),
        "status": status_field(outcome.status),
        "error_comment": clean(outcome.error_comment),
        "offending_elements": [f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in outcome.offending_elements],
        "reason": _reason_name(outcome.reason),
        "message": clean(outcome.message),
        "retryable": outcome.is_retryable,
        "attempts": [_attempt_fields(attempt) for attempt in outcome.attempts],
        "started": format_time(outcome.started),
        "seconds": round(outcome.seconds, 6),
    }


def rejected_fields(rejected: RejectedInput) -> dict[str, Any]:
    """The fields of an input that is not in the transfer list; ``index`` is None."""
    message = f"{rejected.reason} ({rejected.detail})" if rejected.detail else rejected.reason
    fields: dict[str, Any] = {name: None for name in INSTANCE_FIELDS if name != "path_base64"}
    name = "invalid" if rejected.is_dicom else "not_dicom"
    if isinstance(rejected, FilteredInput):
        name = "filtered"
    fields |= file_fields(rejected.path, *(rejected.stamp or _UNKNOWN))
    fields |= {
        "sop_class_uid": "", "sop_class_name": "", "sop_instance_uid": "", "syntax_file": "", "converted": False,
        "bytes_sent": 0, "outcome": name, "error_comment": "", "offending_elements": [], "reason": name,
        "message": clean(message), "retryable": not rejected.why.is_permanent, "attempts": [], "seconds": 0.0,
    }  # fmt: skip
    return fields


def proven_fields(event: InstanceProof) -> dict[str, Any]:
    """The fields that tell which instance a proof is about, without the proof."""
    return {
        **path_fields(event.path),
        "sop_class_uid": clean(event.sop_class_uid),
        "sop_instance_uid": clean(event.sop_instance_uid),
        "series_uid": clean(event.series_uid) or None,
        "study_uid": clean(event.study_uid) or None,
    }


def proof_fields(proof: Proof) -> dict[str, Any]:
    """The fields of a proof: a reason is a number of the archive as ``0x0112``, or a name of ours; None for neither."""
    reason = proof.reason
    return {
        "state": state_name(proof.state),
        "reason": clean(reason) if isinstance(reason, str) else status_field(reason),
        "transaction": clean(proof.transaction_uid) or None,
        "time": format_time(proof.time),
    }


def state_name(state: ProofState) -> str:
    """The name of a state as reports have it."""
    return state.value.replace(" ", "_")


def status_field(status: int | None) -> str | None:
    """A DIMSE status as ``0xA700``, None without an answer."""
    return None if status is None else f"0x{status:04X}"


def format_time(seconds: float) -> str | None:
    """Seconds since the epoch in RFC 3339, in UTC to the millisecond; None for 0.0, which stands for never."""
    if not seconds:
        return None
    try:
        try:
            moment = datetime.fromtimestamp(seconds, UTC)
        except OSError:  # Windows converts no time before 1970 or after 3000
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        return moment.isoformat(timespec="milliseconds")[:23] + "Z"
    except (OverflowError, ValueError):  # the time of a file can be in any year
        return None


def clean(text: str) -> str:
    """Text that can be encoded in UTF-8: the escapes for undecodable bytes of file names become U+FFFD."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)


def _attempt_fields(attempt: Attempt) -> dict[str, Any]:
    return {
        "time": format_time(attempt.time),
        "outcome": _outcome_name(attempt.result),
        "status": status_field(attempt.status),
        "reason": _reason_name(attempt.reason),
    }


def _outcome_name(result: Result) -> str:
    return result.value.replace(" ", "_")


def _reason_name(reason: Reason | None) -> str | None:
    return None if reason is None else reason.name.lower()


def path_fields(path: str) -> dict[str, Any]:
    """The fields of a file name; ``path_base64`` is only there if it is needed."""
    fields = {"path": clean(path)}
    if fields["path"] != path or (not path.isascii() and path_bytes(path) != path.encode()):
        fields["path_base64"] = base64.b64encode(path_bytes(path)).decode()
    return fields


def _stamp_of(outcome: StoreOutcome) -> tuple[int, int] | None:
    """Size and time of a file when it was opened to be sent; an unopened file, which nobody has moved, is asked now."""
    source = outcome.instance.input
    if not source.is_lasting:
        return None
    if outcome.file_stamp is None and outcome.result in (Result.FAILED, Result.NOT_ATTEMPTED):
        return source.look()
    return outcome.file_stamp


def file_fields(path: str, size: int | None, mtime_ns: int | None) -> dict[str, Any]:
    """The fields of a file, or of an object; the time is in nanoseconds since the epoch, None if it is not known."""
    if mtime_ns:
        mtime = format_time(mtime_ns / 1e9)
    else:  # 0 is a time, but of an object it says that its store has told none
        mtime = None if mtime_ns is None or "://" in path else _EPOCH
    return {**path_fields(path), "size": size, "mtime": mtime}
