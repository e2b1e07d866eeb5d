"""Short runs of the soaks in ``scripts``: the rounds that a test wants are played at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["play_rounds", "play_soaks"]

_SCRIPTS = Path(__file__).parents[2] / "scripts"


def play_soaks(
    name: str, lines: Sequence[Sequence[str | Path]], *, timeout: float
) -> list[subprocess.CompletedProcess[str]]:
    """Run the soak of a name with each of these lines of arguments, all at the same time.

    Nearly all of a soak's time is waiting (for a busy store, a host that is stopped, the end of a program).  What
    happens in a round follows from the seed and the number of the round, so it is the same whoever plays the others.
    """

    def play(words: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, _SCRIPTS / name, *words]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)

    with ThreadPoolExecutor(len(lines)) as pool:
        return list(pool.map(play, lines))


def play_rounds(
    name: str, numbers: Sequence[int], *words: str | Path, timeout: float
) -> list[subprocess.CompletedProcess[str]]:
    """Play the rounds of these numbers, each in a soak of its own."""
    return play_soaks(name, [("--round", str(number), *words) for number in numbers], timeout=timeout)
