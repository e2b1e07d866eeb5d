"""A Storage SCP that refuses, stalls and drops at random, as a program of its own.

    python unreliable_peer.py SEED

It prints its port, serves until its standard input ends, and then prints as JSON how often it has answered success for
each SOP Instance UID, and how often each fault has happened.  It shares no code with the package under test.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from support import wire
from support.messages import Message, received_messages

__all__ = ["STALL_SECONDS", "UnreliablePeer", "is_refused_for_good"]

STALL_SECONDS = 0.6
"""A sender with shorter patience loses the answer."""

_FATES = (
    ("success", 0.977), ("out of resources", 0.002), ("processing failure", 0.006), ("stall", 0.001), ("close", 0.004),
    ("reset", 0.004), ("abort", 0.004), ("no answer, then close", 0.002),
)  # fmt: skip
_REJECTIONS = 0.1


def is_refused_for_good(sop_instance_uid: str) -> bool:
    """Whether this instance always gets 0xA900."""
    return int(sop_instance_uid.rpartition(".")[2]) % 97 == 0


class _Dropped(Exception):
    """The peer has ended the connection."""


class UnreliablePeer:
    """Listens on 127.0.0.1; each connection is served by a thread.

    Attributes:
        port: where it listens.
        stored: how often success was answered, by SOP Instance UID.
        fates: how often it did what.
    """

    def __init__(self, seed: int) -> None:
        self.stored: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Accept until ``close``."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _draw(self) -> float:
        with self._lock:
            return self._chance.random()

    def _choose(self) -> str:
        with self._lock:
            (fate,) = self._chance.choices([name for name, _ in _FATES], [share for _, share in _FATES])
        return fate

    def _note(self, fate: str) -> None:
        with self._lock:
            self.fates[fate] += 1

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, wire.WireError, _Dropped):
            request = wire.receive_pdu(connection)
            if request is None or request.type != wire.ASSOCIATE_RQ:
                return
            if self._draw() < _REJECTIONS:
                self._note("rejection")
                connection.sendall(wire.associate_reject(2, 3, 1))
                connection.recv(1)
                return
            asked = wire.parse_associate_request(request)
            results = [(context.id, 0, context.transfer_syntaxes[0]) for context in asked.contexts]
            connection.sendall(wire.associate_accept(asked, results, 16384))
            self._note("association")
            self._take_messages(connection)

    def _take_messages(self, connection: socket.socket) -> None:
        for message in received_messages(connection):
            self._decide(connection, message)

    def _decide(self, connection: socket.socket, message: Message) -> None:
        fate = self._choose()
        self._note(fate)
        uid = message.sop_instance_uid
        if fate == "abort":
            connection.sendall(wire.abort(0, 0))
        if fate == "no answer, then close":
            time.sleep(0.1)
        if fate == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fate in ("abort", "close", "reset", "no answer, then close"):
            raise _Dropped
        if fate == "stall":
            time.sleep(STALL_SECONDS)
        status = {"out of resources": 0xA700, "processing failure": 0x0110}.get(fate, 0)
        if status == 0 and is_refused_for_good(uid):
            status = 0xA900
        if status == 0:
            with self._lock:
                self.stored[uid] += 1  # before the answer: it may be lost, the instance is not
        connection.sendall(message.store_response(status))


def main() -> None:
    peer = UnreliablePeer(int(sys.argv[1]))
    threading.Thread(target=peer.serve, daemon=True).start()
    print(peer.port, flush=True)
    sys.stdin.read()
    peer.close()
    print(json.dumps({"stored": peer.stored, "fates": peer.fates}), flush=True)


if __name__ == "__main__":
    main()
