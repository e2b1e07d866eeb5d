"""Formats numbers for people."""

from __future__ import annotations

__all__ = ["format_bytes", "format_count", "format_duration", "format_rate"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def format_count(count: int) -> str:
    """``8112071`` as ``8 112 071``."""
    return f"{count:,}".replace(",", " ")


def format_bytes(count: float) -> str:
    """``6.2 TB``; units are powers of 1000, with one decimal below 10."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.1f} {_UNITS[unit]}" if unit and count < 9.95 else f"{count:.0f} {_UNITS[unit]}"


def format_duration(seconds: float) -> str:
    """``42s``, ``7m05s``, ``2h26m``, ``3d04h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{second:02}s"
    hours, minute = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minute:02}m"
    return f"{hours // 24}d{hours % 24:02}h"


def format_rate(rate: float) -> str:
    """``490/s``, ``7.3/s``, ``0.04/s``: slow transfers have decimals."""
    if not rate or rate >= 9.95:
        return f"{rate:.0f}/s"
    return f"{rate:.1f}/s" if rate >= 0.095 else f"{rate:.1g}/s" if rate >= 0.0005 else "0/s"
