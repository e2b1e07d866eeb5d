"""Peers that speak TLS: DCMTK's storescp and dcmrecv, Orthanc, and one of our own in front of any plain peer."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.certificates import Certificates
from support.peers import DirectoryPeer, OrthancPeer, dcmrecv, orthanc, storescp

__all__ = ["TlsFront", "server_context", "tls_dcmrecv", "tls_orthanc", "tls_storescp"]


def _dcmtk_options(certificates: Certificates, wants_certificate: bool) -> list[str]:
    options = ["+tls", str(certificates.server_key), str(certificates.server), "+cf", str(certificates.ca)]
    return options if wants_certificate else [*options, "-ic"]


@contextmanager
def tls_storescp(
    folder: Path, certificates: Certificates, *options: str, wants_certificate: bool = False
) -> Iterator[DirectoryPeer]:
    """storescp that speaks TLS and knows ``certificates.ca``."""
    with storescp(folder, *_dcmtk_options(certificates, wants_certificate), *options) as peer:
        yield peer


@contextmanager
def tls_dcmrecv(
    folder: Path, certificates: Certificates, sop_classes: Sequence[str], *, wants_certificate: bool = False
) -> Iterator[DirectoryPeer]:
    """dcmrecv that speaks TLS and knows ``certificates.ca``."""
    with dcmrecv(folder, sop_classes, *_dcmtk_options(certificates, wants_certificate)) as peer:
        yield peer


@contextmanager
def tls_orthanc(folder: Path, certificates: Certificates, *, wants_certificate: bool = False) -> Iterator[OrthancPeer]:
    """Orthanc that speaks TLS and knows ``certificates.ca``."""
    with orthanc(
        folder,
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(certificates.server),
        DicomTlsPrivateKey=str(certificates.server_key),
        DicomTlsTrustedCertificates=str(certificates.ca),
        DicomTlsRemoteCertificateRequired=wants_certificate,
    ) as peer:
        yield peer


def server_context(key: Path, certificate: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """A server's context; with ``client_ca`` it insists on a certificate of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsFront:
    """Accepts TLS connections and passes their content on to a plain peer; use it as a context manager.

    Attributes:
        port: where it listens.
        names: the server names that clients have asked for (SNI), in the order of the connections; None for none.
        versions: the protocol version of each connection that came about.
    """

    def __init__(self, context: ssl.SSLContext, peer_port: int = 0) -> None:
        self.names: list[str | None] = []
        self.versions: list[str] = []
        self._context = context
        self._peer_port = peer_port
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> TlsFront:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                plain, _ = self._listener.accept()
                self._sockets.append(plain)
                thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, plain: socket.socket) -> None:
        closed_here = (OSError, ValueError)
        with contextlib.suppress(*closed_here), self._context.wrap_socket(plain, server_side=True) as secured:
            self._sockets.append(secured)
            self.versions.append(secured.version() or "")
            if not self._peer_port:
                secured.recv(1)  # until the client goes
                return
            with socket.create_connection(("127.0.0.1", self._peer_port)) as inner:
                _pass_on(secured, inner)


def _pass_on(secured: ssl.SSLSocket, inner: socket.socket) -> None:
    """Both ways until one side closes; in one thread, because OpenSSL's sessions want it so."""
    while True:
        readable = [secured] if secured.pending() else select.select([secured, inner], [], [])[0]
        for source, sink in ((secured, inner), (inner, secured)):
            if source in readable:
                data = source.recv(1 << 16)
                if not data:
                    return
                sink.sendall(data)
