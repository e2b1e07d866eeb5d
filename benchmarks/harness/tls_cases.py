"""Cases of TLS.  DCMTK's dcmsend 3.6.7 knows no TLS, its storescu does."""

from __future__ import annotations

from .case import Case, Check, Entry, Measure, Receiver, Relation, Scale
from .trees import TreeSpec

__all__ = ["tls", "tls_storescp", "tls_wide_area"]

OURS, STORESCU = "dcmsend", "DCMTK storescu at its best"
PARALLEL, WINDOW = "--parallel-associations", "--async-window"
SECURED = ("+tla", "-ic")
ROUND_TRIP = 0.020


def tls(scale: Scale) -> Case:
    """CT over TLS, as the case ``ct``."""
    count = scale.count(2000, 20)
    tree, receiver = TreeSpec("ct", count), Receiver("null-sink-tls", ("--window", "64"))
    window, four = "dcmsend, window of 16", "dcmsend, 4 associations"
    return Case(
        "tls",
        f"{count} CT of 0.5 MB over TLS, null sink",
        (
            Entry("dcmsend", OURS, tree, SECURED, receiver),
            Entry("storescu-best", STORESCU, tree, SECURED, receiver),
            Entry("dcmsend", window, tree, (*SECURED, WINDOW, "16"), receiver, needs=(WINDOW,)),
            Entry("dcmsend", four, tree, (*SECURED, PARALLEL, "4"), receiver, needs=(PARALLEL,), in_order=False),
        ),
        (
            Check(OURS, STORESCU, Measure.WALL, 0.8, 0.6),
            Check(OURS, STORESCU, Measure.CPU, None, None),
            Check(window, OURS, Measure.WALL, None, None),
            Check(four, OURS, Measure.WALL, None, None),
        ),
        scale.rounds(),
        "Both accept any certificate.",
    )


def tls_storescp(scale: Scale) -> Case:
    """A receiver as people have it."""
    count = scale.count(400, 20)
    tree, receiver = TreeSpec("ct", count), Receiver("storescp-tls", no_delay=True)
    return Case(
        "tls-storescp",
        f"{count} CT of 0.5 MB over TLS to storescp --ignore with TCP_NODELAY=1",
        (
            Entry("dcmsend", OURS, tree, SECURED, receiver),
            Entry("storescu-best", STORESCU, tree, SECURED, receiver),
        ),
        (Check(OURS, STORESCU, Measure.WALL, None, None), Check(OURS, STORESCU, Measure.CPU, None, None)),
        scale.rounds(),
        "The receiver takes part of the time, and runs on the same processors.",
    )


def tls_wide_area(scale: Scale) -> Case:
    """As the case ``wide-area``, over TLS."""
    count = scale.count(1000, 24)
    tree, few = TreeSpec("medium", count), TreeSpec("medium", scale.few(200, 5))
    far = Receiver("null-sink-tls", ("--window", "64"), ROUND_TRIP)
    eight, window = "dcmsend, 8 associations", "dcmsend, window of 16"
    return Case(
        "tls-wide-area",
        f"{count} CT of 50 kB over TLS and a line with a round trip of 20 ms",
        (
            Entry("dcmsend", OURS, tree, SECURED, far),
            Entry("dcmsend", eight, tree, (*SECURED, PARALLEL, "8"), far, needs=(PARALLEL,), in_order=False),
            Entry("dcmsend", window, tree, (*SECURED, WINDOW, "16"), far, needs=(WINDOW,)),
            Entry("storescu-best", STORESCU, few, SECURED, far, stands_for=count),
        ),
        (
            Check(eight, OURS, Measure.WALL, None, None, Relation.AT_LEAST),
            Check(window, OURS, Measure.WALL, None, None, Relation.AT_LEAST),
            Check(OURS, STORESCU, Measure.WALL, None, None),
        ),
        scale.rounds(),
        "The line only delays: it has no limit of bandwidth and loses nothing.",
    )
