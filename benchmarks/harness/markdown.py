"""Results as Markdown: the table of targets, and a table for each case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["to_markdown"]

_VERDICTS = {
    "aim": "reached, aim too", "must": "reached", "missed": "**not reached**", "measured": "-",
    "not measured": "not measured",
}  # fmt: skip


def to_markdown(results: dict[str, Any], *, level: int = 2) -> str:
    """All of a result file; ``level`` is the depth of the headings."""
    cases = results["cases"].values()
    mark = "#" * level
    parts = [f"{mark} Measured on", "", *_machine(results), "", f"{mark} Targets", "", *_targets(results["cases"])]
    for case in cases:
        parts += ["", f"{mark} {case['name']}: {case['title']}", "", *_case(case)]
    return "\n".join(parts) + "\n"


def _machine(results: dict[str, Any]) -> Iterator[str]:
    for name, value in {"date": results["date"], "size": results["size"], **results["machine"]}.items():
        yield f"* {name}: {value}"
    versions = ", ".join(f"{name}: {value}" for name, value in results["versions"].items())
    yield f"* programs: {versions}"


def _targets(cases: dict[str, Any]) -> Iterator[str]:
    yield "| case | what | median | worst | must | aim | verdict |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for case in cases.values():
        for check in case["checks"]:
            if check["must"] is None and check["aim"] is None:
                continue
            relation = check["relation"]
            verdict = _VERDICTS[check["verdict"]]
            if check["verdict"] == "not measured":
                verdict += f" ({check['why']})"
            must, aim = (_target(relation, check[name]) for name in ("must", "aim"))
            figures = [_number(check["value"]), _number(check["worst"])]
            if check["judged"] == "worst":
                figures[1] = f"_{figures[1]}_"
            else:
                figures[0] = f"_{figures[0]}_"
            yield f"| {case['name']} | {check['text']} | {figures[0]} | {figures[1]} | {must} | {aim} | {verdict} |"
    yield ""
    yield "The figure in italics is the one that counts. Worst: of the quotients of two runs of the same round."


def _case(case: dict[str, Any]) -> Iterator[str]:
    yield f"{case['rounds']} rounds, {case['date']}. {case['remark']}".rstrip()
    yield ""
    ours = case["entries"][0]["figures"]
    yield "| program | wall s | worst | CPU s | peak MB | instances/s | wall to ours | CPU to ours |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    skipped = []
    for entry in case["entries"]:
        if entry["skipped"] or entry["problem"]:
            skipped.append(f"* {entry['label']}: {entry['skipped'] or entry['problem']}")
            continue
        row = entry["figures"]
        label = entry["label"] + (f" (from {entry['sent']})" if entry["is_extrapolated"] else "")
        numbers = [row["wall"], row["wall_worst"], row["cpu"], row["peak"], row["rate"]]
        to_ours = [row[name] / ours[name] if ours and ours[name] else None for name in ("wall", "cpu")]
        yield f"| {label} | " + " | ".join(_number(value) for value in [*numbers, *to_ours]) + " |"
    if skipped:
        yield ""
        yield "Did not take part:"
        yield ""
        yield from skipped


def _target(relation: str, value: float | None) -> str:
    return "-" if value is None else f"{relation} {value:g}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
