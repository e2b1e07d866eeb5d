"""The peer's address and titles, and how this side introduces itself."""

from __future__ import annotations

from dcmsend.dicom.record import Record
from dcmsend.protocol import UserIdentity
from dcmsend.transfer import PeerFacts
from dcmsend.transport import AddressFamily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transport import TlsClient

__all__ = ["AddressFamily", "Peer"]


class Peer(Record):
    """A Storage SCP, and how this side introduces itself to it.

    Raises ValueError for an impossible port, and TypeError for a value of a wrong type.

    Attributes:
        host: name or address as given.
        port: TCP port, 1..65535.
        called_ae_title: as given; cut to 16 characters on the wire.
        calling_ae_title: as given; cut to 16 characters on the wire.
        address_family: which addresses of a host name are used.
        tls: the TLS context of connections, made by ``load_tls``; None for plain connections.
        user_identity: the User Identity to send (PS3.7 D.3.3.7); None sends none.
    """

    host: str
    port: int
    called_ae_title: str = "ANY-SCP"
    calling_ae_title: str = "DCMSEND"
    address_family: AddressFamily = AddressFamily.IPV4
    tls: TlsClient | None = None
    user_identity: UserIdentity | None = None

    def check(self) -> None:
        if self.tls is not None and not hasattr(self.tls, "options"):
            raise TypeError(f"Peer: tls must be what load_tls returns, not {type(self.tls).__name__}")
        if not 0 < self.port < 65536:  # the system would take a larger number modulo 65536
            raise ValueError(f"port {self.port} is not between 1 and 65535")

    @property
    def facts(self) -> PeerFacts:
        """The facts about the peer that reports and journals show."""
        return PeerFacts(
            self.host, self.port, self.called_ae_title, self.calling_ae_title, is_secured=self.tls is not None
        )
