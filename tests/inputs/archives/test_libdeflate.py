"""libdeflate gives the bytes and errors that zlib gives, is loaded only where it is worth it, and may be missing."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.errors import DataSetError
from dcmsend.inputs.archives import libdeflate, zip_methods
from dcmsend.inputs.archives.libdeflate import Libdeflate, Search, crc32
from support.archives import content_of, members
from support.examples import examples
from support.inflating import inflating_by, with_libdeflate

ZLIB = Search(1 << 62)


@pytest.fixture(scope="module")
def search() -> Search:
    return with_libdeflate()


@pytest.fixture(scope="module")
def library(search: Search) -> Libdeflate:
    assert search.library is not None
    return search.library


def deflated(content: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
    return stream.compress(content) + stream.flush()


def outcome(search: Search, data: bytes, size: int, crc: int) -> bytes | str:
    """The content of a member, or the error."""
    source: zip_methods.FileSource = BytesSource(data)  # type: ignore[assignment]
    with inflating_by(search):
        try:
            pieces = zip_methods.inflate_pieces(source, len(data), zip_methods.DEFLATED, size, crc)
            return b"".join(bytes(piece) for piece in pieces)
        except DataSetError as error:
            return str(error)


contents = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda piece, count: piece * count, st.binary(min_size=1, max_size=9), st.integers(1, 60_000)),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 99), st.integers(0, 300_000)),
)
streams = st.builds(
    deflated, contents, st.integers(0, 9),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]),
)  # fmt: skip


# --- the same bytes


@given(st.one_of(st.binary(max_size=300), contents), st.lists(st.integers(0, 300_000), max_size=5), st.booleans())
@settings(max_examples=examples(200), deadline=None)
def test_crc_32(search: Search, content: bytes, cuts: list[int], can_be_written: bool) -> None:
    view = memoryview(bytearray(content) if can_be_written else content)
    places = [0, *sorted(cuts), len(content)]
    value = in_views = 0
    with inflating_by(search):
        for start, end in pairwise(places):
            value = crc32(content[start:end], value)
            in_views = crc32(view[start:end], in_views)
    assert value == in_views == zlib.crc32(content)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_000])
def test_crc_32_of_any_kind_of_bytes(library: Libdeflate, size: int) -> None:
    content = random.Random(size).randbytes(size)
    expected = zlib.crc32(content, 7)
    assert library.crc32(content, 7) == expected
    assert library.crc32(memoryview(content), 7) == expected
    assert library.crc32(memoryview(bytearray(b"_" + content))[1:], 7) == expected


@given(streams, st.binary(max_size=9))
@settings(max_examples=examples(200), deadline=None)
def test_content(library: Libdeflate, stream: bytes, behind: bytes) -> None:
    content = zlib.decompress(stream, -15)
    if content:
        inflated = library.inflate(stream + behind, len(content))
        assert inflated is not None
        assert inflated == content
    for size in (len(content) - 1, len(content) + 1):
        assert size < 1 or library.inflate(stream, size) is None
    assert library.inflate(stream[:-1], len(content) or 1) is None


@given(streams, st.binary(max_size=9), st.integers(-2, 2), st.sampled_from([0, 1]))
@settings(max_examples=examples(200), deadline=None)
def test_members(search: Search, stream: bytes, behind: bytes, more: int, flip: int) -> None:
    """With bytes behind the stream, and another size or CRC-32 than the archive says."""
    content = zlib.decompress(stream, -15)
    data, size, crc = stream + behind, max(0, len(content) + more), zlib.crc32(content) ^ flip
    found = outcome(search, data, size, crc)
    assert found == outcome(ZLIB, data, size, crc)
    assert (found == content) is (size == len(content) and not flip)


@given(streams, st.data())
@settings(max_examples=examples(500), deadline=None)
def test_damaged_members(search: Search, stream: bytes, choice: st.DataObject) -> None:
    content = zlib.decompress(stream, -15)
    data = bytearray(stream)
    for _ in range(choice.draw(st.integers(1, 4))):
        place = choice.draw(st.integers(0, len(data)))
        data[place : place + choice.draw(st.integers(0, 8))] = choice.draw(st.binary(max_size=8))
    crc = zlib.crc32(content)
    found, expected = (outcome(each, bytes(data), len(content), crc) for each in (search, ZLIB))
    # libdeflate reads streams that zlib refuses for their form; the content is the right one then.
    assert found == expected or (isinstance(expected, str) and found == content)


@given(st.binary(max_size=300), st.integers(0, 2000))
@settings(max_examples=examples(300), deadline=None)
def test_any_bytes(search: Search, data: bytes, size: int) -> None:
    assert outcome(search, data, size, 1) == outcome(ZLIB, data, size, 1)


def test_no_more_than_the_declared_size_is_inflated(search: Search) -> None:
    bomb = deflated(bytes(50 << 20), 9)
    assert outcome(search, bomb, 1000, 0) == outcome(ZLIB, bomb, 1000, 0)
    assert "larger than the 1000 bytes" in str(outcome(search, bomb, 1000, 0))


def test_on_several_threads(library: Libdeflate) -> None:
    contents = [random.Random(number).randbytes(200_000) + bytes(200_000) for number in range(4)]
    found: list[bool] = []

    def run(content: bytes) -> None:
        stream, crc = deflated(content, 1), zlib.crc32(content)
        for _ in range(50):
            inflated = library.inflate(stream, len(content))
            found.append(inflated is not None and inflated == content and library.crc32(inflated, 0) == crc)

    threads = [threading.Thread(target=run, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200


# --- what is inflated as a whole


class _Noted(Libdeflate):
    """Notes the sizes of what it inflates."""

    __slots__ = ("sizes",)

    def __init__(self, path: str) -> None:
        self.sizes: list[int] = []
        super().__init__(path)
        self.sizes.clear()

    def inflate(self, data: bytes, size: int) -> memoryview | None:
        self.sizes.append(size)
        return super().inflate(data, size)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Noted]:
    monkeypatch.setattr(libdeflate, "Libdeflate", _Noted)
    search = with_libdeflate()
    assert isinstance(search.library, _Noted)
    with inflating_by(search):
        yield search.library


@pytest.mark.parametrize("size", [0, 1, 5000, 5001, 20_000])
def test_small_members_as_a_whole(monkeypatch: pytest.MonkeyPatch, noted: _Noted, size: int) -> None:
    monkeypatch.setattr(zip_methods, "LARGEST_IN_MEMORY", 5000)
    content = bytes(size)
    assert outcome(libdeflate.search, deflated(content), size, zlib.crc32(content)) == content
    assert noted.sizes == ([size] if 0 < size <= 5000 else [])


def test_a_small_member_with_many_compressed_bytes_in_pieces(monkeypatch: pytest.MonkeyPatch, noted: _Noted) -> None:
    monkeypatch.setattr(zip_methods, "LARGEST_IN_MEMORY", 5000)
    stream = deflated(b"abc")
    assert outcome(libdeflate.search, stream + bytes(6000), 3, zlib.crc32(b"abc")) == b"abc"
    assert outcome(libdeflate.search, stream + bytes(5000 - len(stream)), 3, zlib.crc32(b"abc")) == b"abc"
    assert noted.sizes == [3]


def test_members_of_an_archive(tmp_path: Path, noted: _Noted) -> None:
    made = [b"", b"x", bytes(100), random.Random(1).randbytes(300_000), bytes(9 << 20)]
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(made):
            archive.writestr(str(number), content)
    for head_size in (16, 16 * 1024, 1 << 20):
        noted.sizes.clear()
        assert [content_of(item, head_size) for item in members(path)] == made
        assert noted.sizes == [1, 100, 300_000]


# --- when it is loaded


def test_it_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def look() -> None:
        nonlocal count
        count += 1

    monkeypatch.setattr(libdeflate, "_look", look)
    search = Search(1000)
    with inflating_by(search):
        crc32(bytes(600))
        crc32(bytes(400))
        assert count == 0
        for _ in range(5):
            assert crc32(b"x" * 600) == zlib.crc32(b"x" * 600)
    assert count == 1


def test_threads_do_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a child that is forked meanwhile does not wait either."""
    begun, go_on = threading.Event(), threading.Event()

    def look() -> None:
        begun.set()
        assert go_on.wait(60)

    monkeypatch.setattr(libdeflate, "_look", look)
    search = Search(0)
    thread = threading.Thread(target=search.count, args=(1,))
    thread.start()
    try:
        assert begun.wait(60)
        with inflating_by(search):
            assert crc32(b"x" * 9000) == zlib.crc32(b"x" * 9000)
            assert outcome(search, deflated(b"abc"), 3, zlib.crc32(b"abc")) == b"abc"
        assert thread.is_alive()
    finally:
        go_on.set()
        thread.join()


PROGRAM = """
import sys
from dcmsend.inputs import InputFile, expand_archives
from dcmsend.inputs.archives.libdeflate import found
for member in expand_archives([InputFile(sys.argv[1])]):
    member.open(100).close()
print(found() is not None, sorted({"ctypes", "imagecodecs", "numpy"} & set(sys.modules)))
"""


def loaded(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_large_archives_load_it_and_small_ones_do_not(tmp_path: Path) -> None:
    with_libdeflate()
    path = tmp_path / "in.zip"
    for count, expected in ((7, "False []"), (10, "True ['ctypes']")):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number in range(count):
                archive.writestr(str(number), bytes(1 << 20))
        assert loaded(path) == expected


# --- where it is missing


def test_without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert_not_found()


@pytest.mark.parametrize("kind", ["a module", "no module _deflate", "no library", "another library"])
def test_with_another_imagecodecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    package = tmp_path / "imagecodecs"
    if kind == "a module":
        package.with_suffix(".py").write_text("")
    else:
        package.mkdir()
        (package / "__init__.py").write_text("raise RuntimeError('it is imported')")
    library = package / "_deflate.abi3.so"
    if kind == "no library":
        library.write_bytes(b"\x7fELF")
    elif kind == "another library":
        import _ctypes

        shutil.copy(_ctypes.__file__, library)
    monkeypatch.delitem(sys.modules, "imagecodecs", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert_not_found()


def test_with_wrong_results(monkeypatch: pytest.MonkeyPatch) -> None:
    with_libdeflate()
    content, expected = libdeflate._CHECK
    monkeypatch.setattr(libdeflate, "_CHECK", (content, expected ^ 1))
    assert_not_found()
    monkeypatch.setattr(libdeflate, "_CHECK", (content[::-1], zlib.crc32(content[::-1])))
    assert_not_found()


def assert_not_found() -> None:
    search = Search(0)
    with inflating_by(search):
        assert crc32(b"x" * 9000) == zlib.crc32(b"x" * 9000)
        assert libdeflate.found() is None
        assert outcome(search, deflated(b"abc" * 9000), 27_000, zlib.crc32(b"abc" * 9000)) == b"abc" * 9000
