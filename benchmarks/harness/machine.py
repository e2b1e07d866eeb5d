"""What the run was made on, so that figures can be judged; no names of machines or people."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from .programs import Programs

__all__ = ["describe_machine", "today"]


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def describe_machine(programs: Programs) -> dict[str, str]:
    """Processor, memory, kernel, load, and who runs where."""
    places = "anywhere"
    if programs.sender_processors != "all":
        places = f"null sink and line on {programs.receiver_processors}, their senders on {programs.sender_processors}"
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{_kib('MemTotal') / (1 << 20):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "processors used": places,
        "load at the beginning": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg()),
    }


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _kib(key: str) -> int:
    words = _first("/proc/meminfo", key).split()
    return int(words[0]) if words else 0
