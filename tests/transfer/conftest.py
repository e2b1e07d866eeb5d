"""Fixtures of the transfer tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcmsend.inputs.open_watch import OpenWatch
from dcmsend.transport import tcp
from support.descriptors import open_descriptors
from support.unpaused import leave_out_pauses


@pytest.fixture(autouse=True)
def no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happens to a transfer, its files and sockets are given back; time-outs are noticed sooner."""
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


@pytest.fixture(autouse=True)
def pauses_of_this_process_are_no_silence_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs are looked at in each slice of a wait; the peers of most tests are threads of this process."""
    leave_out_pauses(monkeypatch)


@pytest.fixture(autouse=True)
def opens_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine that is so busy that they are not; see test_slow_opens for the others."""
    monkeypatch.setattr(OpenWatch, "note", lambda _self, _seconds: False)
