"""Results as plots, drawn in SVG by hand: small, and readable in any browser, light or dark."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["draw_plots"]

_WIDTH, _HEIGHT = 720, 360
_COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#a16207", "#be185d", "#475569", "#0f766e")
_STYLE = (
    "text{font:13px sans-serif;fill:#334155}.axis{stroke:#94a3b8;fill:none}.grid{stroke:#e2e8f0;fill:none}"
    "@media (prefers-color-scheme:dark){text{fill:#cbd5e1}.grid{stroke:#334155}}"
)

Line = tuple[str, list[tuple[float, float]]]


def draw_plots(results: dict[str, Any]) -> dict[str, str]:
    """File name and content of each plot for which the figures are there."""
    cases = results["cases"]
    plots = {}
    rows = _speed_rows(cases)
    if rows:
        plots["times-faster.svg"] = _bars("How many times faster than other programs (wall time)", rows)
    lines = _growth_lines(cases.get("growth"))
    if lines:
        plots["growth.svg"] = _log_plot("Time for files of 3 kB", "files", "seconds", lines)
    lines = _association_lines(cases.get("associations"))
    if lines:
        title = cases["associations"]["title"]
        plots["associations.svg"] = _log_plot(title, "associations", "seconds", lines)
    return plots


def _measured(case: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [entry for entry in case["entries"] if entry["figures"] and not entry["problem"]] if case else []


def _speed_rows(cases: dict[str, Any]) -> list[tuple[str, float]]:
    rows = []
    for name in ("ct", "small", "functional-mr", "sr", "storescp-ct", "storescp-small", "orthanc", "dcmrecv", "large"):
        entries = _measured(cases.get(name))
        if not entries or entries[0]["program"] != "dcmsend":
            continue
        ours = entries[0]["figures"]["wall"]
        rows += [
            (f"{name}: {entry['label']}", entry["figures"]["wall"] / ours)
            for entry in entries[1:]
            if entry["program"] not in ("dcmsend", "limit")
        ]
    return rows


def _growth_lines(case: dict[str, Any] | None) -> list[Line]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for entry in _measured(case):
        program = re.sub(r", \d+ files$", "", entry["label"])
        lines.setdefault(program, []).append((entry["instances"], entry["figures"]["wall"]))
    return list(lines.items())


def _association_lines(case: dict[str, Any] | None) -> list[Line]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for entry in _measured(case):
        number, where = re.fullmatch(r"(\d+) associations?, (\w+)", entry["label"]).groups()  # type: ignore[union-attr]
        lines.setdefault(where, []).append((int(number), entry["figures"]["wall"]))
    return list(lines.items())


def _svg(width: float, height: float, title: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'role="img" aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n'
        f'<text x="12" y="20" font-weight="bold">{escape(title)}</text>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _bars(title: str, rows: Sequence[tuple[str, float]]) -> str:
    """Horizontal bars over a logarithmic scale that begins at a half."""
    left, step, top = 330, 22, 36
    low, high = 0.5, max(2.0, max(value for _label, value in rows) * 1.3)
    scale = (_WIDTH - left - 60) / math.log(high / low)

    def x(value: float) -> float:
        return left + math.log(max(value, low) / low) * scale

    body = []
    bottom = top + step * len(rows)
    for tick in _ticks(low, high):
        style = "axis" if tick == 1 else "grid"
        body.append(f'<path class="{style}" d="M{x(tick):.1f} {top}V{bottom}"/>')
        body.append(f'<text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    for number, (label, value) in enumerate(rows):
        y = top + number * step
        begin, end = sorted((x(1), x(value)))
        colour = _COLOURS[0] if value >= 1 else _COLOURS[1]
        body.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        width = max(1, end - begin)
        body.append(f'<rect x="{begin:.1f}" y="{y + 3}" width="{width:.1f}" height="{step - 7}" fill="{colour}"/>')
        body.append(f'<text x="{end + 5:.1f}" y="{y + 15}">{value:.3g}</text>')
    return _svg(_WIDTH, bottom + 28, title, body)


def _log_plot(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """Lines over two logarithmic axes; a straight one of slope 1 is linear growth."""
    left, right, top, bottom = 60, 250, 40, _HEIGHT - 50
    points = [point for _name, line in lines for point in line]
    x_low, x_high = min(x for x, _y in points), max(x for x, _y in points)
    y_low, y_high = min(y for _x, y in points) / 1.3, max(y for _x, y in points) * 1.3
    x_scale = (_WIDTH - left - right) / math.log(max(x_high / x_low, 1.01))
    y_scale = (bottom - top) / math.log(y_high / y_low)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + math.log(x / x_low) * x_scale, bottom - math.log(y / y_low) * y_scale

    body = [f'<path class="axis" d="M{left} {top}V{bottom}H{_WIDTH - right}"/>']
    for tick in _ticks(y_low, y_high):
        y = place(x_low, tick)[1]
        body.append(f'<path class="grid" d="M{left} {y:.1f}H{_WIDTH - right}"/>')
        body.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in sorted({x for x, _y in points}):
        x = place(tick, y_low)[0]
        body.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    middle = (left + _WIDTH - right) / 2
    body.append(f'<text x="{middle:g}" y="{bottom + 38}" text-anchor="middle">{escape(x_name)}</text>')
    body.append(f'<text x="{left - 6}" y="{top - 8}" text-anchor="end">{escape(y_name)}</text>')
    for number, (name, line) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [place(x, y) for x, y in sorted(line)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        body.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
        body.append(f'<text x="{placed[-1][0] + 10:.1f}" y="{placed[-1][1] + 4:.1f}">{escape(name)}</text>')
    return _svg(_WIDTH, _HEIGHT, title, body)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; only powers of ten over a wide range."""
    steps = (1, 2, 5) if high / low < 200 else (1,)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
