"""The errors of this way to send."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import (
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    RemoteProtocolError,
    SessionFailed,
    TimedOut,
    TransportError,
)

__all__ = [
    "CredentialsUnusable", "HttpRefused", "NoHttpLibrary", "ProxyUnusable", "ServerGone", "WebSessionFailed",
    "in_web_words", "printable",
]  # fmt: skip

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
"""Statuses that say nothing of a later attempt."""


def printable(words: str) -> str:
    """What a server says of a status, as a person may see it: not too long, and no control characters."""
    return "".join(letter for letter in words[:100] if letter.isprintable())


class CredentialsUnusable(DcmsendError):
    """A token or password cannot be had; the text never holds any part of it.

    Attributes:
        is_permanent: whether that stays so until a person has acted.
    """

    is_permanent = True

    def __init__(self, message: str, *, is_permanent: bool = True) -> None:
        self.is_permanent = is_permanent
        super().__init__(message)


class HttpRefused(RemoteProtocolError):
    """The server, or a proxy before it, answers a request with a status that says no.

    Attributes:
        status: the status code, 100..599.
        detail: what follows from it, where that is not plain; part of the text, may be empty.
    """

    def __init__(self, status: int, phrase: str, detail: str = "") -> None:
        self.status = status
        self.detail = detail
        words = printable(phrase)
        super().__init__(f"the server answers {status}{words and ' '}{words}{detail and ': '}{detail}")

    @property
    def is_permanent(self) -> bool:
        """Whether the status says that a later attempt will be refused too."""
        return self.status not in _PASSING


class ServerGone(ConnectionLost):
    """The server has closed the connection without an answer; ``detail`` is the system's text, or empty."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.args = ("the server has closed the connection without an answer",)


def in_web_words(error: DcmsendError) -> DcmsendError:
    """An error of the transport, whose text is DCMTK's for associations, as one of a web service."""
    if type(error) is ConnectionLost:
        return ServerGone(error.detail)
    if type(error) is TimedOut:
        text = f"waited {error.seconds:g} s in vain for {error.waited_for}"
        return TimedOut(error.waited_for, error.seconds, text, "")
    return error


class NoHttpLibrary(TransportError):
    """urllib3 is not installed, or too old."""

    is_permanent = True

    def __init__(self) -> None:
        super().__init__("sending to a web service needs urllib3 2 or later; install dcmsend[web]")


class ProxyUnusable(ConnectFailed):
    """What the environment names as the proxy is none; ``detail`` says what it must be."""

    is_permanent = True

    def __init__(self, detail: str) -> None:
        super().__init__("the proxy that the environment names cannot be used", detail)


class WebSessionFailed(SessionFailed):
    """The web service cannot be reached, or does not take instances from us."""

    prefix = "cannot send to the web service"

    def __init__(self, cause: DcmsendError, retry_after: float | None = None, prefix: str = "") -> None:
        self.prefix = prefix or type(self).prefix
        super().__init__(cause)
        self.retry_after = retry_after

    @property
    def is_permanent(self) -> bool:
        """Whether the service will refuse again until a person has acted."""
        return self.cause.is_permanent
