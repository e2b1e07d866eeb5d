"""Zip archives that are cut or changed anywhere: no member that is whole is lost, and none is read wrongly."""

from __future__ import annotations

import io
import zipfile
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import Source
from support.archives import members
from support.examples import examples

pytestmark = pytest.mark.usefixtures("library")

CONTENTS = {f"{number}.dcm": bytes([number]) * 100 + bytes(range(256)) * number for number in range(6)}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@cache
def archive_of(method: int) -> tuple[bytes, dict[str, range]]:
    """An archive, and the place of each member with its local header."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in CONTENTS.items():
            archive.writestr(name, content)
        starts = [info.header_offset for info in archive.infolist()] + [archive.start_dir]
    places = {name: range(*pair) for name, pair in zip(CONTENTS, pairwise(starts), strict=True)}
    return file.getvalue(), places


def content_of(item: Source) -> bytes | None:
    """The content as a run would send it, None if it is not sent."""
    try:
        file = item.open(50)
    except (DataSetError, FileUnreadable):
        return None
    try:
        content = file.source().read_at(0, file.size)
    finally:
        file.close()
    return None if file.crc not in (None, zlib.crc32(content)) else content


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=examples(150), deadline=None)
@given(choice=st.data())
def test_bytes_of_members_are_changed(
    tmp_path_factory: pytest.TempPathFactory, method: int, choice: st.DataObject
) -> None:
    data, places = archive_of(method)
    end = max(place.stop for place in places.values())
    changed = bytearray(data)
    touched = choice.draw(st.dictionaries(st.integers(0, end - 1), st.integers(1, 255), min_size=1, max_size=4))
    for position, flips in touched.items():
        changed[position] ^= flips
    path = tmp_path_factory.getbasetemp() / f"changed{method}.zip"
    path.write_bytes(changed)
    found = {item.path.rpartition("/")[2]: content_of(item) for item in members(path)}
    assert found.keys() == CONTENTS.keys()
    for name, content in found.items():
        is_whole = not any(position in places[name] for position in touched)
        assert content == CONTENTS[name] if is_whole else content in (None, CONTENTS[name])


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=examples(150), deadline=None)
@given(choice=st.data())
def test_one_byte_of_the_list_is_changed(
    tmp_path_factory: pytest.TempPathFactory, method: int, choice: st.DataObject
) -> None:
    """At most the member of that entry is lost, or the entries from there on, and then it is told."""
    data, places = archive_of(method)
    end = max(place.stop for place in places.values())
    position = choice.draw(st.integers(end, len(data) - 23))
    changed = bytearray(data)
    changed[position] ^= choice.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / f"list{method}.zip"
    path.write_bytes(changed)
    items = members(path)
    contents = [content_of(item) for item in items]
    entry = (position - end) // ((len(data) - 22 - end) // len(CONTENTS))
    expected = list(CONTENTS.values())
    assert contents[:entry] == expected[:entry] or len(items) == 1
    assert all(content is None or content in expected for content in contents)
    assert contents[entry + 1 :] == expected[entry + 1 :] or contents[-1] is None


@pytest.mark.parametrize("method", METHODS)
def test_an_archive_that_is_cut_anywhere_is_told(tmp_path: Path, method: int) -> None:
    data, _ = archive_of(method)
    path = tmp_path / "cut.zip"
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        (item,) = members(path)
        assert item.path == str(path)
        assert content_of(item) is None
