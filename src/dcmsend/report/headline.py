"""The headline of a page: did everything arrive, why not, and what to do."""

from __future__ import annotations

from typing import Any, Final

from dcmsend.advice import for_exit, for_rest
from dcmsend.errors import DcmsendError
from dcmsend.explanations import one_line

from .amounts import format_count
from .migration import Migration
from .run_record import RunRecord

__all__ = ["folder_words", "headline", "migration_headline", "of_rows", "result_lines"]

_WERE: Final = ("was", "were")
_CUT_SHORT: Final = "The search was not complete: what it had not found yet is not counted here."


def headline(record: RunRecord, invalid: int) -> dict[str, Any]:
    """Kind (``good``, ``warn``, ``bad``) and words for this run; ``invalid`` inputs count as not arrived.

    The count is that of all parts of the page: every DICOM file that was to be sent, as far as it was found.  It is no
    good end if there may be more, or if an error has ended the run, also where all that was found has arrived.
    """
    is_partial = record.may_lack_inputs
    missing, total = record.summary.not_stored + invalid, record.summary.total + invalid
    if not total or not record.listed:
        already = record.already_stored
        kind = "warn" if is_partial else "good"
        if already and record.error is None:
            what = "Everything that was found" if is_partial else "Everything"
            text = f"{what} had arrived before: {format_count(already)} files"
            return _said(kind, text, is_partial=is_partial)
        if record.filtered and record.error is None:
            text = f"Nothing had to be sent: {format_count(record.filtered)} files are left out by their values"
            return _said(kind, text, is_partial=is_partial)
        if record.other_shards and record.error is None:
            text = f"Nothing had to be sent: {format_count(record.other_shards)} files are left to other shards"
            return _said(kind, text, is_partial=is_partial)
        return {**_said("bad", "Nothing was sent"), "is_empty": True}
    if not missing:
        place = f"that {_WERE[total > 1]} found" if is_partial else ""
        text = of_rows(total, 0, "has arrived", "have arrived", place=place)
        kind = "good" if record.error is None and not is_partial else "warn"
        return _said(kind, text, is_partial=is_partial)
    return _said("bad", of_rows(total, missing, "has not arrived", "have not arrived"))


def migration_headline(verdict: dict[str, Any], migration: Migration, unsent: int) -> dict[str, Any]:
    """The headline over all runs of a journal; ``verdict`` of this run stands below it.

    The journal does not count the ``unsent`` instances of this run: not begun, or not possible to send.
    """
    if not migration.total:
        return verdict
    missing = migration.missing
    text = of_rows(migration.total, missing, "is not stored" if missing else "is stored",
                   "are not stored" if missing else "are stored")  # fmt: skip
    text += " over all runs"
    kind = "bad" if missing or unsent else verdict["kind"]
    if unsent:
        text += f", {'and' if missing else 'but'} {format_count(unsent)} of this run {_WERE[unsent > 1]} not sent"
    elif not missing and verdict["kind"] == "bad":
        text += ", but not everything of this run"
    elif not missing and verdict["is_partial"]:
        text += ", but the search was not complete"
    return {"kind": kind, "text": text, "run": verdict["text"]}


def folder_words(record: RunRecord) -> list[str]:
    """What is to be said of directories in which there may be more than anybody has counted."""
    counts = (
        (record.left_out.unlisted, "not read to the end", "look at the disk or share, run again"),
        (record.left_out.unsearchable, "not searched", "look at permissions and mounts"),
    )
    return [
        f"{format_count(count)} folder{'s' * (count > 1)} {what} -> {to_do}" for count, what, to_do in counts if count
    ]


def of_rows(total: int, missing: int, one: str, several: str, *, place: str = "") -> str:
    """``All 3 instances are stored``, ``1 of 3 instances is not stored``; ``place``: where the instances are."""
    where = f" {place}" if place else ""
    if not missing:
        return f"The instance{where} {one}" if total == 1 else f"All {format_count(total)} instances{where} {several}"
    verb = one if missing == 1 else several
    return f"{format_count(missing)} of {format_count(total)} instance{'s' * (total > 1)}{where} {verb}"


def result_lines(record: RunRecord, missing: int, hint: str) -> dict[str, Any]:
    """Below the headline: what ended the run, what its exit code says, and what to do now."""
    error: DcmsendError | None = record.error
    lines = [line for line in hint.split("; ") if line] + folder_words(record)
    if record.was_cut_short:
        lines.append(_CUT_SHORT)
    may = min(record.may_succeed, missing)
    if missing:
        lines += for_rest(may, missing - may, with_journal=record.journal is not None)
    code = record.exit_code
    return {
        "ended": "" if error is None else one_line(error),
        "remedies": lines,
        "exit": None if code is None else {"code": int(code), "words": for_exit(int(code), missing=missing > 0)},
    }


def _said(kind: str, text: str, *, is_partial: bool = False) -> dict[str, Any]:
    return {"kind": kind, "text": text, "run": "", "is_empty": False, "is_partial": is_partial}
