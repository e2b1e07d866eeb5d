"""The cases: what is measured, against whom, and what was promised."""

from __future__ import annotations

from collections.abc import Callable

from .case import NEW_JOURNAL, Case, Check, Entry, Judged, Measure, Receiver, Relation, Scale
from .scaling_cases import associations, growth, million, scan, slow_open, wide_area
from .tls_cases import tls, tls_storescp, tls_wide_area
from .trees import TreeSpec

__all__ = ["CASES"]

OURS, BEST, SHIPPED, LIMIT = "dcmsend", "DCMTK dcmsend at its best", "DCMTK dcmsend as shipped", "limit"
PYDCM = "pydcm"
QUICK = ", receiver with TCP_NODELAY=1"
NAGLE_SINK = Receiver("null-sink", ("--nagle-two-writes",))


def _peers(kind: str, count: int, slow: int) -> tuple[Entry, ...]:
    """The other programs; the slow ones send fewer instances."""
    few = TreeSpec(kind, min(slow, count))
    all_of_them = TreeSpec(kind, count)
    return (
        Entry("dcmtk-best", BEST, all_of_them),
        Entry("storescu-best", "DCMTK storescu at its best", all_of_them),
        Entry("pydcm", PYDCM, all_of_them),
        Entry("dcmtk", SHIPPED, few, stands_for=count),
        Entry("storescu", "DCMTK storescu as shipped", few, stands_for=count),
        Entry("pynetdicom", "pynetdicom storescu", few, stands_for=count),
        Entry("dcmjs", "dcmjs-dimse", few, stands_for=count),
        Entry("dimse-native", "dicom-dimse-native", few, stands_for=count),
    )


def _ct(scale: Scale) -> Case:
    count = scale.count(4000, 60)
    tree = TreeSpec("ct", count)
    return Case(
        "ct",
        f"{count} CT of 0.5 MB, null sink, one association",
        (Entry("dcmsend", OURS, tree), Entry("limit", LIMIT, tree), *_peers("ct", count, scale.few(200, 10))),
        (
            Check(OURS, BEST, Measure.WALL, scale.must(0.55, 0.7), 0.5),
            Check(OURS, BEST, Measure.CPU, scale.must(0.58, 0.8), 0.5),
            Check(OURS, PYDCM, Measure.WALL, scale.must(0.75, 1.0), 0.6),
            Check(OURS, PYDCM, Measure.CPU, scale.must(0.75, 1.0), 0.6),
            Check(OURS, LIMIT, Measure.WALL, 2.5, 1.6),
        ),
        scale.rounds(),
    )


def _small(scale: Scale) -> Case:
    count = scale.count(20_000, 100)
    tree = TreeSpec("small", count)
    return Case(
        "small",
        f"{count} instances of 3 kB, null sink",
        (Entry("dcmsend", OURS, tree), Entry("limit", LIMIT, tree), *_peers("small", count, scale.few(200, 10))),
        (
            Check(OURS, BEST, Measure.WALL, scale.must(0.55, 0.75), 0.5),
            Check(OURS, BEST, Measure.CPU, scale.must(0.58, 0.8), 0.5),
            Check(OURS, PYDCM, Measure.WALL, scale.must(0.75, 1.0), 0.6),
            Check(OURS, PYDCM, Measure.CPU, scale.must(0.75, 1.0), 0.6),
            Check(OURS, LIMIT, Measure.WALL, None, None),
        ),
        scale.rounds(short=1),  # some of these programs take a second to start
    )


def _journal(scale: Scale) -> Case:
    tree = TreeSpec("small", scale.count(20_000, 300))
    with_journal, whole = "dcmsend --journal", ("--journal", NEW_JOURNAL)
    return Case(
        "journal",
        f"{tree.count} instances of 3 kB, null sink, with and without a journal",
        (
            Entry("dcmsend", with_journal, tree, whole, needs=whole[:1]),
            Entry("dcmsend", OURS, tree, ("-nh",)),
        ),
        (
            Check(with_journal, OURS, Measure.WALL, 1.25, 1.1),
            Check(with_journal, OURS, Measure.CPU, None, None),
        ),
        scale.rounds(),
        "1.25 times the time is a rate of 0.8.  Each group of outcomes goes to the disk while the next one is sent.",
    )


def _runs(scale: Scale) -> Case:
    """As people have them: start-up is a good part of the time."""
    trees = {
        "2000 CT": (TreeSpec("ct", scale.count(2000, 20)), scale.must(0.6, 0.73), 0.5),
        "3000 small": (TreeSpec("small", scale.count(3000, 30)), scale.must(0.65, 0.73), 0.55),
        "200 CT": (TreeSpec("ct", scale.count(200, 10)), scale.must(1.0, 1.2), 0.7),
    }
    return Case(
        "runs",
        "runs as people have them, start-up included: 2000 CT, 3000 small instances, 200 CT; null sink",
        tuple(
            Entry(program, f"{label}, {what}", tree)
            for what, (tree, *_targets) in trees.items()
            for program, label in (("dcmsend", OURS), ("dcmtk-best", BEST))
        ),
        (
            *(Check(f"{OURS}, {what}", f"{BEST}, {what}", Measure.WALL, *row[1:]) for what, row in trees.items()),
            *(Check(f"{OURS}, {what}", f"{BEST}, {what}", Measure.CPU, None) for what in trees),
        ),
        scale.rounds(7),
        warm_up=True,
    )


def _rich(
    kind: str, name: str, title: str, full: int, short: int, compiled: float, aim: float
) -> Callable[[Scale], Case]:
    def case(scale: Scale) -> Case:
        count = scale.count(full, short)
        tree = TreeSpec(kind, count)
        return Case(
            name,
            f"{count} x {title}, null sink",
            (Entry("dcmsend", OURS, tree), Entry("dcmtk-best", BEST, tree), Entry("limit", LIMIT, tree)),
            (
                Check(OURS, BEST, Measure.CPU, scale.must(compiled, 0.5), aim),
                Check(OURS, BEST, Measure.WALL, None, None),
            ),
            scale.rounds(),
        )

    return case


def _nagle(scale: Scale) -> Case:
    count = scale.count(1000, 40)
    tree = TreeSpec("medium", count)
    return Case(
        "nagle",
        f"{count} CT of 50 kB to a null sink with Nagle on that answers in two writes",
        (
            Entry("dcmsend", OURS, tree, receiver=NAGLE_SINK),
            Entry("dcmtk", SHIPPED, TreeSpec("medium", scale.few(200, 5)), receiver=NAGLE_SINK, stands_for=count),
            Entry("dcmtk-best", BEST, TreeSpec("medium", scale.few(200, 5)), receiver=NAGLE_SINK, stands_for=count),
        ),
        (Check(OURS, SHIPPED, Measure.WALL, 20, 60, Relation.AT_LEAST, Judged.WORST),),
        scale.rounds(10, 2),
    )


def _storescp(kind: str, name: str, title: str) -> Callable[[Scale], Case]:
    def case(scale: Scale) -> Case:
        count = scale.count(1000, 40)
        few = TreeSpec(kind, scale.few(100, 10))
        receiver = Receiver("storescp")
        return Case(
            name,
            f"{count} {title} to an unmodified storescp --ignore",
            (
                Entry("dcmsend", OURS, TreeSpec(kind, count), receiver=receiver),
                Entry("dcmtk", SHIPPED, few, receiver=receiver, stands_for=count),
                Entry("dcmtk-best", BEST, few, receiver=receiver, stands_for=count),
                Entry("pynetdicom", "pynetdicom storescu", few, receiver=receiver, stands_for=count),
            ),
            (
                Check(OURS, SHIPPED, Measure.WALL, 20, 60, Relation.AT_LEAST, Judged.WORST),
                Check(OURS, BEST, Measure.WALL, None, None, Relation.AT_LEAST, Judged.WORST),
            ),
            scale.rounds(10, 2),
        )

    return case


def _orthanc(scale: Scale) -> Case:
    count = scale.count(400, 20)
    tree, receiver, quick = TreeSpec("ct", count), Receiver("orthanc"), Receiver("orthanc", no_delay=True)
    four, ours_quick, best_quick = "dcmsend, 4 associations", f"{OURS}{QUICK}", f"{BEST}{QUICK}"
    parallel = ("--parallel-associations", "4")
    return Case(
        "orthanc",
        f"{count} CT of 0.5 MB to Orthanc, which is started anew for each run",
        (
            Entry("dcmsend", OURS, tree, receiver=receiver),
            Entry("dcmsend", four, tree, parallel, receiver, needs=parallel[:1], in_order=False),
            Entry("dcmtk-best", BEST, tree, receiver=receiver),
            Entry("dcmsend", ours_quick, tree, receiver=quick),
            Entry("dcmtk-best", best_quick, tree, receiver=quick),
        ),
        (
            Check(OURS, BEST, Measure.WALL, 1.0, None),
            Check(ours_quick, best_quick, Measure.WALL, 1.0, None),
            Check(four, OURS, Measure.WALL, 1.0, None),
        ),
        scale.rounds(),
    )


def _dcmrecv(scale: Scale) -> Case:
    count = scale.count(400, 20)
    receiver, quick = Receiver("dcmrecv"), Receiver("dcmrecv", no_delay=True)
    ours_quick, best_quick = f"{OURS}{QUICK}", f"{BEST}{QUICK}"
    few = TreeSpec("ct", scale.few(100, 10))
    return Case(
        "dcmrecv",
        f"{count} CT of 0.5 MB to dcmrecv, which writes them to disk",
        (
            Entry("dcmsend", OURS, TreeSpec("ct", count), receiver=receiver),
            Entry("dcmtk-best", BEST, TreeSpec("ct", count), receiver=receiver),
            Entry("dcmtk", SHIPPED, few, receiver=receiver, stands_for=count),
            Entry("dcmsend", ours_quick, TreeSpec("ct", count), receiver=quick),
            Entry("dcmtk-best", best_quick, TreeSpec("ct", count), receiver=quick),
        ),
        (Check(OURS, BEST, Measure.WALL, 1.0, None), Check(ours_quick, best_quick, Measure.WALL, 1.0, None)),
        scale.rounds(),
    )


def _large(scale: Scale) -> Case:
    kind = "multi-frame-64" if scale.is_short else "multi-frame-4000"
    tree = TreeSpec(kind, 1)
    return Case(
        "large",
        f"one multi-frame of {kind.rsplit('-', 1)[1]} MiB, null sink",
        (Entry("dcmsend", OURS, tree), Entry("dcmtk-best", BEST, tree), Entry("limit", LIMIT, tree)),
        (Check(OURS, BEST, Measure.WALL, 0.7, None), Check(OURS, "", Measure.PEAK, 64, None)),
        scale.rounds(),
        "Pixel Data is a hole in the file, so that the disk does not take part.",
    )


def _start_up(scale: Scale) -> Case:
    one = TreeSpec("small", 1)
    bare, version, usage, send = "bare interpreter", "dcmsend --version", "dcmsend --help", "dcmsend, one 3 kB file"
    return Case(
        "start-up",
        "start-up",
        (
            Entry("dcmsend", version, options=("--version",), delivers=False),
            Entry("dcmsend", usage, options=("--help",), delivers=False),
            Entry("dcmsend", send, one),
            Entry("python", bare, delivers=False),
            Entry("dcmtk", "DCMTK dcmsend --version", options=("--version",), delivers=False),
            Entry("dcmtk-best", "DCMTK dcmsend, one 3 kB file", one),
        ),
        (
            Check(version, bare, Measure.WALL, 3, 2),
            Check(usage, bare, Measure.WALL, 3, 2),
            Check(send, bare, Measure.WALL, scale.must(3.8, 4.7), 3),
            Check(version, bare, Measure.CPU, None, None),
            Check(send, bare, Measure.CPU, None, None),
        ),
        scale.rounds(30, 2),
        warm_up=True,
    )


CASES: dict[str, Callable[[Scale], Case]] = {
    "ct": _ct,
    "small": _small,
    "runs": _runs,
    "journal": _journal,
    "functional-mr": _rich("functional-mr", "functional-mr", "functional MR with 10,000 elements", 200, 4, 0.2, 0.15),
    "sr": _rich("sr", "sr", "structured report with 500 elements", 4000, 60, 0.28, 0.15),
    "nagle": _nagle,
    "storescp-ct": _storescp("ct", "storescp-ct", "CT of 0.5 MB"),
    "storescp-small": _storescp("small", "storescp-small", "instances of 3 kB"),
    "orthanc": _orthanc,
    "dcmrecv": _dcmrecv,
    "tls": tls,
    "tls-storescp": tls_storescp,
    "tls-wide-area": tls_wide_area,
    "large": _large,
    "wide-area": wide_area,
    "scan": scan,
    "slow-open": slow_open,
    "million": million,
    "start-up": _start_up,
    "growth": growth,
    "associations": associations,
}
"""By name, in the order of the table."""
