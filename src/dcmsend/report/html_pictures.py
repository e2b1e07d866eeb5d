"""Pictures of a run as SVG; colours are style names of the page, and every number is also there as text."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from .amounts import format_bytes, format_count, format_duration
from .page_words import OUTCOME_WORDS
from .timeline import Timeline

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["association_picture", "outcome_picture", "throughput_picture"]

_WIDTH: Final = 720
_OUTCOMES: Final = ("stored", "refused", "failed", "unconfirmed", "not_attempted", "invalid")
_MOST_ASSOCIATIONS: Final = 40
_GOOD_ENDS: Final = ("released", "closed")
"""Of an association, and of a connection to a web service."""
_LEAST_SHARE: Final = 0.004
"""Smallest share of the width, so that even one instance in a million can be seen."""


def outcome_picture(totals: dict[str, Any], invalid: int = 0) -> Markup:
    """One bar, divided by the results of the instances and the files that cannot be sent."""
    counts = {name: count for name in _OUTCOMES if (count := invalid if name == "invalid" else totals[name])}
    total = sum(counts.values()) or 1
    shares = {name: max(count / total, _LEAST_SHARE) for name, count in counts.items()}
    scale = _WIDTH / sum(shares.values()) if shares else 0
    parts, at = [], 0.0
    for name, share in shares.items():
        width = share * scale
        parts.append(
            f'<rect class="o-{name}" x="{at:.1f}" y="0" width="{max(width - 2, 1):.1f}" height="26" rx="3">'
            f"<title>{OUTCOME_WORDS[name]}: {format_count(counts[name])}</title></rect>"
        )
        at += width
    words = ", ".join(f"{format_count(count)} {OUTCOME_WORDS[name]}" for name, count in counts.items())
    return _svg(26, f"Outcomes: {words or 'none'}", parts)


def throughput_picture(timeline: Timeline) -> Markup:
    """Bytes a second over the run as bars, with the highest rate and the length of the run beside the axes."""
    rates = [length / timeline.step for length in timeline.data]
    highest = max(rates, default=0)
    if not highest:
        return _nothing()
    height, width = 120, _WIDTH / len(rates)
    parts = [f'<line class="axis" x1="0" y1="{height}" x2="{_WIDTH}" y2="{height}"/>']
    for index, (rate, count) in enumerate(zip(rates, timeline.instances, strict=True)):
        tall = max(rate / highest * height, 1 if count else 0)
        parts.append(
            f'<rect class="bar" x="{index * width:.1f}" y="{height - tall:.1f}" width="{max(width - 1, 0.6):.1f}" '
            f'height="{tall:.1f}"><title>after {format_duration(index * timeline.step)}: {format_bytes(rate)}/s, '
            f"{count / timeline.step:.0f} instances/s</title></rect>"
        )
    length = format_duration(len(rates) * timeline.step)
    picture = _svg(height, f"Throughput over {length}, at most {format_bytes(highest)} a second", parts)
    return _captioned(f"{format_bytes(highest)}/s at most", picture, "0s", length)


def association_picture(associations: list[dict[str, Any]]) -> Markup:
    """One line for each association: when it was open, and what was sent over it."""
    shown = associations[:_MOST_ASSOCIATIONS]
    spans = [(_seconds(each["started"]), _seconds(each["ended"] or each["started"])) for each in shown]
    if not shown:
        return _nothing()
    first = min(start for start, _ in spans)
    whole = max(max(end for _, end in spans) - first, 0.001)
    pictures = []
    for each, (start, end) in zip(shown, spans, strict=True):
        x, width = (start - first) / whole * _WIDTH, max((end - start) / whole * _WIDTH, 3)
        x = min(x, _WIDTH - width)
        how = each["end"] or "open"
        kind = "bar" if how in _GOOD_ENDS else "o-failed"
        text = f"{each['n']}: {format_count(each['instances'])} instances, {format_bytes(each['bytes'])}, {how}"
        bar = f'<rect class="{kind}" x="{x:.1f}" y="0" width="{width:.1f}" height="6" rx="2"/>'
        pictures.append(_captioned(text, _svg(6, text, [bar])))
    if len(associations) > len(shown):
        pictures.append(_captioned(f"and {len(associations) - len(shown)} more", _svg(1, "", [])))
    return _joined(pictures)


def _svg(height: float, title: str, parts: list[str]) -> Markup:
    from markupsafe import Markup

    head = f'<svg role="img" viewBox="0 0 {_WIDTH} {height:.0f}" preserveAspectRatio="xMinYMin meet">'
    return Markup(f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>")


def _nothing() -> Markup:
    from markupsafe import Markup

    return Markup("<p class='quiet'>nothing was sent</p>")


def _captioned(above: str, picture: Markup, left: str = "", right: str = "") -> Markup:
    """A picture with a caption above, and texts at both ends of a line below."""
    from markupsafe import Markup

    below = f"<p class='ends'><span>{escape(left)}</span><span>{escape(right)}</span></p>" if right else ""
    return Markup(f"<p class='caption'>{escape(above)}</p>{picture}{below}")


def _joined(pictures: list[Markup]) -> Markup:
    from markupsafe import Markup

    return Markup("").join(pictures)


def _seconds(moment: str | None) -> float:
    return 0.0 if moment is None else datetime.fromisoformat(moment).timestamp()
