"""A Storage SCP that accepts the association and then takes no more bytes until it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading

from support import wire

__all__ = ["StallingPeer"]


class StallingPeer:
    """Serves one connection; use it as a context manager.  Its input piles up in the sender.

    Attributes:
        port: where it listens.
        stalled: set when the association was accepted and nothing is read any more.
        rest: everything that came after the request, once the peer has gone on and the connection has ended.
    """

    def __init__(self, last_words: bytes = b"") -> None:
        self.stalled = threading.Event()
        self.rest = b""
        self._last_words = last_words
        self._go_on = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # inherited by the connection
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> StallingPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> bytes:
        """Read to the end of the connection, and return all bytes; may be called twice."""
        self._go_on.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()
        assert not self._thread.is_alive()
        return self.rest

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            message = wire.receive_pdu(connection)
            assert message is not None
            request = wire.parse_associate_request(message)
            results = [(context.id, 0, context.transfer_syntaxes[0]) for context in request.contexts]
            connection.sendall(wire.associate_accept(request, results, 16384))
            self.stalled.set()
            if self._last_words:
                connection.recv(1)  # the sender is at it
                connection.sendall(self._last_words)
            self._go_on.wait(60)
            while part := connection.recv(1 << 16):
                self.rest += part
