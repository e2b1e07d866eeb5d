"""Files that are left alone because somebody may still be writing them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dcmsend.inputs import InputFile, LeftOut, Origin
from dcmsend.inputs.age import old_enough


@pytest.mark.parametrize("offset", [-7200.0, -1e11, 60.0, 1e10])
def test_time_of_modification(tmp_path: Path, offset: float) -> None:
    """What lies in the future, as after a clock was set, keeps no file from being sent for ever."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    os.utime(path, (time.time() + offset, time.time() + offset))
    item = InputFile(str(path))
    assert list(old_enough([item], 0.0, LeftOut())) == [item]
    is_old = offset < 0
    assert list(old_enough([item], 3600.0, LeftOut())) == ([item] if is_old else [])
    if not is_old:
        time.sleep(0.2)
        assert list(old_enough([item], 0.1, LeftOut())) == [item]


def test_a_directory_that_cannot_be_searched_has_no_age(tmp_path: Path) -> None:
    """Its time changes with each file that is written to it, so it would be left for the next run for ever."""
    found = InputFile(str(tmp_path), Origin.DIRECTORY, is_directory=True)
    named = InputFile(str(tmp_path))
    left_out = LeftOut()
    assert list(old_enough([found, named], 3600.0, left_out)) == [found, named]
    assert left_out.young == 0
