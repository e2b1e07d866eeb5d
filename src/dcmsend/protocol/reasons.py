"""Words for the source and reason of a rejection or an abort.  Source: PS3.8 Table 9-21 and Table 9-26."""

from __future__ import annotations

from typing import Final

__all__ = ["abort_text", "rejection_reason_text", "rejection_result_text", "rejection_source_text"]

_RESULTS: Final = {1: "Rejected Permanent", 2: "Rejected Transient"}

_SOURCES: Final = {
    1: "Service User",
    2: "Service Provider (ACSE Related)",
    3: "Service Provider (Presentation Related)",
}

_REASONS: Final = {
    (1, 1): "No Reason",
    (1, 2): "App Context Name Not Supported",
    (1, 3): "Calling AE Title Not Recognized",
    (1, 7): "Called AE Title Not Recognized",
    (2, 1): "No Reason",
    (2, 2): "Protocol Version Not Supported",
    (3, 1): "Temporary Congestion",
    (3, 2): "Local Limit Exceeded",
}

_ABORT_SOURCES: Final = {0: "Service User", 2: "Service Provider"}

_ABORT_REASONS: Final = {
    0: "Reason Not Specified",
    1: "Unrecognized PDU",
    2: "Unexpected PDU",
    4: "Unrecognized PDU Parameter",
    5: "Unexpected PDU Parameter",
    6: "Invalid PDU Parameter Value",
}


def rejection_result_text(result: int) -> str:
    """``Rejected Permanent`` or ``Rejected Transient``."""
    return _RESULTS.get(result, f"Unknown Result: {result}")


def rejection_source_text(source: int) -> str:
    """The source of a rejection, e.g. ``Service User``."""
    return _SOURCES.get(source, f"Unknown Source: {source}")


def rejection_reason_text(source: int, reason: int) -> str:
    """The reason, e.g. ``Called AE Title Not Recognized``; the meaning of ``reason`` depends on ``source``."""
    return _REASONS.get((source, reason), f"Unknown Reason: {reason}")


def abort_text(source: int, reason: int) -> str:
    """Source and reason of an abort, e.g. ``Source: Service Provider, Reason: Unexpected PDU``."""
    text = f"Source: {_ABORT_SOURCES.get(source, f'Unknown Source: {source}')}"
    if source == 2:  # a service user gives no reason
        text += f", Reason: {_ABORT_REASONS.get(reason, f'Unknown Reason: {reason}')}"
    return text
