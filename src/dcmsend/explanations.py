"""Explains an error in words where DCMTK's text does not."""

from __future__ import annotations

from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    SendingFailed,
    SessionFailed,
    TlsFailed,
)

__all__ = ["explanation", "one_line"]


def explanation(error: DcmsendError) -> str:
    """Why no association came about, on one or more lines; ``""`` if no more is known than the message says."""
    cause = error.cause if isinstance(error, SessionFailed) else error
    if isinstance(cause, AssociationRejected | AssociationAborted):
        return cause.description
    return cause.detail if isinstance(cause, ConnectFailed | ConnectionLost) else ""


def one_line(error: DcmsendError) -> str:
    """The message on one line, with the reason of a rejection or the details of a TLS failure."""
    if isinstance(error, SessionFailed | SendingFailed):
        return f"{error.prefix}: {one_line(error.cause)}"
    lines = str(error).splitlines()
    if isinstance(error, AssociationRejected):
        lines += error.description.splitlines()[-1:]
    if isinstance(error, TlsFailed):
        lines += error.detail.splitlines()
    return "; ".join(lines)
