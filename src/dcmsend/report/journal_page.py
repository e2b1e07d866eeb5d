"""A page for people on everything in a journal; ``journal_report.jinja`` is its template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from dcmsend.transfer import Result

from .amounts import format_count
from .headline import of_rows
from .migration import kind_fields
from .page import load_template
from .study_rows import StudyRows

if TYPE_CHECKING:
    from jinja2 import Template

    from dcmsend.index import HeaderFacts

__all__ = ["load_page", "render_journal_page"]

_MOST_STUDIES: Final = 500
_PLACE: Final = "in the journal"


def load_page(path: str) -> Template:
    """The template; ``path`` is for the message.  Raises ReportError if the package for it is missing."""
    return load_template(path, "journal_report.jinja")


def render_journal_page(
    template: Template,
    journal: dict[str, Any],
    kinds: Sequence[tuple[Result, int | None, str | None, int]],
    rows: list[dict[str, Any]],
    facts_of_study: Callable[[str], HeaderFacts | None],
) -> str:
    """The page.

    Args:
        template: of ``load_page``.
        journal: the fields of the JSON report, without its instances.
        kinds: result, status, reason and number of what is not stored.
        rows: the instances that are shown one by one.
        facts_of_study: looks into a file of a study that is not all stored; None if there is none (any longer).
    """
    studies = [
        {"uid": uid, **counts, "missing": counts["instances"] - counts["stored"]}
        for uid, counts in journal["by_study"].items()
    ]
    studies.sort(key=lambda study: (-study["missing"], -study["instances"]))
    for number, study in enumerate(studies[:_MOST_STUDIES]):
        facts = facts_of_study(study["uid"]) if study["missing"] and study["uid"] else None
        studies[number] = {**StudyRows.described(study["uid"], facts), **study}
    totals, peer = journal["totals"], journal["peer"]
    missing = totals["instances"] - totals["stored"]
    shown = [
        {**row, "why": kind_fields(Result(row["outcome"]), _number(row["status"]), row["reason"], 1)["why"]}
        for row in rows
    ]
    return template.render(
        journal=journal, peer=peer.get("url") or f"{peer['called']}@{peer['host']}:{peer['port']}",
        proofs=journal.get("proofs", {}), waiting=journal.get("open_transactions", {}).get("instances", 0),
        totals=totals, verdict=_verdict(totals["instances"], missing, journal.get("proofs", {})),
        kinds=[kind_fields(*kind) for kind in kinds], rows=shown, missing=missing, studies=studies[:_MOST_STUDIES],
        more_studies=max(0, len(studies) - _MOST_STUDIES),
        outcomes=[name for name in ("stored", "refused", "failed", "unconfirmed") if totals[name]],
    )  # fmt: skip


def _number(status: str | None) -> int | None:
    return None if status is None else int(status, 16)


def _verdict(total: int, missing: int, proofs: dict[str, int]) -> dict[str, str]:
    """The headline and its kind."""
    if not total:
        return {"kind": "warn", "text": "The journal has no instances yet"}
    if missing:
        return {"kind": "bad", "text": of_rows(total, missing, "is not stored", "are not stored", place=_PLACE)}
    text = of_rows(total, 0, "is stored", "are stored", place=_PLACE)
    refuted = proofs.get("missing", 0) + proofs.get("denied", 0)
    if refuted:
        return {"kind": "bad", "text": f"{text}, but the archive lacks {format_count(refuted)} of them"}
    if proofs and set(proofs) <= {"verified", "committed"}:
        return {"kind": "good", "text": f"{text}, and the archive has confirmed it"}
    return {"kind": "good", "text": text}
