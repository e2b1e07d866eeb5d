"""How many sessions ``auto`` has at the same time, against receivers that are played: no socket, no clock."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.transfer.auto_count import AutoCount, _Trial
from dcmsend.transfer.auto_facts import Choice, Facts, LineFacts, Why
from dcmsend.transfer.speed import Speed, Spent
from support.examples import all_are_tried
from support.simulated_receiver import Played, Receiver, play

NUMBERS = (1, 2, 4, 8)


def far(round_trip: float) -> Receiver:
    """A null sink behind a line: opening takes two round trips, one for TCP and one to negotiate."""
    return Receiver(lambda _count, _at, _chance: round_trip, opening=2 * round_trip)


def slow(seconds: float, takes: int = 1 << 30) -> Receiver:
    """A receiver that takes so long for each store, whatever else it does."""
    return Receiver(lambda _count, _at, _chance: seconds, takes=takes, opening=0.002)


def serial(seconds: float = 0.02, *, waits: bool) -> Receiver:
    """One association at a time, as storescp without --fork: a further one is refused, or waits for ever."""
    return Receiver(lambda _count, _at, _chance: seconds, takes=1, waits=waits, opening=0.002)


def shared(seconds: float = 0.02) -> Receiver:
    """It takes all associations and works on one store at a time."""
    return Receiver(lambda count, _at, _chance: seconds * count, opening=0.002)


def slower(seconds: float, power: float) -> Receiver:
    """It is slower with each further association; from a power of 1 on more are of no use at all."""
    return Receiver(lambda count, _at, _chance: seconds * count**power, opening=0.002)


RECEIVERS = {
    "40 ms": far(0.040),
    "100 ms": far(0.100),
    "100 ms of service": slow(0.100),
    "100 ms of service over 100 ms": Receiver(lambda *_: 0.2, opening=0.2),
    "takes 4": slow(0.050, takes=4),
    "takes 3": slow(0.050, takes=3),
    "refuses a second": serial(waits=False),
    "leaves a second waiting": serial(waits=True),
    "works on one at a time": shared(),
    "a little slower with each": slower(0.05, 0.4),
    "slower with each": slower(0.05, 1.0),
    "much slower with each": slower(0.05, 1.5),
    "best with three": Receiver(lambda count, _at, _chance: 0.02 * max(1.0, (count / 3) ** 2), opening=0.01),
    "quick": Receiver(lambda *_: 0.004, own=0.004),
    "quicker than this side": Receiver(lambda *_: 0.005, own=0.004),
}


def best(receiver: Receiver) -> float:
    """Instances a second with the best of the fixed numbers that the receiver takes."""
    numbers = [number for number in NUMBERS if number <= receiver.takes]
    return max(play(receiver, first=number, seconds=10).rate(5, 10) for number in numbers)


@functools.cache
def played_for_long(name: str) -> Played:
    """Ten minutes; chance plays no part, so that the first of them are what shorter plays would show."""
    return play(RECEIVERS[name], seconds=600)


@pytest.mark.parametrize("name", RECEIVERS)
def test_it_finds_the_best_number_within_ten_seconds(name: str) -> None:
    receiver = RECEIVERS[name]
    played = played_for_long(name)
    assert played.rate(10, 40) >= 0.85 * best(receiver), (played.counts, played.auto.choice)


@pytest.mark.parametrize("name", RECEIVERS)
def test_it_is_never_worse_than_one(name: str) -> None:
    one = play(RECEIVERS[name], first=1, seconds=60).rate(0, 60)
    assert played_for_long(name).rate(0, 60) >= 0.97 * one


@pytest.mark.parametrize("name", RECEIVERS)
def test_it_does_not_swing(name: str) -> None:
    """After the first ten seconds there is a trial now and then, more and more seldom."""
    played = played_for_long(name)
    assert played.changes_after(10) <= 8, played.counts
    assert played.changes_after(300) <= 4, played.counts
    assert played.most_open <= 8


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 128])
def test_it_never_has_more_than_are_allowed(most: int) -> None:
    played = play(far(0.1), most=most, seconds=60)
    assert played.most_open <= most
    assert played.most_open == most
    assert played.auto.choice == Choice(most, Why.ALL_ALLOWED)
    assert played.auto.highest == most


def test_it_says_why() -> None:
    assert play(slow(0.05, takes=4)).auto.choice == Choice(4, Why.REFUSED)
    assert play(serial(waits=False)).auto.choice == Choice(1, Why.REFUSED)
    assert play(serial(waits=True)).auto.choice == Choice(1, Why.NO_ANSWER)
    assert play(shared()).auto.choice == Choice(1, Why.NO_GAIN)
    assert play(RECEIVERS["quick"]).auto.choice == Choice(1, Why.NO_GAIN)
    assert play(RECEIVERS["quicker than this side"]).auto.choice == Choice(2, Why.BUSY_HERE)
    assert play(slow(5.0), seconds=4).auto.choice == Choice(1, Why.NOTHING_MEASURED)


def test_a_short_run_that_only_this_side_holds_up_pays_for_no_trial() -> None:
    """Where it is the receiver that takes its time, a second session is tried at once."""
    assert not any(at < 5.0 for at in play(RECEIVERS["quick"]).asked)
    assert play(RECEIVERS["quick"]).asked[0] < 6.0
    assert play(RECEIVERS["40 ms"]).asked[0] < 3.5


def test_rounds_of_three_seconds_put_no_trial_off() -> None:
    """Each round begins with new sessions, as after a further attempt; what counts is the time since the first."""
    auto = AutoCount(8, 0.0)
    spent = Spent()
    for step in range(1, 200):
        at = step * 0.05
        if step % 60 == 0:
            auto.begin_again()
            spent = Spent()
        for _ in range(10):
            spent.add(1000, 0.005)
        lines = (LineFacts(1, 10 * (step % 60 + 1), at),)
        auto.step(Facts(at, lines, dict(spent.sums), processor=at))
    assert [change.sessions for change in auto.changes][:1] == [2]
    assert auto.changes[0].after >= 5.0


@pytest.mark.parametrize("waits", [False, True], ids=["refused", "left waiting"])
def test_a_refusal_is_remembered_for_some_minutes(waits: bool) -> None:
    played = play(serial(waits=waits), seconds=1200)
    assert 2 <= len(played.asked) <= 5
    between = [after - before for before, after in zip(played.asked, played.asked[1:], strict=False)]
    assert between[0] >= 180
    assert between == sorted(between), "the more often it was refused the longer"


def test_it_has_fewer_when_the_receiver_has_no_resources() -> None:
    played = play(slow(0.1), seconds=100, shortages=(20.0,))
    assert played.count_at(19) == 8
    assert played.count_at(21) == 4
    assert played.count_at(99) == 4
    assert played.auto.choice.why is Why.NO_RESOURCES
    assert play(slow(0.1), seconds=100, shortages=(20.0, 21.0, 22.0, 23.0)).auto.choice.sessions == 1


def test_many_complaints_at_the_same_moment_are_one() -> None:
    """Every request that is under way when the receiver runs out of resources may be answered so."""
    played = play(slow(0.1), seconds=260, shortages=tuple(20.0 + 0.01 * number for number in range(8)))
    assert played.count_at(21) == 4
    assert played.count_at(190) == 4
    assert played.count_at(259) == 8, "some minutes later it is tried again"


def test_sessions_lost_at_the_same_moment_are_one_loss() -> None:
    auto = AutoCount(8, 0.0)
    lines = tuple(LineFacts(number, 9, 99.9) for number in range(8))
    auto.choice = Choice(8, Why.WAITING)
    for lost in range(1, 8):
        auto.step(Facts(100 + 0.001 * lost, lines[lost:], {}, losses=lost))
    assert auto.choice == Choice(4, Why.LOST)
    auto.step(Facts(103.0, tuple(line._replace(last=102.0) for line in lines[:4]), {}, losses=8))
    assert auto.choice == Choice(2, Why.LOST), "but a loss later on is another one"


def test_a_trial_in_vain_makes_it_forget_no_refusal() -> None:
    """A fifth brings nothing, and a sixth is refused."""
    receiver = Receiver(lambda count, _at, _chance: 0.1 * max(1.0, count / 4), takes=5, opening=0.01)
    played = play(receiver, seconds=600)
    assert played.auto.choice == Choice(4, Why.NO_GAIN)
    assert [count for at, count in played.counts if 30 < at < 180 and count > 5] == [], "a sixth is not asked for again"
    slowed = Receiver(lambda _count, at, _chance: 0.1 if at < 30 else 0.3, opening=0.01)
    played = play(slowed, seconds=300, shortages=(20.0,))
    assert all(count <= 4 for at, count in played.counts if 21 < at < 199)


def test_it_notices_that_answers_become_slower_by_and_by() -> None:
    """Each second the receiver does one part in a hundred less; it works for all sessions together."""

    def seconds(count: int, at: float, _chance: float) -> float:
        return 0.1 if at < 20 else 0.0125 * count / (1 - (at - 20) / 100)

    played = play(Receiver(seconds, opening=0.01), seconds=90)
    assert played.count_at(19) == 8
    assert played.count_at(80) < 8


@pytest.mark.parametrize("part", [0.5, 0.65])
def test_it_goes_back_to_one_where_others_are_in_the_way(part: float) -> None:
    """From 20 s on each further session makes it slower for all, so that one would be the fastest."""

    def seconds(count: int, at: float, _chance: float) -> float:
        return 0.1 if at < 20 else 0.1 * (count / 8) ** 1.3 / part

    receiver = Receiver(seconds, opening=0.01)
    late = max(play(receiver, first=number, seconds=90).rate(60, 90) for number in NUMBERS)
    assert play(receiver, seconds=90).rate(60, 90) >= 0.85 * late


def test_a_limit_of_the_rate_is_no_reason_for_more() -> None:
    """Sessions that wait for their turn would wait longer if there were more."""
    auto = AutoCount(8, 0.0)
    spent = Spent()
    for number in range(1, 100):
        spent.add(50_000, 0.2)
        line = LineFacts(1, number, 0.2 * number)
        auto.step(Facts(0.2 * number, (line,), dict(spent.sums), waiting=0.19 * number, paced=0.15 * number))
    assert auto.choice == Choice(1, Why.OWN_LIMIT)
    assert auto.highest == 1


def test_what_is_still_being_tried_is_told_so() -> None:
    played = play(far(0.1), seconds=1.5)
    assert played.auto.choice.sessions > 1
    assert played.auto.result == Choice(played.auto.choice.sessions, Why.TRIED)
    assert play(far(0.1), seconds=60).auto.result == Choice(8, Why.ALL_ALLOWED)


def test_what_is_left_at_an_end_changes_no_choice() -> None:
    """All that is left stays together, so fewer are open; the next work begins with the number that was chosen."""
    auto = AutoCount(8, 0.0)
    auto.choice = Choice(4, Why.WAITING)
    line = LineFacts(1, 9, 99.9)
    for moment in range(3):
        auto.step(Facts(100 + moment, (line,), {}, unneeded=1))
        assert auto.choice == Choice(1, Why.NOTHING_LEFT), "one is asked for no more"
        assert auto.result == Choice(4, Why.WAITING)
    auto.begin_again()
    assert auto.step(Facts(104, (), {})) == Choice(4, Why.WAITING)


@pytest.mark.parametrize(("open_ones", "told"), [
    (1, Choice(4, Why.WAITING)), (4, Choice(4, Why.NOTHING_LEFT)), (6, Choice(6, Why.TRIED)),
])
def test_an_end_in_the_middle_of_a_trial(open_ones: int, told: Choice) -> None:
    """Four were found to be good, and eight are tried, when nothing is left for a further one."""
    auto = AutoCount(8, 0.0)
    auto.choice = Choice(8, Why.WAITING)
    auto._trial = _Trial(4, speed_of(4, 0.1, 0.1), is_upwards=True)
    lines = tuple(LineFacts(number, 9, 99.9) for number in range(open_ones))
    auto.step(Facts(100, lines, {}, unneeded=1))
    assert auto.choice.sessions == open_ones
    assert auto.result == told


def test_what_was_known_of_more_is_not_held_against_fewer() -> None:
    """Fewer are tried, one of them cannot be opened anew: their speed is not compared with that of all."""
    auto = AutoCount(8, 0.0)
    auto.choice = Choice(8, Why.WAITING)
    spent, number = Spent(), 0

    def answer(count: int, gap: float, refusals: int, until: float) -> None:
        nonlocal number
        while auto_at[0] < until:
            auto_at[0] += gap / count
            number += 1
            spent.add(50_000, gap)
            lines = tuple(LineFacts(each, number // count + 1, auto_at[0]) for each in range(count))
            auto.step(Facts(auto_at[0], lines, dict(spent.sums), waiting=auto_at[0] * count, refusals=refusals))

    auto_at = [0.0]
    answer(8, 0.1, 0, 20.0)
    while auto.choice.sessions == 8 and auto_at[0] < 40:
        answer(8, 0.2, 0, auto_at[0] + 0.1)
    assert auto.choice == Choice(4, Why.SLOWER)
    answer(4, 0.2, 1, auto_at[0] + 30)
    assert auto.choice.sessions == 4
    assert [change.why for change in auto.changes if change.after > auto_at[0] - 29] == []


def test_it_has_fewer_when_answers_become_slow() -> None:
    """From 20 s on the receiver is as fast with four as with eight, and in all slower than before."""
    receiver = Receiver(lambda count, at, _chance: 0.1 if at < 20 else 0.1 * max(2, count), opening=0.01)
    played = play(receiver, seconds=60)
    assert played.count_at(19) == 8
    assert played.count_at(59) < 8
    late = max(play(receiver, first=number, seconds=60).rate(40, 60) for number in NUMBERS)
    assert played.rate(40, 60) >= 0.85 * late


def test_a_receiver_that_is_slower_for_everybody_keeps_its_associations() -> None:
    receiver = Receiver(lambda _count, at, _chance: 0.05 if at < 20 else 0.15, opening=0.01)
    played = play(receiver, seconds=60)
    assert played.count_at(59) == 8
    assert played.rate(40, 60) >= 0.85 * 8 / 0.15


def test_it_does_not_swing_with_a_receiver_that_is_slow_now_and_then() -> None:
    """Fewer were no better in the first slow time; in the next ones that is remembered."""
    receiver = Receiver(lambda _count, at, _chance: 0.2 if at % 40 >= 20 else 0.1, opening=0.01)
    played = play(receiver, seconds=600)
    assert played.changes_after(10) <= 10, played.counts
    assert played.changes_after(300) <= 4, played.counts
    assert played.rate(60, 600) >= 0.9 * 8 * (1 / 0.1 + 1 / 0.2) / 2


@pytest.mark.parametrize("length", [
    lambda number: 3_000 if number // 100 % 2 else 500_000, lambda number: 3_000 if number < 150 else 50_000_000,
], ids=["in turns", "large ones at last"])
def test_sizes_that_change_mislead_nobody(length: Callable[[int], int]) -> None:
    """Every instance takes its time on the line; the speed of the line stays the same for all together."""
    receiver = Receiver(lambda *_: 0.1, opening=0.2, length=length)
    played = play(receiver, seconds=60)
    assert played.count_at(59) == 8


def speed_of(count: int, *gaps: float) -> Speed:
    spent = Spent()
    for gap in gaps:
        spent.add(1000, gap)
    return Speed(count, spent.sums)


def test_answers_that_are_noted_together_make_the_same_sums() -> None:
    one_by_one, together = Spent(), Spent()
    for spent in (one_by_one, together):
        spent.add(1000, 0.5)
    for _ in range(7):
        one_by_one.add(1000, 0.25)
    together.add(1000, 1.75, 7)
    together.add(1000, 9.0, 0)
    assert together.sums == one_by_one.sums


def test_answers_in_bursts_count_as_one() -> None:
    """Fifty answers to one request, or to a window of requests, say as much as one answer."""
    burst = (0.5, *[0.0] * 49)
    assert speed_of(1, *burst).error >= 0.9
    assert speed_of(1, *burst * 8).error < 0.08
    times, error = speed_of(2, *burst * 8).times(speed_of(1, *burst * 8))
    assert times == pytest.approx(2)
    assert error < 0.25


def test_answers_at_random_times_may_be_wrong_by_chance() -> None:
    chance = random.Random(1)
    few, many = ([chance.expovariate(10) for _ in range(count)] for count in (8, 800))
    assert speed_of(1, *few).error > 0.2
    assert speed_of(1, *many).error < 0.08


@settings(max_examples=10, deadline=None, derandomize=not all_are_tried())
@given(
    seconds=st.floats(0.02, 0.5), spread=st.floats(0.0, 1.0), takes=st.integers(1, 20), waits=st.booleans(),
    power=st.floats(0.0, 1.5), opening=st.floats(0.0, 0.5), most=st.integers(1, 16), seed=st.integers(0, 1 << 32),
)  # fmt: skip
def test_any_receiver(
    seconds: float, spread: float, takes: int, waits: bool, power: float, opening: float, most: int, seed: int
) -> None:
    """Whatever the receiver does, the promises hold; answers come at random times."""
    receiver = Receiver(
        lambda count, _at, chance: seconds * count**power * (1 + spread * (2 * chance - 1)),
        takes=takes, waits=waits, opening=opening,
    )  # fmt: skip
    played: Played = play(receiver, most=most, seconds=300, chance=random.Random(seed).random)
    assert played.most_open <= min(most, takes)
    assert all(1 <= count <= most for _, count in played.counts)
    assert played.changes_after(30) <= 16
    one = play(receiver, first=1, seconds=300, chance=random.Random(seed).random)
    assert played.rate(0, 300) >= (0.95 if spread < 0.05 else 0.85) * one.rate(0, 300)


_LINES = st.lists(
    st.builds(
        LineFacts, st.integers(0, 5), st.integers(0, 1000), st.floats(0, 1e6)
    ),
    max_size=12,
)  # fmt: skip
_SUMS = st.tuples(st.integers(0, 1000), st.floats(0, 1e6), st.floats(0, 1e12), st.integers(0, 1000))
_SPENT = st.dictionaries(st.integers(0, 20), _SUMS, max_size=5)
_FACTS = st.builds(
    Facts, st.floats(0, 1e6), _LINES.map(tuple), _SPENT, st.none() | st.floats(0, 1e6), st.floats(0, 1e6),
    st.floats(0, 1e6), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=50)
@given(st.integers(1, 200), st.lists(_FACTS, max_size=20))
def test_any_facts_give_a_possible_choice(most: int, many: list[Facts]) -> None:
    """Also facts that contradict each other, e.g. of a clock that was set back."""
    auto = AutoCount(most, 0.0)
    for facts in many:
        assert 1 <= auto.step(facts).sessions <= most
    assert len(auto.changes) <= 50
