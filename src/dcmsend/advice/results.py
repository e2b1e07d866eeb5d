"""Advice on the result of a run as a whole, as the page for people shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .instances import run_again

__all__ = [
    "NAMES_IN_REPORT", "OWN_NAMES", "SEE_CSV", "SEE_JOURNAL_REPORT", "SENDS_ALL", "WITHOUT_TEXT_REPORT", "for_exit",
    "for_rest", "names_in_journal",
]  # fmt: skip

SEE_CSV: Final = "the report of --report-csv lists all"
SEE_JOURNAL_REPORT: Final = "dcmsend-journal report --html and --csv show them one by one"
NAMES_IN_REPORT: Final = "(--report-csv FILE lists them one by one)"
SENDS_ALL: Final = (
    "It sends everything again, also what is stored; that does no harm. With --journal FILE --resume a run sends only "
    "what is missing."
)

OWN_NAMES: Final = "Its reports have names of their own, with date and time, so that this one stays."
WITHOUT_TEXT_REPORT: Final = "It leaves out +crf, whose report would replace that of this run."

_EXITS: Final = {
    0: "the run has come to its end",
    1: "the command line is wrong",
    21: "no input files were found",
    22: "an input file is bad, and the run ended there",
    23: "no input file can be sent",
    43: "a report could not be written",
    60: "a network port cannot be used",
    61: "there was no connection to the archive; run again later",
    62: "an instance could not be sent, and the run ended there",
    65: "the archive takes none of these kinds of object",
    70: "an error in the program; please report it",
    101: "not everything is stored; run again later",
    102: "not everything is stored; the rest needs manual action",
    103: "the time window is over; the next run goes on",
    104: "the journal cannot be used; this needs manual action",
    105: "permanently rejected; this needs manual action",
    106: "everything is stored, but not everything is proven; run again later",
    130: "the run was interrupted",
    143: "the run was ended by SIGTERM",
}
_TELLS_NOTHING: Final = (
    "the run has come to its end; only with --require-stored does this code tell whether everything is stored"
)


def for_exit(code: int, *, missing: bool) -> str:
    """What an exit code says; ``missing``: not everything has arrived."""
    return _TELLS_NOTHING if missing and not code else _EXITS.get(code, "")


def for_rest(may_succeed: int, need_person: int, *, with_journal: bool) -> list[str]:
    """What to do about what has not arrived: one sentence for what a new run may store, one for the rest."""
    lines = []
    if may_succeed:
        lines.append(f"{_counted(may_succeed)} {run_again(with_journal=with_journal)}.")
    if need_person:
        need = "needs" if need_person == 1 else "need"
        lines.append(f"{_counted(need_person)} {need} manual action: the table below says what to do.")
    return lines


def names_in_journal(journal: str, outcomes: Sequence[str]) -> str:
    """The command that lists the instances with these outcomes; ``journal`` is quoted for a shell."""
    return " ".join(("dcmsend-journal", journal, *(f"--outcome {outcome}" for outcome in outcomes)))


def _counted(count: int) -> str:
    return f"{count:,}".replace(",", " ")
