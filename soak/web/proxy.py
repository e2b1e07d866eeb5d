"""A network between a sender and a web service that fails by chance, and notes what the sender has sent."""

from __future__ import annotations

import contextlib
import random
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["KINDS", "Fate", "WebProxy"]

KINDS: Final = {
    "pass": 6, "cut": 4, "reset": 4, "stall": 1, "mute": 1, "cut answer": 2, "early 503": 2, "early 413": 1,
    "early 500": 1, "early 400": 1, "late 502": 2,
}  # fmt: skip
"""What may become of a connection, and how often.  ``cut``, ``reset``: both ends see it after some bytes of requests;
``stall``: nothing goes on after them; ``mute``, ``cut answer``: the same with bytes of answers; ``early``: the archive
gets nothing, and the sender an answer before its request ends; ``late``: the archive stores, the sender hears 502."""

BLOCK: Final = 4096
_LONGEST: Final = 30.0
_PAUSE: Final = 0.3
"""Seconds after which a request that is shorter than wanted has an early answer."""

_STALL: Final = 4.0
"""Seconds after which a stalled connection throws away what comes; the sender has given it up by then."""

_UID_OF_A_PART: Final = re.compile(rb"\r\n\r\n.{128}DICM.{0,80}?\x02\x00\x03\x00UI(..)([0-9.]+)\0?", re.DOTALL)


class Fate(NamedTuple):
    """What becomes of a connection: ``kind`` after ``at`` bytes."""

    kind: str = "pass"
    at: int = 0


class WebProxy:
    """Forwards connections of one port of 127.0.0.1 to a web service.

    Attributes:
        port: where a sender connects.
        fates: how often each kind has happened.
        requests: how many heads of requests have come.
        received: bytes that senders have sent, until now.
    """

    def __init__(self, peer_port: int) -> None:
        self.fates: Counter[str] = Counter()
        self.requests = 0
        self.received = 0
        self._peer_port = peer_port
        self._chance: random.Random | None = None
        self._blocks = 1
        self._sent: list[bytearray] = []
        self._threads: list[threading.Thread] = []
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def begin(self, chance: random.Random | None, length: int) -> None:
        """Begin a night: fates by ``chance``, None for none; cuts within ``length`` bytes."""
        self._chance, self._blocks = chance, max(1, length // BLOCK)
        self._sent.clear()
        self.requests = self.received = 0

    def end(self) -> Counter[str]:
        """Wait until all is quiet; return how often each SOP Instance UID was begun in this night."""
        for thread in self._threads:
            thread.join(_LONGEST)
            assert not thread.is_alive(), "a connection does not end"
        self._threads.clear()
        return Counter(uid for sent in self._sent for uid in _uids(bytes(sent)))

    def close(self) -> None:
        """End it."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listener.accept()
            except OSError:
                return
            sent = bytearray()
            self._sent.append(sent)
            thread = threading.Thread(target=self._serve, args=(sender, sent, self._draw()), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _draw(self) -> Fate:
        chance = self._chance
        if chance is None:
            return Fate()
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
        if kind in ("mute", "cut answer"):
            return Fate(kind, chance.choice((0, 0, chance.randrange(400), chance.randrange(20_000))))
        return Fate(kind, chance.randrange(self._blocks + 1) * BLOCK)

    def _serve(self, sender: socket.socket, sent: bytearray, fate: Fate) -> None:
        with contextlib.suppress(OSError), sender:
            sender.settimeout(_LONGEST)
            if fate.kind.startswith("early"):
                self._answer_early(sender, sent, fate)
                return
            with socket.create_connection(("127.0.0.1", self._peer_port), timeout=_LONGEST) as peer:
                for each in (sender, peer):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._forward(sender, peer, sent, fate)
                _listen_to_the_end(peer)

    def _note(self, sent: bytearray, data: bytes) -> None:
        self.received += len(data)
        self.requests += (sent[-20:] + data).count(b" HTTP/1.1\r\n") - sent[-20:].count(b" HTTP/1.1\r\n")
        sent += data

    def _answer_early(self, sender: socket.socket, sent: bytearray, fate: Fate) -> None:
        sender.settimeout(_PAUSE)
        with contextlib.suppress(TimeoutError):
            while len(sent) <= fate.at:
                data = sender.recv(min(1 << 16, fate.at + 1 - len(sent)))
                if not data:
                    return
                self._note(sent, data)
        sender.settimeout(_LONGEST)
        if sent:
            self._say(sender, fate)
        with contextlib.suppress(OSError):
            sender.shutdown(socket.SHUT_WR)
            while data := sender.recv(1 << 16):
                self._note(sent, data)

    def _say(self, sender: socket.socket, fate: Fate) -> None:
        """An answer without lists, in the archive's place."""
        self.fates[fate.kind] += 1
        status = fate.kind.split()[1]
        more = "Retry-After: 0\r\n" if status == "503" else ""
        sender.sendall(f"HTTP/1.1 {status} By Chance\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def _forward(self, sender: socket.socket, peer: socket.socket, sent: bytearray, fate: Fate) -> None:
        """Until the sender is gone, or the fate has happened and this connection is over."""
        answered = 0
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until and not self._is_over.is_set():
            for source in select.select([sender, peer], [], [], 0.1)[0]:
                data = source.recv(1 << 16)
                if source is sender:
                    self._note(sent, data)
                    if not data:
                        return
                    if fate.kind in ("cut", "reset", "stall") and len(sent) >= fate.at:
                        peer.sendall(data[: len(data) - (len(sent) - fate.at)])
                        self._fail(sender, sent, fate)
                        return
                    peer.sendall(data)
                    continue
                if fate.kind == "late 502" and data:
                    self._say(sender, fate)
                    return
                answered += len(data)
                if fate.kind in ("mute", "cut answer") and answered >= fate.at:
                    sender.sendall(data[: len(data) - (answered - fate.at)])
                    self._fail(sender, sent, fate)
                    return
                if not data:
                    return
                sender.sendall(data)

    def _fail(self, sender: socket.socket, sent: bytearray, fate: Fate) -> None:
        self.fates[fate.kind] += 1
        if fate.kind in ("reset", "cut answer"):
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.close()
            return
        if fate.kind == "cut":
            sender.shutdown(socket.SHUT_WR)
        elif fate.kind == "stall":
            poll = select.poll()
            poll.register(sender, select.POLLRDHUP)
            poll.poll(_STALL * 1000)
        with contextlib.suppress(OSError):
            while data := sender.recv(1 << 16):
                self._note(sent, data)


def _listen_to_the_end(peer: socket.socket) -> None:
    """The archive has read all that it will get, and is done with it, when it closes."""
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(1 << 16):
            pass


def _uids(sent: bytes) -> Iterator[str]:
    """The SOP Instance UID of each part whose meta header has come as far as there."""
    for match in _UID_OF_A_PART.finditer(sent):
        if len(match[0]) - match.start(2) + match.start() >= int.from_bytes(match[1], "little"):
            yield match[2].decode()
