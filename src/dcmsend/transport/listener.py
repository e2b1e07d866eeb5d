"""A port on which peers call back.  Nothing waits here: the caller has a selector."""

from __future__ import annotations

import errno
import os
import socket

from dcmsend.errors import CannotListen, ConnectFailed
from dcmsend.fork import own
from dcmsend.interrupt import Interrupt

from .accepted import AcceptedConnection
from .address import AddressFamily, resolve
from .deadline import Deadline
from .tcp import text_of_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tls_server import TlsServer

__all__ = ["Listener"]

_BACKLOG = 8
_RESOLVE_SECONDS = 30.0
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
_GONE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED, errno.EPROTO)
"""Errors of ``accept`` that are over at once: nobody calls, or the caller has left already."""


class Listener:
    """A listening socket.

    Attributes:
        address: as people are shown it, e.g. ``127.0.0.1 port 104``.
        port: number of the port that was bound.
    """

    def __init__(
        self,
        address: str,
        port: int,
        family: AddressFamily = AddressFamily.IPV4,
        interrupt: Interrupt | None = None,
        tls: TlsServer | None = None,
    ) -> None:
        """Bind and listen.

        Args:
            address: name or address of an interface of this machine, ``''`` for all.
            port: 0..65535, 0 for a free one.
            family: which kinds of address are meant by ``''`` or a name.
            interrupt: ends the wait for a name server.
            tls: makes the TLS sessions of callers, None for plain ones.

        Raises CannotListen, Cancelled; ValueError for an impossible port.
        """
        if not 0 <= port < 65536:  # the system would take a larger number modulo 65536
            raise ValueError(f"port {port} is not between 0 and 65535")
        self.address = f"{address} port {port}" if address else f"port {port}"
        self._tls = tls
        self._sock = self._bind(address, port, family, interrupt or Interrupt())
        self.port: int = self._sock.getsockname()[1]
        own(self)

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._sock.fileno()

    def accept(self) -> AcceptedConnection | None:
        """The next caller, None if there is none (any more).

        Raises OSError when the system has no means for a further connection now.
        """
        try:
            sock, address = self._sock.accept()
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        session = None if self._tls is None else self._tls.make_session()
        return AcceptedConnection(sock, str(address[0]).removeprefix("::ffff:"), session)

    def give_up(self) -> None:
        """Close the copy in a forked child; the parent goes on listening."""
        self.close()

    def close(self) -> None:
        """Stop listening; may be called twice."""
        self._sock.close()

    def _bind(self, address: str, port: int, family: AddressFamily, interrupt: Interrupt) -> socket.socket:
        detail = "no address"
        for kind, place in self._places(address, port, family, interrupt):
            try:
                return _listen(kind, place, is_dual=not address and family is AddressFamily.ANY)
            except OSError as error:
                detail = text_of_error(error.errno) if error.errno else str(error)
                if address or error.errno not in _NO_IPV6:
                    break  # another address is not what was asked for
        raise CannotListen(self.address, detail)

    def _places(
        self, address: str, port: int, family: AddressFamily, interrupt: Interrupt
    ) -> list[tuple[int, tuple[str, int]]]:
        """Kinds and addresses, the first of which is to be bound; a second one is for machines without IPv6."""
        if address:
            try:
                return resolve(address, port, family, Deadline(_RESOLVE_SECONDS, "the name server"), interrupt)
            except ConnectFailed as error:
                raise CannotListen(self.address, error.detail or error.text) from error
        places: list[tuple[int, tuple[str, int]]] = []
        if family is not AddressFamily.IPV4:
            places.append((socket.AF_INET6, ("::", port)))
        if family is not AddressFamily.IPV6:
            places.append((socket.AF_INET, ("0.0.0.0", port)))
        return places


def _listen(kind: int, place: tuple[str, int], *, is_dual: bool) -> socket.socket:
    sock = socket.socket(kind, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the option would let two programs have one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
        sock.bind(place)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
