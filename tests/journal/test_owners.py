"""Files in a directory that several users share: what is not ours is refused, before anything of it is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .runs import run_with_journal

NOBODY = 65534
SUFFIXES = ("", "-lock", "-wal", "-shm", "-journal")

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file to another user"
)


def give_away(path: Path, content: bytes = b"") -> tuple[bytes, int, int]:
    path.write_bytes(content)
    path.chmod(0o666)
    os.chown(path, NOBODY, NOBODY)
    return state(path)


def state(path: Path) -> tuple[bytes, int, int]:
    status = path.stat()
    return path.read_bytes(), status.st_mode, status.st_uid


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_file_of_another_user(tmp_path: Path, suffix: str, dry_run: bool) -> None:
    write_instances(tmp_path / "in", 1)
    place = tmp_path / f"journal{suffix}"
    before = give_away(place)
    with ScriptedPeer() as peer:
        done = run_with_journal(tmp_path, peer.port, "--resume", *(["--dry-run"] if dry_run else []))
    assert done.exit_code == 104, done.stderr
    assert "belongs to another user (number 65534)" in done.stderr
    assert state(place) == before
    assert not peer.stores
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", place.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_good_file_of_another_user(tmp_path: Path, suffix: str) -> None:
    """A journal that says that all is stored, the log of one, a lock with a number in it."""
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        assert run_with_journal(tmp_path, peer.port).exit_code == 0
        place = tmp_path / f"journal{suffix}"
        content = {"": (tmp_path / "journal").read_bytes(), "-lock": b"1\n", "-wal": b"\x37\x7f\x06\x82" + bytes(28)}
        before = give_away(place, content.get(suffix, b""))
        done = run_with_journal(tmp_path, peer.port, "--resume")
    assert done.exit_code == 104, done.stderr
    assert "belongs to another user" in done.stderr
    assert state(place) == before


def test_link_to_a_file_of_another_user(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    (tmp_path / "else").mkdir()
    before = give_away(tmp_path / "else" / "file")
    (tmp_path / "journal").symlink_to(tmp_path / "else" / "file")
    with ScriptedPeer() as peer:
        assert run_with_journal(tmp_path, peer.port, "--resume").exit_code == 104
    assert state(tmp_path / "else" / "file") == before


def test_empty_file_of_ours_becomes_ours_alone(tmp_path: Path) -> None:
    """Names of files may tell who was examined."""
    write_instances(tmp_path / "in", 1)
    (tmp_path / "journal").touch()
    (tmp_path / "journal").chmod(0o666)
    with ScriptedPeer() as peer:
        assert run_with_journal(tmp_path, peer.port, "--resume").exit_code == 0
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


def link_of(link: Path, target: Path, owner: int) -> None:
    link.symlink_to(target)
    os.chown(link, owner, owner, follow_symlinks=False)


@pytest.mark.parametrize(
    ("mode", "of_directory", "of_link", "is_followed"),
    [
        (0o1777, 0, NOBODY, False), (0o777, 0, NOBODY, False), (0o770, 0, NOBODY, False), (0o1777, 7, NOBODY, False),
        (0o1777, 0, 0, True), (0o755, 0, NOBODY, True), (0o1777, NOBODY, NOBODY, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", [1, 3])
def test_a_link_of_another_user_in_the_sent_directory(
    tmp_path: Path, mode: int, of_directory: int, of_link: int, is_followed: bool, depth: int
) -> None:
    """Where others may put something, a link of theirs leads away what is moved; that of the directory's owner may."""
    below = Path(*"abc"[:depth])
    (path,) = write_instances(tmp_path / "in" / below, 1)
    place, sent = tmp_path / "place", tmp_path / "sent"
    place.mkdir()
    holder = (sent / below).parent
    holder.mkdir(parents=True)
    link_of(sent / below, place, of_link)
    os.chown(holder, of_directory, of_directory)
    holder.chmod(mode)
    with ScriptedPeer() as peer:
        done = run_with_journal(tmp_path, peer.port, "--move-sent", str(sent))
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 1
    assert path.exists() is not is_followed
    assert [each.name for each in place.iterdir()] == [path.name] * is_followed
    assert ("is a link of another user" in done.stderr) is not is_followed


def test_what_another_user_says_of_a_move_is_not_believed(tmp_path: Path) -> None:
    """In a directory for sent files that all may write to, a note of his must not have a file of ours removed."""
    write_instances(tmp_path / "in", 1)
    precious, token = tmp_path / "precious", "0123456789abcdef"
    precious.write_bytes(b"precious")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / f".dcmsend-{token}-x").write_bytes(b"precious and more")
    sent = tmp_path / "sent"
    (sent / ".dcmsend-moving").mkdir(parents=True)
    names = (str(theirs / "x"), str(sent / "x"), str(precious), "end", "")
    note = sent / ".dcmsend-moving" / token
    before = give_away(note, "\0".join(names).encode())
    with ScriptedPeer() as peer:
        done = run_with_journal(tmp_path, peer.port, "--resume", "--move-sent", str(sent))
    assert done.exit_code == 0, done.stderr
    assert precious.read_bytes() == b"precious"
    assert [path.name for path in theirs.iterdir()] == [f".dcmsend-{token}-x"]
    assert state(note) == before
