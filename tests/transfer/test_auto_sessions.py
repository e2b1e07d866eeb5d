"""Sessions are opened and closed while the work goes on: whatever is chosen, each instance has one true outcome."""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmsend.inputs import FileChanged
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import (
    AutoAssociations,
    Feed,
    Observer,
    Result,
    StoreOutcome,
    auto_count,
    auto_sessions,
    feed,
    work,
)
from dcmsend.transfer.auto_count import AutoCount
from dcmsend.transfer.auto_facts import Choice, Facts, Why
from dcmsend.transfer.speed import Spent
from support import memory_target
from support.examples import examples
from support.memory_plan import Fate, Opening, Plan, Way
from support.memory_run import MemoryLedger, MemoryRun, check, make_instance, run_in_memory, scan_of
from support.memory_strategies import plans

many = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip


@pytest.fixture(params=["usual switches", "a switch at every turn"])
def switching(request: pytest.FixtureRequest) -> Iterator[None]:
    """Threads take turns as usual, or as often as the interpreter can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual if request.param == "usual switches" else 1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("dcmsend.app")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


class Whim(AutoCount):
    """Chooses at random, or as it is told, and keeps the facts it was given."""

    def __init__(self, most: int, at: float, *, choose: Callable[[int, Facts], int]) -> None:
        super().__init__(most, at)
        self._pick = choose
        self.seen: list[Facts] = []

    def step(self, facts: Facts) -> Choice:
        super().step(facts)  # as it would be
        self.seen.append(facts)
        self.choice = Choice(max(1, min(self.most, self._pick(self.most, facts))), Why.WAITING)
        return self.choice


def run_by_whim(
    plan: Plan, instances: Any, most: int, choose: Callable[[int, Facts], int], *, brief: float = 0.0, **options: Any
) -> MemoryRun:
    """Transfer; the number of sessions is looked at after every answer that is not brief."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto_sessions, "_STEP", 0.0)
        patch.setattr(auto_sessions, "_BRIEF", brief)
        patch.setattr(auto_count, "AutoCount", partial(Whim, choose=choose))
        return run_in_memory(plan, instances, parallel_associations=AutoAssociations(most), **options)


def at_random(seed: int) -> Callable[[int, Facts], int]:
    chance = random.Random(seed)
    return lambda most, _facts: chance.randint(1, most)


@pytest.mark.usefixtures("switching")
@many
@given(plans(), st.integers(2, 8), st.integers(0, 1 << 32))
def test_any_plan(planned: tuple[int, Plan], most: int, seed: int) -> None:
    count, plan = planned
    check(run_by_whim(plan, count, most, at_random(seed)))


@pytest.mark.usefixtures("switching")
@many
@given(st.integers(1, 60), st.integers(1, 4), st.integers(0, 1 << 32))
def test_what_is_in_flight_when_the_caller_leaves_is_known_to_later_runs(last: int, window: int, seed: int) -> None:
    """Also where a session is just to go on on the thread of the caller."""
    run = run_by_whim(Plan(window=window), 60, 3, at_random(seed), take=lambda outcome: outcome.index == last)
    for index, (arrival,) in run.target.arrivals.items():
        (noted,) = run.ledger.noted[index]
        assert (noted.result is Result.STORED) is (arrival.status is not None)


@pytest.mark.usefixtures("switching")
@many
@given(plans(pauses=True), st.integers(2, 8), st.integers(1, 4), st.integers(0, 1 << 32))
def test_any_plan_with_further_attempts(planned: tuple[int, Plan], most: int, attempts: int, seed: int) -> None:
    count, plan = planned
    check(run_by_whim(plan, count, most, at_random(seed), attempts=attempts))


@pytest.mark.usefixtures("switching")
@many
@given(plans(halts=True), st.integers(2, 8), st.integers(0, 1 << 32))
def test_any_plan_that_halts(planned: tuple[int, Plan], most: int, seed: int) -> None:
    count, plan = planned
    check(run_by_whim(plan, count, most, at_random(seed)))


@pytest.mark.usefixtures("switching")
@many
@given(plans(pauses=True), st.integers(2, 8), st.integers(0, 2), st.integers(0, 1 << 32))
def test_any_plan_while_the_list_is_made(planned: tuple[int, Plan], most: int, attempts: int, seed: int) -> None:
    count, plan = planned
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
        patch.setattr(work, "_MAX_AHEAD", 9)
        patch.setattr(work, "_MAX_AHEAD_OF_DEFERRED", 5)
        run = run_by_whim(plan, Feed(scan_of(count)), most, at_random(seed), attempts=attempts)
    check(run, len(run.outcomes))


@pytest.mark.parametrize("seed", range(9))
def test_sessions_come_and_go(seed: int) -> None:
    """With so many instances the sessions are opened, closed and handed from thread to thread many times."""
    run = run_by_whim(Plan(window=1 + seed % 3, before_each=_others_have_their_turn), 400, 6, at_random(seed))
    check(run)
    assert run.error is None
    assert run.results == ["stored"] * 400
    assert run.target.counts().sessions > 2


def test_one_session_stays_on_the_thread_of_the_caller() -> None:
    threads: set[str] = set()
    plan = Plan(before_each=lambda _: threads.add(threading.current_thread().name))
    check(run_by_whim(plan, 100, 8, lambda _most, _facts: 1))
    assert threads == {"run"}


def test_the_only_session_goes_to_a_thread_and_comes_back() -> None:
    threads: list[str] = []

    def choose(most: int, _facts: Facts) -> int:
        return 2 if 50 <= len(threads) < 150 else 1

    def begin(_number: int) -> None:
        threads.append(threading.current_thread().name)
        time.sleep(0.0002 if len(threads) < 150 else 0.001)  # the others have their turn

    run = run_by_whim(Plan(before_each=begin), 400, 8, choose)
    check(run)
    assert threads[0] == threads[-1] == "run"
    assert any(name.startswith("association-") for name in threads)
    by_session = defaultdict(set)
    for index, session in run.target.order:
        by_session[session].add(index)
    assert {0, 399} <= by_session[1], "the first session was there all the time"


def _others_have_their_turn(_number: int) -> None:
    time.sleep(0.0005)


def grouped(count: int, groups: int, seed: int) -> list[Any]:
    """Instances of some groups; their groups follow each other, or are mixed."""
    chance = random.Random(seed)
    names = sorted(chance.randrange(groups) for _ in range(count))
    if seed % 2:
        chance.shuffle(names)
    return [make_instance(number, f"group {name}") for number, name in enumerate(names)]


@pytest.mark.parametrize("seed", range(12))
def test_a_group_stays_together_when_sessions_are_closed(seed: int) -> None:
    """A session that is to be closed first sends all of the groups that it has begun."""
    instances = grouped(300, 1 + seed % 12, seed)
    run = run_by_whim(Plan(), instances, 6, at_random(seed))
    check(run)
    sessions: defaultdict[str, set[int]] = defaultdict(set)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, session in run.target.order:
        sessions[instances[index].group].add(session)
        places[instances[index].group].append(index)
    assert {group: len(numbers) for group, numbers in sessions.items()} == dict.fromkeys(sessions, 1)
    assert all(numbers == sorted(numbers) for numbers in places.values())


@pytest.mark.parametrize("seed", range(6))
def test_a_group_stays_together_while_the_list_is_made(seed: int) -> None:
    """What belongs to a group may still be found, so its session does not end before the list is complete."""
    chance = random.Random(seed)
    names = [f"group {number // 10 * 2 + chance.randrange(2)}" for number in range(120)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
        run = run_by_whim(
            Plan(before_each=_others_have_their_turn), Feed(scan_of(120, names.__getitem__)), 4, at_random(seed)
        )
    check(run)
    sessions: defaultdict[str, set[int]] = defaultdict(set)
    for index, session in run.target.order:
        sessions[names[index]].add(session)
    assert {group: len(numbers) for group, numbers in sessions.items()} == dict.fromkeys(sessions, 1)


@pytest.mark.parametrize("grows", [False, True], ids=["the list is complete", "the list grows"])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_session_with_nothing_to_take_is_not_opened_again_and_again(groups: int, grows: bool) -> None:
    """All that is left may belong to groups that others have."""

    def group(number: int) -> str:
        return f"group {number * groups // 60}"

    instances = Feed(scan_of(60, group)) if grows else list(scan_of(60, group))
    run = run_by_whim(Plan(before_each=_others_have_their_turn), instances, 4, lambda _most, _facts: 4)
    check(run)
    assert run.results == ["stored"] * 60
    with_something = {session for _, session in run.target.order}
    # One may come for a group that another one takes in the meantime.
    assert run.target.counts().sessions <= len(with_something) + 1


def test_a_list_that_grows_is_for_as_many_as_are_chosen() -> None:
    """Nothing of it is known ahead, and yet each of them gets something."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
        plan = Plan(before_each=_others_have_their_turn)
        run = run_by_whim(plan, Feed(scan_of(2000)), 4, lambda _most, facts: 1 if len(facts.spent) < 1 else 4)
    check(run)
    assert run.results == ["stored"] * 2000
    assert run.target.most_open == 4


class SecondLeaves:
    """Chooses two sessions, and one as soon as the second has an answer."""

    def __init__(self) -> None:
        self.is_one = threading.Event()
        self.seen: list[Facts] = []

    def __call__(self, _most: int, facts: Facts) -> int:
        self.seen.append(facts)
        if any(line.number == 2 and line.answers for line in facts.lines):
            self.is_one.set()
        return 1 if self.is_one.is_set() else 2

    def before_40(self, number: int) -> None:
        """The second session is there before instance 40 is taken."""
        if number == 39:
            assert self.is_one.wait(60)
        _others_have_their_turn(number)


@pytest.mark.parametrize("longest", [60.0, 0.01], ids=["soon enough", "too late"])
def test_a_session_that_is_to_leave_waits_for_its_group(monkeypatch: pytest.MonkeyPatch, longest: float) -> None:
    """As long as the list grows its group may go on: it stays open for some time, and the choice goes by the others."""
    choose, aside, left = SecondLeaves(), threading.Event(), threading.Event()
    groups = ["a"] * 40 + ["b"] * 2 + ["a"] * 200 + ["b"] * 40
    monkeypatch.setattr(work, "_LONGEST_ASIDE", longest)
    monkeypatch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
    wait_aside = work.Work._wait_aside

    def note(each: work.Work, taker: work.WorkTaker) -> bool:
        aside.set()
        goes_on = wait_aside(each, taker)
        if not goes_on:
            left.set()
        return goes_on

    def begin(number: int) -> None:
        if number == 45:
            assert aside.wait(60)
        if number == 200 and longest < 1:
            assert left.wait(60)
        choose.before_40(number)

    monkeypatch.setattr(work.Work, "_wait_aside", note)
    run = run_by_whim(Plan(before_each=begin), Feed(scan_of(len(groups), groups.__getitem__)), 4, choose)
    check(run)
    assert run.results == ["stored"] * len(groups)
    sessions: defaultdict[str, set[int]] = defaultdict(set)
    for index, session in run.target.order:
        sessions[groups[index]].add(session)
    assert sessions == {"a": {1}, "b": {2} if longest == 60 else {1, 2}}
    order = [index for index, _ in run.target.order]
    assert order.index(242) > order.index(200), "the others find its next instance"
    assert order[-40:] == list(range(242, 282)), "in order"
    middle = choose.seen[order.index(120) : order.index(200)]
    assert all([line.number for line in facts.lines] == [1] for facts in middle)
    assert run.target.counts().sessions == 2


def test_a_lost_session_that_is_to_leave_is_neither_missed_nor_replaced() -> None:
    choose = SecondLeaves()
    groups = ["a"] * 40 + ["b", "a"] * 50
    plan = Plan({60: [Fate(Way.LOST_AFTER)]}, before_each=choose.before_40)
    run = run_by_whim(plan, list(scan_of(len(groups), groups.__getitem__)), 4, choose)
    check(run)
    by_session = dict(run.target.order)
    assert by_session[58] == 2
    assert by_session[62] == 1, "the rest of its group goes to the one that stays"
    assert run.target.counts().sessions == 2
    assert not any(facts.losses for facts in choose.seen)


@pytest.mark.parametrize("opening", [Opening.TRANSIENT, Opening.PERMANENT, Opening.TAKES_NOTHING])
def test_further_sessions_that_are_not_to_be_had(opening: Opening) -> None:
    seen: list[Facts] = []
    is_refused = threading.Event()

    def choose(most: int, facts: Facts) -> int:
        seen.append(facts)
        if facts.refusals:
            is_refused.set()
        return 1 if facts.refusals else most

    def begin(number: int) -> None:
        if number == 100:
            assert is_refused.wait(60)
        _others_have_their_turn(number)

    plan = Plan(openings=[Opening.GOOD, opening], before_each=begin)
    run = run_by_whim(plan, 200, 8, choose)
    check(run)
    assert run.results == ["stored"] * 200
    assert max(facts.refusals for facts in seen) == 1, "it is told once, and then nothing more is asked for"
    assert run.target.counts().sessions == 1 + (opening is Opening.TAKES_NOTHING)


def test_a_further_session_that_is_left_waiting_is_given_up() -> None:
    """The choice goes back to one: nobody waits for the other session any longer."""
    seen: list[Facts] = []

    def choose(_most: int, facts: Facts) -> int:
        seen.append(facts)
        return 2 if len(seen) < 100 else 1

    run = run_by_whim(Plan(openings=[Opening.GOOD, Opening.WAITS]), 3000, 8, choose)
    check(run)
    assert run.results == ["stored"] * 3000
    assert not any(facts.refusals for facts in seen), "who is called back was not refused"


def test_a_session_that_a_file_has_ended_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Facts] = []

    def choose(_most: int, facts: Facts) -> int:
        seen.append(facts)
        return 2

    monkeypatch.setattr(memory_target, "_LOST", FileChanged("the file was changed while it was sent"))
    plan = Plan({20: [Fate(Way.LOST_WITHIN)]}, before_each=_others_have_their_turn)
    run = run_by_whim(plan, 1000, 4, choose)
    assert run.results.count("stored") == 999
    assert run.target.counts().sessions == 3, "it is replaced"
    assert not any(facts.losses for facts in seen)


def test_a_lost_session_whose_successor_is_left_waiting_is_given_up() -> None:
    """A receiver that does not answer is noticed here, too."""
    left_waiting: list[int] = []

    def choose(_most: int, facts: Facts) -> int:
        if facts.losses and facts.opening_since is not None:
            left_waiting.append(len(facts.lines))
        return 1 if left_waiting else 2

    plan = Plan(
        {20: [Fate(Way.LOST_AFTER)]},
        openings=[Opening.GOOD, Opening.GOOD, Opening.WAITS],
        before_each=_others_have_their_turn,
    )
    run = run_by_whim(plan, 400, 4, choose)
    check(run)
    assert left_waiting
    assert run.results.count("stored") >= 399


def test_what_the_choice_rests_on() -> None:
    """The facts are those that the receiver has seen."""
    seen: list[Facts] = []
    both_are_lost = threading.Event()

    def choose(_most: int, facts: Facts) -> int:
        seen.append(facts)
        if facts.losses == 2:
            both_are_lost.set()
        return 3

    def begin(number: int) -> None:
        # A session that is lost when no work is left is not missed; it is only looked for after an answer.
        if number >= 100:
            both_are_lost.wait(0.5)

    lost = {20: [Fate(Way.LOST_AFTER)], 50: [Fate(Way.LOST_AFTER)]}
    run = run_by_whim(Plan({**lost, 30: [Fate(status=0xA700)]}, before_each=begin), 200, 3, choose)
    check(run)
    assert all(len(facts.lines) <= 3 for facts in seen)
    answers = [sum(sums[0] for sums in facts.spent.values()) for facts in seen]
    assert answers == sorted(answers)
    assert max(facts.shortages for facts in seen) == 1
    assert max(facts.losses for facts in seen) == 2


@pytest.mark.parametrize("brief", [0.0, 60.0])
def test_no_answer_is_forgotten(monkeypatch: pytest.MonkeyPatch, brief: float) -> None:
    """Sessions that are answered at the same time do not overwrite each other's sums; brief ones are noted together."""
    busy, together = threading.Lock(), []
    add = Spent.add

    def slowly(spent: Spent, length: int, seconds: float, answers: int = 1) -> None:
        alone = busy.acquire(blocking=False)
        together.extend([not alone] * answers)
        time.sleep(0.0002)
        add(spent, length, seconds, answers)
        if alone:
            busy.release()

    monkeypatch.setattr(Spent, "add", slowly)
    check(run_by_whim(Plan(before_each=_others_have_their_turn), 300, 8, lambda most, _facts: most, brief=brief))
    assert len(together) == 300
    assert not any(together)


def test_two_rounds_remember() -> None:
    """A work after the first one begins with the number that was chosen."""
    seen: list[Facts] = []

    def choose(most: int, facts: Facts) -> int:
        seen.append(facts)
        return 1 if len(seen) < 20 else most

    threads: defaultdict[int, set[str]] = defaultdict(set)
    plan = Plan(
        stretch_length=1000,
        before_each=lambda number: threads[number // 1000].add(threading.current_thread().name),
    )
    run = run_by_whim(plan, 3000, 4, choose)
    check(run)
    assert "run" in threads[0], "the first work begins with one"
    assert "run" not in threads[1] | threads[2]
    assert run.target.counts().sessions > 3


def test_the_caller_leaves() -> None:
    for number in (1, 20, 150):
        run = run_by_whim(
            Plan(), 400, 6, at_random(number), take=lambda outcome, number=number: outcome.index == number
        )
        assert len(run.outcomes) == number


@pytest.mark.parametrize("seed", range(6))
def test_the_run_is_ended(seed: int) -> None:
    interrupt = Interrupt()

    def end(number: int) -> None:
        if number == 100 + seed:
            interrupt.abort() if seed % 2 else interrupt.request()

    run = run_by_whim(Plan(before_each=end), 400, 6, at_random(seed), interrupt=interrupt)
    check(run)
    assert run.error is not None
    assert "not attempted" in run.results


@pytest.mark.parametrize("aborts", [False, True], ids=["asked to end", "aborted"])
@pytest.mark.parametrize("back", [False, True], ids=["to a thread", "to the caller"])
def test_the_run_is_ended_while_a_session_changes_hands(aborts: bool, back: bool) -> None:
    """What is under way on it gets its outcome all the same."""
    interrupt = Interrupt()
    seen: list[Facts] = []

    def choose(_most: int, facts: Facts) -> int:
        seen.append(facts)
        if len(seen) < 50:
            return 2 if back else 1
        if not back or len(facts.lines) == 1:
            interrupt.abort() if aborts else interrupt.request()
        return 1 if back else 2

    run = run_by_whim(
        Plan(window=4, before_each=_others_have_their_turn), 400, 2, choose, interrupt=interrupt
    )  # fmt: skip
    check(run)
    if aborts:
        return
    sent = {index for index, _ in run.target.order}
    assert sent == {outcome.position for outcome in run.outcomes if outcome.result is Result.STORED}


@pytest.mark.parametrize("when", [3, 100])
def test_an_observer_that_fails_ends_the_run(when: int) -> None:
    class Failing(Observer):
        def outcome(self, outcome: StoreOutcome) -> None:
            if outcome.index == when:
                raise OSError("planned")

    with pytest.raises(OSError, match="planned"):
        run_by_whim(Plan(), 400, 6, at_random(when), observer=Failing())


@pytest.mark.parametrize("when", [0, 3, 100])
def test_a_bug_ends_the_run(when: int) -> None:
    def fail(number: int) -> None:
        if number == when:
            raise ZeroDivisionError("planned")

    with pytest.raises(ZeroDivisionError, match="planned"):
        run_by_whim(Plan(before_each=fail), 400, 6, at_random(when))


def test_a_ledger_that_fails_ends_the_run() -> None:
    def fail(outcome: StoreOutcome) -> None:
        if outcome.index == 77:
            raise OSError("planned")

    with pytest.raises(OSError, match="planned"):
        run_by_whim(Plan(), 400, 6, at_random(1), ledger=MemoryLedger(also=fail))


def test_no_threads_are_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("association-"):
            raise RuntimeError("can't start new thread")
        original(thread)

    original = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    run = run_by_whim(Plan(), 200, 8, lambda most, _facts: most)
    check(run)
    assert run.results == ["stored"] * 200
    assert run.target.most_open == 1


@pytest.mark.parametrize("most", [0, -1])
def test_numbers_that_cannot_be(most: int) -> None:
    with pytest.raises(ValueError, match="most"):
        AutoAssociations(most)
