"""``--include`` and ``--exclude`` from the installed command: directories, lists, archives, stores, media."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.corpus import DATA
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances
from support.store_servers import s3_place, web_place

PLACES = ("one.dcm", "two.txt", "a/one.dcm", "a/two.txt", "a/b/one.dcm", "tmp/one.dcm", "a/tmp/one.dcm")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One instance at each of the places, the first number 1."""
    top = tmp_path / "in"
    for place, path in zip(PLACES, write_instances(tmp_path / "made", len(PLACES)), strict=True):
        (top / place).parent.mkdir(parents=True, exist_ok=True)
        path.rename(top / place)
    return top


def sent(dcmsend: str, *words: str | Path, of: tuple[str, ...] = PLACES, code: int = 0) -> set[str]:
    """The places of the instances that arrive."""
    with ScriptedPeer() as peer:
        done = run(dcmsend, "-v", words[0], "127.0.0.1", peer.port, *words[1:])
    assert done.exit_code == code, done.stderr
    names = {instance_uid(number): place for number, place in enumerate(of, start=1)}
    return {names[store.sop_instance_uid] for store in peer.stores}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--include **/*.dcm", {"one.dcm", "a/one.dcm", "a/b/one.dcm", "tmp/one.dcm", "a/tmp/one.dcm"}),
        ("--include *.dcm", {"one.dcm"}),
        ("--exclude *.dcm", {*PLACES} - {"one.dcm"}),
        ("--exclude tmp/", {*PLACES} - {"tmp/one.dcm"}),
        ("--exclude **/tmp/**", {*PLACES} - {"tmp/one.dcm", "a/tmp/one.dcm"}),
        ("--exclude **/tmp/ --include **/*.dcm", {"one.dcm", "a/one.dcm", "a/b/one.dcm"}),
        ("--include a/tmp/** --exclude **/tmp/**", {"a/tmp/one.dcm"}),
        ("--exclude **/tmp/** --include a/tmp/** --include a/*.txt", {"a/two.txt"}),
    ],
)
@pytest.mark.parametrize("way", [(), ("--send-while-scanning",)], ids=["listed", "streamed"])
def test_first_match_wins(
    dcmsend: str, tree: Path, words: str, expected: set[str], way: tuple[str, ...]
) -> None:
    """Unmatched names are taken only without ``--include``, whatever stands beside it (``--exclude``)."""
    assert sent(dcmsend, "+sd", "+r", *way, *words.split(), tree) == expected


def test_the_path_is_that_below_the_named_folder(dcmsend: str, tree: Path) -> None:
    assert sent(dcmsend, "+sd", "+r", "--include", "b/*", "--include", "two.txt", tree / "a") == {
        "a/b/one.dcm", "a/two.txt",
    }  # fmt: skip


def test_files_named_one_by_one(dcmsend: str, tree: Path) -> None:
    """By their own name, wherever they lie; in a list, too."""
    (tree / "list").write_text(f"{tree}/a/two.txt\n{tree}/a/b/one.dcm\n", encoding="utf-8")
    words = ("--include", "*.dcm", "--files-from", tree / "list", tree / "tmp" / "one.dcm", tree / "two.txt")
    assert sent(dcmsend, "-v", *words) == {"a/b/one.dcm", "tmp/one.dcm"}


def test_an_empty_name_is_told_of(dcmsend: str) -> None:
    done = run(dcmsend, "--include", "*.dcm", "127.0.0.1", 104, "")
    assert done.exit_code == 22
    assert "bad DICOM file: <empty string>" in done.stderr


def test_how_much_is_left_out(dcmsend: str, tree: Path) -> None:
    done = run(dcmsend, "-v", "--dry-run", "+sd", "+r", "--exclude", "**/*.txt", "127.0.0.1", 104, tree)
    assert "I: 2 names are left out by patterns" in done.stderr


def test_with_a_pattern_of_dcmtk_both_must_match(dcmsend: str, tree: Path) -> None:
    assert sent(dcmsend, "+sd", "+r", "+sp", "one*", "--exclude", "a/**", tree) == {"one.dcm", "tmp/one.dcm"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_members_of_archives_go_by_their_path_in_it(dcmsend: str, tree: Path, tmp_path: Path, name: str) -> None:
    """An archive is opened unless it is left out itself; what is left out of it is no error."""
    box = tmp_path / "box" / "sub"
    box.mkdir(parents=True)
    if name.endswith("zip"):
        with zipfile.ZipFile(box / name, "w") as file:
            for place in PLACES:
                file.write(tree / place, place)
    else:
        with tarfile.open(box / name, "w:gz" if name.endswith("gz") else "w") as tar:
            for place in PLACES:
                tar.add(tree / place, place)
    words = ("--archives", "+sd", "+r", "--include", "a/*.dcm", "--exclude", "sub/x*")
    assert sent(dcmsend, *words, tmp_path / "box") == {"a/one.dcm"}
    shutil.copy(box / name, tmp_path / "no-suffix")
    assert sent(dcmsend, *words[:-2], tmp_path / "no-suffix", tree / "a" / "two.txt") == {"a/one.dcm"}
    assert sent(dcmsend, "--archives", "+sd", "+r", "--exclude", "sub/a.*", tmp_path / "box", code=21) == set()


def test_objects_of_a_store(dcmsend: str, tree: Path) -> None:
    with web_place() as place:
        for name in PLACES:
            place.put(name.replace("/", "-"), (tree / name).read_bytes())
        names = tuple(name.replace("/", "-") for name in PLACES)
        words = ("+sd", "--exclude", "tmp-*", "--include", "*.dcm")
        assert sent(dcmsend, *words, place.url, of=names) == {"one.dcm", "a-one.dcm", "a-b-one.dcm", "a-tmp-one.dcm"}
        assert not {name for name in place.fetched if name.endswith(".txt") or name.startswith("tmp")}


@pytest.mark.peer("moto")
def test_objects_below_a_prefix(dcmsend: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is what follows the prefix that was named."""
    with s3_place(monkeypatch) as place:
        for name in PLACES:
            place.put(name, (tree / name).read_bytes())
        words = ["+sd", "+r", "--exclude", "**/tmp/", "--include", "a/**", "--include", "*.txt"]
        for name, option in place.options:
            words += ["--storage-option", f"{name}={option}"]
        assert sent(dcmsend, *words, place.url) == {"a/one.dcm", "a/two.txt", "a/b/one.dcm", "two.txt"}
        assert sent(dcmsend, *words, f"{place.url}a/") == {"a/two.txt"}
        assert not {name for name in place.fetched if "tmp" in name}


def test_files_of_a_medium(dcmsend: str) -> None:
    """A DICOMDIR is read all the same; its files go by their File IDs."""
    medium = DATA / "fileset" / "DICOMDIR"
    with ScriptedPeer() as peer:
        chosen = run(dcmsend, "-nh", "+rd", "--include", "77654033/CR*/*", "127.0.0.1", peer.port, medium)
        assert len(peer.stores) == 3
        none = run(dcmsend, "-nh", "+rd", "--exclude", "DICOMDIR", "127.0.0.1", peer.port, medium)
        assert len(peer.stores) == 3
    assert (chosen.exit_code, none.exit_code) == (0, 21)


def test_a_directory_that_is_left_out_is_not_opened(dcmsend: str, tree: Path) -> None:
    """A directory that contains itself is told of when it is met."""
    (tree / "loop").symlink_to(tree)
    words = ("+sd", "+r", "127.0.0.1")
    with ScriptedPeer() as peer:
        met = run(dcmsend, *words, peer.port, tree)
        unmet = run(dcmsend, "--exclude", "loop/", *words, peer.port, tree)
        others = run(dcmsend, "--include", "a/**", *words, peer.port, tree)
        inside = run(dcmsend, "--include", "loop/x", "--exclude", "loop/**", *words, peer.port, tree)
    loops = ["contains itself" in done.stderr for done in (met, unmet, others, inside)]
    assert loops == [True, False, False, True]


def test_nothing_is_left(dcmsend: str, tree: Path) -> None:
    done = run(dcmsend, "+sd", "+r", "--include", "*.DCM", "127.0.0.1", 104, tree)
    assert done.exit_code == 21
    assert "--include '**/*.dcm' takes names at any depth" in done.stderr


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",)], ids=["listed", "streamed"])
def test_a_named_folder_that_is_not_there_is_told_of(dcmsend: str, tree: Path, way: tuple[str, ...]) -> None:
    """Nobody knows what would have matched in it."""
    gone = tree / "not-mounted"
    words = ("-nh", "--require-stored", "+sd", "+r", "--include", "**/*.dcm", *way)
    with ScriptedPeer() as peer:
        done = run(dcmsend, *words, "127.0.0.1", peer.port, tree, gone)
        left = run(dcmsend, "--exclude", "not-mounted", *words, "127.0.0.1", peer.port, tree, gone)
    assert (done.exit_code, left.exit_code) == (102, 0), done.stderr
    assert str(gone) in done.stderr


@pytest.mark.parametrize("option", ["--include", "--exclude"])
@pytest.mark.parametrize(("pattern", "why"), [("", "is empty"), ("a[b", "not closed"), ("a\\", "quotes nothing")])
def test_patterns_that_cannot_be_read(dcmsend: str, option: str, pattern: str, why: str) -> None:
    done = run(dcmsend, option, pattern, "127.0.0.1", 104, "file")
    assert done.exit_code == 1
    assert f"Invalid value for option {option}" in done.stderr
    assert why in done.stderr
