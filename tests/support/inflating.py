"""Tests with zlib alone, and with libdeflate from the first byte on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from dcmsend.inputs.archives import libdeflate

__all__ = ["inflating_by", "with_libdeflate"]


def with_libdeflate() -> libdeflate.Search:
    """A search that is over.  Where imagecodecs is installed it has to find the library."""
    search = libdeflate.Search(0)
    search.count(1)
    if search.library is None:
        assert find_spec("imagecodecs") is None, "imagecodecs is packaged in another way than before"
        pytest.skip("imagecodecs is not installed")
    return search


@contextmanager
def inflating_by(search: libdeflate.Search) -> Iterator[None]:
    """What is inflated meanwhile goes by this search."""
    before, libdeflate.search = libdeflate.search, search
    try:
        yield
    finally:
        libdeflate.search = before
