"""Peers that say nothing, take nothing, or never stop talking: everything ends, and in the time that was given."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dcmsend import Peer, TransferOptions, send
from dcmsend.errors import AssociationAborted, SendingFailed, TimedOut
from support import wire
from support.peer_script import Abort, Respond, Script, Silence
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, send_all, write_instances, write_large
from support.stalling_peer import StallingPeer
from support.trickling_peer import TricklingPeer

LARGE = 24 * 1024 * 1024
FOR_EVER = 3600.0


def send_to(port: int, files: list[Path], **options: float) -> tuple[list[tuple[str, str]], object]:
    transfer = send(
        files,
        Peer("127.0.0.1", port),
        transfer=TransferOptions(halt_on_failure=True, **options),  # type: ignore[arg-type]
    )
    outcomes, error = run_transfer(transfer)
    return [(each.result.value, each.reason.value if each.reason else "") for each in outcomes], error


def test_no_answer_in_the_time_for_a_response(tmp_path: Path) -> None:
    sent = send_all(
        write_instances(tmp_path, 2), Script(stores={1: Silence()}), halt=True, dimse_timeout=0.1, idle_timeout=FOR_EVER
    )
    assert sent.reasons == ["timed out", "halted"]
    assert isinstance(sent.error, SendingFailed)
    assert isinstance(sent.error.cause, TimedOut)
    assert sent.error.cause.seconds == 0.1
    assert str(sent.error.cause) == "DIMSE No data available (timeout in non-blocking mode)"
    assert sent.courses == [["request", "store 1", "abort 0 0"]]


def test_no_answer_in_the_idle_time(tmp_path: Path) -> None:
    """Where nobody has limited the wait for a response, silence ends it all the same."""
    sent = send_all(write_instances(tmp_path, 2), Script(stores={1: Silence()}), halt=True, idle_timeout=0.1)
    assert sent.reasons == ["timed out", "halted"]


def test_the_time_for_a_response_may_be_longer_than_the_idle_time(tmp_path: Path) -> None:
    """A peer that works on a large instance for longer than the idle time."""
    script = Script(stores={1: Respond(delay=0.4)})
    sent = send_all(write_instances(tmp_path, 2), script, halt=True, dimse_timeout=30, idle_timeout=0.1)
    assert sent.results == ["stored", "stored"]


def test_slow_line_is_not_taken_for_a_silent_peer(tmp_path: Path) -> None:
    """Both the data, megabytes of which the system keeps for us, and the answer take longer than the idle time."""
    begin = time.monotonic()
    with TricklingPeer(step=50_000, pause=0.03) as peer:
        results, error = send_to(peer.port, [write_large(tmp_path / "x", 6_000_000)], idle_timeout=1.5)
    assert (results, error) == ([("stored", "")], None)
    assert time.monotonic() - begin > 2 * 1.5


@pytest.mark.parametrize("window", [1, 4])
def test_slow_line_that_comes_to_a_stop(tmp_path: Path, window: int) -> None:
    """All is with the system, and the peer takes no more of it."""
    with TricklingPeer(step=50_000, pause=0.001, stop_after=300_000) as peer:
        files = [write_large(tmp_path / "x", 500_000), *write_instances(tmp_path, 1)]
        asked = window if window > 1 else 0
        results, _ = send_to(peer.port, files, idle_timeout=0.3, acse_timeout=3, async_window=asked)
    assert results == [("unconfirmed", "timed out"), ("not attempted", "halted")]


def test_peer_that_takes_no_data(tmp_path: Path) -> None:
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    with StallingPeer() as peer:
        results, error = send_to(peer.port, files, idle_timeout=0.2)
    assert results == [("failed", "timed out"), ("not attempted", "halted")]
    assert isinstance(error, SendingFailed)
    assert isinstance(error.cause, TimedOut)
    assert error.cause.waited_for == "the peer to take data"


def test_peer_that_takes_no_data_and_has_said_why(tmp_path: Path) -> None:
    """An A-ABORT that lies unread in our socket is a better reason than the time that has passed."""
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    with StallingPeer(last_words=wire.abort(2, 1)) as peer:
        results, error = send_to(peer.port, files, idle_timeout=0.2)
    assert results == [("failed", "aborted by peer"), ("not attempted", "halted")]
    assert isinstance(error, SendingFailed)
    assert isinstance(error.cause, AssociationAborted)
    assert (error.cause.source, error.cause.reason) == (2, 1)


def test_peer_that_aborts_in_the_middle_of_a_large_instance(tmp_path: Path) -> None:
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    sent = send_all(files, Script(during={1: (100_000, Abort(0, 0))}), halt=True)
    assert sent.results == ["failed", "not attempted"]
    assert sent.reasons[0] in ("aborted by peer", "connection lost")  # a reset may overtake the abort


def test_peer_that_does_not_close_after_our_abort(tmp_path: Path) -> None:
    script = Script(stores={1: Silence()}, close_after_abort=False)
    sent = send_all(write_instances(tmp_path, 1), script, halt=True, dimse_timeout=0.05, acse_timeout=2)
    assert sent.reasons == ["timed out"]
    assert sent.courses == [["request", "store 1", "abort 0 0"]]


class Babbler(ScriptedPeer):
    """Sends one and the same PDU without end as soon as it has got an instance, and reads on as well."""

    def __init__(self, babble: bytes) -> None:
        super().__init__(Script(other_stores=Silence(), close_after_abort=False))
        self._babble = babble * 500
        self._talker = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> Babbler:
        super().__enter__()
        self._talker.start()
        return self

    def stop(self) -> None:
        super().stop()
        self._talker.join(30)
        assert not self._talker.is_alive()

    def _talk(self) -> None:
        while not self._stopping.wait(0.001):
            if self.connections and "store 1" in self.connections[0].course:
                break
        try:
            while not self._stopping.is_set():
                self._sockets[0].sendall(self._babble)
        except OSError:
            return


def command(message_id: int, field: int = wire.C_STORE_RSP) -> bytes:
    elements = {
        wire.COMMAND_FIELD: field,
        wire.MESSAGE_ID_RESPONDED_TO: message_id,
        wire.DATA_SET_TYPE: wire.NO_DATA_SET,
        wire.STATUS: 0,
    }
    return wire.command_pdu(1, wire.encode_command(dict(elements)))


UNASKED = wire.pdu(wire.P_DATA, b"\0\0\x01\x02\x01\x00" + bytes(256))


@pytest.mark.parametrize("limit", ["dimse_timeout", "idle_timeout"])
def test_peer_that_never_stops_talking(tmp_path: Path, limit: str) -> None:
    """Neither the wait for the answer nor that for the close after A-ABORT is without end, and memory does not grow."""
    with Babbler(UNASKED) as peer:
        results, error = send_to(peer.port, write_instances(tmp_path, 2), acse_timeout=2, **{limit: 0.2})
    assert results == [("unconfirmed", "timed out"), ("not attempted", "halted")]
    assert isinstance(error, SendingFailed)


def test_peer_whose_command_never_ends(tmp_path: Path) -> None:
    """It does not have to be waited for."""
    with Babbler(wire.pdu(wire.P_DATA, b"\0\0\0\x02\x01\x01")) as peer:
        results, _ = send_to(peer.port, write_instances(tmp_path, 2), acse_timeout=2, idle_timeout=30)
    assert results == [("unconfirmed", "protocol error"), ("not attempted", "halted")]


def test_peer_that_answers_the_first_instance_for_ever(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)
    with Babbler(command(1)) as peer:
        results, _ = send_to(peer.port, files, dimse_timeout=0.7, acse_timeout=2)
    assert results == [("stored", ""), ("unconfirmed", "timed out"), ("not attempted", "halted")]


def test_abort_is_heard_while_the_peer_never_stops_talking(tmp_path: Path) -> None:
    with Babbler(UNASKED) as peer:
        transfer = send(write_instances(tmp_path, 2), Peer("127.0.0.1", peer.port))

        def abort_while_it_talks() -> None:
            wait_until(lambda: bool(peer.connections) and "store 1" in peer.connections[0].course, 30, "an instance")
            time.sleep(0.1)
            transfer.abort()

        killer = threading.Thread(target=abort_while_it_talks)
        killer.start()
        outcomes, _ = run_transfer(transfer)
        killer.join()
    assert [each.result.value for each in outcomes] == ["unconfirmed", "not attempted"]
