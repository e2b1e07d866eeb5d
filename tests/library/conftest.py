"""Fixtures of the library tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcmsend.transport import tcp
from support.descriptors import open_descriptors


@pytest.fixture(autouse=True)
def no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files and sockets are given back; time-outs are noticed sooner."""
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    before = open_descriptors()
    yield
    assert open_descriptors() <= before
