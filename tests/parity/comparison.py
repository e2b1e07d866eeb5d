"""What "the same behaviour" means, aspect by aspect."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support import wire
from support.report_file import ReportFile, parse_report
from support.senders import Run

DEVIATIONS_PAGE = Path(__file__).parents[2] / "docs" / "deviations.md"
IDENTIFICATION = re.compile(r"\$[a-z]+: dcmsend\S* v\S+ [0-9-]+ \$")
# Lines that only our program writes: D01 and D02 of the page on deviations, each with a test of its own.
_ADDITIONS = (
    re.compile(r"E: \d+ of \d+ SOP instances? (was|were) not stored"),
    re.compile(r"E:   \d+ with 0x"),
    re.compile(r"W: .*\.partial"),
)
# What DCMTK's parser says begins with the name of a class of its library; what follows an earlier error by necessity;
# a remark in parentheses, which each program makes in its own words.
_NOISE = re.compile(
    r"[EW]: Dcm(?!DataDictionary)[A-Z]\w+: |E: Association Abort Failed: .* Finite State Machine Error|W:   \("
)
_COURSE = re.compile(r"request|echo|store |abort |release|pdu ")


def known_deviations() -> dict[str, str]:
    """Id to table row of the page on deliberate deviations."""
    rows = {}
    for line in DEVIATIONS_PAGE.read_text(encoding="utf-8").splitlines():
        found = re.match(r"\| *(?:<a [^>]*></a>)?(D\d\d) *\|", line)
        if found:
            assert found[1] not in rows, f"{found[1]} twice"
            rows[found[1]] = line
    return rows


def exit_code(run: Run) -> object:
    return run.exit_code


def requests(run: Run) -> object:
    """All A-ASSOCIATE-RQ, implementation class UID and version name masked; None for a connection without one."""
    return [each.request and wire.mask_implementation(each.request) for each in run.peer.connections]


def course(run: Run) -> object:
    """What the peer saw on each connection, in order, but for how the stream ended."""
    return [[event for event in each.course if _COURSE.match(event)] for each in run.peer.connections]


def commands(run: Run) -> object:
    """Context and command set of each message, byte by byte."""
    return [(store.context_id, bytes(store.command_set)) for store in run.peer.stores]


def data_sets(run: Run) -> object:
    return [bytes(store.data_set) for store in run.peer.stores]


def layout(run: Run) -> object:
    """PDU and PDV headers of each message."""
    return [store.layout for store in run.peer.stores]


def report(run: Run) -> object:
    return run.report and parse_report(run.report)


def errors(run: Run) -> object:
    return _comparable_lines(run, "FE")


def warnings(run: Run) -> object:
    return _comparable_lines(run, "W")


def _comparable_lines(run: Run, levels: str) -> list[str]:
    """Without our additions (D01, D02) and without what DCMTK's parser says about single elements (D21)."""
    lines = [line for line in run.lines(levels) if not _NOISE.match(line)]
    return [line for line in lines if not is_addition(run, line)]


def other_stderr(run: Run) -> object:
    """What stands on stderr beside log lines: usage errors, but for the line that names the program and its release.

    What explains an error of ours (D24) is indented.
    """
    lines = [line for line in run.stderr.splitlines() if not re.match(r"[FEWIDT]:( |$)", line)]
    if run.program.is_ours:
        lines = [line for line in lines if not line.startswith(" " * 7)]
    return [line for line in lines if not IDENTIFICATION.fullmatch(line)]


def stdout(run: Run) -> object:
    return re.sub(r"(Current Date/Time  : )\S+ \S+", r"\1DATE TIME", run.stdout)


_ALL = (exit_code, requests, course, commands, data_sets, layout, report, errors, warnings, other_stderr, stdout)
ASPECTS: Mapping[str, Callable[[Run], object]] = {each.__name__: each for each in _ALL}


@dataclass(frozen=True)
class Pair:
    """A run of DCMTK's program and a run of ours with the same arguments and the same kind of peer."""

    theirs: Run
    ours: Run

    def __iter__(self) -> Iterator[Run]:
        return iter((self.theirs, self.ours))

    def assert_same(self, expected_exit: int | None = None, *, but: Mapping[str, str] | None = None) -> None:
        """Compare both runs in every aspect.

        Args:
            expected_exit: exit code that both must have.
            but: aspects that differ on purpose, each with the id of its line in ``docs/deviations.md``, or
                ``report.FIELD`` for one field of the report's entries. Assert what ours does instead.
        """
        but = dict(but or {})
        known = known_deviations()
        assert all(reason in known for reason in but.values()), f"not in {DEVIATIONS_PAGE.name}: {but}"
        assert not self.ours.peer.complaints, f"illegal on the wire: {self.ours.peer.complaints}"
        if expected_exit is not None:
            assert self.theirs.exit_code == expected_exit, f"the reference itself:\n{self.theirs!r}"
            if "exit_code" not in but:
                assert self.ours.exit_code == expected_exit, f"{self.ours!r}\n{self.theirs!r}"
        hidden_fields = [name.removeprefix("report.") for name in but if name.startswith("report.")]
        for name, aspect in ASPECTS.items():
            if name in but:
                continue
            theirs, ours = aspect(self.theirs), aspect(self.ours)
            if name == "report" and hidden_fields:
                theirs, ours = without_fields(theirs, hidden_fields), without_fields(ours, hidden_fields)
            same = same_lines(theirs, ours) if name in ("errors", "warnings") else theirs == ours
            assert same, f"{name} differs\n{difference(theirs, ours)}\n{self.theirs!r}{self.ours!r}"


def is_addition(run: Run, line: str) -> bool:
    return run.program.is_ours and any(pattern.match(line) for pattern in _ADDITIONS)


def same_lines(theirs: object, ours: object) -> bool:
    """Every line of DCMTK stands in ours, in order; ours may follow each with lines that explain it (D24)."""
    assert isinstance(theirs, list)
    assert isinstance(ours, list)
    wanted = iter(theirs)
    expected = next(wanted, None)
    for position, line in enumerate(ours):
        if line == expected:
            expected = next(wanted, None)
        elif position == 0 or line[:2] != ours[position - 1][:2]:
            return False
    return expected is None


def without_fields(value: object, fields: list[str]) -> object:
    if not isinstance(value, ReportFile):
        return value
    entries = tuple({name: text for name, text in entry.items() if name not in fields} for entry in value.entries)
    return ReportFile(value.heading, entries, value.summary)


def difference(theirs: object, ours: object) -> str:
    """A readable difference, DCMTK's side with ``-``, ours with ``+``."""

    def lines(value: object) -> list[str]:
        if isinstance(value, ReportFile):
            fields = [f"{name}: {text}" for entry in value.entries for name, text in entry.items()]
            return [*value.heading, *fields, *value.summary.split("\n")]
        if isinstance(value, str):
            return value.split("\n")
        if isinstance(value, list):
            return [_shown(each) for each in value]
        return [_shown(value)]

    return "\n".join(difflib.unified_diff(lines(theirs), lines(ours), "dcmtk", "ours", lineterm="", n=1))


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, tuple):
        return "(" + ", ".join(_shown(each) for each in value) + ")"
    return str(value)
