"""What is taken by names: the parts that a run cannot show easily."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from dcmsend.errors import FileUnreadable
from dcmsend.inputs import Entry, InputFile, MissingObject, NameRule, Origin, Selection, Source, StoredObject, Stores
from dcmsend.inputs.archives import BrokenMember, cannot_be_read
from dcmsend.inputs.stores.names import place_of


def found(name: str, *, is_directory: bool = False) -> Source:
    return InputFile(f"in/{name}", Origin.DIRECTORY, root="in/", is_directory=is_directory)


def test_a_directory_that_cannot_be_read_is_told_of() -> None:
    """Nobody knows what would have matched in it; unless all of it is left out."""
    included = Selection([NameRule("**/*.dcm")])
    assert not included.leaves(found("tmp", is_directory=True))
    assert included.leaves(found("tmp"))
    assert Selection([NameRule("tmp/", takes=False)]).leaves_directory("tmp")


def test_an_archive_that_cannot_be_read_is_told_of() -> None:
    """What is left of it after its last member has no name."""
    archive = found("a.zip")
    selection = Selection([NameRule("*.dcm")], is_archive=lambda item: item.path.endswith("zip"))
    assert not selection.leaves(archive)
    assert not selection.leaves_inner(BrokenMember(archive, "", cannot_be_read("it is cut off")))
    assert selection.leaves_inner(BrokenMember(archive, "x/a.dcm", cannot_be_read("it is cut off")))
    assert not selection.leaves_inner(BrokenMember(archive, "a.dcm", cannot_be_read("it is cut off")))


@pytest.mark.parametrize("has_archives", [False, True])
def test_directories_are_entered_for_their_archives(has_archives: bool) -> None:
    """The members of an archive go by their path in it, so any directory may hold some that are included."""
    selection = Selection([NameRule("a/*.dcm")], is_archive=(lambda item: False) if has_archives else None)
    assert selection.leaves_directory("b") is not has_archives
    assert not selection.leaves_directory("a")


@pytest.mark.parametrize("name", ["DICOMDIR.;1", "DICOMDIR;1", "dicomdir.dcm"])
def test_a_dicomdir_whose_name_was_changed_as_those_of_its_files_is_one(name: str) -> None:
    assert not Selection([NameRule("IMG/**")], expands_dicomdir=True).leaves(InputFile(f"in/{name}"))
    assert not Selection([NameRule("IMG/**")], expands_dicomdir=True).leaves(found(f"disc/{name}"))
    assert Selection([NameRule("IMG/**")]).leaves(InputFile(f"in/{name}"))


@pytest.mark.parametrize("scans", [False, True])
def test_a_name_with_nothing_there_may_be_a_folder_where_folders_are_searched(scans: bool, tmp_path: Path) -> None:
    place = place_of("s3://bucket/study")
    missing = MissingObject(cast(Stores, None), place, FileUnreadable("not found", 2))
    there = tmp_path / "notes"
    there.touch()
    selection = Selection([NameRule("**/*.dcm")], scans_directories=scans)
    assert [selection.leaves(InputFile(f"{tmp_path}/study")), selection.leaves(missing)] == [not scans, not scans]
    assert selection.leaves(InputFile(str(there)))


def test_a_rule_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="bracket"):
        NameRule("a[b")


def test_a_signed_address_goes_by_its_name() -> None:
    """Not by what stands for the signature."""
    place = place_of("https://h/in/a.dcm?sig=SECRET")
    item = StoredObject(cast(Stores, None), place, Entry(place.path))
    assert not Selection([NameRule("*.dcm")]).leaves(item)
    assert Selection([NameRule("*.dcm", takes=False)]).leaves(item)
    place = place_of("https://h/in/DICOMDIR?sig=SECRET")
    item = StoredObject(cast(Stores, None), place, Entry(place.path))
    assert not Selection([NameRule("*.dcm")], expands_dicomdir=True).leaves(item)
