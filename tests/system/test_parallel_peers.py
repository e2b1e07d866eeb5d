"""Parallel associations and the window, from the installed command to peers as their users start them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.corpus import DATA
from support.part10 import read_part10
from support.peer_script import Reject, Respond, Script
from support.peers import dcmrecv, orthanc, storescp
from support.report_file import parse_report
from support.run import read_summary, run
from support.scripted_peer import ConnectionRecord, ScriptedPeer
from support.sending import write_instances
from support.window_peer import Link, Request, WindowPeer

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
FILE_SET = DATA / "fileset"
CT = DATA / "pydicom" / "CT_small.dcm"


def uids(files: list[Path]) -> set[str]:
    return {read_part10(path).sop_instance_uid for path in files}


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("options", [(), ("--fork",)], ids=["one at a time", "forking"])
@pytest.mark.parametrize("window", [(), ("--async-window", "16")], ids=["no window", "window"])
def test_storescp(dcmsend: str, tmp_path: Path, options: tuple[str, ...], window: tuple[str, ...]) -> None:
    """Without --fork it leaves further associations waiting until the first one is over."""
    files = write_instances(tmp_path / "files", 60)
    report = tmp_path / "report.txt"
    with storescp(tmp_path, *options) as peer:
        done = run(
            dcmsend, "-v", "--parallel-associations", "4", *window, "+sd", "+crf", report, "127.0.0.1", peer.port,
            tmp_path / "files", timeout=25,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
    assert uids(peer.files) == uids(files)
    assert read_summary(done.stderr)["with status SUCCESS"] == 60
    entries = parse_report(report.read_text()).entries
    assert [entry["Number"] for entry in entries] == [str(number) for number in range(1, 61)]


@pytest.mark.peer("dcmtk")
def test_dcmrecv(dcmsend: str, tmp_path: Path) -> None:
    """It serves one association after the other, like storescp."""
    files = write_instances(tmp_path / "files", 60)
    with dcmrecv(tmp_path, [CT_CLASS]) as peer:
        done = run(dcmsend, "--parallel-associations", "3", "+sd", "127.0.0.1", peer.port, tmp_path / "files")
        assert done.exit_code == 0, done.stderr
        assert uids(peer.files) == uids(files)


@pytest.mark.peer("orthanc")
def test_orthanc(dcmsend: str, tmp_path: Path) -> None:
    with orthanc(tmp_path, environment={}) as peer:
        done = run(
            dcmsend, "-v", "--parallel-associations", "4", "--async-window", "8", "+sd", "+r", "127.0.0.1", peer.port,
            FILE_SET / "98892003", FILE_SET / "98892001",
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        sent = [path for name in ("98892001", "98892003") for path in (FILE_SET / name).rglob("*") if path.is_file()]
        assert set(peer.instances()) == uids(sent)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("options", [(), ("--fork",)], ids=["one at a time", "forking"])
def test_auto_to_storescp(dcmsend: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    """It runs a program for each instance, so more associations help where it takes them."""
    files = write_instances(tmp_path / "files", 120)
    with storescp(tmp_path, *options, "-xcr", "sleep 0.03", "-xs") as peer:
        chosen = send_with_auto(dcmsend, tmp_path, peer.port, tmp_path / "files")
        assert uids(peer.files) == uids(files)
    assert chosen["changes"][0]["chosen"] == 2
    assert chosen["highest"] > 1 if options else (chosen["chosen"], chosen["why"]) in NOT_MORE_THAN_ONE


NOT_MORE_THAN_ONE = ((1, "no_answer"), (2, "tried"))
"""A receiver has left the second association waiting, or the run has ended while it still might answer."""


@pytest.mark.peer("orthanc")
def test_auto_to_orthanc(dcmsend: str, tmp_path: Path) -> None:
    content = CT.read_bytes()
    uid = read_part10(CT).sop_instance_uid
    (tmp_path / "files").mkdir()
    for number in range(900):  # more than a second; after one it tries more
        copy = content.replace(uid.encode(), f"{uid[:-6]}{number:06d}".encode())
        (tmp_path / "files" / f"{number}.dcm").write_bytes(copy)
    with orthanc(tmp_path, environment={}) as peer:
        chosen = send_with_auto(dcmsend, tmp_path, peer.port, tmp_path / "files")
        assert set(peer.instances()) == uids(list((tmp_path / "files").iterdir()))
    assert chosen["highest"] > 1


def send_with_auto(dcmsend: str, folder: Path, port: int, files: Path) -> dict[str, Any]:
    """What the report says of the number of associations; everything is stored."""
    report = folder / "report.json"
    done = run(
        dcmsend, "--parallel-associations", "auto:4", "--report-json", report, "+sd", "127.0.0.1", port, files,
        timeout=200,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    chosen: dict[str, Any] = json.loads(report.read_text())["parallel_associations"]
    assert chosen["highest"] <= 4
    return chosen


def test_peer_that_allows_two_associations(dcmsend: str, tmp_path: Path) -> None:
    files = write_instances(tmp_path, 40)
    connections: list[ConnectionRecord] = []  # nothing is answered before the third one is there to be refused
    busy = Script(other_stores=Respond(until=lambda: len(connections) > 2, delay=0.05))
    with ScriptedPeer(busy, busy, Script(associate=Reject(2, 3, 2))) as peer:
        connections = peer.connections
        done = run(dcmsend, "--parallel-associations", "8", "127.0.0.1", peer.port, *files)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 40
    assert any("no further association" in line for line in done.lines("W"))
    assert not done.lines("E")
    assert not done.lines("F")


def test_answers_out_of_order(dcmsend: str, tmp_path: Path) -> None:
    def backwards(link: Link, held: list[Request]) -> None:
        for request in reversed(held):
            link.respond(request, 0xB000 + len(link.requests) % 3)

    files = write_instances(tmp_path / "files", 80)  # one window of ten that is full is enough
    report = tmp_path / "report.txt"
    with WindowPeer(backwards) as peer:
        done = run(dcmsend, "--async-window", "8", "+crf", report, "127.0.0.1", peer.port, *files)
    assert done.exit_code == 0, done.stderr
    assert max(request.missed for request in peer.requests) == 7
    statuses = [entry["DIMSE Status"][:6] for entry in parse_report(report.read_text()).entries]
    by_uid = {request.sop_instance_uid: request.statuses[0] for request in peer.requests}
    assert statuses == [f"0x{by_uid[read_part10(path).sop_instance_uid]:04x}" for path in files]


@pytest.mark.parametrize("value", ["1", "65536", "0", "-2", "x", ""])
def test_windows_that_cannot_be(dcmsend: str, value: str) -> None:
    done = run(dcmsend, "--async-window", value, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert "--async-window" in done.stderr.splitlines()[-2]


@pytest.mark.parametrize("arguments", [["--parallel-associations", "0"], ["--parallel-associations", "129"], [
    "--parallel-associations", "2", "-ma"], *(["--parallel-associations", text] for text in (
        "auto:0", "auto:129", "auto:", "auto:x", "auto:-1", "auto:2:3", "Auto", "automatic", "auto 2",
    ))], ids=" ".join)
def test_numbers_of_associations_that_cannot_be(dcmsend: str, arguments: list[str]) -> None:
    done = run(dcmsend, *arguments, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert "--parallel-associations" in done.stderr.splitlines()[-2]
