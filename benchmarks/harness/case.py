"""What a case is made of.  Everything here is a description; nothing runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .trees import TreeSpec

__all__ = ["NEW_JOURNAL", "Case", "Check", "Entry", "Judged", "Measure", "Receiver", "Relation", "Scale"]


NEW_JOURNAL = "JOURNAL"
"""As an option of an entry: the name of a journal that is not there yet when a run begins."""


@dataclass(frozen=True)
class Receiver:
    """Where a sender sends to.

    Attributes:
        kind: a key of RECEIVERS.
        options: of the null sink.
        no_delay: started with TCP_NODELAY=1 in its environment, which hardly anybody does.
        round_trip: seconds that a line between the two adds to each round trip.
        bandwidth: bits a second of the line in each direction, shared by all connections; 0 for no limit.
        jitter: seconds by which a byte may take longer, by chance, in each direction.
        loss: share of the packets that are lost; needs a kernel with netem, and is for our own receivers only.
    """

    kind: str = "null-sink"
    options: tuple[str, ...] = ()
    round_trip: float = 0.0
    bandwidth: int = 0
    jitter: float = 0.0
    loss: float = 0.0
    no_delay: bool = False


NULL_SINK = Receiver()


@dataclass(frozen=True)
class Entry:
    """One program as it runs in a case.

    Attributes:
        program: a key of SENDERS.
        label: name in tables; different for each entry of a case.
        tree: what it sends; None if it sends nothing.
        options: further options.
        receiver: to which it sends.
        stands_for: number of instances to which the figures are extrapolated, by means of a run with one instance
            that tells what is the same for any number; 0 means those that were sent.
        needs: options without which the entry is left out.
        exit_codes: how it may end.
        delivers: false if nothing is to arrive.
        in_order: whether the instances must arrive in the order in which the system lists them.
        slow_open: seconds that each open of an input takes.
    """

    program: str
    label: str
    tree: TreeSpec | None = None
    options: tuple[str, ...] = ()
    receiver: Receiver = NULL_SINK
    stands_for: int = 0
    needs: tuple[str, ...] = ()
    exit_codes: frozenset[int] = frozenset({0})
    delivers: bool = True
    in_order: bool = True
    slow_open: float = 0.0

    @property
    def instances(self) -> int:
        """How many instances the figures are for."""
        return self.stands_for or (self.tree.count if self.tree else 0)

    @property
    def is_extrapolated(self) -> bool:
        """Whether fewer instances are sent than the figures are for."""
        return self.tree is not None and self.instances != self.tree.count


class Measure(Enum):
    """What of a run is compared."""

    WALL = "wall time"
    CPU = "CPU time"
    PEAK = "peak memory"
    WALL_PER_INSTANCE = "wall time an instance"
    PEAK_PER_INSTANCE = "memory a planned instance"


class Relation(Enum):
    """How a figure relates to its target."""

    AT_MOST = "<="
    AT_LEAST = ">="


class Judged(Enum):
    """Which of the rounds counts."""

    MEDIAN = "median"
    WORST = "worst"


@dataclass(frozen=True)
class Check:
    """A target.

    ``AT_MOST``: figure of ``subject`` divided by that of ``reference``; ``AT_LEAST``: the other way round, how many
    times faster.  Without ``reference`` the figure itself, in seconds or MB.

    Attributes:
        subject, reference: labels of entries.
        measure: what is compared.
        must, aim: the target, and what we would like; None if nothing was promised.
        relation, judged: see there.
        subject_base, reference_base: for PEAK_PER_INSTANCE the entries with one file.
    """

    subject: str
    reference: str
    measure: Measure
    must: float | None
    aim: float | None = None
    relation: Relation = Relation.AT_MOST
    judged: Judged = Judged.MEDIAN
    subject_base: str = ""
    reference_base: str = ""


@dataclass(frozen=True)
class Case:
    """A row of the table of targets.

    Attributes:
        name: for ``--case``.
        title: for people.
        entries: programs, in the order of the table; the first one is ours.
        checks: targets.
        rounds: how often each entry runs; they take turns.
        remark: what else to know.
    """

    name: str
    title: str
    entries: tuple[Entry, ...]
    checks: tuple[Check, ...]
    rounds: int
    remark: str = ""
    warm_up: bool = field(default=False)


@dataclass(frozen=True)
class Scale:
    """How large the run is.

    Attributes:
        is_short: the small numbers for continuous integration.
        factor: multiplies the numbers of instances of a full run.
        rounds_wanted: instead of those of the case.
        slow_factor: multiplies the numbers that slow programs send, from which is extrapolated.
        is_compiled: whether our command comes from a compiled wheel, of which more is asked.
    """

    is_short: bool = False
    factor: float = 1.0
    rounds_wanted: int = 0
    slow_factor: float = 1.0
    is_compiled: bool = False

    def must(self, compiled: float, pure: float) -> float:
        """The target for the kind of wheel that is measured."""
        return compiled if self.is_compiled else pure

    def count(self, full: int, short: int) -> int:
        """How many instances."""
        return short if self.is_short else max(short, round(full * self.factor))

    def few(self, full: int, short: int) -> int:
        """How many instances a slow program sends."""
        return short if self.is_short else max(short, round(full * self.factor * self.slow_factor))

    def rounds(self, full: int = 5, short: int = 1) -> int:
        """How many rounds."""
        return self.rounds_wanted or (short if self.is_short else full)
