"""A Storage SCP that records what it has, and misbehaves as a night wants.

It shares no code with the package under test.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from support import wire
from support.messages import Message, received_messages

__all__ = ["MOODS", "Receiver", "Stored"]

MOODS: Mapping[str, Mapping[str, float]] = {
    "good": {},
    "rough": {"close": 0.03, "reset": 0.02, "abort": 0.03, "silent close": 0.03, "0xA700": 0.04, "0x0110": 0.02},
    "strict": {"0xA900": 0.1, "0xC000": 0.1, "0xB000": 0.1, "0xA700": 0.05},
    "full": {"0xA700": 1.0},
    "slow": {"wait": 0.3},
    "rejects": {"rejection": 0.6},
    "absent": {},
}
"""Misbehaviours for messages and associations, and their probabilities; otherwise the answer is 0000."""

Stored = tuple[str, str]
"""SOP Instance UID, and SHA-256 of the data set."""


@dataclass
class Record:
    """The results of one night.

    Attributes:
        accepted: instances answered, or about to be answered, with success or a warning.
        successes: those answered with 0000.
        messages: number of complete messages; ``last`` is the SOP Instance UID of the last one.
    """

    accepted: set[Stored] = field(default_factory=set)
    successes: set[Stored] = field(default_factory=set)
    messages: int = 0
    last: str = ""
    fates: Counter[str] = field(default_factory=Counter)


class _Dropped(Exception):
    """The receiver has ended the connection."""


class Receiver:
    """Listens on 127.0.0.1 until it is closed.

    Attributes:
        ever: the record of all nights; ``tonight`` is begun by ``begin_night``.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self._mood: Mapping[str, float] = {}
        self._tells_duplicates = False
        self.ever, self.tonight = Record(), Record()
        self.port = 0
        self._listener: socket.socket | None = None
        self._listen()

    def begin_night(self, mood: str, *, tells_duplicates: bool) -> None:
        """Behave like this from now on; with ``tells_duplicates`` a known instance is answered 0111."""
        with self._lock:
            self._mood = MOODS[mood]
            self._tells_duplicates = tells_duplicates
            self.tonight = Record()
        self.close()
        if mood != "absent":
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Stop listening until the next night begins."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _draw(self, *, is_association: bool) -> str:
        """Choose a misbehaviour; empty for none."""
        with self._lock:
            at = self._chance.random()
            for fate, share in self._mood.items():
                if (fate == "rejection") == is_association:
                    if at < share:
                        self.tonight.fates[fate] += 1
                        return fate
                    at -= share
        return ""

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, wire.WireError, _Dropped):
            request = wire.receive_pdu(connection)
            if request is None or request.type != wire.ASSOCIATE_RQ:
                return
            if self._draw(is_association=True):
                connection.sendall(wire.associate_reject(2, 3, 1))
                connection.recv(1)
                return
            asked = wire.parse_associate_request(request)
            results = [(context.id, 0, context.transfer_syntaxes[0]) for context in asked.contexts]
            connection.sendall(wire.associate_accept(asked, results, 16384))
            self._take_messages(connection)

    def _take_messages(self, connection: socket.socket) -> None:
        for message in received_messages(connection, with_digest=True):
            self._decide(connection, message)

    def _decide(self, connection: socket.socket, message: Message) -> None:
        fate = self._draw(is_association=False)
        uid = message.sop_instance_uid
        status = int(fate, 16) if fate.startswith("0x") else 0
        with self._lock:
            self.tonight.messages += 1
            self.tonight.last = uid
            self.ever.messages += 1
            if self._tells_duplicates and not status and any(uid == known for known, _ in self.ever.accepted):
                status = 0x0111
        if fate in ("close", "reset"):  # the instance is not kept
            if fate == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Dropped
        if status in (0, 0xB000):
            self._keep((uid, message.digest), status)
        if fate == "abort":
            connection.sendall(wire.abort(0, 0))
            raise _Dropped
        if fate == "silent close":
            raise _Dropped
        if fate == "wait":
            time.sleep(0.05)
        connection.sendall(message.store_response(status))

    def _keep(self, what: Stored, status: int) -> None:
        """Record the instance before the answer, which may be lost, is sent."""
        with self._lock:
            for record in (self.ever, self.tonight):
                record.accepted.add(what)
                if status == 0:
                    record.successes.add(what)
