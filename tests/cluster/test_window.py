"""The window over batches: whatever dies, and whatever is heard late or twice, each input ends exactly once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.cluster.window import Attempt, Window


def run_to_end(window: Window[int], killers: set[int], events: st.DataObject | None, counts: Counter[int]) -> list[int]:
    """Play workers: a killer among the inputs of an attempt ends its worker; returns the inputs that were given up."""
    given_up: list[int] = []
    running: dict[int, Attempt[int]] = {}
    late: list[tuple[int, int]] = []
    deaths = 0
    while not window.is_empty:
        while (attempt := window.begin()) is not None:
            running[attempt.number] = attempt
            window.hear(attempt.number)
        assert len(running) <= window.limit
        number = events.draw(st.sampled_from(sorted(running))) if events else min(running)
        attempt = running.pop(number)
        for serial, item in attempt.inputs.items():
            if item in killers:
                deaths += 1
                assert deaths < 1000
                lost = window.die(number)
                given_up += lost
                break
            if events and events.draw(st.integers(0, 3)) == 0:
                late.append((number, serial))  # stored, but heard only after the death
                continue
            if window.settle(number, serial, is_stored=True) is not None:
                counts[item] += 1
        else:
            for told in late:
                settled = window.settle(*told, is_stored=True)
                if settled is not None:
                    counts[settled] += 1
            late.clear()
            for item in window.end(number):
                counts[item] += 1
        if late and events and events.draw(st.booleans()):
            for told in late * 2:
                settled = window.settle(*told, is_stored=True)
                if settled is not None:
                    counts[settled] += 1
            late.clear()
    return given_up


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.sets(st.integers(0, 30), max_size=3),
    st.integers(1, 4),
    st.data(),
)
def test_every_input_ends_exactly_once_and_only_killers_are_given_up(
    lengths: list[int], killers: set[int], limit: int, data: st.DataObject
) -> None:
    window: Window[int] = Window(limit)
    first = 0
    for length in lengths:
        window.add(range(first, first + length))
        first += length
    counts: Counter[int] = Counter()
    given_up = run_to_end(window, killers, data, counts)
    assert sorted(given_up) == sorted(killers & set(range(first)))
    assert counts == Counter(set(range(first)) - killers)


def test_three_deaths_cut_a_batch_and_the_killer_alone_has_to_die_twice() -> None:
    window: Window[str] = Window(1)
    window.add(["a", "killer"])
    for _ in range(3):
        attempt = window.begin()
        assert attempt is not None
        window.hear(attempt.number)
        assert window.die(attempt.number) == []
    first = window.begin()
    assert first is not None
    assert list(first.inputs.values()) == ["a"]
    assert window.end(first.number) == ["a"]
    for expected in ([], ["killer"]):
        attempt = window.begin()
        assert attempt is not None
        window.hear(attempt.number)
        assert window.die(attempt.number) == expected
    assert window.is_empty


def test_a_batch_that_waited_behind_the_killer_is_no_suspect() -> None:
    window: Window[str] = Window(1)
    window.add(["innocent"])
    for _ in range(8):
        attempt = window.begin()
        assert attempt is not None
        assert window.die(attempt.number) == []
    attempt = window.begin()
    assert attempt is not None
    assert window.settle(attempt.number, 1, is_stored=True) == "innocent"


def test_of_an_attempt_that_is_over_only_stored_counts() -> None:
    window: Window[str] = Window(1)
    window.add(["a", "b"])
    first = window.begin()
    assert first is not None
    window.put_back(first.number)
    assert window.settle(first.number, 1, is_stored=False) is None
    assert window.settle(first.number, 2, is_stored=True) == "b"
    second = window.begin()
    assert second is not None
    assert list(second.inputs.values()) == ["a"]
    assert window.settle(second.number, 1, is_stored=False) == "a"
    assert window.settle(second.number, 1, is_stored=True) is None


def test_what_was_found_in_an_input_ends_once_and_is_not_sent_again() -> None:
    window: Window[str] = Window(1)
    window.add(["archive"])
    first = window.begin()
    assert first is not None
    assert window.settle_found(first.number, "m1")
    assert not window.settle_found(first.number, "m1")
    window.put_back(first.number)
    assert not window.settle_found(first.number, "m2")
    second = window.begin()
    assert second is not None
    assert second.found == {"m1"}
    assert window.end(second.number) == ["archive"]


def test_what_waits_can_be_given_up() -> None:
    window: Window[str] = Window(1)
    window.add(["a"])
    window.add(["b", "c"])
    attempt = window.begin()
    assert attempt is not None
    assert window.give_up_waiting() == [("b", False), ("c", False)]
    assert window.end(attempt.number) == ["a"]
    assert window.is_empty


def test_what_waits_to_be_repeated_may_have_arrived() -> None:
    window: Window[str] = Window(2)
    window.add(["a"])
    window.add(["b"])
    window.add(["c"])
    first, second = window.begin(), window.begin()
    assert first is not None
    assert second is not None
    window.die(first.number)
    window.put_back(second.number, was_sent=False)
    assert sorted(window.give_up_waiting()) == [("a", True), ("b", False), ("c", False)]


def test_what_was_sent_once_stays_so_when_it_cannot_be_sent_again() -> None:
    window: Window[str] = Window(1)
    window.add(["a"])
    for was_sent in (True, False):
        attempt = window.begin()
        assert attempt is not None
        window.put_back(attempt.number, was_sent=was_sent)
    assert window.give_up_waiting() == [("a", True)]


def reached(window: Window[str], count: int) -> str:
    """The inputs, by their numbers as letters, that an attempt that is over may have sent."""
    return "".join(chr(ord("a") + number - 1) for number in range(1, count + 1) if window.was_reached(number))


def test_what_an_attempt_that_is_over_may_have_sent() -> None:
    window: Window[str] = Window(1)
    window.add("abcdefgh", ahead=2)
    steps: list[tuple[int, str]] = [(0, ""), (2, "acd"), (1, "cd"), (4, "cef")]
    for told, expected in steps:
        attempt = window.begin()
        assert attempt is not None
        if told:
            window.hear(attempt.number)
            window.settle(attempt.number, told, is_stored=True)
        window.die(attempt.number)
        assert reached(window, 8) == expected
    for items, expected in (("ce", "ef"), ("e", "f")):  # a half; the other one is f, g, h
        attempt = window.begin()
        assert attempt is not None
        assert "".join(attempt.inputs.values()) == items
        window.hear(attempt.number)
        window.settle(attempt.number, min(attempt.inputs), is_stored=False)
        window.put_back(attempt.number, was_told=True)
        assert reached(window, 8) == expected


def test_what_an_attempt_may_have_sent_that_another_worker_has_begun_anew() -> None:
    window: Window[str] = Window(1)
    window.add("abcdefgh", ahead=2)
    attempt = window.begin()
    assert attempt is not None
    for told, expected in ((2, "acd"), (1, "cd"), (4, "cef")):
        window.hear(attempt.number)
        window.settle(attempt.number, told, is_stored=True)
        window.begin_anew(attempt.number)
        assert reached(window, 8) == expected


def test_what_is_sent_in_any_order_or_was_not_told_may_all_have_been_sent() -> None:
    window: Window[str] = Window(2)
    window.add("abc")
    window.add("def", ahead=1)
    for _ in range(2):
        attempt = window.begin()
        assert attempt is not None
        window.hear(attempt.number)
    window.die(1)
    assert reached(window, 6) == "abc"
    window.put_back(2, was_sent=False)
    assert reached(window, 6) == "abc"
    for attempt in (window.begin(), window.begin()):
        assert attempt is not None
        window.put_back(attempt.number)
    assert reached(window, 6) == "abcdef"
