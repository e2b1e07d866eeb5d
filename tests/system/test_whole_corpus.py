"""Every file of the corpus to five receivers, by DCMTK's dcmsend and by ours: nothing that arrives from it is missing.

What a receiver keeps as it came is compared with the file; what it writes anew, with what it has written for DCMTK.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from support.corpus import corpus
from support.delivery import dcmtk_dcmsend
from support.part10 import read_part10
from support.peers import dcmqrscp, dcmrecv, orthanc, recording_scp, storescp
from support.report_file import parse_report
from support.run import run

SENT = [file.path for file in corpus() if file.valid in ("yes", "dataset")]
REPAIRED = {"dx_image.dcm", "JPEGLossless_1s_1f_i_16_16_bad.dcm"}
"""An odd length, blanks in a UID: re-encoded, as by DCMTK (deviation D08)."""
PRIVATE_VR = {"ele.dcm", "01.dcm", "02.dcm", "03.dcm"}
"""Private elements that our dictionary knows and DCMTK's does not (deviation D28)."""

HEXADECIMAL_DUMP = "31"
"""What DCMTK makes of a SOP Instance UID of VR UN (deviation D27)."""

Stored = Mapping[str, tuple[str, bytes]]
"""Transfer syntax UID and data set by SOP Instance UID."""


class Receiver(NamedTuple):
    """A running peer: its port, its AE title, and what it has stored."""

    port: int
    ae_title: str
    stored: Callable[[], Stored]


def _read(path: Path) -> tuple[str, bytes]:
    part10 = read_part10(path)
    return part10.transfer_syntax, path.read_bytes()[part10.data_set_offset :]


def _read_all(paths: list[Path]) -> Stored:
    return {read_part10(path).sop_instance_uid: _read(path) for path in paths if path.name != "index.dat"}


@contextmanager
def _storescp(folder: Path) -> Iterator[Receiver]:
    with storescp(folder, "+xa", "-pm", "+B") as peer:
        yield Receiver(peer.port, "STORESCP", lambda: _read_all(peer.files))


@contextmanager
def _dcmrecv(folder: Path) -> Iterator[Receiver]:
    classes = sorted({file.sop_class_uid for file in corpus() if file.sop_class_uid.startswith("1.2.840.10008.5")})
    native = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"]
    others = {file.transfer_syntax for file in corpus() if file.transfer_syntax.startswith("1.2.840.10008.1.2")}
    syntaxes = [*native, *sorted(others - set(native))]
    with dcmrecv(folder, classes, "+B", transfer_syntaxes=syntaxes) as peer:
        yield Receiver(peer.port, "DCMRECV", lambda: _read_all(peer.files))


@contextmanager
def _dcmqrscp(folder: Path) -> Iterator[Receiver]:
    with dcmqrscp(folder) as peer:
        yield Receiver(peer.port, "QRSCP", lambda: _read_all(peer.files))


@contextmanager
def _orthanc(folder: Path) -> Iterator[Receiver]:
    with orthanc(folder) as peer:

        def stored() -> Stored:
            found = {}
            for uid, identifier in peer.instances().items():
                (folder / "one.dcm").write_bytes(peer.get_bytes(f"/instances/{identifier}/file"))
                found[uid] = _read(folder / "one.dcm")
            return found

        yield Receiver(peer.port, "ORTHANC", stored)


@contextmanager
def _pynetdicom(folder: Path) -> Iterator[Receiver]:
    with recording_scp() as peer:
        yield Receiver(
            peer.port,
            "RECORDER",
            lambda: {each.sop_instance_uid: (each.transfer_syntax, each.data_set) for each in peer.stored},
        )


class Delivery(NamedTuple):
    """DIMSE Status by file, and what the receiver has."""

    status: Mapping[str, str]
    stored: Stored


def _deliver(program: str, folder: Path, receiver: Callable[[Path], object]) -> Delivery:
    folder.mkdir()
    report = folder / "report.txt"
    with receiver(folder) as peer:  # type: ignore[attr-defined]
        done = run(
            program, "-nh", "+f", "-aec", peer.ae_title, "+crf", report, "127.0.0.1", peer.port, *SENT,
            environment={"TCP_NODELAY": "1"},
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        stored = peer.stored()
    entries = parse_report(report.read_text()).entries
    return Delivery({entry["Filename"]: entry["DIMSE Status"] for entry in entries}, stored)


KEEPERS = [
    pytest.param(_storescp, id="storescp", marks=pytest.mark.peer("dcmtk")),
    pytest.param(_dcmrecv, id="dcmrecv", marks=pytest.mark.peer("dcmtk")),
    pytest.param(_pynetdicom, id="pynetdicom", marks=pytest.mark.peer("pynetdicom")),
]
WRITERS = [
    pytest.param(_dcmqrscp, id="dcmqrscp", marks=pytest.mark.peer("dcmtk")),
    pytest.param(_orthanc, id="Orthanc", marks=pytest.mark.peer("orthanc")),
]


def _instances() -> Iterator[tuple[str, Path]]:
    """SOP Instance UID and file, of instances that are in the corpus once."""
    uids = {path: read_part10(path).sop_instance_uid for path in SENT if path.read_bytes()[128:132] == b"DICM"}
    count = Counter(uids.values())
    for path, uid in uids.items():
        if count[uid] == 1:
            yield uid, path


def _both(dcmsend: str, tmp_path: Path, receiver: Callable[[Path], object]) -> tuple[Delivery, Delivery]:
    theirs = _deliver(dcmtk_dcmsend(), tmp_path / "theirs", receiver)
    ours = _deliver(dcmsend, tmp_path / "ours", receiver)
    arrived = {name for name, status in theirs.status.items() if status == "0x0000 (Success)"}
    assert len(arrived) > len(SENT) // 2
    assert {name: ours.status.get(name) for name in arrived} == dict.fromkeys(arrived, "0x0000 (Success)")
    assert set(theirs.stored) - {HEXADECIMAL_DUMP} <= set(ours.stored)
    return theirs, ours


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("receiver", KEEPERS)
def test_what_is_kept_as_it_came(dcmsend: str, tmp_path: Path, receiver: Callable[[Path], object]) -> None:
    _, ours = _both(dcmsend, tmp_path, receiver)
    compared = 0
    for uid, path in _instances():
        syntax, data_set = _read(path)
        if path.name in REPAIRED or uid not in ours.stored or ours.stored[uid][0] != syntax:
            continue
        received = ours.stored[uid][1]
        padding = data_set[len(received) :]
        assert received == data_set[: len(received)] or received == data_set + b"\0", path  # deflated to an even length
        assert padding[:4] in (b"", b"\xfc\xff\xfc\xff"), path  # Data Set Trailing Padding
        compared += 1
    assert compared > 80


@pytest.mark.slow
@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("receiver", WRITERS)
def test_what_is_written_anew(dcmsend: str, tmp_path: Path, receiver: Callable[[Path], object]) -> None:
    theirs, ours = _both(dcmsend, tmp_path, receiver)
    compared = 0
    for uid, path in _instances():
        if path.name not in PRIVATE_VR and uid in theirs.stored:
            assert ours.stored[uid] == theirs.stored[uid], path
            compared += 1
    assert compared > 80
