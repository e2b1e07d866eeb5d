"""The counts of a run, made from the outcomes alone."""

from __future__ import annotations

from dcmsend.protocol import StatusClass, status_class, status_text
from dcmsend.transfer import Reason, Result, StoreOutcome

__all__ = ["Summary", "format_summary", "refusal_lines"]


class Summary:
    """Counts outcomes as they come.

    Attributes:
        results: number of instances for each Result.
        answers: number of answers for each StatusClass.
        no_context: number of instances without a usable presentation context.
        retryable: number of instances that were not stored and may be when they are sent again.
        left_for_later: those of them that were not begun because the time window was over.
        bytes: data set bytes that were sent.
        troubles: number of instances not stored, by Result, by status or Reason, and by whether a retry may help.
    """

    __slots__ = ("answers", "bytes", "left_for_later", "no_context", "results", "retryable", "troubles")

    def __init__(self) -> None:
        self.results = dict.fromkeys(Result, 0)
        self.answers = dict.fromkeys(StatusClass, 0)
        self.no_context = 0
        self.retryable = 0
        self.left_for_later = 0
        self.bytes = 0
        self.troubles: dict[tuple[Result, int | Reason | None, bool], int] = {}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {result.value}" for result, count in self.results.items() if count)
        return f"<Summary: {counts or 'nothing yet'}>"

    def add(self, outcome: StoreOutcome) -> None:
        """Count one outcome."""
        self.results[outcome.result] += 1
        self.bytes += outcome.bytes_sent
        if outcome.status is not None:
            self.answers[status_class(outcome.status)] += 1
        elif outcome.reason is Reason.NO_CONTEXT:
            self.no_context += 1
        if outcome.result is Result.STORED:
            return
        kind = (outcome.result, outcome.reason if outcome.status is None else outcome.status, outcome.is_retryable)
        self.troubles[kind] = self.troubles.get(kind, 0) + 1
        if outcome.is_retryable:
            self.retryable += 1
            self.left_for_later += outcome.reason is Reason.TIME_WINDOW and outcome.result is Result.NOT_ATTEMPTED

    @property
    def total(self) -> int:
        """The number of outcomes."""
        return sum(self.results.values())

    @property
    def sent(self) -> int:
        """The number of instances that the peer has answered, whatever the answer."""
        return sum(self.answers.values())

    @property
    def not_stored(self) -> int:
        """The number of instances that the peer has not confirmed as stored."""
        return self.total - self.results[Result.STORED]


_ANSWER_ROWS = (
    (StatusClass.SUCCESS, "  * with status SUCCESS  : "),
    (StatusClass.WARNING, "  * with status WARNING  : "),
    (StatusClass.ERROR, "  * with status ERROR    : "),
    (StatusClass.REFUSED, "  * with status REFUSED  : "),
    (StatusClass.UNKNOWN, "  * with unknown status  : "),
)


def format_summary(
    summary: Summary, sessions: int, contexts: int, *, by_web: bool = False, filtered: int | None = None
) -> str:
    """DCMTK's status summary: lines without a line end after the last; a web service has connections, no contexts.

    ``filtered`` is the number of files left out by their values, which DCMTK does not do.
    """
    if by_web:
        ways = [f"Number of connections    : {sessions}"]
    else:
        ways = [f"Number of associations   : {sessions}", f"Number of pres. contexts : {contexts}"]
    lines = ["Status Summary", "--------------", *ways, f"Number of SOP instances  : {summary.total}"]
    rows = [("- sent to the peer       : ", summary.sent)]
    rows += [(label, summary.answers[kind]) for kind, label in _ANSWER_ROWS]
    rows += [
        ("- NOT sent to the peer   : ", summary.total - summary.sent),
        ("  * no acceptable pres.  : ", summary.no_context),
    ]
    if filtered is not None:
        rows.append(("Left out by values       : ", filtered))
    lines += [f"{label}{count}" for label, count in rows if count]
    return "\n".join(lines)


_KINDS_SHOWN = 3


def refusal_lines(summary: Summary) -> list[str]:
    """Why the peer has refused instances, and what to do; a line for each status, the most frequent first."""
    refused = {why: count for (_, why, _), count in summary.troubles.items() if isinstance(why, int)}
    if not refused:
        return []
    from dcmsend.advice import for_status  # seldom needed
    from dcmsend.protocol import status_name

    def words(status: int) -> str:
        return status_name(status) if status_class(status) is StatusClass.UNKNOWN else status_text(status)

    rows = sorted(refused.items(), key=lambda row: -row[1])[:_KINDS_SHOWN]
    return [f"  {count} with 0x{why:04X} ({words(why)}): {for_status(why)}" for why, count in rows]
