"""A web server that throws away what is stored, and says that all of it is: the sender's own time is measured with it.

It runs as a process of its own, in flat memory for bodies of any size::

    with http_sink(tmp_path) as sink:
        run(dcmsend, "--stow", sink.url, *files)
    assert sink.counts()["instances"] == len(files)
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.http_wire import HttpError, RequestHead, pieces_of_body, read_head, response, store_answer
from support.processes import ServerProcess

__all__ = ["HttpSink", "http_sink"]

_UID_ELEMENT = b"\x02\x00\x03\x00UI"
_HEAD_OF_A_PART = 1024
"""In so many bytes behind a boundary the SOP Instance UID of the meta header has come."""


class HttpSink:
    """A running sink.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """The base URL of the service."""
        return f"http://127.0.0.1:{self.port}/dicom-web"

    def counts(self) -> dict[str, int]:
        """How many ``connections``, ``requests``, ``instances`` and ``bytes`` of bodies there were, until now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts", timeout=30) as answer:
            counts: dict[str, int] = json.load(answer)
            return counts


@contextmanager
def http_sink(folder: Path) -> Iterator[HttpSink]:
    """A sink that runs until the block is left; ``folder`` is for its log."""
    with ServerProcess(lambda port: [sys.executable, str(Path(__file__)), str(port)], folder / "sink.log") as server:
        yield HttpSink(server.port)


class _Uids:
    """Finds the SOP Instance UIDs of the parts of a body that comes in pieces."""

    def __init__(self, boundary: str) -> None:
        self.found: list[str] = []
        self._boundary = b"--" + boundary.encode() + b"\r\n"
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        data = self._rest + piece
        at = data.find(self._boundary)
        while at >= 0 and at + _HEAD_OF_A_PART <= len(data):
            self._take(data[at : at + _HEAD_OF_A_PART])
            at = data.find(self._boundary, at + len(self._boundary))
        self._rest = data[at:] if at >= 0 else data[max(0, len(data) - len(self._boundary)) :]

    def end(self) -> None:
        """What is left may hold the heads of small parts."""
        for part in self._rest.split(self._boundary)[1:]:
            self._take(part)

    def _take(self, part: bytes) -> None:
        place = part.find(_UID_ELEMENT)
        if place >= 0:
            length = int.from_bytes(part[place + 6 : place + 8], "little")
            self.found.append(part[place + 8 : place + 8 + length].decode("latin-1").rstrip("\0 "))


def _serve(connection: socket.socket, counts: Counter[str], lock: threading.Lock) -> None:
    with contextlib.suppress(OSError, HttpError), connection, connection.makefile("rb", 1 << 20) as stream:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        is_counted = False
        while (head := read_head(stream)) is not None:
            if head.method == "GET":
                with lock:
                    connection.sendall(response(200, json.dumps(counts).encode()))
                continue
            uids, length = _discard(head, pieces_of_body(stream, head))
            with lock:
                counts.update(connections=int(not is_counted), requests=1, instances=len(uids), bytes=length)
            is_counted = True
            connection.sendall(response(200, store_answer(uids)))


def _discard(head: RequestHead, pieces: Iterator[bytes]) -> tuple[list[str], int]:
    uids, length = _Uids(head.boundary), 0
    for piece in pieces:
        length += len(piece)
        uids.feed(piece)
    uids.end()
    return uids.found, length


def main(port: int) -> None:
    """Serve until the process is stopped."""
    counts, lock = Counter(connections=0, requests=0, instances=0, bytes=0), threading.Lock()
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, counts, lock), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
