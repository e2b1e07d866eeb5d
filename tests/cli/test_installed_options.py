"""Options that DCMTK's dcmsend 3.6.7 does not have, from the installed command to a peer that answers."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pydicom
import pytest
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian

from support.corpus import DATA
from support.fixture_files import FixtureFiles
from support.full_backlog import FullBacklogPeer
from support.peer_script import Accept, Reject, Respond, Script, Silence, prefer, refuse
from support.ports import free_port
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
HOST = "127.0.0.1"


def send(*arguments: str | Path | int, script: Script | None = None) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer(script or Script()) as peer:
        done = run(installed_dcmsend(), HOST, peer.port, *arguments)
    return done, peer


class Listener:
    """Takes one connection on an IPv6 address and closes it."""

    def __init__(self) -> None:
        try:
            self._socket = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError as error:
            pytest.skip(f"no IPv6 on this machine: {error}")
        self.port: int = self._socket.getsockname()[1]
        self.was_called = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        self.was_called.set()
        connection.close()

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.mark.parametrize("option", ["--ipv4", "-i4", "--ip-auto", "-i0"])
def test_host_name_with_an_ipv4_address(option: str) -> None:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), option, "localhost", peer.port, CT)
    assert done.exit_code == 0, done.stderr
    assert len(peer.connections[0].stores) == 1


@pytest.mark.parametrize("options", [["--ipv6"], ["-i6"], ["-i4", "-i0"], [], ["--ipv4"]])
def test_ipv6_literal(options: list[str]) -> None:
    with Listener() as listener:
        done = run(installed_dcmsend(), *options, "::1", listener.port, CT)
        assert listener.was_called.wait(60)
    assert done.exit_code == 61, done.stderr


@pytest.mark.parametrize("option", ["--ipv6", "-i6"])
def test_ipv6_only_never_takes_an_ipv4_address(option: str) -> None:
    done, peer = send(option, CT)
    assert done.exit_code == 61
    assert not peer.connections


@pytest.mark.parametrize(("options", "associations"), [(["-ma", "+ma"], 2), (["+ma", "--single-association"], 1)])
def test_number_of_associations(options: list[str], associations: int, tmp_path: Path) -> None:
    """129 SOP Classes do not fit into one association; of the two options the last one counts."""
    files = FixtureFiles(tmp_path)
    names = [files(f"C{number}") for number in range(1, 130)]
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), *options, HOST, peer.port, *names, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.connections) == associations
    assert sum(len(connection.stores) for connection in peer.connections) == (129 if associations == 2 else 128)


def test_read_file_only_is_the_default(tmp_path: Path) -> None:
    """A data set without meta header is not taken, unless another read mode is given and not taken back."""
    bare = DATA / "pydicom" / "ExplVR_LitEndNoMeta.dcm"
    assert send(bare)[0].exit_code == 22
    assert send("-f", "--read-file-only", bare)[0].exit_code == 22
    assert send("+fo", "-f", bare)[0].exit_code == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="queue lengths are the system's own")
def test_connection_that_takes_too_long() -> None:
    with FullBacklogPeer() as peer:
        done = run(installed_dcmsend(), "--timeout", "1", HOST, peer.port, CT)
    assert done.exit_code == 61
    assert "TCP Initialization Error: Operation now in progress (Timeout)" in done.stderr


def test_answer_that_does_not_come() -> None:
    done, _ = send("-td", "1", "-ta", "20", CT, script=Script(stores={1: Silence()}))
    assert done.exit_code == 62
    assert "F: cannot send SOP instance" in done.stderr


def test_idle_timeout() -> None:
    """A peer that swallows an instance and says nothing is given up."""
    done, _ = send("--idle-timeout", "1s", "-ta", "20", CT, script=Script(stores={1: Silence()}))
    assert done.exit_code == 62
    assert "F: cannot send SOP instance" in done.stderr


@pytest.mark.parametrize("value", ["", "-1", "1.5", "5x", " 5", "1d", "7H", "1e3", "9999999999"])
def test_durations_are_read_strictly(value: str) -> None:
    done = run(installed_dcmsend(), "--idle-timeout", value, HOST, 104, CT)
    assert done.exit_code == 1
    shown = f" ({value})" if value else ""
    assert done.stderr.splitlines()[-2] == f"error: Invalid value for option --idle-timeout{shown}"


@pytest.mark.parametrize(
    ("code", "script"),
    [
        (0, Script()),
        (0, Script(stores={2: Respond(0xB007)})),
        (101, Script(stores={2: Respond(0xA700)})),
        (101, Script(stores={2: Respond(0x0110)})),
        (102, Script(stores={2: Respond(0xA900)})),
        (102, Script(stores={2: Respond(0xC123)})),
        (101, Script(stores={1: Respond(0xA900), 2: Respond(0xA701)})),
        (102, Script(associate=Accept(contexts=refuse()))),
        (61, Script(associate=Reject(2, 3, 1))),
        (105, Script(associate=Reject(1, 1, 7))),
    ],
)
def test_exit_code_tells_whether_everything_was_stored(code: int, script: Script) -> None:
    assert send("--require-stored", CT, MR, script=script)[0].exit_code == code
    old = {101: 0, 102: 0, 105: 61}.get(code, code)
    assert send(CT, MR, script=script)[0].exit_code == old


def test_require_stored_with_a_broken_and_an_unrelated_file(tmp_path: Path) -> None:
    unrelated, broken = tmp_path / "notes.txt", tmp_path / "broken.dcm"
    unrelated.write_text("no DICOM in here")
    broken.write_bytes(CT.read_bytes()[:200])
    assert send("--require-stored", "-nh", unrelated, CT)[0].exit_code == 0
    assert send("--require-stored", "-nh", broken, CT)[0].exit_code == 102
    assert send("--require-stored", broken, CT)[0].exit_code == 22
    assert send("--require-stored", "-nh", unrelated)[0].exit_code == 23


def test_require_stored_without_a_peer() -> None:
    assert run(installed_dcmsend(), "--require-stored", HOST, free_port(), CT).exit_code == 61


def test_require_stored_and_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    report = tmp_path / "missing" / "report.txt"
    done, peer = send("--require-stored", "+crf", report, CT)
    assert done.exit_code == 43
    assert not peer.connections


def test_normalize_sends_the_canonical_form() -> None:
    """A padded data set goes out as it is, and with the option without its padding (FFFC,FFFC)."""
    file = DATA / "pydicom" / "MR_small_padded.dcm"
    plain, padded = send("--normalize", file)[1].connections[0].stores, send(file)[1].connections[0].stores
    assert bytes(padded[0].data_set) in file.read_bytes()
    assert b"\xfc\xff\xfc\xff" not in bytes(plain[0].data_set)[-4096:]


def test_without_wish_for_compression_deflated_is_passed_through() -> None:
    done, peer = send("-v", DATA / "pydicom" / "image_dfl.dcm")
    assert done.exit_code == 0, done.stderr
    file = (DATA / "pydicom" / "image_dfl.dcm").read_bytes()
    data_set = bytes(peer.connections[0].stores[0].data_set)
    assert data_set.removesuffix(b"\0") in file  # an odd length is made even by one zero byte
    assert len(data_set) % 2 == 0


@pytest.mark.parametrize("words", [(), ("-nh",), ("-nh", "+crf", "none/report")])
def test_a_run_without_progress_is_that_of_an_old_command_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    with ScriptedPeer() as peer:
        arguments = (*words, HOST, peer.port, "no file", CT)
        old, new = (run(installed_dcmsend(), *more, *arguments, cwd=tmp_path) for more in ((), ("--no-progress",)))
    assert (new.exit_code, new.stderr) == (old.exit_code, old.stderr)
    assert len(peer.stores) == (2 if words else 0)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(("option", "photometric_interpretation"), [((), "RGB"), (("--keep-ybr",), "YBR_FULL")])
def test_keep_ybr(tmp_path: Path, option: tuple[str, ...], photometric_interpretation: str) -> None:
    """Lossless JPEG of YBR pixels, made by DCMTK's encoder, goes to a peer that takes it uncompressed only."""
    native = pydicom.dcmread(DATA / "pydicom" / "SC_rgb_small_odd.dcm")
    native.PhotometricInterpretation = "YBR_FULL"  # the same samples, read as other colours
    pydicom.dcmwrite(tmp_path / "native.dcm", native)
    subprocess.run(["dcmcjpeg", "+e1", tmp_path / "native.dcm", tmp_path / "jpeg.dcm"], check=True, timeout=60)
    script = Script(associate=Accept(contexts=prefer(ExplicitVRLittleEndian)))
    done, peer = send(*option, tmp_path / "jpeg.dcm", script=script)
    assert done.exit_code == 0, done.stderr
    data_set = io.BytesIO(bytes(peer.connections[0].stores[0].data_set))
    arrived = read_dataset(data_set, is_implicit_VR=False, is_little_endian=True)
    assert arrived.PhotometricInterpretation == photometric_interpretation
    assert (arrived.PixelData == native.PixelData) is bool(option)
