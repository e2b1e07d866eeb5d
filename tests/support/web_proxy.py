"""A proxy that speaks HTTP: connects clients to whom they ask for (CONNECT), and passes on what they send plainly."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import threading

__all__ = ["WebProxy"]


class WebProxy:
    """The listening proxy; use it as a context manager.

    Attributes:
        heads: the head of each request, as it came.
    """

    def __init__(self, *, user: str = "", password: str = "", status: int = 200, phrase: str = "No") -> None:
        self._wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._status = status
        self._phrase = phrase
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> WebProxy:
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
                client, _ = self._listener.accept()
                self._sockets.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            data = b""
            while b"\r\n\r\n" not in data:
                piece = client.recv(1 << 16)
                if not piece:
                    return
                data += piece
            head = data[: data.index(b"\r\n\r\n")].decode("latin-1")
            self.heads.append(head)
            method, target, _ = head.split("\r\n")[0].split()
            if self._wanted and f"Proxy-Authorization: {self._wanted}" not in head:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                return
            if self._status != 200:
                client.sendall(f"HTTP/1.1 {self._status} {self._phrase}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            place = target if method == "CONNECT" else target.split("/")[2]
            host, _, port = place.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                self._sockets.append(server)
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(data.replace(f"http://{place}".encode(), b"", 1))
                _pass_on(client, server)
        client.close()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    while True:
        for source in select.select([client, server], [], [])[0]:
            data = source.recv(1 << 16)
            if not data:
                return
            (server if source is client else client).sendall(data)
