"""A stretch of network between a sender and a peer that stops, goes on, or breaks when a test says so."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

__all__ = ["Relay"]


class Relay:
    """Forwards connections of 127.0.0.1 to a peer; use it as a context manager.

    It forwards ``pause_after`` bytes from the sender, sets ``paused`` and takes no more until ``resume()``; meanwhile
    at most some 100 KiB more fit into its receive buffer, so a sender of something larger must stand still.  ``cut()``
    ends what is connected, while it is paused with a reset.  Later connections are not paused.

    Attributes:
        port: where a sender connects.
        connections: how many have been accepted.
        paused: set when the first connection has been stopped.
    """

    def __init__(self, peer_port: int, *, pause_after: int | None = None) -> None:
        self.connections = 0
        self.paused = threading.Event()
        self._peer_port = peer_port
        self._pause_after = pause_after
        self._go_on = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.socket()
        # Inherited by accepted sockets; must be small, or a whole file disappears into the buffer.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Relay:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut(reset=False)
        for thread in self._threads:
            thread.join(30)

    def resume(self) -> None:
        """Lets the stopped connection go on."""
        self._go_on.set()

    def cut(self, *, reset: bool = True) -> None:
        """Breaks all connections; with ``reset`` (only while paused) the sender sees a connection reset."""
        for sender, peer in self._pairs:
            with contextlib.suppress(OSError):
                if reset:
                    # Closed without lingering while no thread waits for it: the sender sees RST, not FIN.
                    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sender.close()
                else:
                    sender.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listener.accept()
            except OSError:
                return
            peer = socket.create_connection(("127.0.0.1", self._peer_port))
            for each in (sender, peer):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pairs.append((sender, peer))
            self.connections += 1
            self._start(self._forward, sender, peer, self._pause_after if self.connections == 1 else None)
            self._start(self._forward, peer, sender, None)

    def _forward(self, source: socket.socket, target: socket.socket, pause_after: int | None) -> None:
        forwarded = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                forwarded += len(data)
                if pause_after is not None and forwarded >= pause_after and not self.paused.is_set():
                    self.paused.set()
                    self._go_on.wait()
            target.shutdown(socket.SHUT_WR)
