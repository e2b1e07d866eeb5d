"""The error of answers that are no data sets."""

from __future__ import annotations

from dcmsend.errors import ProtocolError

__all__ = ["ResponseUnreadable"]


class ResponseUnreadable(ProtocolError):
    """The body of a server's answer is not what PS3.18 says it is.  The message says why, and quotes nothing of it."""
