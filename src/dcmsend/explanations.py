"""Puts an error into words."""

from __future__ import annotations

from dcmsend.errors import DcmsendError, SessionFailed

__all__ = ["explanation", "one_line"]


def explanation(error: DcmsendError) -> str:
    """Why no association came about, on one or more lines; ``""`` if no more is known than the message says."""
    cause = error.cause if isinstance(error, SessionFailed) else error
    return cause.explanation


def one_line(error: DcmsendError) -> str:
    """The message on one line."""
    return "; ".join(str(error).replace("\r\n", "\n").split("\n"))  # a name may hold other control characters
