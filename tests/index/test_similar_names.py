"""Files that a DICOMDIR names in another way than the file system does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dcmsend.inputs import SimilarNames
from support.corpus import DATA
from support.media_files import dicomdir, record
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"


def send_disc(dcmsend: str, folder: Path, *names: str, options: tuple[str, ...] = ()) -> tuple[Run, int]:
    """Send a DICOMDIR that names ``IMG\\A``, beside files of these names; also returns how many were stored."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CT, folder / name)
    (folder / "DICOMDIR").write_bytes(dicomdir(record("IMAGE", "IMG\\A")))
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+rd", *options, "127.0.0.1", peer.port, "DICOMDIR", cwd=folder)
    return done, sum(len(connection.stores) for connection in peer.connections)


@pytest.mark.parametrize("name", ["img/a", "Img/A", "IMG/A.;1", "IMG/A;1", "IMG/A.dcm", "img/a.DCM", "IMG/a.dcm;1"])
def test_the_only_file_that_may_be_meant(dcmsend: str, tmp_path: Path, name: str) -> None:
    done, stored = send_disc(dcmsend, tmp_path, name, "IMG/B")
    assert (done.exit_code, stored) == (0, 1)
    told = [line for line in done.lines("W") if "another name" in line]
    assert told == [f"file of the DICOMDIR has another name, using it instead of IMG/A: {name}"]


def test_the_name_as_it_stands_comes_first(dcmsend: str, tmp_path: Path) -> None:
    done, stored = send_disc(dcmsend, tmp_path, "IMG/A", "IMG/a", "IMG/A.dcm")
    assert (done.exit_code, stored) == (0, 1)
    assert "another name" not in done.stderr


def test_several_may_be_meant(dcmsend: str, tmp_path: Path) -> None:
    done, stored = send_disc(dcmsend, tmp_path, "IMG/a", "img/A.dcm", options=("-nh",))
    assert stored == 0
    assert done.lines("W")[0].endswith("several may be meant: IMG/A: IMG/a, img/A.dcm")
    assert any("IMG/A: No such file or directory" in line for line in done.lines("E"))


def test_nothing_similar_is_there(dcmsend: str, tmp_path: Path) -> None:
    """One hint for the whole DICOMDIR, whatever is missing of it."""
    (tmp_path / "IMG").mkdir()
    shutil.copyfile(CT, tmp_path / "IMG" / "C")
    (tmp_path / "DICOMDIR").write_bytes(dicomdir(*(record("IMAGE", f"IMG\\{name}") for name in "ABC")))
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+rd", "-nh", "127.0.0.1", peer.port, "DICOMDIR", cwd=tmp_path)
    assert [len(connection.stores) for connection in peer.connections] == [1]
    told = [line for line in done.lines("W") if "medium" in line or "similar" in line]
    assert told[0] == "file of the DICOMDIR is not there, nor one with a similar name: IMG/A"
    assert len(told) == 2
    assert told[1].startswith("is the medium complete, and does the DICOMDIR belong to it? ")
    assert "+sd +r" in told[1]


def test_what_a_journal_calls_stored_is_not_sent_again(dcmsend: str, tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    shutil.copyfile(CT, tmp_path / "img" / "a")
    (tmp_path / "DICOMDIR").write_bytes(dicomdir(record("IMAGE", "IMG\\A")))
    with ScriptedPeer() as peer:
        arguments = ["+rd", "--journal", "journal", "--resume", "127.0.0.1", peer.port, "DICOMDIR"]
        codes = [run(dcmsend, *arguments, cwd=tmp_path).exit_code for _ in range(2)]
    assert codes == [0, 0]
    assert sum(len(connection.stores) for connection in peer.connections) == 1


def test_nobody_is_led_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x.dcm").write_bytes(b"")
    assert SimilarNames().find(f"{tmp_path}/in/", ["..", "X"]) == []
    assert SimilarNames().find(f"{tmp_path}/", ["", "X"]) == []
    assert SimilarNames().find(f"{tmp_path}/", ["X"]) == [f"{tmp_path}/x.dcm"]


def test_a_huge_directory_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a match is the only one could not be told."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"")
    assert SimilarNames().find(f"{tmp_path}/", ["A"]) == [f"{tmp_path}/a"]
    monkeypatch.setattr("dcmsend.inputs.similar_name._MOST_ENTRIES", 2)
    assert SimilarNames().find(f"{tmp_path}/", ["A"]) == []
