"""TCP ports of 127.0.0.1 for programs that have to be told one."""

from __future__ import annotations

import itertools
import random
import socket
from typing import Final

__all__ = ["free_port"]

_FIRST: Final = 10_000
_COUNT: Final = 20_000
"""Below the ports that systems give to connections, and to whoever listens on any: one of those is given away before a
program that takes a while to start listens on it."""

_numbers = itertools.count(random.SystemRandom().randrange(_COUNT))
"""Each process begins somewhere else, and no port is soon given twice."""


def free_port() -> int:
    """A port on which nobody listens, and nobody who does not ask for it will."""
    for number in itertools.islice(_numbers, _COUNT):
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError(f"none of {_COUNT} ports is free")
