"""Files that are left alone because somebody may still be writing them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import cast

import pytest

from dcmsend.inputs import InputFile, LeftOut, Origin, Stores
from dcmsend.inputs.age import old_enough
from dcmsend.inputs.stores import Place, StoredObject
from dcmsend.inputs.stores.store import Entry


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


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR.;1", "dicomdir.dcm"])
def test_a_young_dicomdir_is_known_by_its_name_as_a_copy_has_it(tmp_path: Path, name: str) -> None:
    path, left_out = tmp_path / name, LeftOut()
    path.write_bytes(b"")
    assert list(old_enough([InputFile(str(path))], 3600.0, left_out)) == []
    assert left_out.dicomdirs == [str(path)]


def test_a_directory_that_cannot_be_searched_has_no_age(tmp_path: Path) -> None:
    """Its time changes with each file that is written to it, so it would be left for the next run for ever."""
    found = InputFile(str(tmp_path), Origin.DIRECTORY, is_directory=True)
    named = InputFile(str(tmp_path))
    left_out = LeftOut()
    assert list(old_enough([found, named], 3600.0, left_out)) == [found, named]
    assert left_out.young == 0


@pytest.mark.parametrize(
    ("ahead", "is_taken"), [(5.0, False), (3600.0, False), (-30.0, False), (-7200.0, True), (1e8, True)]
)
def test_the_clock_of_a_store_may_be_ahead(ahead: float, is_taken: bool) -> None:
    """What it is writing just now has a time in our future; one that is far in it tells nothing."""
    entry = Entry("a.dcm", 100, int(time.time() + ahead) * 1_000_000_000)
    item = StoredObject(cast("Stores", None), Place("sftp", "host", "a.dcm"), entry)
    left_out = LeftOut()
    assert list(old_enough([item], 600.0, left_out)) == ([item] if is_taken else [])
    assert left_out.young == (not is_taken)
