"""Whatever an archive does: each instance has exactly one verdict, and the verdict is honest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    ConnectFailed,
    ConnectionLost,
    NegotiationFailed,
    RemoteProtocolError,
    SopClassRefused,
    TimedOut,
)
from dcmsend.interrupt import Interrupt
from dcmsend.proof import Item, SeriesRemark, Verifier, VerifyOptions
from dcmsend.transfer import Holdings, ProofState, Verdict
from support.examples import examples

from .memory_archive import NEVER, Clock, Kept, Lists, MemoryArchive

USUAL = VerifyOptions()
OURS = [f"1.2.{number}" for number in range(8)]
FOREIGN = [f"9.9.{number}" for number in range(5)]
PASSING = [
    0xA700, 0xA701, 0xC001, 0x0122, 0xA900, 0xB001, 0xFE00, ConnectionLost(), AssociationAborted(),
    AssociationReleased(), RemoteProtocolError("noise"), TimedOut("the answer to C-FIND", 30.0),
    NegotiationFailed(ConnectFailed("nobody listens")),
]  # fmt: skip
TROUBLE = st.sampled_from([*PASSING, SopClassRefused()])
SINCE = st.sampled_from([0.0, 0.0, 0.0, 5.0, 20.0, 50.0, 70.0, NEVER])
KEPT = st.builds(Kept, SINCE, st.sampled_from(["", "", "ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE"]))
SERIES_UIDS = st.sampled_from([("1", "1.1"), ("1", "1.2"), ("2", "2.1"), ("", "1.1"), ("1", ""), ("1", "*")])
ARCHIVED = st.dictionaries(SERIES_UIDS, st.dictionaries(st.sampled_from(OURS + FOREIGN), KEPT, max_size=12))
ITEMS = st.lists(
    st.tuples(SERIES_UIDS, st.lists(st.sampled_from([*OURS, *OURS, "", "1.2\\1.3"]), max_size=9)), max_size=5
)


def archives(**changes: Any) -> st.SearchStrategy[MemoryArchive]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "clock": st.builds(Clock),
        "kept": ARCHIVED,
        "limit": st.sampled_from([None, None, 1, 2, 3, 5]),
        "limited_status": st.sampled_from([0, 0xB001]),
        "lists": st.sampled_from(Lists),
        "takes_one": st.booleans(),
        "list_trouble": st.sampled_from([0xA900, 0xC000, 0x0122, 0xA700, ConnectionLost()]),
        "failures": st.dictionaries(st.integers(0, 12), TROUBLE, max_size=5),
        "seconds": st.sampled_from([0.0, 0.0, 0.1, 40.0]),
        **changes,
    }
    return st.builds(MemoryArchive, **parts)


def items_of(groups: list[tuple[tuple[str, str], list[str]]]) -> list[Item[int]]:
    every = [(series, uid) for series, uids in groups for uid in uids]
    return [Item(*series, uid, number) for number, (series, uid) in enumerate(every)]


def run(
    archive: MemoryArchive, items: list[Item[int]], options: VerifyOptions = USUAL
) -> tuple[dict[int, Verdict], list[SeriesRemark]]:
    """The verdict of each item, by its key."""
    remarks: list[SeriesRemark] = []
    clock = archive.clock
    verifier = Verifier(archive, options, Interrupt(), remark=remarks.append, clock=clock, sleep=clock.sleep)
    verdicts: dict[int, Verdict] = {}
    for item, verdict in verifier.verify(iter(items)):
        assert items[item.key] is item
        assert item.key not in verdicts, "once"
        verdicts[item.key] = verdict
    assert sorted(verdicts) == list(range(len(items))), "each"
    states = [verdict.state for verdict in verdicts.values()]
    counted = [states.count(each) for each in (ProofState.VERIFIED, ProofState.MISSING, ProofState.NO_ANSWER)]
    assert list(verifier.counts[2:]) == counted
    assert verifier.counts.known == len(items) >= verifier.counts.asked
    assert sum(remark.missing for remark in remarks) == counted[1]
    return verdicts, remarks


OPTIONS = st.sampled_from([VerifyOptions(), VerifyOptions(0), VerifyOptions(1, 10.0), VerifyOptions(2, 0.0)])


@settings(max_examples=examples(800))
@given(archives(), ITEMS.filter(lambda groups: len({series for series, _ in groups}) == len(groups)), OPTIONS)
def test_verdicts_rest_on_answers(
    archive: MemoryArchive, groups: list[tuple[tuple[str, str], list[str]]], options: VerifyOptions
) -> None:
    items = items_of(groups)
    begun = archive.clock()
    verdicts, _ = run(archive, items, options)
    for item in items:
        state, reason = verdicts[item.key]
        series = (item.study_uid, item.series_uid)
        asked = [each for each in archive.questions if each.series == series]
        answered = [each for each in asked if isinstance(each.answer, Holdings)]
        named = [each for each in answered if item.sop_instance_uid in each.answer.availability]
        if state is ProofState.VERIFIED:
            assert reason is None
            assert any(each.answer.availability[item.sop_instance_uid] != "UNAVAILABLE" for each in named)
        elif state is ProofState.MISSING:
            last = asked[0].time + options.seconds * bool(options.attempts)
            about = [each for each in answered if item.sop_instance_uid in each.wanted and each.time >= last]
            assert any(each.answer.status == 0 and each not in named for each in about)
            assert not any(each in named for each in about), "nothing says the opposite"
        else:
            assert state is ProofState.NO_ANSWER
            assert reason, "a status or a name"
            if "" in series or "*" in series:
                assert not asked
    failures = sum(not isinstance(each.answer, Holdings) or each.answer.status > 0 for each in archive.questions)
    whole = sum(not each.by_name for each in archive.questions)
    assert whole <= len(groups) * (options.attempts + 1)
    by_name = len(archive.questions) - whole
    assert by_name <= whole * 13 + len(items)
    longest = options.seconds * (1 + len(groups) * bool(archive.seconds) + failures)
    assert archive.clock() - begun <= longest + 0.001 + archive.seconds * len(archive.questions)


@settings(max_examples=examples(600))
@given(archives(failures=st.just({}), takes_one=st.just(True), seconds=st.just(0.0)), ITEMS)
def test_what_is_there_is_never_missing_and_nobody_waits_longer_than_a_minute(
    archive: MemoryArchive, groups: list[tuple[tuple[str, str], list[str]]]
) -> None:
    """However little an archive names at once, and whatever it makes of lists."""
    items = items_of(groups)
    begun = archive.clock()
    verdicts, remarks = run(archive, items)
    assert archive.clock() - begun <= 60.001
    for item in items:
        kept = archive.kept.get((item.study_uid, item.series_uid), {}).get(item.sop_instance_uid, Kept(NEVER))
        if kept.since <= 60:
            assert verdicts[item.key].state is not ProofState.MISSING
        else:
            assert verdicts[item.key].state is not ProofState.VERIFIED
    for remark in remarks:
        assert 0 < remark.missing <= remark.asked


@settings(max_examples=examples(300))
@given(
    archives(
        failures=st.just({}), takes_one=st.just(True), seconds=st.just(0.0), lists=st.just(Lists.TAKEN),
    ),
    ITEMS,
)  # fmt: skip
def test_an_archive_that_takes_lists_leaves_nothing_open(
    archive: MemoryArchive, groups: list[tuple[tuple[str, str], list[str]]]
) -> None:
    items = items_of(groups)
    verdicts, _ = run(archive, items)
    for item in items:
        state, reason = verdicts[item.key]
        if state is ProofState.NO_ANSWER:
            assert reason in ("missing_uid", "invalid_uid", "unavailable")


@settings(max_examples=examples(300))
@given(archives(), ITEMS, st.integers(0, 40))
def test_a_request_to_end(
    archive: MemoryArchive, groups: list[tuple[tuple[str, str], list[str]]], end: int
) -> None:
    """Nothing is yielded twice, and nothing is asked after the request."""
    from dcmsend.errors import Cancelled

    items = items_of(groups)
    interrupt = Interrupt()
    interrupt.request_when(lambda: len(archive.questions) >= end, "a test")
    clock = archive.clock
    verifier = Verifier(archive, VerifyOptions(), interrupt, clock=clock, sleep=clock.sleep)
    seen: list[int] = []
    try:
        for item, _ in verifier.verify(items):
            seen.append(item.key)
    except Cancelled:
        assert len(archive.questions) == end
        assert len(set(seen)) == len(seen) < len(items)
    else:
        assert sorted(seen) == list(range(len(items)))
