"""Answers to messages that have not gone out, or not completely: they count for nothing and end the association."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dcmsend import Peer, Reason, StoreOutcome, TransferOptions, send
from dcmsend.errors import RemoteProtocolError, SendingFailed
from support import wire
from support.peer_script import GARBAGE, Respond, Script, Send
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, run_transfer, send_all, write_instances, write_large
from support.window_peer import Link, Request, WindowPeer, in_order, window_item

from .test_responses import response

FIRST_ASSOCIATION = ["request", "store 1", "abort 0 0"]


@pytest.mark.parametrize("statuses", [(0, 0), (0, 0xA700), (0xB000, 0)])
def test_answers_to_all_after_the_first_message(tmp_path: Path, statuses: tuple[int, int]) -> None:
    """Only what the peer has counts: the others go out on an association of their own."""
    lies = b"".join(response(number, status) for number, status in enumerate(statuses, start=2))
    sent = send_all(write_instances(tmp_path, 3), Script(stores={1: Send(response(1) + lies)}), Script())
    assert sent.results == ["stored"] * 3
    assert sent.courses == [FIRST_ASSOCIATION, ["request", "store 1", "store 2", "release"]]
    assert [store.sop_instance_uid for store in sent.peer.stores] == [instance_uid(number) for number in (1, 2, 3)]


def test_answers_to_all_after_the_first_message_halt_the_run(tmp_path: Path) -> None:
    sent = send_all(
        write_instances(tmp_path, 3), Script(stores={1: Send(response(1) + response(2) + response(3))}), halt=True
    )
    assert sent.results == ["stored", "not attempted", "not attempted"]
    assert isinstance(sent.error, SendingFailed)
    assert isinstance(sent.error.cause, RemoteProtocolError)
    assert "message 2, which was not sent" in str(sent.error.cause)
    assert len(sent.peer.stores) == 1


def test_early_answers_that_wait_in_the_socket(tmp_path: Path) -> None:
    """They come one by one, while the caller takes its time with the first outcome."""
    with ScriptedPeer(Script(stores={1: Respond()}), Script()) as peer:
        outcomes: list[StoreOutcome] = []
        for outcome in send(write_instances(tmp_path, 3), Peer("127.0.0.1", peer.port)):
            outcomes.append(outcome)
            if len(outcomes) == 1:
                for number in (2, 3):
                    peer._sockets[0].sendall(response(number))
                    time.sleep(0.05)
    assert [outcome.result.value for outcome in outcomes] == ["stored"] * 3
    assert [outcome.association for outcome in outcomes] == [1, 2, 2]
    assert len(peer.stores) == 3


@pytest.mark.parametrize("number", [0, 3, 4, 77, 65535])
def test_answer_to_a_message_that_never_was(tmp_path: Path, number: int) -> None:
    """Instead of the answer: the instance is unconfirmed.  Behind the answer: the next one is not begun."""
    instead = send_all(write_instances(tmp_path / "a", 3), Script(stores={2: Send(response(number))}), Script())
    assert instead.results == ["stored", "unconfirmed", "stored"]
    assert instead.courses[0] == ["request", "store 1", "store 2", "abort 0 0"]
    behind = send_all(
        write_instances(tmp_path / "b", 3), Script(stores={2: Send(response(2) + response(number))}), Script()
    )
    assert behind.results == ["stored"] * 3
    assert [outcome.association for outcome in behind.outcomes] == [1, 1, 2]


def test_second_answers_do_not_hide_an_early_one(tmp_path: Path) -> None:
    sent = send_all(
        write_instances(tmp_path, 3), Script(stores={1: Send(response(1) * 30 + response(2))}), Script()
    )
    assert sent.results == ["stored"] * 3
    assert len(sent.peer.stores) == 3


@pytest.mark.parametrize("number", [1, 3])
def test_window(tmp_path: Path, number: int) -> None:
    """With several requests in flight: what was answered in order before counts, what is in flight is unconfirmed."""

    def lie(link: Link, held: list[Request]) -> None:
        if link.number > 1 or len(link.requests) < 6:
            return in_order(link, held)
        ahead = Request(1, len(link.requests) + number, 1, held[0].sop_class_uid, "1.2.3", 0)
        link.respond_at_once(held[0], ahead)
        return None

    with WindowPeer(lie, hold=3, quiet=2.0) as peer:
        outcomes = list(send(
            write_instances(tmp_path, 12), Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(async_window=3, acse_timeout=10, halt_on_failure=False),
        ))  # fmt: skip
    true = {request.sop_instance_uid: bool(request.statuses) for request in peer.requests}
    assert len(peer.requests) == len(true), "something was sent twice"
    for outcome in outcomes:
        uid = outcome.instance.sop_instance_uid
        assert (outcome.result.value == "stored") is true.get(uid, False), outcome
    assert len(peer.links) == 2
    assert [outcome.result.value for outcome in outcomes].count("unconfirmed") in (2, 3)


@pytest.mark.parametrize("halt", [False, True])
def test_success_before_the_end_of_the_data_set(tmp_path: Path, halt: bool) -> None:
    """The peer says that it has stored what it cannot have.  A refusal may come early, and is taken."""
    files = [write_large(tmp_path / "large", 32 << 20), *write_instances(tmp_path, 1)]
    sent = send_all(files, Script(during={1: (10, Respond())}), Script(), halt=halt, tcp_buffer_length=65536)
    assert sent.results == ["failed", "not attempted" if halt else "stored"]
    first = sent.outcomes[0]
    assert (first.status, first.reason and first.reason.value) == (None, "protocol error")
    assert "has not been sent completely" in first.message
    assert not sent.peer.stores[0].complete
    refused = send_all(files, Script(during={1: (10, Respond(0xA700))}), halt=halt, tcp_buffer_length=65536)
    assert [outcome.status for outcome in refused.outcomes] == [0xA700, 0]
    assert len(refused.courses) == 1


def test_success_before_the_end_of_a_data_set_that_is_sent_slowly(tmp_path: Path) -> None:
    """A single system call would send it, but the rate is limited."""
    files = [write_large(tmp_path / "large", 200_000)]
    sent = send_all(files, Script(during={1: (10, Respond())}), max_rate=400_000)
    assert sent.results == ["failed"]
    assert not sent.peer.stores[0].complete


@pytest.mark.parametrize("limit", [0, 50_000_000], ids=["at once", "slowly"])
def test_abort_before_the_end_of_the_data_set(tmp_path: Path, limit: int) -> None:
    """The peer reads on until the connection is closed, as PS3.8 asks: it cannot have the instance, it gets no more."""
    files = [write_large(tmp_path / "large", 32 << 20), *write_instances(tmp_path, 1)]
    aborting = Script(during={1: (10, Send(wire.abort(0, 0)))})
    sent = send_all(files, aborting, Script(), tcp_buffer_length=65536, max_rate=limit)
    assert sent.results == ["failed", "stored"]
    assert sent.outcomes[0].reason is Reason.ABORTED
    assert not sent.peer.stores[0].complete
    assert sent.courses[0] == ["request"]


@pytest.mark.parametrize("kind", ["abort", "close"])
def test_the_peer_ends_it_while_others_wait_for_their_answers(tmp_path: Path, kind: str) -> None:
    """One is sent completely, the other is not: the peer may have the first, and not the second."""
    large = write_large(tmp_path / "large", 32 << 20)

    def never(link: Link, held: list[Request]) -> None:
        raise AssertionError

    class Ending(WindowPeer):
        """Ends its side in the middle of the second instance, and reads on."""

        def _take(self, link: Link, *rest: Any) -> None:
            super()._take(link, *rest)
            link.held.clear()
            wire.receive_pdu(link.connection)
            if kind == "abort":
                link.abort()
            link.close()

    with Ending(never) as peer:
        outcomes, _ = run_transfer(send(
            [*write_instances(tmp_path, 1), large],
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(
                acse_timeout=10, async_window=2, tcp_buffer_length=65536, halt_on_failure=False
            ),
        ))  # fmt: skip
    assert [outcome.result.value for outcome in outcomes] == ["unconfirmed", "failed"]
    reason = Reason.ABORTED if kind == "abort" else Reason.CONNECTION_LOST
    assert {outcome.reason for outcome in outcomes} == {reason}


@pytest.mark.parametrize("end", [wire.abort(0, 0), GARBAGE.data], ids=["abort", "violation"])
def test_refusal_and_abort_before_the_end_of_the_data_set(tmp_path: Path, end: bytes) -> None:
    """The refusal counts, and it gets no more."""
    files = [write_large(tmp_path / "large", 32 << 20), *write_instances(tmp_path, 1)]
    refusing = Script(during={1: (10, Send(response(1, 0x0124) + end))})
    sent = send_all(files, refusing, Script(), tcp_buffer_length=65536)
    assert sent.results == ["refused", "stored"]
    first = sent.outcomes[0]
    assert (first.status, first.reason, first.is_retryable) == (0x0124, None, False)
    assert not sent.peer.stores[0].complete


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("how", ["close", "stop"])
def test_refusal_of_a_peer_that_does_not_read_to_the_end(tmp_path: Path, how: str, halt: bool) -> None:
    """It is the answer, and worth more than how the sending ended."""
    large = write_large(tmp_path / "large", 32 << 20)
    with HastyPeer(0x0124, closes=how == "close") as peer:
        outcomes, error = run_transfer(send(
            [large],
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(acse_timeout=5, idle_timeout=0.8, tcp_buffer_length=65536, halt_on_failure=halt),
        ))  # fmt: skip
    assert [(outcome.result.value, outcome.status) for outcome in outcomes] == [("refused", 0x0124)]
    assert isinstance(error, SendingFailed) is halt


def test_success_of_a_peer_that_does_not_read_to_the_end(tmp_path: Path) -> None:
    """It cannot have the instance."""
    large = write_large(tmp_path / "large", 32 << 20)
    with HastyPeer(0, closes=True) as peer:
        outcomes, _ = run_transfer(send(
            [large],
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(acse_timeout=5, tcp_buffer_length=65536, halt_on_failure=False),
        ))  # fmt: skip
    assert [(outcome.result.value, outcome.status) for outcome in outcomes] == [("failed", None)]


class HastyPeer:
    """Answers the first request as soon as it has its command, and reads nothing more; the system takes data.

    ``closes``: whether it then closes the connection.
    ``end``: what it says after the answer.
    ``window``: the window that it grants, as a sub-item.
    """

    def __init__(
        self, status: int, *, closes: bool = False, end: bytes = b"", window: bytes = b"", patience: float = 0.5
    ) -> None:
        self._answer = response(1, status) + end
        self._patience = patience
        self._window = window
        self._closes = closes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> HastyPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            message = wire.receive_pdu(connection)
            assert message is not None
            request = wire.parse_associate_request(message)
            results = [(context.id, 0, context.transfer_syntaxes[0]) for context in request.contexts]
            connection.sendall(wire.associate_accept(request, results, 16384, self._window))
            wire.receive_pdu(connection)
            self._done.wait(self._patience)  # the sender has handed over all of it
            connection.sendall(self._answer)
            if not self._closes:
                self._done.wait(30)


@pytest.mark.parametrize(("status", "expected"), [(0, "unconfirmed"), (0xB007, "unconfirmed"), (0xA700, "refused")])
def test_success_while_our_system_still_has_the_data_set(tmp_path: Path, status: int, expected: str) -> None:
    """It was handed over completely, and most of it has never left this computer."""
    large = write_large(tmp_path / "large", 2 << 20)
    with HastyPeer(status) as peer:
        transfer = send(
            [large],
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(acse_timeout=1, dimse_timeout=20, halt_on_failure=False),
        )
        outcomes = list(transfer)
    assert [outcome.result.value for outcome in outcomes] == [expected]


@pytest.mark.parametrize("end", [wire.abort(0, 0), b""], ids=["abort", "silence"])
def test_success_while_our_system_still_has_it_and_the_next_one_breaks(tmp_path: Path, end: bytes) -> None:
    """The way in which the association ends makes no impossible answer true."""
    files = [write_large(tmp_path / "first", 2 << 20, 1), write_large(tmp_path / "second", 32 << 20, 2)]
    with HastyPeer(0, end=end, window=window_item(2), patience=2.0) as peer:
        outcomes, _ = run_transfer(send(
            files,
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(acse_timeout=1, idle_timeout=5, async_window=2, halt_on_failure=False),
        ))  # fmt: skip
    assert [outcome.result.value for outcome in outcomes] == ["unconfirmed", "failed"]
