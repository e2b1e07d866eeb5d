"""Proofs that end early, are asked for out of turn, or concern files that were named in several ways."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from dcmsend import IndexOptions, InstanceProof, JournalOptions, Observer, Peer, VerifyOptions, send
from dcmsend.association import ImageFinder
from dcmsend.cli.exit_code import ExitCode, exit_code_of_run
from dcmsend.errors import JournalError
from dcmsend.journal.lock import JournalLock
from dcmsend.run import Run
from support.archive import ArchiveInstance, CommitmentArchive
from support.corpus import DATA
from support.run import run
from support.sending import instance_uid
from support.series_files import write_series

from .night import LIMITS, MISSING, NO_ANSWER, SOON, STUDY, VERIFIED, Night, forget, names

pytestmark = pytest.mark.peer("pynetdicom")


def peer_of(archive: CommitmentArchive) -> Peer:
    return Peer("127.0.0.1", archive.port, "ARCHIVE")


def test_without_files_there_has_to_be_a_journal(archive: CommitmentArchive, dcmsend: str, tmp_path: Path) -> None:
    """A name that is spelt wrong must not give "everything is stored, and the archive has it"."""
    journal = tmp_path / "journal"
    words = ["--journal", journal, "--resume", "--verify", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    done = run(dcmsend, *words)
    assert done.exit_code == ExitCode.JOURNAL
    assert f"cannot use journal '{journal}': there is none" in done.stderr
    assert not journal.exists()
    journal.touch()
    assert run(dcmsend, *words).exit_code == ExitCode.JOURNAL


def test_an_end_keeps_the_answers_so_far(
    archive: CommitmentArchive, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalOptions(str(tmp_path / "journal"))
    patient = VerifyOptions(attempts=1, seconds=60)
    transfer = send(folder, peer_of(archive), transfer=LIMITS, journal=journal, verify=patient)
    assert len(list(transfer)) == 12
    forget(archive, 1)
    close = ImageFinder.close

    def close_and_cancel(finder: ImageFinder) -> None:
        close(finder)
        transfer.cancel()

    with monkeypatch.context() as patched:  # the association is closed when the wait for what is missing begins
        patched.setattr(ImageFinder, "close", close_and_cancel)
        assert [event.proof.state for event in transfer.proofs()] == [VERIFIED] * 11
    asked = len(archive.queries)
    second = Night(archive, folder, tmp_path / "journal")
    assert second.sends() == []
    assert second.proves() == {MISSING: names(1)}
    assert {query.SeriesInstanceUID for query in archive.queries[asked:]} == {f"{STUDY}.1"}


def test_a_file_that_is_named_twice_is_proven_twice(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    items = [folder, folder / "0001", tmp_path / "link" / "0001"]
    journal = JournalOptions(str(tmp_path / "journal"))
    transfer = send(items, peer_of(archive), transfer=LIMITS, journal=journal, verify=SOON)
    outcomes = list(transfer)
    assert len(outcomes) == 14
    proofs = list(transfer.proofs())
    assert {event.proof.state for event in proofs} == {VERIFIED}
    assert sorted(event.index for event in proofs) == list(range(1, 15))
    transfer._record.ended = True
    assert exit_code_of_run(transfer._record, require_stored=True) == ExitCode.OK


def test_proofs_come_once_and_after_the_outcomes(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    with pytest.raises(RuntimeError, match="iterate the transfer first"):
        first.proves()
    assert not journal.exists()
    first.sends()
    (late, _) = forget(archive, 4, 5)
    assert first.proves()[MISSING] == names(4, 5)
    archive.instances[late.sop_instance_uid] = late
    second = Night(archive, folder, journal)
    assert second.sends() == names(5)
    assert second.proves() == {VERIFIED: names(4, 5)}
    assert second.proves() == {}
    assert second.exit_code == ExitCode.OK


def test_without_files_what_was_missing_is_asked_for_again(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    (late,) = forget(archive, 4)
    assert first.proves()[MISSING] == names(4)
    archive.instances[late.sop_instance_uid] = late
    words = ["--journal", journal, "--resume", "--verify", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    assert run(dcmsend, *words).exit_code == ExitCode.OK


@pytest.mark.parametrize("ahead", [3600, 0, -3600])
def test_clocks_do_not_decide_what_is_told(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """Another host's clock, or this one's before it was set right: each refuted instance is told, and once."""
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 4)
    monkeypatch.setattr("dcmsend.journal.proof_notes.now", lambda: int((time.time() + ahead) * 1000))
    assert first.proves() == {VERIFIED: [name for name in names(*range(1, 13)) if name != "0004"], MISSING: names(4)}
    assert first.exit_code == ExitCode.SOME_MAY_SUCCEED
    words = ["--journal", journal, "--resume", "--verify", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    done = run(dcmsend, *words)
    assert done.exit_code == ExitCode.SOME_MAY_SUCCEED, done.stderr
    assert "denied or missing, sent when run again" in done.stderr
    for sent in (names(4), []):
        night = Night(archive, folder, journal)
        assert night.sends() == sent
        if sent:
            forget(archive, 4)
        assert night.proves() == {MISSING: names(4)}
        assert night.exit_code == ExitCode.REST_CANNOT_SUCCEED


def test_a_journal_that_another_run_has_taken(archive: CommitmentArchive, folder: Path, tmp_path: Path) -> None:
    """Between the sending and the asking: nothing is lost."""
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    lock = JournalLock(str(journal))
    with pytest.raises(JournalError):
        first.proves()
    lock.release()
    assert archive.queries == []
    assert first.proves() == {VERIFIED: names(*range(1, 13))}


def test_the_end_of_the_block_ends_the_proof_of_an_iterator_that_is_kept(
    archive: CommitmentArchive, folder: Path, tmp_path: Path
) -> None:
    """The journal is free for the next transfer, of the same program."""
    first = Night(archive, folder, tmp_path / "journal")
    with first.transfer as transfer:
        list(transfer)
        kept = transfer.proofs()
        next(kept)
    second = Night(archive, folder, tmp_path / "journal")
    assert second.sends() == []
    assert list(kept) == []
    assert second.proves() == {}, "all were proven when the first was told"


def test_the_end_of_an_iterator_of_proofs_ends_no_other_one(
    archive: CommitmentArchive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = Night(archive, folder)
    night.sends()
    event = next(night.transfer.proofs())

    def prove(run: Run, observer: Observer | None = None) -> Generator[InstanceProof, None, None]:
        yield from [event] * 3

    monkeypatch.setattr(Run, "prove", prove)
    first, second = night.transfer.proofs(), night.transfer.proofs()
    assert [next(first), next(second)] == [event] * 2
    del first  # it is closed
    gc.collect()
    assert list(second) == [event] * 2


def test_a_child_leaves_the_archive_to_its_parent(archive: CommitmentArchive, folder: Path) -> None:
    night = Night(archive, folder)
    night.sends()
    states = []

    def ask() -> None:
        for event in night.transfer.proofs():
            states.append(event.proof.state)
            if len(states) > 1:
                continue
            child = os.fork()
            if not child:
                raise SystemExit  # leaves the loop, so that its generator ends
            os.waitpid(child, 0)

    parent = os.getpid()
    with suppress(SystemExit):
        ask()
    if os.getpid() != parent:
        os._exit(0)
    assert states == [VERIFIED] * 12
    assert archive.associations == 2, "one to send, one to ask"


def test_others_in_a_series_are_told(
    archive: CommitmentArchive, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    night = Night(archive, folder)
    night.sends()
    forget(archive, 1, 4, 7, 10)
    archive.instances["9.9"] = ArchiveInstance("1.2", "9.9", STUDY, f"{STUDY}.1")
    assert night.proves()[MISSING] == names(1, 4, 7, 10)
    assert f"the archive has none of what was sent, but 1 others, of series {STUDY}.1\n" in caplog.text


@pytest.mark.parametrize("is_first", [True, False], ids=["DICOMDIR first", "DICOMDIR last"])
def test_what_a_dicomdir_refers_to_stays(archive: CommitmentArchive, tmp_path: Path, is_first: bool) -> None:
    shutil.copytree(DATA / "fileset", tmp_path / "in")
    before = sorted(tmp_path.rglob("in/**/*"))
    inputs = [tmp_path / "in", tmp_path / "in" / "DICOMDIR"]
    journal = JournalOptions(str(tmp_path / "journal"), move_sent=str(tmp_path / "moved"))
    transfer = send(
        inputs[::-1] if is_first else inputs, peer_of(archive), transfer=LIMITS, journal=journal, verify=SOON,
        index=IndexOptions(expand_dicomdir=True, halt_on_invalid=False),
    )  # fmt: skip
    assert list(transfer)
    assert {event.proof.state for event in transfer.proofs()} == {VERIFIED}
    assert sorted(tmp_path.rglob("in/**/*")) == before


def test_what_is_not_there_any_more_is_not_sent_again_in_words_alone(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A person has to bring the file back; then it is sent."""
    journal, gone = tmp_path / "journal", os.path.realpath(folder / "0006")
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 1, 6)
    assert first.proves()[MISSING] == names(1, 6)
    assert first.exit_code == ExitCode.SOME_MAY_SUCCEED
    os.rename(gone, tmp_path / "kept")
    second = Night(archive, folder, journal)
    assert (second.sends(), second.proves()) == (names(1), {VERIFIED: names(1), MISSING: names(6)})
    assert second.exit_code == ExitCode.REST_CANNOT_SUCCEED
    assert "the archive lacks 1 instances that it has called stored; they are sent again" in caplog.text
    assert f"the archive lacks 1 instances whose files are not there any more: {gone}\n" in caplog.text
    words = ["--journal", journal, "--resume", "--verify", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    assert run(dcmsend, *words).exit_code == ExitCode.REST_CANNOT_SUCCEED
    os.rename(tmp_path / "kept", gone)
    third = Night(archive, folder, journal)
    assert (third.sends(), third.proves(), third.exit_code) == (names(6), {VERIFIED: names(6)}, ExitCode.OK)


def test_where_the_files_are_not_seen_nothing_is_known_of_them(
    archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path
) -> None:
    """As on another host, or without a mount: the next run that sees them sends them, and no person is needed."""
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 6)
    assert first.proves()[MISSING] == names(6)
    os.rename(folder, tmp_path / "elsewhere")
    words = ["--journal", journal, "--resume", "--verify", "-aec", "ARCHIVE", "127.0.0.1", archive.port]
    result = run(dcmsend, *words)
    assert result.exit_code == ExitCode.SOME_MAY_SUCCEED
    assert "not there any more" not in result.stderr
    os.rename(tmp_path / "elsewhere", folder)
    again = Night(archive, folder, journal)
    assert (again.sends(), again.proves(), again.exit_code) == (names(6), {VERIFIED: names(6)}, ExitCode.OK)


def test_another_instance_in_the_file_of_one_that_was_to_be_sent_again(
    archive: CommitmentArchive, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a scanner uses its file names again: the journal knows the file as the new one, and a person is told."""
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 1)
    assert first.proves()[MISSING] == names(1)
    os.replace(write_series(tmp_path / "other", [(STUDY, f"{STUDY}.1")] * 13)[12], folder / "0001")
    second = Night(archive, folder, journal)
    assert (second.sends(), second.proves()) == (names(1), {VERIFIED: names(1), MISSING: names(1)})
    assert second.exit_code == ExitCode.REST_CANNOT_SUCCEED
    lost = f"{os.path.realpath(folder / '0001')} ({instance_uid(1)})"
    assert f"the archive lacks 1 instances whose files hold others now: {lost}\n" in caplog.text
    third = Night(archive, folder, journal)
    assert (third.sends(), third.proves(), third.exit_code) == ([], {}, ExitCode.OK)


def test_a_file_that_is_named_twice_needs_a_person_under_both_names(
    archive: CommitmentArchive, folder: Path, tmp_path: Path
) -> None:
    journal = JournalOptions(str(tmp_path / "journal"))
    transfer = send([folder, folder / "0001"], peer_of(archive), transfer=LIMITS, journal=journal, verify=SOON)
    assert len(list(transfer)) == 13
    forget(archive, 1, 4, 7, 10)
    assert [event.proof.state for event in transfer.proofs()].count(MISSING) == 5
    transfer._record.ended = True
    assert exit_code_of_run(transfer._record, require_stored=True) == ExitCode.REST_CANNOT_SUCCEED


class Forgetful(dict[str, ArchiveInstance]):
    """Keeps nothing."""

    def __setitem__(self, uid: str, instance: ArchiveInstance) -> None:
        pass


@pytest.mark.parametrize("status", [0xC001, 0xA700], ids=["refused", "busy"])
def test_an_archive_that_answers_no_query(
    archive: CommitmentArchive, folder: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """By its status, not by an error: that is told, too."""
    archive.instances, archive.find_status = Forgetful(), status
    night = Night(archive, folder)
    night.sends()
    assert night.proves() == {NO_ANSWER: names(*range(1, 13))}
    assert caplog.text.count(f"cannot ask the archive what it has: it answers with status 0x{status:04X}\n") == 1
    assert night.exit_code == ExitCode.NOT_PROVEN


class Full(dict[str, ArchiveInstance]):
    """Takes nothing more."""

    def __setitem__(self, uid: str, instance: ArchiveInstance) -> None:
        raise RuntimeError("the peer answers 0xC211")


def test_what_is_refused_when_it_is_sent_again_is_not_sent_once_more(
    archive: CommitmentArchive, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = Night(archive, folder, journal)
    first.sends()
    forget(archive, 1)
    first.proves()
    archive.instances = Full(archive.instances)
    for sent in (["refused"], [], []):
        night = Night(archive, folder, journal)
        assert [outcome.result.value for outcome in night.transfer] == sent
        assert night.proves() == {MISSING: names(1)}
        assert night.exit_code == ExitCode.REST_CANNOT_SUCCEED
