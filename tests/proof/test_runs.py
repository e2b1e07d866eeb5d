"""Runs that ask an archive afterwards: what becomes of instances that it has, lacks, or does not want to tell of."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from dcmsend import JournalOptions, Peer, ProofState, VerifyOptions, send
from dcmsend.cli.arguments import build_settings
from dcmsend.cli.command_line import scan_command_line
from dcmsend.cli.exit_code import ExitCode
from support.archive import CommitmentArchive, commitment_archive
from support.peers import orthanc, storescp
from support.run import run
from support.sending import instance_uid
from support.series_files import write_series

from .night import MISSING, SOON, STUDY, VERIFIED, Night, forget, names

pytestmark = pytest.mark.peer("pynetdicom")


def test_everything_is_there(archive: CommitmentArchive, folder: Path) -> None:
    night = Night(archive, folder)
    assert len(night.sends()) == 12
    assert night.proves() == {VERIFIED: names(*range(1, 13))}
    assert [event.index for event in night.proofs] != [0] * 12
    assert {(event.index, event.path) for event in night.proofs} == {
        (outcome.index, outcome.instance.input.path) for outcome in night.outcomes
    }
    assert len(archive.queries) == 3, "one question a series"
    assert night.exit_code == 0
    assert list(night.transfer.proofs()) == []


def test_without_a_journal_what_is_missing_is_told(archive: CommitmentArchive, folder: Path) -> None:
    night = Night(archive, folder)
    night.sends()
    forget(archive, 1, 6)
    assert night.proves() == {MISSING: names(1, 6), VERIFIED: names(2, 3, 4, 5, 7, 8, 9, 10, 11, 12)}
    assert night.exit_code == ExitCode.SOME_MAY_SUCCEED


def test_what_is_missing_is_sent_again_once_ever(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 1, 6)
    assert first.proves() == {MISSING: names(1, 6), VERIFIED: names(2, 3, 4, 5, 7, 8, 9, 10, 11, 12)}
    assert first.exit_code == ExitCode.SOME_MAY_SUCCEED

    second = Night(archive, folder, journal)
    assert second.sends() == names(1, 6), "and nothing that is proven"
    forget(archive, 6)
    assert second.proves() == {VERIFIED: names(1), MISSING: names(6)}
    assert second.exit_code == ExitCode.REST_CANNOT_SUCCEED

    third = Night(archive, folder, journal)
    assert third.sends() == []
    assert third.proves() == {MISSING: names(6)}
    assert third.exit_code == ExitCode.REST_CANNOT_SUCCEED
    assert [event.index for event in third.proofs] == [0]


def test_what_turns_up_later_is_not_sent_again(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    (lost,) = forget(archive, 4)
    assert first.proves()[MISSING] == names(4)
    archive.instances[lost.sop_instance_uid] = lost
    second = Night(archive, folder, journal)
    assert second.sends() == []
    assert second.proves() == {VERIFIED: names(4)}
    assert second.exit_code == 0


def test_a_whole_series_is_not_sent_again(
    archive: CommitmentArchive, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 1, 4, 7, 10)
    assert first.proves()[MISSING] == names(1, 4, 7, 10)
    assert f"the archive has no instance of series {STUDY}.1\n" in caplog.text
    assert first.exit_code == ExitCode.REST_CANNOT_SUCCEED
    second = Night(archive, folder, journal)
    assert second.sends() == []
    assert second.proves() == {MISSING: names(1, 4, 7, 10)}
    assert second.exit_code == ExitCode.REST_CANNOT_SUCCEED


def test_a_journal_alone_is_proven(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    """Rows that a run without a proof has stored."""
    journal = tmp_path / "journal"
    peer = Peer("127.0.0.1", archive.port, "ARCHIVE")
    assert len(list(send(folder, peer, journal=JournalOptions(str(journal))))) == 12
    assert archive.queries == []
    night = Night(archive, folder, journal)
    assert night.sends() == []
    assert night.proves() == {VERIFIED: names(*range(1, 13))}
    assert {event.index for event in night.proofs} == {0}
    again = Night(archive, folder, journal)
    assert again.sends() == []
    assert again.proves() == {}, "what is proven is not asked for again"


def test_a_preview_of_a_run_that_only_proves(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path
) -> None:
    words = ["--journal", "journal", "--resume", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    for journal_exists in (False, True):
        if journal_exists:
            assert run(dcmsend, *words, "+sd", folder, cwd=tmp_path).exit_code == 0
        for preview in ("--dry-run", "--probe-peer"):
            done = run(dcmsend, preview, "--verify", *words, cwd=tmp_path)
            assert done.exit_code == (0 if journal_exists else ExitCode.JOURNAL), done.stderr
    assert "the archive takes questions about what it has" in done.stdout


def test_only_what_is_proven_is_moved(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    journal, moved = tmp_path / "journal", tmp_path / "moved"
    moved.mkdir()
    first = Night(archive, folder, journal, moved)
    first.sends()
    assert not list(moved.rglob("0*")), "nothing before the proof"
    forget(archive, 1, 6)
    first.proves()
    assert sorted(path.name for path in moved.rglob("0*")) == names(2, 3, 4, 5, 7, 8, 9, 10, 11, 12)
    assert sorted(path.name for path in folder.iterdir()) == names(1, 6)
    second = Night(archive, folder, journal, moved)
    assert second.sends() == names(1, 6)
    second.proves()
    assert not list(folder.iterdir())


def test_a_request_to_end_ends_the_asking(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    first.transfer.cancel()
    assert first.proves() == {}
    assert archive.queries == []
    second = Night(archive, folder, journal)
    assert second.sends() == []
    assert second.proves() == {VERIFIED: names(*range(1, 13))}


@pytest.mark.peer("orthanc")
@pytest.mark.timeout(300)
def test_exactly_what_orthanc_has_lost_is_named_and_sent_again(tmp_path: Path) -> None:
    """Three of 200 are deleted behind our back."""
    folder, journal = tmp_path / "in", tmp_path / "journal"
    write_series(folder, [(STUDY, f"{STUDY}.{number % 4 + 1}") for number in range(200)])
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True) as server:
        peer = Peer("127.0.0.1", server.port, "ORTHANC")

        def night() -> tuple[list[str], dict[ProofState, int], list[str]]:
            options = JournalOptions(str(journal), resume=True)
            transfer = send(folder, peer, journal=options, verify=SOON)
            sent = sorted(Path(outcome.instance.input.path).name for outcome in transfer)
            found = list(transfer.proofs())
            lacking = sorted(Path(each.path).name for each in found if each.proof.state is not VERIFIED)
            return sent, dict(Counter(each.proof.state for each in found)), lacking

        assert len(list(send(folder, peer, journal=JournalOptions(str(journal))))) == 200
        for number in (7, 50, 119):
            server.forget(instance_uid(number))
        assert night() == ([], {VERIFIED: 197, MISSING: 3}, names(7, 50, 119))
        assert night() == (names(7, 50, 119), {VERIFIED: 3}, [])
        assert night() == ([], {}, [])


@pytest.mark.peer("dcmtk")
def test_a_receiver_that_takes_no_queries(dcmsend: str, folder: Path, tmp_path: Path) -> None:
    """Everything is stored, nothing is proven: one clear line, and a code of its own."""
    with storescp(tmp_path / "there") as peer:
        done = run(dcmsend, "--verify", "+sd", "127.0.0.1", peer.port, folder)
    assert done.exit_code == 106
    assert done.stderr.count("cannot ask the archive what it has") == 1
    assert "--verify-peer" in done.stderr


@pytest.mark.peer("dcmtk")
def test_a_probe_tells_whether_the_archive_can_be_asked(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path
) -> None:
    done = run(dcmsend, "--probe-peer", "--verify", "+sd", "127.0.0.1", archive.port, folder)
    assert (done.exit_code, archive.queries) == (0, [])
    assert "the archive takes questions about what it has" in done.stdout
    with storescp(tmp_path / "there") as peer:
        done = run(dcmsend, "--probe-peer", "--verify", "+sd", "127.0.0.1", peer.port, folder)
    assert done.exit_code == 106
    assert "the archive cannot be asked what it has" in done.stderr


@pytest.mark.parametrize("preview", ["--dry-run", "--probe-peer"])
def test_a_preview_tells_what_may_be_sent_again(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path, preview: str
) -> None:
    """Only a run asks for it."""
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 4)
    first.proves()
    words = (preview, "--journal", journal, "--resume", "-aec", "ARCHIVE", "+sd", "127.0.0.1", archive.port, folder)
    done = run(dcmsend, "--verify", *words)
    assert done.exit_code == 0, done.stderr
    assert "0 SOP instances to be sent, 0 files ignored, 12 stored already" in done.stdout
    (line,) = done.lines("W")
    assert line.startswith("the archive lacked 1 of the files that are stored already")
    assert run(dcmsend, *words).lines("W") == [], "nothing would be asked"


def test_another_address_is_asked(archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    done = run(dcmsend, "--journal", journal, "+sd", "-aec", "ARCHIVE", "127.0.0.1", archive.port, folder)
    assert done.exit_code == 0
    with commitment_archive(CommitmentArchive(instances=dict(archive.instances))) as other:
        words = ["--journal", journal, "--resume", "--verify", "--verify-peer", f"ARCHIVE@127.0.0.1:{other.port}"]
        done = run(dcmsend, *words, "-aec", "ARCHIVE", "127.0.0.1", archive.port)
        assert done.exit_code == 0, done.stderr
        assert len(other.queries) == 3
    assert archive.queries == []


def test_delete_only_what_is_proven(archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path) -> None:
    """The command lines of the recipe, as they stand there."""
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    recipe = page.split("## Delete only what is proven")[1].split("\n## ")[0]
    first, last = re.findall(r"^dcmsend (.*--verify.*)$", recipe, flags=re.MULTILINE)
    proven = tmp_path / "data" / "proven"
    proven.mkdir(parents=True)

    def as_written(line: str) -> int:
        places = {"/data/study": folder, "/data/proven": proven, "night.journal": tmp_path / "night.journal"}
        line = line.replace("pacs.example.org 104", f"127.0.0.1 {archive.port}")
        return run(dcmsend, *(places.get(word, word) for word in line.split())).exit_code

    assert as_written(first) == 0
    assert not list(folder.iterdir())
    assert len([path for path in proven.rglob("*") if path.is_file()]) == 12
    assert as_written(last) == 0
    assert len(archive.queries) == 3, "what is proven is not asked for again"


def test_the_command_asks_for_a_minute() -> None:
    """So much time an archive has to index what it got."""
    settings, _ = build_settings(scan_command_line(["--verify", "127.0.0.1", "104", "x"]), is_verbose=False)
    assert settings.verify == VerifyOptions()
    assert VerifyOptions().seconds == 60


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verify-peer", "h:104", "127.0.0.1", "104", "x"], "--verify-peer only allowed with --verify"),
        (["--verify", "--verify-peer", "h", "127.0.0.1", "104", "x"], "Invalid value for option --verify-peer (h)"),
        (["--verify", "--verify-peer", "h:0", "127.0.0.1", "104", "x"], "Invalid value for option --verify-peer (h:0)"),
        (["--verify", "127.0.0.1", "104"], "Missing parameter dcmfile-in"),
    ],
)
def test_wrong_options(dcmsend: str, words: list[str], message: str) -> None:
    done = run(dcmsend, *words)
    assert done.exit_code == 1
    assert message in done.stderr
