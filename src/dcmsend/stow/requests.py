"""The heads of requests, and the credentials in them."""

from __future__ import annotations

from typing import Final

from dcmsend.dicomweb import Multipart
from dcmsend.interrupt import Interrupt
from dcmsend.version import VERSION

from .batch import Batch
from .http_connection import HttpConnection
from .web_peer import WebPeer

__all__ = ["Requests"]

_ACCEPT: Final = "application/dicom+json, application/dicom+xml;q=0.5"
_TO_ANOTHER_PAGE: Final = frozenset({302, 303, 307})


class Requests:
    """Makes the heads of the requests of one session; the interrupt ends a wait for credentials."""

    def __init__(self, peer: WebPeer, interrupt: Interrupt) -> None:
        self._peer = peer
        self._check = interrupt.check_request
        self._authorization = ""
        self._has_renewed = False
        self._were_good = False

    def check(self) -> None:
        """See whether there are credentials, where the peer needs them.  Raises CredentialsUnusable, Cancelled."""
        if self._peer.credentials is not None:
            self._peer.credentials.header(self._check)

    def store(self, connection: HttpConnection, batch: Batch, multipart: Multipart) -> bytes:
        """The head of a request that stores a batch.  Raises CredentialsUnusable, Cancelled."""
        fields = {"Content-Type": multipart.content_type, "Accept": _ACCEPT, **self._common()}
        if batch.is_streamed:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = str(multipart.length([part.size or 0 for part in batch.parts]))
        return connection.head("POST", self._peer.address.path_of("studies"), fields)

    def search(self, connection: HttpConnection, target: str) -> bytes:
        """The head of a request that searches; ``target`` is a path with its query.

        Raises CredentialsUnusable, Cancelled.
        """
        return connection.head("GET", target, {"Accept": "application/dicom+json", **self._common()})

    def _common(self) -> dict[str, str]:
        fields = {"User-Agent": f"dcmsend/{VERSION}"}
        credentials = self._peer.credentials
        if credentials is not None:
            self._authorization = fields["Authorization"] = credentials.header(self._check)
        return fields

    def renew(self) -> bool:
        """Whether the request may be sent again, once, because there are other credentials now.

        Raises CredentialsUnusable, Cancelled.
        """
        credentials = self._peer.credentials
        if credentials is None or self._has_renewed:
            return False
        self._has_renewed = True
        # Another session may have renewed them already.
        return credentials.header(self._check) != self._authorization or credentials.renew(self._check)

    def seem_over(self, status: int) -> bool:
        """Whether an answer may mean that the credentials, which were good before, have expired.

        Some gateways do not refuse a request without good ones, but send it to the page where a user logs in.
        """
        return self._were_good and status in _TO_ANOTHER_PAGE

    def note_access(self, status: int) -> None:
        """Note that the last request was not refused for its credentials, but answered with ``status``."""
        self._has_renewed = False
        self._were_good |= self._peer.credentials is not None and 200 <= status < 300
