"""Fixtures of the tests with a network or a peer that fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcmsend.transport import tcp
from support.descriptors import open_descriptors
from support.processes import wait_until
from support.unpaused import leave_out_pauses


@pytest.fixture(autouse=True)
def no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happens to a transfer, its files and sockets are given back; time-outs are noticed sooner."""
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    leave_out_pauses(monkeypatch)
    before = open_descriptors()
    yield
    # A peer in this process may need a while to notice that nobody is there any more.
    wait_until(lambda: not open_descriptors() - before, 30, "the close of all files and sockets")
