"""Cases about what grows: files, latency, associations."""

from __future__ import annotations

from .case import Case, Check, Entry, Measure, Receiver, Relation, Scale
from .trees import TreeSpec

__all__ = ["associations", "growth", "million", "scan", "slow_open", "wide_area"]

OURS, BEST = "dcmsend", "DCMTK dcmsend at its best"
PARALLEL, WINDOW, WHILE_SCANNING = "--parallel-associations", "--async-window", "--send-while-scanning"
ROUND_TRIP = 0.020
WINDOW_SINK = ("--window", "64")
NO_ASSOCIATION = frozenset({60, 61})


def wide_area(scale: Scale) -> Case:
    """1000 x 50 kB over 20 ms."""
    count = scale.count(1000, 24)
    tree = TreeSpec("medium", count)
    far = Receiver("null-sink", WINDOW_SINK, ROUND_TRIP)
    eight, window = "dcmsend, 8 associations", "dcmsend, window of 16"
    return Case(
        "wide-area",
        f"{count} CT of 50 kB over a line with a round trip of 20 ms",
        (
            Entry("dcmsend", OURS, tree, receiver=far),
            Entry("dcmsend", eight, tree, (PARALLEL, "8"), far, needs=(PARALLEL,), in_order=False),
            Entry("dcmsend", window, tree, (WINDOW, "16"), far, needs=(WINDOW,)),
            Entry("dcmtk-best", BEST, TreeSpec("medium", scale.few(200, 5)), receiver=far, stands_for=count),
        ),
        (
            Check(eight, OURS, Measure.WALL, 6, 7.5, Relation.AT_LEAST),
            Check(window, OURS, Measure.WALL, 8, 14, Relation.AT_LEAST),
            Check(OURS, BEST, Measure.WALL, None, None),
        ),
        scale.rounds(),
        "The line only delays: it has no limit of bandwidth and loses nothing.",
    )


def scan(scale: Scale) -> Case:
    """100,000 small files, nobody listens."""
    count = scale.count(100_000, 300)
    tree, one, closed = TreeSpec("small", count), TreeSpec("small", 1), Receiver("closed")
    our_base, their_base = "dcmsend, one file", "DCMTK dcmsend, one file"
    entries = tuple(
        Entry(program, label, what, receiver=closed, delivers=False, exit_codes=NO_ASSOCIATION)
        for program, label, what in (
            ("dcmsend", OURS, tree), ("dcmtk-best", BEST, tree),
            ("dcmsend", our_base, one), ("dcmtk-best", their_base, one),
        )
    )  # fmt: skip
    return Case(
        "scan",
        f"scan of {count} files of 3 kB; the peer's port is closed",
        entries,
        (
            Check(OURS, BEST, Measure.WALL, 1.0, 0.8),
            Check(
                OURS, BEST, Measure.PEAK_PER_INSTANCE, 1.5, 1.0, subject_base=our_base, reference_base=their_base
            ),
        ),
        scale.rounds(),
    )


def slow_open(scale: Scale) -> Case:
    """2000 files, each open takes 5 ms."""
    count = scale.count(2000, 40)
    few = TreeSpec("small", scale.few(400, 10))
    return Case(
        "slow-open",
        f"{count} files of 3 kB on a file system where an open takes 5 ms, null sink",
        (
            Entry("dcmsend", OURS, TreeSpec("small", count), slow_open=0.005),
            Entry("dcmtk-best", BEST, few, stands_for=count, slow_open=0.005),
        ),
        (Check(OURS, BEST, Measure.WALL, 4, 8, Relation.AT_LEAST),),
        scale.rounds(),
        "The order in which the instances arrive is compared with that in which the system lists them.",
    )


def million(scale: Scale) -> Case:
    """A million files, sent while they are found."""
    count = scale.count(1_000_000, 3000)
    tree = TreeSpec("small", count, linked=True)
    return Case(
        "million",
        f"{count} files (hard links), sent while the scan still runs, null sink",
        (Entry("dcmsend", OURS, tree, (WHILE_SCANNING,), needs=(WHILE_SCANNING,)),),
        (Check(OURS, "", Measure.PEAK, 150, 80),),
        scale.rounds(1, 1),
    )


def growth(scale: Scale) -> Case:
    """1k, 10k and 100k files."""
    counts = (100, 200, 400) if scale.is_short else (1000, 10_000, max(10_001, round(100_000 * scale.factor)))
    entries = []
    for program, label in (("dcmsend", OURS), ("dcmtk-best", BEST)):
        entries += [Entry(program, f"{label}, {count} files", TreeSpec("small", count)) for count in counts]
    low, middle, high = (f"{OURS}, {count} files" for count in counts)
    return Case(
        "growth",
        "files of 3 kB, null sink: how time grows with their number",
        tuple(entries),
        (
            Check(high, middle, Measure.WALL_PER_INSTANCE, 1.15, 1.05),
            Check(middle, low, Measure.WALL_PER_INSTANCE, 1.15, 1.05),
        ),
        scale.rounds(3, 1),
    )


def associations(scale: Scale) -> Case:
    """1, 2, 4 and 8 associations, near and far."""
    count = scale.count(1000, 80)
    tree = TreeSpec("medium", count)
    near, far = Receiver("null-sink"), Receiver("null-sink", (), ROUND_TRIP)
    numbers = (1, 2, 4, 8)
    entries = tuple(
        Entry(
            "dcmsend", _label(number, where), tree, (PARALLEL, str(number)), receiver,
            needs=(PARALLEL,), in_order=number == 1,
        )
        for where, receiver in (("near", near), ("far", far))
        for number in numbers
    )  # fmt: skip
    checks = [
        Check(_label(number, "far"), _label(1, "far"), Measure.WALL, 0.75 * number, 0.9 * number, Relation.AT_LEAST)
        for number in numbers[1:]
    ]
    checks += [Check(_label(number, "near"), _label(1, "near"), Measure.WALL, 1.1, 1.0) for number in numbers[1:]]
    return Case(
        "associations",
        f"{count} CT of 50 kB over several associations, near (loopback) and far (round trip of 20 ms)",
        entries,
        tuple(checks),
        scale.rounds(3, 2),
    )


def _label(number: int, where: str) -> str:
    return f"{number} {'association' if number == 1 else 'associations'}, {where}"
