"""Another service, or none, at the address of a scheduler: one line says so, and the run neither hangs nor breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from dcmsend.cluster import ClusterOptions, ClusterUnusable
from dcmsend.cluster.link import Link
from dcmsend.cluster.reach import reach_scheduler
from support.programs import installed_dcmsend
from support.reading_judge import collected_log
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.trees import write_tree

NO_SCHEDULER = "this is no scheduler of Dask, or it wants TLS; check host and port, and how the scheduler was started"


def nothing() -> None:
    """The check of a run that nobody ends."""


@contextmanager
def service(first: bytes) -> Generator[int]:
    """A service that says something to each caller and then hangs up; as SSH does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.sendall(first)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def what_is_said(port: int, seconds: float = 60) -> str:
    address = f"tcp://127.0.0.1:{port}"
    with pytest.raises(ClusterUnusable) as caught:
        reach_scheduler(ClusterOptions(address), {}, seconds, nothing)
    assert not caught.value.is_permanent
    return str(caught.value).removeprefix(f"cannot use the cluster: {address}: ")


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", bytes(64), b"\x08" + bytes(15)])
def test_a_service_that_speaks_first(first: bytes) -> None:
    with service(first) as port:
        assert what_is_said(port) == NO_SCHEDULER


def test_a_receiver_of_dicom() -> None:
    with ScriptedPeer() as peer:
        assert what_is_said(peer.port).startswith(("this is no scheduler of Dask", "no scheduler of Dask answers"))


def test_a_service_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = what_is_said(server.getsockname()[1], seconds=0.5)
    assert said == "no scheduler of Dask answers within 0.5 s; check host and port, and whether it is alive"


def test_who_ends_the_run_does_not_wait_for_a_service_that_says_nothing() -> None:
    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(Ended):
        reach_scheduler(ClusterOptions(f"tcp://127.0.0.1:{server.getsockname()[1]}"), {}, 3600, end)


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 1)
    with service(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "--cluster", f"tcp://127.0.0.1:{port}", "--journal", tmp_path / "journal", "+sd",
            "+r", "127.0.0.1", peer.port, tmp_path / "tree",
        )  # fmt: skip
        assert not peer.connections
    assert done.exit_code == 61, done.stderr
    assert done.stderr.splitlines() == [f"F: cannot use the cluster: tcp://127.0.0.1:{port}: {NO_SCHEDULER}"]


def test_a_scheduler_that_is_waited_for_is_told_of_once() -> None:
    """Or nobody would know why the run does nothing for an hour."""
    calls = count(1)

    class Ended(Exception):
        pass

    def end_after_some_attempts() -> None:
        if next(calls) > 25:
            raise Ended

    link = Link(ClusterOptions("tcp://127.0.0.1:1"), None, lambda attempt, how: None)
    with collected_log() as lines, pytest.raises(Ended):
        link.open(end_after_some_attempts, 60, 3600)
    (line,) = [each for each in lines if each.startswith("W: ")]
    assert "is the scheduler running" in line
    assert line.endswith(", waiting up to 3600 s for the scheduler")


def test_a_scheduler_that_is_not_waited_for() -> None:
    link = Link(ClusterOptions("tcp://127.0.0.1:1"), None, lambda attempt, how: None)
    with collected_log() as lines, pytest.raises(ClusterUnusable, match="is the scheduler running"):
        link.open(nothing, 60, 0)
    assert lines == []
