"""Figures and verdicts from the runs of a case."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from .case import Check, Judged, Measure, Relation
from .measuring import EntryResult, Run

__all__ = ["figures", "judge"]


def figures(result: EntryResult) -> dict[str, float]:
    """Median and worst of an entry; empty if it did not run.

    Keys: wall, wall_worst, wall_best, cpu, cpu_worst (seconds), peak (MB), rate (instances a second).
    """
    if not result.runs:
        return {}
    wall = [run.wall for run in result.runs]
    cpu = [run.user + run.system for run in result.runs]
    median = statistics.median(wall)
    return {
        "wall": median,
        "wall_worst": max(wall),
        "wall_best": min(wall),
        "cpu": statistics.median(cpu),
        "cpu_worst": max(cpu),
        "peak": max(run.peak_bytes for run in result.runs) / 1e6,
        "rate": result.entry.instances / median if median else 0.0,
    }


def judge(check: Check, results: Sequence[EntryResult]) -> dict[str, Any]:
    """How a target was met.

    ``value`` is the quotient of the medians, ``worst`` the worst quotient of two runs of the same round; ``verdict``
    is one of ``aim``, ``must``, ``missed``, ``measured`` (nothing was promised) and ``not measured``.
    """
    by_label = {result.entry.label: result for result in results}
    answer: dict[str, Any] = {
        "text": _text(check), "subject": check.subject, "reference": check.reference,
        "measure": check.measure.value, "relation": check.relation.value, "judged": check.judged.value,
        "must": check.must, "aim": check.aim, "value": None, "worst": None, "verdict": "not measured",
    }  # fmt: skip
    wanted = [label for label in (check.subject, check.reference, check.subject_base, check.reference_base) if label]
    for label in wanted:
        result = by_label[label]
        if not result.runs or result.problem:
            answer["why"] = f"{label}: {result.skipped or result.problem}"
            return answer
    subject = _values(check, by_label, check.subject, check.subject_base)
    if check.reference:
        reference = _values(check, by_label, check.reference, check.reference_base)
    else:
        reference = [1.0] * len(subject)
    is_faster = check.relation is Relation.AT_LEAST
    if is_faster:
        quotients = [theirs / ours for ours, theirs in zip(subject, reference, strict=False)]
        answer["value"] = statistics.median(reference) / statistics.median(subject)
        answer["worst"] = min(quotients)
    else:
        quotients = [ours / theirs for ours, theirs in zip(subject, reference, strict=False)]
        answer["value"] = statistics.median(subject) / statistics.median(reference)
        answer["worst"] = max(quotients)
    counted = answer["worst"] if check.judged is Judged.WORST else answer["value"]
    answer["verdict"] = _verdict(check, counted)
    return answer


def _verdict(check: Check, value: float) -> str:
    def meets(target: float | None) -> bool:
        if target is None:
            return False
        return value >= target if check.relation is Relation.AT_LEAST else value <= target

    if check.must is None and check.aim is None:
        return "measured"
    if meets(check.aim):
        return "aim"
    if check.must is None:
        return "measured"
    return "must" if meets(check.must) else "missed"


def _values(check: Check, by_label: dict[str, EntryResult], label: str, base: str) -> list[float]:
    result = by_label[label]
    values = [_value(check.measure, run) for run in result.runs]
    instances = result.entry.instances
    if check.measure is Measure.WALL_PER_INSTANCE:
        return [value / instances for value in values]
    if check.measure is Measure.PEAK_PER_INSTANCE:
        floor = statistics.median(_value(check.measure, run) for run in by_label[base].runs)
        return [max(1.0, value - floor) / instances for value in values]
    return values


def _value(measure: Measure, run: Run) -> float:
    if measure is Measure.CPU:
        return run.user + run.system
    if measure is Measure.PEAK:
        return run.peak_bytes / 1e6
    if measure is Measure.PEAK_PER_INSTANCE:
        return float(run.peak_bytes)
    return run.wall


def _text(check: Check) -> str:
    if not check.reference:
        unit = "MB" if check.measure is Measure.PEAK else "s"
        return f"{check.subject}: {check.measure.value} in {unit}"
    if check.relation is Relation.AT_LEAST:
        return f"{check.subject}: how many times faster than {check.reference} ({check.measure.value})"
    return f"{check.subject}: {check.measure.value} divided by that of {check.reference}"
