"""An archive, and files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.archive import CommitmentArchive, commitment_archive
from support.series_files import write_series

from .night import STUDY


@pytest.fixture
def archive() -> Iterator[CommitmentArchive]:
    with commitment_archive() as archive:
        yield archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three series of four instances."""
    write_series(tmp_path / "in", [(STUDY, f"{STUDY}.{number % 3 + 1}") for number in range(12)])
    return tmp_path / "in"
