"""A port that a test has chosen stays free until its program listens on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.ports import free_port


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the range can be asked for on Linux only")
def test_the_system_gives_it_to_nobody_else() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [free_port() for _ in range(100)]
    assert not [port for port in ports if first <= port <= last]
    assert len(set(ports)) == 100
