"""The last lines of a run, for a person who comes back to the terminal."""

from __future__ import annotations

from typing import Final

from dcmsend.advice import for_left_out, for_reason, for_status, run_again
from dcmsend.explanations import one_line
from dcmsend.protocol import StatusClass, status_name
from dcmsend.reasons import Rejection
from dcmsend.transfer import Reason, Result

from .amounts import format_bytes, format_count, format_duration, format_rate
from .options import ReportOptions
from .run_record import RunRecord, is_final_refusal

__all__ = ["closing_lines"]

_WORDS: Final = {
    Result.REFUSED: "refused", Result.FAILED: "failed", Result.UNCONFIRMED: "no answer",
    Result.NOT_ATTEMPTED: "not begun",
}  # fmt: skip
_SHORT: Final[dict[Reason | Rejection, str]] = {
    Reason.DATA_SET_BROKEN: "broken", Reason.FILE_UNREADABLE: "unreadable", Reason.FILE_CHANGED: "changed",
    Reason.NO_CONTEXT: "not accepted", Reason.CONTEXT_REFUSED: "not accepted", Reason.CONNECTION_LOST: "lost",
    Reason.ABORTED: "aborted", Reason.NOT_CONVERTIBLE: "not convertible",
    Rejection.UNREADABLE: "unreadable", Rejection.BROKEN: "broken", Rejection.UNSEARCHABLE: "folder",
}  # fmt: skip
_KINDS_SHOWN: Final = 8
_WIDTH: Final = 80


_LONG_ENOUGH: Final = 5.0
_MANY_ENOUGH: Final = 16
_MOSTLY: Final = 0.5
"""Seconds and part of them spent waiting from which on it is told that several associations may be faster."""


def closing_lines(
    record: RunRecord, *, advises_auto: bool = False, reports: ReportOptions | None = None
) -> list[str]:
    """The totals, the reasons of failures, and what to do; 80 columns are enough unless numbers or names are huge.

    With ``reports``, those of the run, it is told where the names of what is not stored are.
    With ``advises_auto`` a run that has mostly waited says what several associations might have brought.
    """
    summary = record.summary
    stored, seconds = summary.results[Result.STORED], max(record.seconds, 0.001)
    rejected = sum(record.rejections.values())
    missing = summary.not_stored + rejected
    done = f"{format_count(stored)} of {format_count(summary.total + rejected)} instances stored"
    rates = f"{format_rate(stored / seconds)}, {format_bytes(summary.bytes / seconds)}/s"
    lines = [f"{done}, {format_bytes(summary.bytes)} in {format_duration(seconds)}, {rates}"]
    warned = summary.answers[StatusClass.WARNING]
    remark = f"(stored with a warning from the peer: {format_count(warned)})" if warned else ""
    if missing:
        lines.append(f"  NOT stored {format_count(missing)}   {remark}".rstrip())
        lines += _kinds(record)
        lines += [] if reports is None else _places(record, reports)
    elif remark:
        lines.append(f"  {remark}")
    lines += _proof_lines(record)
    before = f"{format_count(record.already_stored)} already in the journal" if record.already_stored else ""
    parts = [f"earlier runs {before}"] if before else []
    if record.other_shards:
        parts.append(f"other shards {format_count(record.other_shards)} files")
    if record.filtered:
        parts.append(f"left out by values {format_count(record.filtered)}")
    if record.names_left_out is not None and (left_out := record.names_left_out()):
        parts.append(f"left out by names {format_count(left_out)}")
    if record.not_dicom:
        parts.append(f"not DICOM {format_count(record.not_dicom)} skipped")
    young, future = record.left_out.young, record.left_out.from_the_future
    if young:
        clock = f" ({format_count(future)} with a time in the future)" if future else ""
        parts.append(f"left for the next run {format_count(young)}{clock}")
    if parts:
        lines.append("  " + "; ".join(parts))
    if record.left_out.folders:
        from .headline import folder_words  # seldom needed

        lines += [f"  {text}" for text in folder_words(record)]
    lines += _all_runs(record)
    lines += _speed_lines(record, advises_auto=advises_auto)
    return [*lines, _result(record)]


def _places(record: RunRecord, reports: ReportOptions) -> list[str]:
    """Where the names of what is not stored are: in a report, else in the journal, else in a report of the next run."""
    from .closing_places import place_lines  # only after failures

    return [f"  {line}" for line in place_lines(record, reports, _WIDTH - 2)]


def _all_runs(record: RunRecord) -> list[str]:
    """What the journal knows beside this run; nothing where it knows no more."""
    totals, summary = record.all_runs(), record.summary
    if totals is None or totals[1] <= summary.total - summary.results[Result.NOT_ATTEMPTED]:
        return []
    stored, total = totals
    return [f"  over all runs {format_count(stored)} of {format_count(total)} in the journal are stored"]


def _speed_lines(record: RunRecord, *, advises_auto: bool) -> list[str]:
    """How many associations were chosen and why, or that several may be faster."""
    word = "connection" if record.by_web else "association"
    if record.auto is not None:
        count, why = record.auto.result
        return [f"  {word}s chosen {count} (at most {record.auto.most}): {why.value}"]
    share = record.waiting_share
    is_long = record.seconds >= _LONG_ENOUGH and record.summary.results[Result.STORED] >= _MANY_ENOUGH
    if not (advises_auto and is_long) or share < _MOSTLY:
        return []
    from dcmsend.advice import several_at_once  # seldom needed

    return [f"  {round(100 * share)} % of the time went by waiting for answers", f"  {several_at_once(share, word)}"]


def _proof_lines(record: RunRecord) -> list[str]:
    if record.proofs is None:
        return []
    from .closing_proofs import proof_lines  # seldom needed

    return proof_lines(record)


def _kinds(record: RunRecord) -> list[str]:
    """The kinds of failure, one in a line, the most frequent first; what cannot be sent comes last."""
    rows = sorted(record.summary.troubles.items(), key=lambda item: -item[1])
    lines: list[str] = []
    told: set[str] = set()
    for (result, why, is_retryable), count in rows[:_KINDS_SHOWN]:
        to_do = "try again" if is_retryable and not is_final_refusal(record.error) else "manual action"
        lines.append(f"    {_WORDS[result]:<9} {format_count(count):>5} {_name(why)} -> {to_do}")
        is_final = result is Result.NOT_ATTEMPTED and why is not Reason.HALTED  # the result says why
        if isinstance(why, int) or not (is_retryable or is_final):
            text = _advice(why, is_permanent=result is Result.NOT_ATTEMPTED)
            lines += [] if text in told else _wrapped(text)
            told.add(text)
    rest = sum(count for _, count in rows[_KINDS_SHOWN:])
    lines += [f"    others    {format_count(rest):>5}"] if rest else []
    if not record.rejections:
        return lines
    from .page_words import sentence  # seldom needed

    for cause, count in sorted(record.rejections.items(), key=lambda item: -item[1]):
        to_do = "manual action" if cause.is_permanent or is_final_refusal(record.error) else "try again"
        lines.append(f"    not sent  {format_count(count):>5} {_name(cause)} -> {to_do}")
        lines += _wrapped(sentence(for_left_out(cause)))
    return lines


def _advice(why: int | Reason | None, *, is_permanent: bool) -> str:
    """What is known of a refusal or a failure, and who can do what."""
    if isinstance(why, int):
        return for_status(why)
    return "" if why is None else for_reason(why, is_permanent=is_permanent)


def _wrapped(text: str) -> list[str]:
    """The lines of a text that belongs to the line before it."""
    from textwrap import wrap  # only after failures

    return wrap(text, _WIDTH, initial_indent="      ", subsequent_indent="      ")


def _name(why: int | Reason | Rejection | None) -> str:
    """A reason in few words; a status with what it stands for."""
    if not isinstance(why, int):
        return "" if why is None else _SHORT.get(why, why.value)
    return f"0x{why:04X} {status_name(why)}"


def _result(record: RunRecord) -> str:
    again = run_again(with_journal=record.journal is not None)
    parts = []
    if record.error is not None:
        parts.append(one_line(record.error))
    if record.may_succeed:
        parts.append(f"{format_count(record.may_succeed)} {again}")
    if record.cannot_succeed:
        need = "needs" if record.cannot_succeed == 1 else "need"
        parts.append(f"{format_count(record.cannot_succeed)} {need} manual action")
    everything = "everything old enough is stored" if record.left_out.young else "everything is stored"
    if record.proofs is not None:
        from .closing_proofs import proof_results

        parts += proof_results(record)
        everything += ", and the archive has it" * (record.proofs.total > 0)
    if record.report_error is not None:
        parts.append(str(record.report_error))
    end = "Result" if record.exit_code is None else f"Exit {int(record.exit_code)}"
    return f"{end}: {', '.join(parts) or everything}."
