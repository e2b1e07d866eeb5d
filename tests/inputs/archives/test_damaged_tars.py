"""Tar archives that are cut, damaged or hostile: whole members before the damage are inputs, and one fault is told."""

from __future__ import annotations

import io
import lzma
import os
import sys
import tarfile
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import InputFile, expand_archives
from support.archives import content_of, members
from support.descriptors import open_descriptors
from support.tar_files import COMPRESSED, END, compress, entry, header, tar_of

CONTENTS = {"a": b"1" * 700, "d/empty": b"", "d/b": bytes(range(256)) * 5, "long/" * 30 + "n": b"L" * 512, "z": b"26"}


def found_in(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Contents, and reasons why there is none, by the name of the member; that of the archive is empty."""
    contents: dict[str, bytes] = {}
    reasons: dict[str, str] = {}
    for item in members(path):
        name = item.path.removeprefix(str(path)).removeprefix("!/")
        assert name not in contents
        assert name not in reasons
        try:
            beginning = item.open_beginning(300)[1]
            contents[name] = content_of(item)
            assert contents[name][:300] == beginning
        except DataSetError as error:
            reasons[name] = str(error)
    return contents, reasons


def written(path: Path, data: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    path.write_bytes(data)
    return found_in(path)


def layout(form: int) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """An archive, and where the content of each member begins and ends in it."""
    data = tar_of(CONTENTS, form)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return data, {info.name: (info.offset_data, info.offset_data + info.size) for info in archive}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_that_is_cut_anywhere_is_never_complete(tmp_path: Path, form: int) -> None:
    data, places = layout(form)
    last = max(end for _, end in places.values())
    end_mark = last + -last % 512 + 1024
    cuts = {*range(0, end_mark, 512), *range(1, end_mark, 97), end_mark - 1, last, last + 1}
    for cut in sorted(cuts):
        contents, reasons = written(tmp_path / "in.tar", data[:cut])
        whole = {name: CONTENTS[name] for name, (_, end) in places.items() if end <= cut}
        assert contents == whole
        broken = {name for name, (start, end) in places.items() if start <= cut < end}
        assert set(reasons) == {"", *broken}
        assert reasons[""] == (f"the archive is cut at byte {cut}" if cut else "the archive is empty")
    for cut in (end_mark, end_mark + 1, len(data)):
        assert written(tmp_path / "in.tar", data[:cut]) == (CONTENTS, {})


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_compressed_tar_that_is_cut_anywhere_is_never_complete(tmp_path: Path, kind: str) -> None:
    data = compress(tar_of(CONTENTS), kind)
    most = 0
    for cut in range(len(data)):
        contents, reasons = written(tmp_path / f"in.tar.{kind}", data[:cut])
        assert "" in reasons
        assert len(reasons) <= 2
        assert list(contents.items()) == list(CONTENTS.items())[: len(contents)]
        assert len(contents) >= most
        most = len(contents)
    assert most == len(CONTENTS)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_wrong_checksum_at_the_end_takes_no_member_away(tmp_path: Path, kind: str) -> None:
    data = bytearray(compress(tar_of(CONTENTS), kind))
    place = {"gz": -8, "bz2": -3, "xz": -36, "zst": -1}[kind]
    data[place] ^= 0x40
    contents, reasons = written(tmp_path / f"in.tar.{kind}", bytes(data))
    assert contents == CONTENTS
    assert list(reasons) == [""]
    assert "damaged at byte" in reasons[""]


@pytest.mark.parametrize("rubbish", [b"\1" * 512, b"\0" * 512 + b"rubbish", b"x", header(b"n", 1)[:-1] + b"\1"])
def test_what_follows_the_end_is_told(tmp_path: Path, rubbish: bytes) -> None:
    data = tar_of(CONTENTS)
    contents, reasons = written(tmp_path / "in.tar", data + rubbish)
    assert contents == CONTENTS
    assert list(reasons) == [""]
    assert reasons[""].startswith("something follows its end at byte ")
    for kind in COMPRESSED:
        contents, reasons = written(tmp_path / f"in.tar.{kind}", compress(data, kind) + b"rubbish")
        assert contents == CONTENTS
        assert list(reasons) == [""]
        assert reasons[""].startswith("something follows its end before byte ")
        assert written(tmp_path / f"in.tar.{kind}", compress(data, kind) + bytes(70_000)) == (CONTENTS, {})


def test_a_damaged_header_ends_the_archive(tmp_path: Path) -> None:
    data = bytearray(entry(b"a", b"1") + entry(b"b", b"2") + entry(b"c", b"3") + END)
    data[1024] ^= 1
    assert written(tmp_path / "in.tar", bytes(data)) == ({"a": b"1"}, {"": "the header at byte 1024 is damaged"})


@pytest.mark.parametrize("suffix", ["tar", *(f"tar.{kind}" for kind in COMPRESSED)])
def test_what_is_no_tar_archive(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(b"no archive at all" * 100)
    (item,) = members(path)
    assert item.path == str(path)
    with pytest.raises(DataSetError):
        item.open_beginning(1)


def test_endless_zeros_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "in.tar"
    path.write_bytes(tar_of({"a": b"1"}))
    os.truncate(path, 1 << 40)
    assert found_in(path) == ({"a": b"1"}, {"": "more than 64 MiB of zeros follow its end"})


@pytest.mark.parametrize("kind", COMPRESSED)
def test_too_many_zeros_after_the_compressed_data(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"in.tar.{kind}"
    path.write_bytes(compress(tar_of({"a": b"1"}), kind))
    os.truncate(path, 200 << 20)
    assert found_in(path) == ({"a": b"1"}, {"": "more than 64 MiB of zeros follow its end"})


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_request_to_end_is_heard_between_streams_of_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"in.tar.{kind}"
    path.write_bytes(compress(tar_of({"a": b"1"}), kind) + compress(b"", kind) * 2000)
    checks: list[None] = []
    assert len(list(expand_archives([InputFile(str(path))], lambda: checks.append(None)))) == 1
    assert len(checks) > 2000


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_bomb_ends_at_the_limit(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.inputs.archives.inflating.RATIO_FREE", 1 << 20)
    monkeypatch.setattr("dcmsend.inputs.archives.inflating.HIGHEST_RATIO", 10)
    data = compress(entry(b"a", b"1") + header(b"bomb", 1 << 33) + bytes(1 << 26), kind)
    tracemalloc.start()
    contents, reasons = written(tmp_path / f"in.tar.{kind}", data)
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()
    assert contents == {"a": b"1"}
    assert list(reasons) == ["bomb", ""]
    assert reasons[""] == "a bomb: it inflates to more than 10 times its size"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_member_that_is_too_large_is_passed_over(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.inputs.archives.compressed_tar.LARGEST_MEMBER", 1000)
    data = compress(tar_of({"a": b"1" * 1000, "b": b"2" * 1001, "c": b"3"}), kind)
    contents, reasons = written(tmp_path / f"in.tar.{kind}", data)
    assert contents == {"a": b"1" * 1000, "c": b"3"}
    assert list(reasons) == ["b"]


def test_an_xz_that_wants_too_much_memory(tmp_path: Path) -> None:
    data = bytearray(lzma.compress(tar_of(CONTENTS)))
    assert data[14:16] == b"\x21\x01"  # the filter LZMA2, and the length of its properties: the size of the dictionary
    data[16] = 38
    length = (data[12] + 1) * 4
    data[12 + length - 4 : 12 + length] = zlib.crc32(data[12 : 12 + length - 4]).to_bytes(4, "little")
    contents, reasons = written(tmp_path / "in.tar.xz", bytes(data))
    assert not contents
    assert "Memory usage limit" in reasons[""]


def test_zst_without_the_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = compress(tar_of(CONTENTS), "zst")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    contents, reasons = written(tmp_path / "in.tar.zst", data)
    assert (contents, list(reasons)) == ({}, [""])
    assert "pip install zstandard" in reasons[""]


@pytest.mark.parametrize("kind", ["", *COMPRESSED])
@given(seed=st.integers(0, 1 << 32), flips=st.integers(0, 8), keep=st.floats(0.2, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_ends_in_words(tmp_path: Path, kind: str, seed: int, flips: int, keep: float) -> None:
    random = Random(seed)
    plain = tar_of({str(number): random.randbytes(random.randrange(3000)) for number in range(20)}, random.randrange(3))
    data = bytearray(compress(plain, kind) if kind else plain)
    for _ in range(flips):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path = tmp_path / ("in.tar." + kind if kind else "in.tar")
    path.write_bytes(data[: int(len(data) * keep)])
    before = open_descriptors()
    items = members(path)
    for item in items:
        with suppress(DataSetError, FileUnreadable):
            item.open_beginning(2048)
            assert len(content_of(item)) < 1 << 20
    items.clear()
    item = None
    assert open_descriptors() <= before
