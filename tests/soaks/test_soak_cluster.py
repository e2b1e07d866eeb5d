"""A short run of ``scripts/soak_cluster``, and that its checks find what they are there to find."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from soak.cluster.main import ORDER
from soak.cluster.night import KINDS, Done, Night, Row
from soak.cluster.promises import broken_after_night, broken_at_the_end, surplus_allowed
from soak.cluster.receiver import Receiver

from support.cheating import cheating_program
from support.processes import wait_until
from support.soaking import play_soaks

A, B = "1.2.1", "1.2.2"
UIDS = {"in/a": A, "in/b": B}
STORED = {A: "stored", B: "stored"}
WORKERS = 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_promise_is_broken() -> None:
    """A worker killed, the driver drained and aborted, a host that nobody reaches: all while something is sent.

    The other kinds have real programs of a cluster, too, in ``cluster/test_handover.py`` (the driver killed, the
    scheduler killed, with and without another one) and ``cluster/test_command.py`` (drained).
    """
    kinds = ("worker", "abort", "partition")
    short = ("--seed", "7663", "--workers", "2", "--files", "300", *(f"--kind={kind}" for kind in kinds))
    # The host is stopped on a cluster of its own, whose scheduler gives up a worker after 5 s (Dask's least) and looks
    # each second: it has done so before the host goes on.  The workers of the other rounds are given up only if killed.
    lines = ("2", *short), ("--round", "3", *short, "--partition", "10", "--ttl", "1")
    parts = play_soaks("soak_cluster", lines, timeout=580)
    for done in parts:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "seed 7663" in done.stdout
    told = "".join(done.stdout for done in parts)
    assert tuple(line.split(": ")[1] for line in told.splitlines() if line.startswith("round ")) == kinds
    assert "2 rounds, " in parts[0].stdout
    assert "1 rounds, " in parts[1].stdout
    for kind in kinds:
        assert f"{kind} 1" in told


CHEATS = {
    "UPDATE instance SET sop_instance_uid = '1.2.3'": "calls stored what the receiver has never got",
    "UPDATE instance SET outcome = 3": "60 instances came once more",
    "DELETE FROM instance": "reported as stored, in the journal None",
}
"""What is done to the journal, and the promise that it breaks."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path) -> None:
    """One that calls stored what it has never sent, one that sends everything again, and one that forgets.

    It sends from here, not over the cluster, which saves a start of Dask for each night.
    """
    first, second, third = CHEATS
    cheats = ("", first), (second, ""), ("", third)
    other = cheating_program(tmp_path / "other", *cheats, leaves_out="--cluster")
    calm = ("--kind", "calm", "--workers", "1", "--files", "60")
    (done,) = play_soaks("soak_cluster", [(str(len(CHEATS)), "--seed", "7", *calm, "--dcmsend", other)], timeout=580)
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.split(r"^round \d BREAKS A PROMISE", done.stdout, flags=re.MULTILINE)[1:]
    assert len(found) == len(CHEATS), done.stdout
    for told, promise in zip(found, CHEATS.values(), strict=True):
        assert promise in told, done.stdout


def test_associations_whose_senders_are_gone_are_not_open() -> None:
    """The receiver counts associations, not its own threads that have not read so far."""
    receiver = Receiver(0.0)
    try:
        first, second = (socket.create_connection(("127.0.0.1", receiver.port), 10) for _ in range(2))
        with first, second:
            for one in (first, second):
                one.sendall(_request())
                assert one.recv(1) == b"\2"
            assert receiver.most == 2
        wait_until(lambda: receiver.is_quiet, 30, "the end of both")
        receiver.forget_most()
        with socket.create_connection(("127.0.0.1", receiver.port), 10) as third:
            third.sendall(_request())
            assert third.recv(1) == b"\2"
        assert receiver.most == 1
    finally:
        receiver.close()


def _request() -> bytes:
    """An A-ASSOCIATE-RQ with one context."""

    def item(kind: int, value: bytes) -> bytes:
        return bytes((kind, 0)) + len(value).to_bytes(2, "big") + value

    context = item(0x20, b"\1\0\0\0" + item(0x30, b"1.2.840.10008.1.1") + item(0x40, b"1.2.840.10008.1.2"))
    user = item(0x50, item(0x51, bytes(4)) + item(0x52, b"1.2"))
    titles = b"A".ljust(16) + b"B".ljust(16)
    body = b"\0\1\0\0" + titles + bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return b"\1\0" + len(body).to_bytes(4, "big") + body


# --- forged nights


def night(
    words: Mapping[str, str] | None = None,
    code: int = 0,
    *,
    kind: str = "worker",
    lines: Mapping[str, str] | None = None,
    told: int | None = None,
    already: int = 0,
    signal: str = "",
    limit: int = 0,
    most: int = WORKERS,
) -> Done:
    """A night whose reports say ``words``, by path."""
    told_words = {"in/a": "stored", "in/b": "stored"} if words is None else words
    rows = {path: Row(word, UIDS.get(path, "1.9")) for path, word in told_words.items()}
    document: dict[str, Any] = {
        "exit": {"code": code if told is None else told}, "instances": [*rows], "totals": {"already_stored": already},
    }  # fmt: skip
    in_lines = rows if lines is None else {path: Row(word, UIDS[path]) for path, word in lines.items()}
    plan = Night(1, kind, limit=limit, signal=signal)
    return Done(plan, 1, code, "", document, rows, in_lines, len(rows), most, 1.0)


def broken(
    done: Done, after: Mapping[str, str] = STORED, there: Mapping[str, int] | None = None, *,
    before: Mapping[str, str] | None = None, there_before: tuple[str, ...] = (), surplus: int | None = None,
) -> list[str]:  # fmt: skip
    allowed = surplus_allowed(done, WORKERS) if surplus is None else surplus
    come = dict.fromkeys(UIDS.values(), 1) if there is None else there
    return broken_after_night(
        done, before or {}, after, there_before, come, UIDS, workers=WORKERS, surplus=allowed
    )  # fmt: skip


def test_good_nights_break_nothing() -> None:
    assert broken(night()) == []
    assert broken(night(), there={A: 258, B: 1}) == []  # a group that was not told, and one in flight
    assert broken(night(kind="partition", most=WORKERS + 1), there={A: 1, B: 2}) == []
    half = {"in/a": "stored", "in/b": "not_attempted"}
    assert broken(night(half, 130, kind="drain", signal="INT"), {A: "stored"}, {A: 1}) == []
    half["in/b"] = "unconfirmed"
    for one in (night(half, 61, kind="scheduler gone"), night(half, 143, kind="abort", signal="TERM")):
        assert broken(one, {A: "stored", B: "unconfirmed"}) == []
        assert broken(one, {A: "stored"}, {A: 1}) == []
    killed = replace(night({}, -9, kind="driver"), document=None)
    assert broken(killed, {A: "stored"}) == []
    rest = night({"in/b": "stored"}, kind="", already=1)
    assert broken(rest, before={A: "stored"}, there_before=(A,)) == []
    idle = replace(night({}, kind="", already=2), begun=0)
    assert broken_at_the_end(idle, STORED, {A: 1, B: 1}, (A, B)) == []


@pytest.mark.parametrize(
    ("done", "states", "promise"),
    [
        (night(), {"there": {A: 1}}, "the journal calls stored what the receiver has never got: 1.2.2"),
        (night(), {"there": {A: 1}, "after": {A: "stored"}}, "a report calls stored what the receiver has never got"),
        (night(), {"there": {A: 259, B: 1}}, "258 instances came once more, at most 257 may"),
        (night(kind="drain"), {"there": {A: 2, B: 1}}, "1 instances came once more, at most 0 may"),
        (night(kind="driver"), {"there": {A: 2, B: 1}}, "1 instances came once more, at most 0 may"),
        (night(kind="abort", limit=2), {"there": {A: 4, B: 1}}, "3 instances came once more, at most 2 may"),
        (night(most=4), {}, "4 associations at the same time, at most 3 may be"),
        (night(most=2, limit=1), {}, "2 associations at the same time, at most 1 may be"),
        (night(most=5, limit=5, kind="partition"), {}, "5 associations at the same time, at most 4 may be"),
        (night({}), {"before": STORED, "after": {A: "stored"}}, "was stored in the journal, and is None"),
        (night(lines={"in/a": "stored"}), {}, "JSON and JSON lines differ: ['in/b']"),
        (night({"in/a": "stored", "in/c": "stored"}), {}, "a row of something else: in/c"),
        (
            night({"in/a": "stored", "in/b": "not_attempted"}, 130, kind="drain", signal="INT"), {},
            "reported as not attempted, but the receiver has it since this night: in/b",
        ),
        (night({"in/a": "stored", "in/b": "failed"}, 101), {}, "reported as failed: in/b"),
        (night(), {"after": {A: "stored"}}, "reported as stored, in the journal None: in/b"),
        (night(told=101), {}, "the report says exit code 101, it was 0"),
        (night({"in/a": "stored", "in/b": "unconfirmed"}), {}, "exit code 0, but {"),
        (night({"in/a": "stored"}), {}, "exit code 0, but {'stored': 1} and 0 of earlier runs"),
        (replace(night(), document=None), {}, "there is no JSON report"),
        (night(code=130), {}, "exit code 130"),
        (night(code=61, kind="scheduler"), {}, "exit code 61"),
        (replace(night(), stderr="Traceback (most recent call last)"), {}, "a bug: Traceback"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_found(done: Done, states: dict[str, Any], promise: str) -> None:
    found = broken(done, **states)
    assert any(promise in each for each in found), found


def test_what_is_never_done_is_found() -> None:
    found = broken_at_the_end(night({"in/a": "stored"}, 101), {A: "stored"}, {A: 1, "1.9": 1}, (A, B))
    assert [each.partition(":")[0] for each in found] == [
        "never stored", "never in the journal", "an instance that nobody has", "a night that had nothing to do",
        "the last exit code is 101",
    ]  # fmt: skip


def test_every_kind_has_its_turn() -> None:
    assert set(ORDER) == set(KINDS)
