"""Objects that are stored compressed and given as they were before: the size that is told is not theirs."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import InputOptions, JournalOptions, Peer, Result, send
from dcmsend.errors import FileUnreadable
from dcmsend.inputs import Stores, find_inputs
from dcmsend.inputs.file_source import FileChanged
from dcmsend.inputs.stores import content as content_module
from dcmsend.inputs.stores import unpacking as unpacking_module
from dcmsend.inputs.stores.store import Entry, is_packed
from dcmsend.inputs.stores.unpacking import Unpacking
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances, write_large
from support.store_servers import Answer, Request, StorePlace

PACKED = {"Content-Encoding": "gzip", "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}


def options_of(place: StorePlace) -> InputOptions:
    return InputOptions(scan_directories=True, recurse=True, storage_options=place.options)


def packing(data: bytes, **headers: str) -> Callable[[Request], Answer | None]:
    """Answers with what is stored, also to whom asks for ``identity``; HEAD with the size of that."""
    packed = gzip.compress(data)

    def script(request: Request) -> Answer | None:
        length = {"Content-Length": str(len(packed))}
        return Answer(200, packed, {**PACKED, **headers, **length}) if request.name else None

    return script


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_web_server_that_gives_what_is_stored(web: StorePlace, tmp_path: Path, large: bool, is_named: bool) -> None:
    """Also when a journal was asked first, so that HEAD has told a size; and its next run fetches nothing."""
    data = (write_large(tmp_path / "a", 9 << 20) if large else write_instances(tmp_path, 1)[0]).read_bytes()
    web.put("a.dcm", data)
    web.script = packing(data)
    url = web.url + "a.dcm" if is_named else web.url
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedPeer() as peer:
        (outcome,) = send([url], Peer("127.0.0.1", peer.port), inputs=options_of(web), journal=journal)
        assert outcome.result is Result.STORED
        assert data.endswith(bytes(peer.stores[0].data_set))
        web.requests.clear()
        again = send([url], Peer("127.0.0.1", peer.port), inputs=options_of(web), journal=journal)
        assert not list(again)
    assert again.already_stored == 1
    assert not web.fetched


def test_what_is_packed_and_too_long_is_not_cut(web: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its list tells no length, so only the largest one ends it; the entity tag is that of the list."""
    monkeypatch.setattr(content_module, "LARGEST_OBJECT", 1000)
    data = bytes(1001)
    web.put("a.dcm", data)
    web.script = packing(data, ETag='"1"')
    stores = Stores(options_of(web))
    try:
        (item,) = find_inputs([web.url], options_of(web), stores=lambda: stores)
        item.look()
        with pytest.raises(FileChanged):
            item.open(100)
    finally:
        stores.close()


@pytest.mark.parametrize("is_asked", [False, True])
def test_members_of_a_zip_that_is_stored_packed(web: StorePlace, tmp_path: Path, is_asked: bool) -> None:
    """The size that is told is smaller than the place of the last member."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in [write_large(tmp_path / f"{number}.dcm", 50_000, number) for number in (1, 2, 3)]:
            archive.writestr(path.name, path.read_bytes())
    web.put("a.zip", data.getvalue())
    web.script = packing(data.getvalue())
    inputs = options_of(web).replace(archives=True, min_age=1.0 if is_asked else 0.0)
    with ScriptedPeer() as peer:
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=inputs)
        assert [outcome.result for outcome in transfer] == [Result.STORED] * 3
    assert not transfer.rejected


@pytest.mark.peer("gcp-storage-emulator")
def test_an_object_of_google_with_a_content_encoding(gs: StorePlace, tmp_path: Path) -> None:
    """The list has the size of what is stored; what comes is inflated on the way by the client."""
    data = write_large(tmp_path / "a", 100_000).read_bytes()
    folder = gs.url.split("/")[3]
    told = {
        "name": f"{folder}/a.dcm", "size": str(len(gzip.compress(data))), "generation": "7", "contentEncoding": "gzip",
        "updated": "2023-11-14T22:13:20Z",
    }  # fmt: skip
    page = json.dumps({"items": [told]}).encode()
    objects = packing(data)
    gs.script = lambda request: objects(request) or Answer(200, page, {"Content-Type": "application/json"})
    with ScriptedPeer() as peer:
        (outcome,) = send([gs.url], Peer("127.0.0.1", peer.port), inputs=options_of(gs))
    assert outcome.result is Result.STORED
    assert data.endswith(bytes(peer.stores[0].data_set))


def test_what_is_packed_has_no_length_and_compares_no_sizes() -> None:
    packed, plain = Entry("a", 5, 1, is_packed=True), Entry("a", 9, 1)
    assert (packed.length, plain.length) == (None, 9)
    assert not packed.is_changed_to(plain)
    assert packed.is_changed_to(packed._replace(size=6))
    assert packed.is_changed_to(plain._replace(mtime_ns=2))


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (None, False), ("", False), ("identity", False), ("UTF-8", False), ("binary", False), ("aws-chunked", False),
        ("gzip", True), ("GZIP", True), ("x-gzip", True), ("deflate", True), ("br", True), ("zstd", True),
        ("aws-chunked, gzip", True),
    ],
)  # fmt: skip
def test_which_content_encodings_change_the_size(encoding: str | None, expected: bool) -> None:
    assert is_packed(encoding) is expected


def unpacked(packed: bytes, step: int) -> bytes:
    """What comes of packed bytes that arrive in pieces."""
    found: list[bytes] = []
    unpacking = Unpacking(found.append)
    for first in range(0, len(packed), step):
        unpacking.write(packed[first : first + step])
    unpacking.end()
    return b"".join(found)


BOTH = bytes(range(256)) * 40
FIRST, SECOND = BOTH[:5000], BOTH[5000:]


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(BOTH),
        gzip.compress(FIRST) + gzip.compress(SECOND),  # as of several members, one behind the other
        gzip.compress(FIRST) + gzip.compress(b"") + gzip.compress(SECOND),
        gzip.compress(FIRST) + gzip.compress(SECOND) + bytes(9),  # padded
        zlib.compress(BOTH),
        zlib.compress(BOTH, wbits=-zlib.MAX_WBITS),  # what some programs take deflate for
    ],
)
def test_all_that_is_packed_comes_out(monkeypatch: pytest.MonkeyPatch, packed: bytes, step: int) -> None:
    monkeypatch.setattr(unpacking_module, "PIECE", 1000)
    assert unpacked(packed, step) == BOTH


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "packed",
    [
        b"",
        BOTH,
        b"\x1f",
        gzip.compress(BOTH)[:-1],
        gzip.compress(FIRST) + gzip.compress(SECOND)[:-1],
        gzip.compress(FIRST) + b"\x1f",
        gzip.compress(FIRST) + b"rest",
        gzip.compress(FIRST) + bytes(9) + gzip.compress(SECOND),
        zlib.compress(FIRST) + gzip.compress(SECOND),
        zlib.compress(BOTH)[:-1],
        zlib.compress(BOTH, wbits=-zlib.MAX_WBITS)[:-1],
    ],
)
def test_what_is_not_packed_or_not_whole(packed: bytes, step: int) -> None:
    with pytest.raises(FileUnreadable):
        unpacked(packed, step)
