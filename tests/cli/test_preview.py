"""--dry-run and --probe-peer, from the installed command."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.corpus import DATA
from support.fixture_files import FixtureFiles
from support.peer_script import Abort, Accept, Close, Reject, Script, insist_on, refuse
from support.peers import recording_scp
from support.ports import free_port
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ConnectionRecord, ScriptedPeer
from support.terminal import all_written
from support.wire import ProposedContext

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
HOST = "127.0.0.1"


def probe(*arguments: str | Path, script: Script | None = None, cwd: Path | None = None) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer(script or Script()) as peer:
        done = run(installed_dcmsend(), HOST, peer.port, *arguments, cwd=cwd)
    return done, peer


def contexts_of(connection: ConnectionRecord) -> Sequence[ProposedContext]:
    assert connection.request is not None
    return connection.request.contexts


def dry(*arguments: str | Path, cwd: Path | None = None) -> Run:
    """A dry run against a port at which somebody would see a connection."""
    with socket.create_server((HOST, 0)) as listener:
        done = run(installed_dcmsend(), HOST, listener.getsockname()[1], *arguments, cwd=cwd)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    return done


def test_dry_run_tells_the_contexts() -> None:
    done = dry("--dry-run", CT, MR, CT)
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    proposed = "    proposed: Little Endian Explicit, Big Endian Explicit, Little Endian Implicit"
    assert done.stdout.splitlines() == [
        "3 SOP instances to be sent, 0 files ignored; nothing is sent now",
        "association 1: 2 presentation contexts",
        "  1: 1.2.840.10008.5.1.4.1.1.2 = CTImageStorage, 2 SOP instances",
        proposed,
        "  3: 1.2.840.10008.5.1.4.1.1.4 = MRImageStorage, 1 SOP instances",
        proposed,
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_uids_of_files_do_not_drive_a_terminal(tmp_path: Path, is_terminal: bool) -> None:
    """Nor does the plan lack them in a pipe, whatever the encoding there."""
    content = (DATA / "pydicom" / "CT_small.dcm").read_bytes()
    uid = b"1.2.840.10008.5.1.4.1.1.2\0"
    (tmp_path / "a").write_bytes(content.replace(uid, b"1.2\x1b]0;owned\x07\xe9".ljust(len(uid), b"3")))
    argv = [installed_dcmsend(), "--dry-run", "-nuc", HOST, "104", str(tmp_path / "a")]
    if is_terminal:
        leader, follower = os.openpty()
        done = subprocess.run(argv, stdout=follower, check=False)
        os.close(follower)
        told = all_written(leader)
        assert b"1.2\\x1b]0;owned\\x07" in told
    else:
        done = subprocess.run(argv, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=False)
        told = done.stdout
        assert b"1.2\x1b]0;owned\x07" in told
    assert done.returncode == 0
    assert (b"\x1b" in told) is not is_terminal


def test_what_is_told_is_what_a_run_proposes(tmp_path: Path) -> None:
    """129 SOP Classes and some compressed files: the contexts of the peer's log are those of the dry run."""
    files = FixtureFiles(tmp_path)
    names = [files(name) for name in ("J2L", "JLL", "BE", *(f"C{n}" for n in range(1, 130)))]
    told = dry("--dry-run", *names, cwd=tmp_path).stdout.splitlines()
    with ScriptedPeer() as peer:
        run(installed_dcmsend(), "-nh", HOST, peer.port, *names, cwd=tmp_path)
    seen = [
        f"{context.id}: {context.abstract_syntax} ="
        for connection in peer.connections
        for context in contexts_of(connection)
    ]
    assert [line.strip().split(" = ")[0] + " =" for line in told if " SOP instances" in line and " = " in line] == seen
    assert sum(line.startswith("association ") for line in told) == len(peer.connections) == 2


@pytest.mark.parametrize("options", [[], ["-nh"], ["--require-stored"], ["-nh", "--require-stored"]])
@pytest.mark.parametrize("bad", ["missing.dcm", "notes.txt", "broken.dcm", "unsendable"])
def test_dry_run_ends_as_the_run_would_start(tmp_path: Path, bad: str, options: list[str]) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM in here")
    (tmp_path / "broken.dcm").write_bytes(CT.read_bytes()[:200])
    arguments = [*options, bad, str(CT)]
    if bad == "unsendable":
        arguments = [*options, "-nip", "-dn", str(DATA / "pydicom" / "MR_small_RLE.dcm"), str(CT)]
    done = dry("--dry-run", *arguments, cwd=tmp_path)
    with ScriptedPeer() as peer:
        real = run(installed_dcmsend(), HOST, peer.port, *arguments, cwd=tmp_path)
    assert done.exit_code == real.exit_code, done.stderr
    assert done.lines("F") == real.lines("F")


def test_dry_run_of_nothing(tmp_path: Path) -> None:
    assert dry("--dry-run", tmp_path).exit_code == 21
    assert dry("--dry-run", "-nh", "missing.dcm", cwd=tmp_path).exit_code == 23


def test_dry_run_writes_no_report(tmp_path: Path) -> None:
    done = dry("--dry-run", "+crf", "r.txt", "--report-json", "r.json", CT, cwd=tmp_path)
    assert done.exit_code == 0
    assert done.lines("W") == ["no report is written, because nothing is sent"]
    assert not list(tmp_path.iterdir())


def test_a_report_in_the_form_of_dcmtk_is_tried_where_the_run_would_try_it(tmp_path: Path) -> None:
    """DCMTK and an old command line send everything first."""
    (tmp_path / "image").write_bytes(CT.read_bytes())
    for place in ("none/r.txt", ".", "image"):
        assert dry("--dry-run", "+crf", place, CT, cwd=tmp_path).exit_code == 0
        done = dry("--dry-run", "--require-stored", "+crf", place, CT, cwd=tmp_path)
        assert done.exit_code == 43, done.stderr
        assert done.lines("E")[-1] == "nothing is sent; name another file for the report"
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--metrics-file", "+crf"])
def test_a_pipe_for_a_report_is_not_opened(tmp_path: Path, option: str) -> None:
    """Who reads it would take it for written, and who has no reader would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    done = dry("--dry-run", "--require-stored", option, "pipe", CT, cwd=tmp_path)
    assert done.exit_code == (43 if option == "--metrics-file" else 0)


def test_probe_peer_stores_nothing() -> None:
    done, peer = probe("--probe-peer", CT, MR)
    assert done.exit_code == 0, done.stderr
    echo, negotiation = peer.connections
    assert [context.abstract_syntax for context in contexts_of(echo)] == ["1.2.840.10008.1.1"]
    assert [context.id for context in contexts_of(negotiation)] == [1, 3]
    assert not echo.stores
    assert not negotiation.stores
    assert done.stdout.count("    accepted: Little Endian Explicit\n") == 2


@pytest.mark.peer("pynetdicom")
def test_probe_of_a_real_peer(tmp_path: Path) -> None:
    with recording_scp() as peer:
        done = run(installed_dcmsend(), "--probe-peer", HOST, peer.port, CT, MR)
    assert done.exit_code == 0, done.stderr
    assert not peer.stored
    assert "accepted: " in done.stdout


@pytest.mark.parametrize(
    ("script", "code", "strict"),
    [
        (Script(associate=Reject(1, 1, 7)), 61, 105),
        (Script(associate=Reject(2, 3, 1)), 61, 61),
        (Script(associate=Abort()), 61, 61),
        (Script(associate=Close()), 61, 61),
        (Script(associate=Accept(refuse(3))), 65, 102),
        (Script(associate=Accept(refuse())), 65, 102),
    ],
)
def test_probe_of_a_peer_that_says_no(script: Script, code: int, strict: int) -> None:
    done, _ = probe("--probe-peer", CT, MR, script=script)
    assert done.exit_code == code, done.stderr
    assert probe("--probe-peer", "--require-stored", CT, MR, script=script)[0].exit_code == strict


def test_probe_tells_what_is_refused() -> None:
    done, _ = probe("--probe-peer", CT, MR, script=Script(associate=Accept(refuse(3))))
    assert "    refused: SOP Class not supported\n" in done.stdout
    assert "  cannot be sent: 1 SOP instances\n" in done.stdout


def test_probe_without_a_peer() -> None:
    done = run(installed_dcmsend(), "--probe-peer", HOST, free_port(), CT)
    assert done.exit_code == 61
    assert "cannot negotiate network association" in done.lines("F")[0]


def test_probe_looks_whether_the_conversion_is_possible() -> None:
    """It says what the run then does: with -dn, too, a big endian file is sent in another native syntax."""
    script = Script(associate=Accept(insist_on("1.2.840.10008.1.2.1")))
    big, compressed = (DATA / "pydicom" / name for name in ("MR_small_bigendian.dcm", "MR_small_RLE.dcm"))
    for words, of_run, of_probe in (([big], 0, 0), (["-dn", big], 0, 0), (["-dn", compressed], 62, 65)):
        with ScriptedPeer(script) as peer:
            sent = run(installed_dcmsend(), HOST, peer.port, *words)
        assert sent.exit_code == of_run
        assert probe("--probe-peer", *words, script=script)[0].exit_code == of_probe


def test_dry_run_and_probe_exclude_each_other() -> None:
    done = run(installed_dcmsend(), "--dry-run", "--probe-peer", HOST, 104, CT)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == "error: --probe-peer not allowed with --dry-run"


def test_what_does_not_fit_into_the_only_association_needs_a_person(tmp_path: Path) -> None:
    """With a journal the next run sends it."""
    files = FixtureFiles(tmp_path)
    names = [files(f"C{n}") for n in range(1, 131)]
    words = ["-ma", "-nh", "--require-stored", *names]
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), HOST, peer.port, *words, cwd=tmp_path)
        kept = [run(installed_dcmsend(), "--journal", "j", "--resume", HOST, peer.port, *words, cwd=tmp_path)]
        kept += [run(installed_dcmsend(), "--journal", "j", "--resume", HOST, peer.port, *words, cwd=tmp_path)]
    assert [len(link.stores) for link in peer.connections] == [128, 128, 2]
    assert done.exit_code == dry("--dry-run", *words, cwd=tmp_path).exit_code == 102
    assert [each.exit_code for each in kept] == [101, 0]
