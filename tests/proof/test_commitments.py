"""Runs that ask an archive to commit itself to what it has: whatever it reports, whenever, over which association."""

from __future__ import annotations

import logging
import os
import socket
import threading
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dcmsend import (
    CommitOptions,
    InputOptions,
    JournalOptions,
    Peer,
    ProofState,
    Shard,
    TlsOptions,
    VerifyOptions,
    load_tls,
    send,
)
from dcmsend.cli.exit_code import ExitCode
from dcmsend.proof.committer import Committer
from support.archive import CommitmentArchive
from support.descriptors import open_descriptors
from support.ports import free_port
from support.processes import wait_until
from support.sending import instance_uid
from support.series_files import write_series

from .night import NO_ANSWER, STUDY, VERIFIED, Night, forget, names

pytestmark = pytest.mark.peer("pynetdicom")

COMMITTED, DENIED = ProofState.COMMITTED, ProofState.DENIED
ALL = names(*range(1, 13))


@pytest.fixture
def options(archive: CommitmentArchive) -> CommitOptions:
    """Where the archive reports."""
    port = free_port()
    archive.back = ("127.0.0.1", port)
    return CommitOptions(port=port, address="127.0.0.1", wait=20.0)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


HOWS = ["same", "new", "same-then-new"]


def nobody_listens(port: int | None) -> bool:
    assert port is not None
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0 and "reports" not in {
            thread.name for thread in threading.enumerate()
        }


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("has_port", [False, True])
@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_every_way_of_a_report(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, how: str, has_port: bool,
    delay: float,
) -> None:  # fmt: skip
    """Without a port a report on another association does not arrive; the next run asks anew."""
    archive.how, archive.delay = how, delay
    chosen = options if has_port else options.replace(port=None, wait=2.5 if how == "new" else 60.0)
    night = Night(archive, folder, journal, commit=chosen)
    assert night.sends() == ALL
    arrives = has_port or how != "new"
    assert night.proves() == ({COMMITTED: ALL} if arrives else {NO_ANSWER: ALL})
    assert night.exit_code == (0 if arrives else ExitCode.NOT_PROVEN)
    assert list(night.transfer.proofs()) == []
    assert nobody_listens(options.port)
    if not arrives:
        again = Night(archive, folder, journal, commit=options)
        assert (again.sends(), again.proves()) == ([], {COMMITTED: ALL})
    assert len({str(request.TransactionUID) for request in archive.requests}) == len(archive.requests)
    assert len(archive.stores) == 12


def test_a_slow_archive(archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path) -> None:
    """Its report comes while nobody listens, and counts for nothing; the one that it sends to the next run does."""
    archive.delay = 3.0
    night = Night(archive, folder, journal, commit=options.replace(wait=0.0))
    night.sends()
    assert night.proves() == {NO_ANSWER: ALL}
    assert {event.proof.reason for event in night.proofs} == {"not_reported"}
    archive.delay = 0.0
    again = Night(archive, folder, journal, commit=options)
    assert (again.sends(), again.proves()) == ([], {COMMITTED: ALL})
    assert [event.index for event in again.proofs] == [0] * 12


def test_a_late_report_comes_while_the_next_run_sends(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, tmp_path: Path
) -> None:
    """It is taken while files are sent; nothing is requested anew for it, because it is there by then."""
    archive.held = threading.Event()
    night = Night(archive, folder, journal, commit=options.replace(wait=0.0))
    night.sends()
    night.proves()
    more = tmp_path / "in" / "more"
    write_series(more, [(STUDY, "1.2.9")] * 1)
    again = Night(archive, folder, journal, commit=options)
    outcomes = iter(again.transfer)
    next(outcomes)
    archive.held.set()
    wait_until(lambda: len(archive.answers) == 1, 20, "the report")
    assert archive.answers == [0]
    assert list(outcomes) == []
    assert again.proves()[COMMITTED] == sorted([*ALL, "0001"])
    assert len(archive.requests) == 2, "one a night"


def test_a_late_report_on_a_copy_that_this_run_has_replaced(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, tmp_path: Path
) -> None:
    """The copy that was sent last is told of, once, and its file is moved only for its own proof."""
    archive.held = threading.Event()
    night = Night(archive, folder, journal, commit=options.replace(wait=0.0), moved=tmp_path / "moved")
    night.sends()
    night.proves()
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    again = Night(archive, folder, journal, commit=options, moved=tmp_path / "moved")
    outcomes = iter(again.transfer)
    next(outcomes)
    archive.held.set()
    wait_until(lambda: len(archive.answers) == 1, 20, "the report")
    archive.forget = 4
    assert len(list(outcomes)) == 11
    found = again.proves()
    assert {state: len(names) for state, names in found.items()} == {COMMITTED: 8, NO_ANSWER: 4}
    assert sorted(path.name for path in folder.iterdir()) == found[NO_ANSWER]


def test_what_is_denied_is_sent_again_once_ever(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    """Before that it is asked for by query; what a query finds is not sent again."""
    first = Night(archive, folder, journal, commit=options)
    first.sends()
    gone = forget(archive, 1, 6, 8)
    assert first.proves() == {DENIED: names(1, 6, 8), COMMITTED: names(2, 3, 4, 5, 7, 9, 10, 11, 12)}
    assert {event.proof.reason for event in first.proofs if event.proof.state is DENIED} == {0x0112}
    assert first.exit_code == ExitCode.SOME_MAY_SUCCEED

    archive.instances[gone[2].sop_instance_uid] = gone[2]  # found again
    second = Night(archive, folder, journal, commit=options)
    assert second.sends() == names(1, 6), "and nothing that is proven"
    forget(archive, 6)
    assert second.proves() == {VERIFIED: names(8), COMMITTED: names(1), DENIED: names(6)}
    assert second.exit_code == ExitCode.REST_CANNOT_SUCCEED

    third = Night(archive, folder, journal, commit=options)
    assert (third.sends(), third.proves()) == ([], {DENIED: names(6)})
    assert third.exit_code == ExitCode.REST_CANNOT_SUCCEED


def test_what_a_query_finds_and_this_run_replaces_is_told_once(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    """The query was about the copy before."""
    first = Night(archive, folder, journal, commit=options)
    first.sends()
    gone = forget(archive, 1, 6)
    assert first.proves()[DENIED] == names(1, 6)
    for each in gone:
        archive.instances[each.sop_instance_uid] = each
    os.utime(folder / "0001", (1, 1))
    second = Night(archive, folder, journal, commit=options)
    assert second.sends() == names(1)
    assert second.proves() == {VERIFIED: names(6), COMMITTED: names(1)}


def test_a_whole_series_that_is_not_known_is_not_sent_again(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    night = Night(archive, folder, journal, commit=options)
    night.sends()
    series = [number for number in range(1, 13) if number % 3 == 1]
    forget(archive, *series)
    assert night.proves()[DENIED] == names(*series)
    assert night.exit_code == ExitCode.REST_CANNOT_SUCCEED
    assert "may have changed the UIDs" in caplog.text
    again = Night(archive, folder, journal, commit=options)
    assert again.sends() == []


def test_a_series_that_is_denied_for_another_reason_is_sent_again(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    def fail(report: Dataset) -> None:
        for item in report.FailedSOPSequence:
            item.FailureReason = 0x0110

    archive.change = fail
    night = Night(archive, folder, journal, commit=options)
    night.sends()
    forget(archive, *range(1, 13))
    assert night.proves() == {DENIED: ALL}
    assert night.exit_code == ExitCode.SOME_MAY_SUCCEED
    archive.change = lambda report: None
    again = Night(archive, folder, journal, commit=options)
    assert (again.sends(), again.proves()) == (ALL, {COMMITTED: ALL})


def deny_one(report: Dataset) -> None:
    """As an archive that has an instance in its database, but not in its place."""
    one = [item for item in report.ReferencedSOPSequence if item.ReferencedSOPInstanceUID == instance_uid(1)]
    others = [item for item in report.ReferencedSOPSequence if item not in one]
    del report.ReferencedSOPSequence
    if others:
        report.ReferencedSOPSequence = others
    for item in one:
        item.FailureReason = 0x0110
    report.FailedSOPSequence = one


def test_what_is_denied_for_another_reason_is_not_proven_by_a_query(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, tmp_path: Path
) -> None:
    """The archive names it, and does not commit itself to it: that proves nothing and moves no file."""
    archive.change = deny_one
    first = Night(archive, folder, journal, tmp_path / "moved", commit=options)
    assert (first.sends(), first.proves()) == (ALL, {COMMITTED: ALL[1:], DENIED: names(1)})
    assert first.exit_code == ExitCode.SOME_MAY_SUCCEED
    for sent in (names(1), []):
        night = Night(archive, folder, journal, tmp_path / "moved", commit=options)
        assert (night.sends(), night.proves()) == (sent, {DENIED: names(1)})
        assert night.exit_code == ExitCode.REST_CANNOT_SUCCEED
        assert [path.name for path in folder.iterdir()] == names(1)
    assert archive.queries == []


@pytest.mark.parametrize("nights", [1, 2])
def test_what_was_denied_for_another_reason_is_asked_for_by_a_run_that_verifies(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, tmp_path: Path, nights: int
) -> None:
    """That run asks what the archive names, whatever another one was told, before anything is sent again."""
    archive.change = deny_one
    for _ in range(nights):
        night = Night(archive, folder, journal, commit=options)
        night.sends()
        assert night.proves()[DENIED] == names(1)
    night = Night(archive, folder, journal, tmp_path / "moved")
    assert (night.sends(), night.proves(), night.exit_code) == ([], {VERIFIED: names(1)}, ExitCode.OK)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("forget", "report does not name 1 of 12 instances that it was asked for; the next run"),
        ("both", ""),
        ("strange", "ignoring 1 instances in the archive's report that it was not asked for"),
        ("unknown", "ignoring a report on a transaction that is not ours: 1.2.3"),
        ("twice", ""),
        ("garbage", "report"),
    ],
)
def test_what_an_archive_may_report(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path, change: str, words: str,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Too few, too many, both, again, for another transaction."""
    caplog.set_level(logging.INFO)
    archive.forget = int(change == "forget")
    chosen = options.replace(wait=0.5) if change in ("unknown", "garbage") else options
    if change == "twice":  # the first one of two, so that somebody still listens
        archive.times, chosen = 3, options.replace(instances=6, outstanding=1)

    def spoil(report: Dataset) -> None:
        if len(archive.requests) > 1:
            archive.times = 1
        if change == "twice" and len(archive.requests) > 1:  # the run ends with the report on the second
            wait_until(lambda: len(archive.answers) >= 3, 60, "the answers to the first report")
        if change == "both":
            failed = Dataset()
            failed.update(report.ReferencedSOPSequence[0])
            failed.FailureReason = 0x0213
            report.FailedSOPSequence = [failed]
        elif change == "strange":
            more = Dataset()
            more.ReferencedSOPClassUID, more.ReferencedSOPInstanceUID = "1.2", "1.2.3.4"
            report.ReferencedSOPSequence.append(more)
        elif change == "unknown":
            report.TransactionUID = "1.2.3"
        elif change == "garbage":
            del report.TransactionUID

    archive.change = spoil
    night = Night(archive, folder, journal, commit=chosen)
    night.sends()
    with monkeypatch.context() as patched:
        if change in ("unknown", "garbage"):  # which does not end the wait: it has to last until that is here
            is_over = Committer._is_over
            patched.setattr(Committer, "_is_over", lambda self: bool(archive.answers) and is_over(self))
        found = night.proves()
    asked = [str(item.ReferencedSOPInstanceUID) for item in archive.requests[0].ReferencedSOPSequence]
    first, last = (f"{number_of(asked[place]):04}" for place in (0, -1))
    expected = {
        "forget": {NO_ANSWER: [last], COMMITTED: sorted({*ALL} - {last})},
        "both": {DENIED: [first], COMMITTED: sorted({*ALL} - {first})},
        "unknown": {NO_ANSWER: ALL}, "garbage": {NO_ANSWER: ALL},
    }.get(change, {COMMITTED: ALL})  # fmt: skip
    assert found == expected
    assert words in caplog.text
    expected_answers = {"twice": [0] * 4, "garbage": [0x0110]}.get(change, [0])
    wait_until(lambda: len(archive.answers) >= len(expected_answers), 20, "the archive has our answer, too")
    assert archive.answers == expected_answers
    archive.forget, archive.change = 0, lambda report: None
    again = Night(archive, folder, journal, commit=options)
    assert again.sends() == ([first] if change == "both" else []), "what is denied"
    assert set(again.proves()) <= {COMMITTED}


def number_of(uid: str) -> int:
    return next(number for number in range(1, 13) if instance_uid(number) == uid)


def test_between_sending_and_proving_the_journal_is_nobodys(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    night = Night(archive, folder, journal, commit=options)
    night.sends()
    assert [each for each in open_descriptors() if str(journal) in each] == []
    assert night.proves() == {COMMITTED: ALL}


def test_data_sets_have_no_answer(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    """The journal knows nothing of them; they are told all the same."""
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.55"
    peer = Peer("127.0.0.1", archive.port, "ARCHIVE")
    transfer = send([data_set, folder / "0001"], peer, journal=JournalOptions(str(journal)), commit=options)
    assert len(list(transfer)) == 2
    found = {event.index: (event.proof.state, event.proof.reason) for event in transfer.proofs()}
    assert found == {1: (NO_ANSWER, "not_in_journal"), 2: (COMMITTED, None)}


def test_a_run_that_asks_by_query_takes_up_what_is_open(
    archive: CommitmentArchive, options: CommitOptions, folder: Path, journal: Path
) -> None:
    """The request is given up, and not made anew later."""
    archive.delay = 60.0
    night = Night(archive, folder, journal, commit=options.replace(wait=0.0))
    night.sends()
    assert night.proves() == {NO_ANSWER: ALL}
    again = Night(archive, folder, journal)
    assert (again.sends(), again.proves()) == ([], {VERIFIED: ALL})
    third = Night(archive, folder, journal, commit=options)
    assert (third.sends(), third.proves()) == ([], {})
    assert len(archive.requests) == 1


def test_settings_that_contradict_each_other(archive: CommitmentArchive, folder: Path, journal: Path) -> None:
    plain, commit = Peer("127.0.0.1", archive.port), CommitOptions(port=11112)
    anonymous = plain.replace(tls=load_tls(TlsOptions(verify=False, check_host_name=False)))
    kept = JournalOptions(str(journal))
    with pytest.raises(ValueError, match="certificate of his own"):
        send(folder, anonymous, journal=kept, commit=commit)
    with pytest.raises(ValueError, match="without a journal"):
        send(folder, plain, commit=commit)
    with pytest.raises(ValueError, match="in one way"):
        send(folder, plain, journal=kept, commit=commit, verify=VerifyOptions())
    with pytest.raises(ValueError, match="one port"):
        send(folder, plain, journal=kept, commit=commit, inputs=InputOptions(shard=Shard(1, 2)))
