"""A network that fails at one byte: a proxy between a sender and a real peer that makes one fault, once.

    fault = Fault("cut", Direction.TO_SENDER, at=230)
    with FaultProxy(peer.port, fault) as proxy:
        subprocess.run([*program, "127.0.0.1", str(proxy.port), *files])
    assert proxy.links[0].happened

Without a fault it records the traffic, so that a sweep knows where each PDU begins.  It shares no code with the
package under test.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

__all__ = ["KINDS", "Direction", "Fault", "FaultProxy", "Link", "PduPlace", "pdu_places"]

KINDS = ("delay", "cut", "stall", "reset", "half close", "garbage", "duplicate", "drip")
"""What may happen at the chosen byte: nothing moves for a moment; both ends see an orderly close; nothing moves any
more in this direction; both ends see a reset; this direction ends and the other goes on; bytes that nobody has sent;
the bytes before come once more; what follows comes one byte at a time."""

_DELAY = 0.15
_GARBAGE = 37
_AGAIN = 50
_DRIPS = 120
_LONGEST = 60.0
"""Seconds after which a connection is given up, so that no test hangs because of its proxy."""


class Direction(Enum):
    """Which way the bytes go that are counted."""

    TO_PEER = "to peer"
    TO_SENDER = "to sender"


class Fault(NamedTuple):
    """One fault of the network.

    Attributes:
        kind: one of ``KINDS``.
        direction: of the bytes that are counted.
        at: how many bytes have been forwarded when it happens.
        link: number of the connection to which it happens, from 1.
        pause: seconds between two bytes that drip.
        drips: how many bytes drip; then all is well again.
    """

    kind: str
    direction: Direction
    at: int
    link: int = 1
    pause: float = 0.001
    drips: int = _DRIPS


@dataclass
class Link:
    """One connection that went through.

    Attributes:
        sent: what came from each end, as far as it was read.
        happened: whether the fault did.
        ended: set when neither end is connected any more.
    """

    sent: dict[Direction, bytearray] = field(default_factory=lambda: {each: bytearray() for each in Direction})
    happened: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class PduPlace(NamedTuple):
    """Where a PDU lies in a stream: its type, its first byte, and the byte after its last."""

    type: int
    begin: int
    end: int


def pdu_places(stream: bytes | bytearray) -> list[PduPlace]:
    """The PDUs of one direction.  Source: PS3.8 §9.3.1."""
    places = []
    begin = 0
    while begin + 6 <= len(stream):
        end = begin + 6 + int.from_bytes(stream[begin + 2 : begin + 6], "big")
        places.append(PduPlace(stream[begin], begin, end))
        begin = end
    assert begin == len(stream), "the stream does not end with a PDU"
    return places


class FaultProxy:
    """Forwards connections of 127.0.0.1 to a peer; use it as a context manager.

    Attributes:
        port: where a sender connects.
        links: in the order in which they were made.
    """

    def __init__(self, peer_port: int, fault: Fault | None = None) -> None:
        self.links: list[Link] = []
        self._peer_port = peer_port
        self._fault = fault
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(30)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in (self._acceptor, *self._threads))

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listener.accept()
            except OSError:
                return
            link = Link()
            self.links.append(link)
            fault = self._fault if self._fault is not None and self._fault.link == len(self.links) else None
            thread = threading.Thread(target=self._serve, args=(sender, link, fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sender: socket.socket, link: Link, fault: Fault | None) -> None:
        try:
            with sender, contextlib.suppress(OSError):
                try:
                    peer = socket.create_connection(("127.0.0.1", self._peer_port), timeout=_LONGEST)
                except OSError:
                    _reset(sender)
                    return
                with peer:
                    for each in (sender, peer):
                        each.settimeout(_LONGEST)
                        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    _Conversation(sender, peer, link, fault, self._stopping).run()
        finally:
            link.ended.set()


class _Ended(Exception):
    """Both ends are closed."""


class _Conversation:
    """One thread for both directions, so that a socket may be reset while nobody else waits for it."""

    def __init__(
        self, sender: socket.socket, peer: socket.socket, link: Link, fault: Fault | None, stopping: threading.Event
    ) -> None:
        self._ends = {Direction.TO_PEER: (sender, peer), Direction.TO_SENDER: (peer, sender)}
        self._link = link
        self._fault = fault
        self._stopping = stopping
        self._open = set(Direction)
        self._mute: set[Direction] = set()
        self._dripping: Direction | None = None

    def run(self) -> None:
        deadline = time.monotonic() + _LONGEST
        with contextlib.suppress(_Ended):
            while self._open and time.monotonic() < deadline and not self._stopping.is_set():
                readable, _, _ = select.select([self._ends[each][0] for each in self._open], [], [], 0.1)
                for direction in Direction:
                    if direction in self._open and self._ends[direction][0] in readable:
                        self._take(direction)

    def _take(self, direction: Direction) -> None:
        source, target = self._ends[direction]
        if direction in self._mute and not self._has_left(source):
            time.sleep(0.002)  # its bytes pile up, but the end of its stream is noticed
            return
        data = b"" if direction in self._mute else source.recv(1 << 16)
        if not data:
            self._open.discard(direction)
            if direction in self._mute:
                self._open.clear()  # the other end waits without an answer
                return
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            return
        passed = len(self._link.sent[direction])
        self._link.sent[direction] += data
        fault = self._fault
        if fault is None or self._link.happened or direction is not fault.direction or fault.at > passed + len(data):
            self._forward(direction, data)
            return
        self._link.happened = True
        before = fault.at - passed
        self._forward(direction, data[:before])
        self._fail(fault, direction, target, data[before:])

    def _has_left(self, source: socket.socket) -> bool:
        poll = select.poll()
        poll.register(source, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _forward(self, direction: Direction, data: bytes) -> None:
        if data:
            with contextlib.suppress(OSError):  # that end is gone; the other one will hear of it when it has ended
                self._ends[direction][1].sendall(data)

    def _fail(self, fault: Fault, direction: Direction, target: socket.socket, rest: bytes) -> None:
        if fault.kind == "delay":
            self._stopping.wait(_DELAY)
        elif fault.kind == "cut":
            for source, _ in self._ends.values():
                with contextlib.suppress(OSError):
                    source.shutdown(socket.SHUT_WR)
            self._listen_to_the_end()
        elif fault.kind == "stall":
            self._mute.add(direction)
            return
        elif fault.kind == "reset":
            for source, _ in self._ends.values():
                _reset(source)
            raise _Ended
        elif fault.kind == "half close":
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            return
        elif fault.kind == "garbage":
            self._forward(direction, random.Random(fault.at).randbytes(_GARBAGE))
        elif fault.kind == "duplicate":
            self._forward(direction, bytes(self._link.sent[direction][max(0, fault.at - _AGAIN) : fault.at]))
        elif fault.kind == "drip":
            for place in range(min(len(rest), fault.drips)):
                self._forward(direction, rest[place : place + 1])
                self._stopping.wait(fault.pause)
            rest = rest[fault.drips :]
        self._forward(direction, rest)

    def _listen_to_the_end(self) -> None:
        """Neither end gets a reset because something it sent was not read."""
        sockets = [source for source, _ in self._ends.values()]
        deadline = time.monotonic() + _LONGEST
        while sockets and time.monotonic() < deadline and not self._stopping.is_set():
            for source in select.select(sockets, [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    if source.recv(1 << 16):
                        continue
                sockets.remove(source)
        raise _Ended


def _reset(connection: socket.socket) -> None:
    """Close so that the other end sees RST, not FIN."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
