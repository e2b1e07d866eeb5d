"""A listener that must leave nothing behind, and peers that speak to it byte by byte."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dcmsend.association import ReportLimits, ReportListener
from dcmsend.protocol import (
    AcceptanceTerms,
    AssociateRQ,
    Command,
    CommandReceived,
    Event,
    NEventReportRQ,
    PDataTF,
    PeerAborted,
    PresentationContext,
    PresentationDataValue,
    RoleSelection,
    UpperLayer,
    UserInformation,
    encode_command,
    encode_pdu,
)
from dcmsend.transfer import CommitmentAnswer
from dcmsend.transport import TlsClient
from protocol.messages import EXPLICIT_LITTLE, IMPLICIT_LITTLE, PUSH, PUSH_INSTANCE
from support.descriptors import open_descriptors
from support.processes import wait_until

TERMS = AcceptanceTerms("DCMSEND")
ECHO, REPORTING = 1, 3
LONG = 60.0
"""Seconds that a test waits for what has to come."""


class Taken:
    """What the run is given; ``status`` is answered."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.answers: queue.Queue[CommitmentAnswer] = queue.Queue()

    def __call__(self, answer: CommitmentAnswer) -> int:
        self.answers.put(answer)
        return self.status

    def next(self) -> CommitmentAnswer:
        return self.answers.get(timeout=LONG)


@contextmanager
def listening(
    taken: Taken | None = None,
    terms: AcceptanceTerms = TERMS,
    *,
    limits: ReportLimits | None = None,
    tls: TlsClient | None = None,
    expected: str | None = "ARCHIVE",
) -> Iterator[ReportListener]:
    """A listener on loopback; when it has closed, its thread and its sockets are gone, and so its port.

    The threads of peers of the test may take a little longer.
    """
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    listener = ReportListener(
        terms, taken or Taken(), 0, address="127.0.0.1", expected_ae_title=expected, tls=tls, limits=limits
    )
    try:
        listener.start()
        yield listener
        assert listener.error is None
    finally:
        listener.close()
        listener.close()
    assert "reports" not in {thread.name for thread in set(threading.enumerate()) - threads}
    wait_until(lambda: not set(threading.enumerate()) - threads, 30, "the end of all threads")
    assert {name for name in open_descriptors() - descriptors if "socket" in name or "epoll" in name} == set()


def warnings_of_ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings that we log; a peer of an earlier test may log some, too."""
    return [
        record.getMessage() for record in caplog.records
        if record.levelno == logging.WARNING and record.name.startswith("dcmsend.")
    ]  # fmt: skip


def request(called: str = "DCMSEND", calling: str = "ARCHIVE", *more: PresentationContext) -> AssociateRQ:
    contexts = (
        PresentationContext(ECHO, "1.2.840.10008.1.1", (IMPLICIT_LITTLE,)),
        PresentationContext(REPORTING, PUSH, (EXPLICIT_LITTLE,)),
    )
    return AssociateRQ(
        called, calling, contexts + more, UserInformation(16384, role_selections=(RoleSelection(PUSH, False, True),))
    )


def message(context_id: int, command: Command, *fragments: bytes) -> bytes:
    """A message in PDUs, one fragment each."""
    values = [PresentationDataValue(context_id, True, True, encode_command(command))]
    for number, fragment in enumerate(fragments, 1):
        values.append(PresentationDataValue(context_id, False, number == len(fragments), fragment))
    return b"".join(encode_pdu(PDataTF((value,))) for value in values)


def report(transaction_uid: str, number: int = 7) -> bytes:
    """A whole N-EVENT-REPORT that names no instance."""
    value = transaction_uid.encode() + b"\0" * (len(transaction_uid) & 1)
    data = b"\x08\x00\x95\x11UI" + len(value).to_bytes(2, "little") + value
    return message(REPORTING, NEventReportRQ(number, PUSH, PUSH_INSTANCE, 1), data)


class Caller:
    """A peer that sends what it likes, on our own UpperLayer; use it as a context manager."""

    def __init__(self, port: int, sock: socket.socket | None = None) -> None:
        self.sock = sock or socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(LONG)
        self.layer = UpperLayer(16384)
        self._events: list[Event] = []

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ask(self, asked: AssociateRQ | None = None) -> Event:
        """Send a request; the answer."""
        self.say(self.layer.send(asked or request()))
        return self.hear()

    def hear(self) -> Event:
        """The next event."""
        while not self._events:
            data = self.sock.recv(1 << 16)
            assert data, "the listener has closed the connection"
            self._events += self.layer.receive_data(data)
        return self._events.pop(0)

    def hear_command(self) -> Command:
        event = self.hear()
        assert isinstance(event, CommandReceived), event
        assert not isinstance(event.command, Exception)
        return event.command  # type: ignore[return-value]

    def hear_abort(self) -> None:
        assert isinstance(self.hear(), PeerAborted)

    def hear_end(self) -> bytes:
        """What comes until the listener closes; a reset is an end, too."""
        heard = bytearray()
        try:
            while data := self.sock.recv(1 << 16):
                heard += data
        except ConnectionResetError:
            pass
        return bytes(heard)

    def trickle(self, data: bytes) -> None:
        """Send byte by byte, until the listener does not take it any more, which is an OSError."""
        for byte in data:
            self.say(bytes([byte]))
            threading.Event().wait(0.02)

    def flood(self, data: bytes) -> None:
        """Send the same again and again, until the listener does not take it any more, which is an OSError."""
        while True:
            self.say(data)
