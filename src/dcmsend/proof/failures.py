"""Errors that mean "no answer", and their names as the reason of a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dcmsend.errors import (
    AssociationAborted,
    AssociationError,
    AssociationReleased,
    ConnectionLost,
    DcmsendError,
    RemoteProtocolError,
    SessionFailed,
    SopClassRefused,
    TimedOut,
    TransportError,
)
from dcmsend.reasons import Reason

__all__ = ["NO_ANSWER", "is_for_good", "is_refusal", "reason_of"]

NO_ANSWER: Final = (SessionFailed, AssociationError, TransportError, RemoteProtocolError)
"""Errors after which the next question may have an answer all the same."""

_REASONS: Final[Mapping[type[DcmsendError], Reason]] = {
    SessionFailed: Reason.NO_ASSOCIATION,
    SopClassRefused: Reason.CONTEXT_REFUSED,
    AssociationAborted: Reason.ABORTED,
    AssociationReleased: Reason.RELEASED,
    ConnectionLost: Reason.CONNECTION_LOST,
    TimedOut: Reason.TIMED_OUT,
}
"""Every other error is Reason.PROTOCOL_ERROR."""


def reason_of(error: DcmsendError) -> str:
    """The name of an error as the reason of a verdict."""
    found = (each for kind, each in _REASONS.items() if isinstance(error, kind))
    return next(found, Reason.PROTOCOL_ERROR).name.lower()


def is_refusal(error: DcmsendError) -> bool:
    """Whether the archive has certainly not received what it was to be asked."""
    return isinstance(error, SopClassRefused | SessionFailed)


def is_for_good(error: DcmsendError) -> bool:
    """Whether the archive will refuse again until a person has acted."""
    return isinstance(error, SopClassRefused) or (isinstance(error, SessionFailed) and error.is_permanent)
