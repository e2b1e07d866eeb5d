"""The lines that show progress, as plain text of a given width."""

from __future__ import annotations

import time
from typing import Final

from .amounts import format_bytes, format_count, format_duration, format_rate
from .progress import ProgressState, ProofProgress

__all__ = ["progress_line", "progress_screen"]

_NARROWEST: Final = 20
_MOST_HOSTS: Final = 8
_WIDEST: Final = 100
"""Columns; what stands further apart is not seen together."""
_BAR_SHARE: Final = 0.41
"""Share of the width."""


def progress_screen(state: ProgressState, width: int, now: float | None = None) -> list[str]:
    """Three or four lines, one more while nothing can be sent, and one for each host.

    None is longer than ``width`` columns, or 100.

    ``now`` is in seconds since the epoch and shown as local time of day.
    """
    width = min(max(width, _NARROWEST), _WIDEST)
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    doing = "sending" if state.proof is None else "sent"
    lines = [_spread(f"{doing} to {state.peer}", _associations(state), clock, width)]
    if state.proof is None:
        lines += [_bar_line(state, width), "  ".join([*_rates(state), *_counts(state)])]
        lines += filter(None, ["  ".join([*_amount(state), *([f"study {state.study}"] if state.study else [])])])
    else:
        lines += [_proof_line(state.proof, width), "  ".join([*_counts(state), *_proof_counts(state.proof)])]
    if state.waiting is not None:
        why, seconds = state.waiting
        lines.append(f"waiting: {why}, next try in {format_duration(seconds)}")
    lines += _hosts(state)
    return [_cut(line, width) for line in lines]


def progress_line(state: ProgressState) -> str:
    """The progress in one line, for a log."""
    if state.proof is not None:
        return ", ".join([_verifying(state.proof), *_counts(state), *_proof_counts(state.proof)])
    done = f"{format_count(state.done)} of {_total(state)}"
    if state.fraction is not None:
        done += f" ({state.fraction:.0%})"
    parts = [done, *_amount(state), *_rates(state), *_counts(state)]
    if state.seconds_left is not None and state.done < state.found:
        parts.append(f"{format_duration(state.seconds_left)} left")
    if state.waiting is not None:
        why, seconds = state.waiting
        parts.append(f"waiting: {why}, next try in {format_duration(seconds)}")
    return "; ".join([", ".join(parts), *_hosts(state)])


def _hosts(state: ProgressState) -> list[str]:
    """A line for each of several hosts; of many only the first."""
    word = state.session_word
    lines = [
        f"{each.host}: {each.associations} {word}{'s' * (each.associations != 1)}, {format_count(each.done)} done, "
        f"{each.instances_rate:.0f}/s"
        for each in state.hosts[:_MOST_HOSTS]
    ]
    more = len(state.hosts) - _MOST_HOSTS
    return [*lines, f"and {more} more hosts"] if more > 0 else lines


def _associations(state: ProgressState) -> str:
    word = f"{state.session_word}{'s' * (state.most_associations != 1)}"
    return f"{state.associations} of {state.most_associations} {word}"


def _amount(state: ProgressState) -> list[str]:
    """How much of all bytes has been sent; empty while their number is unknown."""
    if not state.bytes_found:
        return []
    total = format_bytes(state.bytes_found) + "+" * (not state.is_all_found)
    return [f"{format_bytes(min(state.bytes_done, state.bytes_found))} of {total}"]


def _total(state: ProgressState) -> str:
    return format_count(state.found) + "+" * (not state.is_all_found)


def _bar_line(state: ProgressState, width: int) -> str:
    count = f"{format_count(state.done)} / {_total(state)}"
    if state.fraction is None:
        return _spread("looking for files" if not state.done else "sending while looking for files", count, "", width)
    left = "" if state.seconds_left is None else f"{format_duration(state.seconds_left)} left"
    return _spread(_bar(state.fraction, width), count, left, width)


def _bar(fraction: float, width: int) -> str:
    length = int(width * _BAR_SHARE)
    full = int(length * fraction)
    return f"{'#' * full}{'-' * (length - full)}  {int(100 * fraction):2d}%"


def _verifying(proof: ProofProgress) -> str:
    return f"verifying {format_count(proof.done)} of {format_count(proof.total)}"


def _proof_line(proof: ProofProgress, width: int) -> str:
    bar, words = _bar(proof.done / max(proof.total, 1), width), _verifying(proof)
    return _spread(bar, "", words, width) if len(bar) + 2 + len(words) <= width else words


def _proof_counts(proof: ProofProgress) -> list[str]:
    """What the archive does not have, and what it has not said; counts of 0 are left out."""
    counts = (("denied or missing", proof.refuted), ("not proven yet", proof.unanswered))
    return [f"{name} {format_count(count)}" for name, count in counts if count]


def _rates(state: ProgressState) -> list[str]:
    return [format_rate(state.instances_rate), f"{format_bytes(state.bytes_rate)}/s"]


def _counts(state: ProgressState) -> list[str]:
    """The counts by result; counts of 0 are left out, except that of stored instances."""
    counts = [("stored", state.stored), ("refused", state.refused), ("failed", state.failed)]
    counts += [("no answer", state.unconfirmed), ("stored before", state.already_stored)]
    return [f"{name} {format_count(count)}" for name, count in counts if count or name == "stored"]


def _spread(left: str, middle: str, right: str, width: int) -> str:
    """Three texts in a line; if room is short the middle one is left out first, then the right one."""
    if len(left) + len(right) + 2 > width:
        return left
    room = width - len(left) - len(right)
    if len(middle) + 4 > room:
        return left + " " * room + right
    before = (room - len(middle)) // 2
    return left + " " * before + middle + " " * (room - len(middle) - before) + right


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + ">"
