"""Tests that are run with zlib alone, and with libdeflate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcmsend.inputs.archives.libdeflate import Search
from support.inflating import inflating_by, with_libdeflate


@pytest.fixture(scope="module", params=["zlib", "libdeflate"])
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    """What inflates the members of zip archives, from the first byte on."""
    with inflating_by(Search(1 << 62) if request.param == "zlib" else with_libdeflate()):
        yield request.param
