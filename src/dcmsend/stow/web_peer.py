"""The address of a web service, and how this side identifies itself to it."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.dicom.record import Record
from dcmsend.dicomweb import WebAddress
from dcmsend.transfer import PeerFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transport import TlsClient

    from .credentials import Credentials

__all__ = ["WebPeer"]

_BATCH_BYTES: Final = 64 * 2**20


class _Address:
    """The field of an address: takes a URL, too.  It is a descriptor for type checkers alone."""

    def __get__(self, record: object, owner: object) -> WebAddress:
        raise AttributeError("address")

    if TYPE_CHECKING:

        def __set__(self, record: object, value: WebAddress | str) -> None: ...


class WebPeer(Record):
    """A web service that stores (STOW-RS), and how this side identifies itself to it.

    Raises ValueError for a URL that is none, or that holds a password, a query or a fragment; for credentials that
    everybody on the way could read, a TLS context without ``https``, and an empty batch; TypeError for a value of a
    wrong type.

    Attributes:
        address: of the service, the part before ``/studies``; made of a URL, e.g.
            ``https://archive.example/dicom-web``.
        credentials: what each request is authorized with; None for nothing.
        tls: the TLS context of connections, made by ``load_tls``; None for plain connections, and for ``https`` with
            all that the system trusts.
        batch: most instances in one request.
        batch_bytes: most bytes in one request; a larger instance goes alone.
    """

    _hidden = ("credentials",)

    address: _Address
    credentials: Credentials | None = None
    tls: TlsClient | None = None
    batch: int = 50
    batch_bytes: int = _BATCH_BYTES

    def _taken(self, name: str, value: Any) -> Any:
        if name != "address":
            return super()._taken(name, value)
        if isinstance(value, WebAddress):
            return value
        if not isinstance(value, str):
            raise TypeError(f"WebPeer: address must be a URL, not {type(value).__name__}")
        return WebAddress.parse(value)

    def check(self) -> None:
        if self.credentials is not None and not hasattr(self.credentials, "header"):
            what = "BearerFile, BearerCommand or BasicCredentials"
            raise TypeError(f"WebPeer: credentials must be {what}, not {type(self.credentials).__name__}")
        if self.tls is not None and not hasattr(self.tls, "options"):
            raise TypeError(f"WebPeer: tls must be what load_tls returns, not {type(self.tls).__name__}")
        is_secured = self.address.scheme == "https"
        if self.credentials is not None and not is_secured and not self.address.is_loopback:
            raise ValueError("credentials are sent over https only: everybody on the way could read them")
        if self.tls is not None and not is_secured:
            raise ValueError("TLS needs an address that begins with https")
        if self.batch < 1 or self.batch_bytes < 1:
            raise ValueError("a batch has at least one instance, and at least one byte")

    @property
    def facts(self) -> PeerFacts:
        """The facts about the peer that reports and journals show; no credentials are among them."""
        address = self.address
        return PeerFacts(address.host, address.port, "", "", is_secured=address.scheme == "https", url=address.url)
