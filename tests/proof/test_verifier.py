"""The course of a verification, case by case, over archives in memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from dcmsend.errors import (
    AssociationRejected,
    Cancelled,
    ConnectFailed,
    ConnectionLost,
    DcmsendError,
    NegotiationFailed,
    SopClassRefused,
    TimedOut,
)
from dcmsend.interrupt import Interrupt
from dcmsend.proof import Item, ProofCounts, SeriesRemark, Verifier, VerifyOptions
from dcmsend.transfer import Holdings, ProofState, Verdict

from .memory_archive import NEVER, Clock, Kept, Lists, MemoryArchive

VERIFIED, MISSING = Verdict(ProofState.VERIFIED), Verdict(ProofState.MISSING)


def no_answer(reason: int | str) -> Verdict:
    return Verdict(ProofState.NO_ANSWER, reason)


def uids(count: int, first: int = 0) -> list[str]:
    return [f"1.2.3.{number}" for number in range(first, first + count)]


def series(number: int, names: list[str]) -> list[Item[str]]:
    return [Item("1", f"1.{number}", uid, f"{number}:{uid}") for uid in names]


def archive_with(*contents: dict[str, Kept], **how: object) -> MemoryArchive:
    """Series number 0, 1, ..."""
    kept = {("1", f"1.{number}"): content for number, content in enumerate(contents)}
    return MemoryArchive(Clock(), kept, **how)  # type: ignore[arg-type]


def verifier_of(
    archive: MemoryArchive, options: VerifyOptions | None = None, remarks: list[SeriesRemark] | None = None
) -> Verifier:
    told = remarks if remarks is not None else []
    return Verifier(
        archive, options or VerifyOptions(), Interrupt(),
        remark=told.append, clock=archive.clock, sleep=archive.clock.sleep,
    )  # fmt: skip


def verdicts(archive: MemoryArchive, items: list[Item[str]]) -> dict[str, Verdict]:
    return {item.sop_instance_uid: verdict for item, verdict in verifier_of(archive).verify(items)}


# --- what is there, and what is not


def test_one_question_for_a_series_that_is_there() -> None:
    archive = archive_with(dict.fromkeys(uids(50), Kept()))
    verifier = verifier_of(archive)
    assert [verdict for _, verdict in verifier.verify(series(0, uids(50)))] == [VERIFIED] * 50
    assert len(archive.questions) == 1
    assert verifier.counts == ProofCounts(known=50, asked=50, verified=50)
    assert (archive.clock.now, archive.closed) == (1000.0, 0)


def test_one_missing_and_one_foreign_are_no_match() -> None:
    remarks: list[SeriesRemark] = []
    archive = archive_with({**dict.fromkeys(uids(9), Kept()), "9.9": Kept()})
    found = {item.sop_instance_uid: verdict for item, verdict in
             verifier_of(archive, remarks=remarks).verify(series(0, uids(10)))}  # fmt: skip
    assert found == {**dict.fromkeys(uids(9), VERIFIED), "1.2.3.9": MISSING}
    assert remarks == [SeriesRemark("1", "1.0", 10, 1, 1)]
    assert not remarks[0].is_whole_series


@pytest.mark.parametrize("others", [0, 4])
def test_a_whole_series_that_is_missing(others: int) -> None:
    remarks: list[SeriesRemark] = []
    archive = archive_with({f"9.{number}": Kept() for number in range(others)})
    found = list(verifier_of(archive, remarks=remarks).verify(series(0, uids(4))))
    assert [verdict for _, verdict in found] == [MISSING] * 4
    assert remarks == [SeriesRemark("1", "1.0", 4, 4, others)]
    assert remarks[0].is_whole_series


def test_the_same_instance_twice() -> None:
    archive = archive_with({"1.2.3.0": Kept()})
    items = [Item("1", "1.0", uid, key) for key, uid in enumerate(["1.2.3.0", "1.2.3.1", "1.2.3.0", "1.2.3.1"])]
    found = {item.key: verdict for item, verdict in verifier_of(archive).verify(items)}
    assert found == {0: VERIFIED, 2: VERIFIED, 1: MISSING, 3: MISSING}


def test_availability() -> None:
    words = {"1.1": "ONLINE", "1.2": "NEARLINE", "1.3": "OFFLINE", "1.4": "UNAVAILABLE"}
    kept = {uid: Kept(0, word) for uid, word in words.items()}
    found = verdicts(archive_with(kept), series(0, list(kept)))
    assert found == {"1.1": VERIFIED, "1.2": VERIFIED, "1.3": VERIFIED, "1.4": no_answer("unavailable")}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (Item("", "1.0", "1.2", 0), "missing_uid"),
        (Item("1", "", "1.2", 0), "missing_uid"),
        (Item("1", "*", "1.2", 0), "invalid_uid"),
        (Item("1\\2", "1.0", "1.2", 0), "invalid_uid"),
        (Item("1", "1.0", "", 0), "missing_uid"),
        (Item("1", "1.0", "1.2\\1.3", 0), "invalid_uid"),
    ],
)
def test_what_cannot_be_asked_for(item: Item[int], reason: str) -> None:
    archive = archive_with({"1.2": Kept()})
    assert list(verifier_of(archive).verify([item])) == [(item, no_answer(reason))]
    assert all({each.series[0], each.series[1]} == {"1", "1.0"} for each in archive.questions)


# --- time


def test_late_indexing_delays_no_other_series() -> None:
    archive = archive_with({"1.1": Kept(15.0)}, *[{"1.1": Kept()}] * 3)
    items = [item for number in range(4) for item in series(number, ["1.1"])]
    found = [(item.series_uid, archive.clock.now - 1000) for item, _ in verifier_of(archive).verify(items)]
    assert [uid for uid, _ in found] == ["1.1", "1.2", "1.3", "1.0"]
    assert [round(time) for _, time in found] == [0, 0, 0, 20]
    assert [each.time - 1000 for each in archive.questions] == pytest.approx([0, 0, 0, 0, 60 / 9, 20])


def test_a_wait_does_not_hold_the_association() -> None:
    archive = archive_with({"1.1": Kept(15.0)})
    verdicts(archive, series(0, ["1.1"]))
    assert archive.closed == 2


def test_not_more_than_a_thousand_series_wait() -> None:
    late = [{"1.1": Kept(30.0)}] * 1100
    archive = archive_with(*late)
    items = (item for number in range(1100) for item in series(number, ["1.1"]))
    assert sum(verdict == VERIFIED for _, verdict in verifier_of(archive).verify(items)) == 1100
    asked = [each.series[1] for each in archive.questions]
    assert asked.index("1.0", 1) == 1000


def test_a_list_without_end_is_not_gathered() -> None:
    from itertools import count

    archive = archive_with({"1.1": Kept()})
    endless = (Item("1", "1.0", "1.1", number) for number in count())
    assert next(iter(verifier_of(archive).verify(endless)))[1] == VERIFIED


def test_a_request_to_end_ends_the_wait() -> None:
    archive = archive_with({"1.1": Kept()})
    interrupt = Interrupt()
    clock = archive.clock
    interrupt.request_when(lambda: clock.now >= 1003, "a test")
    verifier = Verifier(archive, VerifyOptions(), interrupt, clock=clock, sleep=clock.sleep)
    found = verifier.verify(series(0, ["1.1", "1.2"]))
    assert next(found)[1] == VERIFIED
    with pytest.raises(Cancelled):
        next(found)
    assert clock.now == pytest.approx(1003, abs=0.3)


# --- archives that do not name all


@pytest.mark.parametrize("status", [0, 0xB001])
@pytest.mark.parametrize("lists", Lists)
def test_a_limit_of_answers(status: int, lists: Lists) -> None:
    kept = dict.fromkeys(uids(40), Kept())
    trouble = ConnectionLost() if lists is Lists.ABORTED else 0xA900
    archive = archive_with(kept, limit=15, limited_status=status, lists=lists, list_trouble=trouble)
    found = verdicts(archive, series(0, uids(41)))
    assert found == {**dict.fromkeys(uids(40), VERIFIED), "1.2.3.40": MISSING}


def test_a_limit_that_is_known_costs_no_wait() -> None:
    archive = archive_with(*[dict.fromkeys(uids(4), Kept())] * 3, limit=2)
    verifier = verifier_of(archive)
    times = []
    for number in range(3):
        for _, verdict in verifier.verify(series(number, uids(4))):
            assert verdict == VERIFIED
        times.append(archive.clock.now - 1000)
    assert times == pytest.approx([60, 60, 60])


def test_an_archive_that_takes_no_names() -> None:
    """What it calls complete is believed; what it calls incomplete is not."""
    kept = {**dict.fromkeys(uids(3), Kept()), "1.2.3.3": Kept(NEVER)}
    names = {"lists": Lists.REFUSED, "takes_one": False}
    assert verdicts(archive_with(kept, **names), series(0, uids(4)))["1.2.3.3"] == MISSING
    limited = archive_with(kept, limit=2, limited_status=0xB001, **names)
    found = verdicts(limited, series(0, uids(4)))
    assert found == {**dict.fromkeys(uids(2), VERIFIED), **dict.fromkeys(uids(2, 2), no_answer(0xB001))}
    assert sum(each.by_name for each in limited.questions) == 2, "one for a list, one for an instance"


def test_long_lists_go_out_in_pieces() -> None:
    names = [f"1.2.{10**55 + number}" for number in range(3000)]
    archive = archive_with(dict.fromkeys(names, Kept()), limit=1500, limited_status=0xB001)
    assert set(verdicts(archive, series(0, names)).values()) == {VERIFIED}
    longest = max(sum(len(uid) + 1 for uid in each.wanted) for each in archive.questions if each.by_name)
    assert 50_000 < longest <= 60_100


def test_few_questions_for_many_that_are_missing_where_lists_are_ignored() -> None:
    archive = archive_with(dict.fromkeys(uids(5), Kept()), lists=Lists.IGNORED)
    found = verdicts(archive, series(0, uids(500)))
    assert list(found.values()).count(MISSING) == 495
    assert len(archive.questions) == 4 + 1 + 10


def test_two_lists_for_many_that_are_missing() -> None:
    """The first shows, by the witness, that the archive takes lists."""
    archive = archive_with(dict.fromkeys(uids(5), Kept()))
    assert list(verdicts(archive, series(0, uids(500))).values()).count(MISSING) == 495
    assert [len(each.wanted) for each in archive.questions if each.by_name] == [496, 495]


def test_lists_that_end_the_association_are_sent_twice_at_most() -> None:
    kept = dict.fromkeys(uids(3), Kept())
    archive = archive_with(*[kept] * 5, lists=Lists.ABORTED, list_trouble=ConnectionLost())
    verifier = verifier_of(archive)
    items = [item for number in range(5) for item in series(number, uids(5))]
    assert [verdict for _, verdict in verifier.verify(items)].count(MISSING) == 10
    assert sum(isinstance(each.answer, ConnectionLost) for each in archive.questions) == 2


def test_names_that_are_refused_do_not_slow_the_rest() -> None:
    archive = archive_with({"1.1": Kept()}, {"1.1": Kept()}, lists=Lists.REFUSED, takes_one=False)
    items = [item for number in range(2) for item in series(number, ["1.1", "1.2", "1.3"])]
    assert [verdict for _, verdict in verifier_of(archive).verify(items)].count(MISSING) == 4
    assert archive.clock.now == pytest.approx(1060)


def test_nothing_is_missing_where_the_limited_answer_comes_whatever_is_asked_for() -> None:
    """Even a list of names, or one: so nobody has said that the others are not there."""
    archive = archive_with(dict.fromkeys(uids(7), Kept()), dict.fromkeys(uids(40), Kept()), limit=5)
    verifier = verifier_of(archive, VerifyOptions(0))
    assert [verdict for _, verdict in verifier.verify(series(0, uids(7)))] == [VERIFIED] * 7  # the limit is known now
    find = archive.find

    def whole(study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        return find(study_uid, series_uid, wanted)

    archive.find = whole  # type: ignore[method-assign]
    found = {item.sop_instance_uid: verdict for item, verdict in verifier.verify(series(1, uids(40)))}
    assert found == {**dict.fromkeys(uids(5), VERIFIED), **dict.fromkeys(uids(35, 5), no_answer("answers_limited"))}


@pytest.mark.parametrize("first", [{"1.1": Kept()}, {"9.9": Kept()}], ids=["what was sent", "another"])
def test_an_empty_answer_after_one_that_was_not_says_nothing(first: dict[str, Kept]) -> None:
    """As while an index is built anew: the archive names less than it has."""
    archive = archive_with(first)
    find = archive.find

    def at_last_empty(*args: Any, **more: Any) -> Holdings:
        if archive.clock.now >= 1060:
            archive.kept = {}
        return find(*args, **more)

    archive.find = at_last_empty  # type: ignore[method-assign]
    found = verdicts(archive, series(0, ["1.1", "1.2"]))
    assert found["1.2"] == no_answer("answers_limited")
    assert archive.questions[-1].answer == Holdings({}, 0, 0)


def test_what_was_not_asked_for_by_name_is_not_missing_where_answers_are_limited() -> None:
    names = [*uids(5), "1.5", *[f"7.{number}" for number in range(12)], "1.6"]
    kept = dict.fromkeys([*uids(5), "1.5", "1.6"], Kept())
    found = verdicts(archive_with(kept, limit=5, lists=Lists.IGNORED), series(0, names))
    assert found["1.5"] == VERIFIED
    assert found["1.6"] == no_answer("answers_limited")
    assert list(found.values()).count(MISSING) == 10


def test_names_that_have_no_answer_where_they_had_one_before() -> None:
    archive = archive_with(dict.fromkeys(uids(4), Kept()), {"1.1": Kept()}, limit=2)
    verifier = verifier_of(archive, VerifyOptions(0))
    assert [verdict for _, verdict in verifier.verify(series(0, uids(4)))] == [VERIFIED] * 4
    asked = len(archive.questions)
    archive.failures = {asked + 1: ConnectionLost(), asked + 2: TimedOut("the answer to C-FIND", 30)}
    found = {item.sop_instance_uid: verdict for item, verdict in verifier.verify(series(1, ["1.1", "1.2", "1.3"]))}
    assert found == {"1.1": VERIFIED, "1.2": no_answer("timed_out"), "1.3": no_answer("timed_out")}


# --- failures


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (0xA700, 0xA700), (0xC001, 0xC001), (ConnectionLost(), "connection_lost"),
        (TimedOut("the answer to C-FIND", 30), "timed_out"),
        (NegotiationFailed(ConnectFailed("nobody listens")), "no_association"),
    ],
)  # fmt: skip
def test_a_failure_that_passes_and_one_that_does_not(trouble: int | DcmsendError, reason: int | str) -> None:
    kept = {"1.1": Kept()}
    assert verdicts(archive_with(kept, failures={0: trouble, 1: trouble}), series(0, ["1.1"])) == {"1.1": VERIFIED}
    archive = archive_with(*[kept] * 200, always=trouble)
    verifier = verifier_of(archive)
    items = [item for number in range(200) for item in series(number, ["1.1"])]
    assert {verdict for _, verdict in verifier.verify(items)} == {no_answer(reason)}
    assert len(archive.questions) == 5, "an archive that does not answer is spared"
    assert archive.clock.now - 1000 == pytest.approx(60, abs=0.01)
    assert verifier.given_up == reason
    assert verifier.error is (trouble if isinstance(trouble, DcmsendError) else None)
    assert verifier.counts.no_answer == 200


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SopClassRefused(), "context_refused"),
        (NegotiationFailed(AssociationRejected(1, 1, 7)), "no_association"),
    ],
)
def test_an_archive_that_refuses_for_good_is_asked_once(error: DcmsendError, reason: str) -> None:
    archive = archive_with({"1.1": Kept()}, {"1.1": Kept()}, failures={0: error})
    verifier = verifier_of(archive)
    found = list(verifier.verify(series(0, ["1.1", "1.2"]) + series(1, ["1.1"])))
    assert [verdict for _, verdict in found] == [no_answer(reason)] * 3
    assert (len(archive.questions), archive.clock.now) == (1, 1000.0)
    assert verifier.error is error


def test_nothing_is_missing_when_the_archive_is_given_up_before_the_last_wait() -> None:
    archive = archive_with(
        dict.fromkeys(["1.1", "1.9"], Kept()), limit=1, limited_status=0xB001, lists=Lists.REFUSED,
        failures={3: SopClassRefused()},
    )  # fmt: skip
    found = verdicts(archive, series(0, ["1.1", "1.2", "1.3"]))
    assert [each.by_name for each in archive.questions] == [False, True, True, True]
    assert found == {"1.1": VERIFIED, "1.2": no_answer("context_refused"), "1.3": no_answer("context_refused")}


def test_a_series_that_the_archive_cannot_stand_costs_the_others_nothing() -> None:
    archive = archive_with({"1.1": Kept()}, *[{"1.1": Kept()}] * 20)
    find = archive.find

    def poisoned(study_uid: str, series_uid: str, *args: object, **more: object) -> object:
        archive.always = ConnectionLost() if series_uid == "1.0" else None
        return find(study_uid, series_uid, *args, **more)  # type: ignore[arg-type]

    archive.find = poisoned  # type: ignore[method-assign,assignment]
    items = [item for number in range(21) for item in series(number, ["1.1"])]
    found = [(item.series_uid, verdict) for item, verdict in verifier_of(archive).verify(items)]
    assert [verdict for _, verdict in found] == [VERIFIED] * 20 + [no_answer("connection_lost")]
    assert archive.clock.now - 1000 == pytest.approx(60, abs=0.1)


def test_what_was_named_before_a_failure_is_there() -> None:
    archive = archive_with(dict.fromkeys(uids(4), Kept()), always=0xA700)
    found = verdicts(archive, series(0, uids(4)))
    assert found == {**dict.fromkeys(uids(2), VERIFIED), **dict.fromkeys(uids(2, 2), no_answer(0xA700))}
