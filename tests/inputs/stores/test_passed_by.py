"""What lists of objects hold beside those that are sent: it is counted or told, never left out in silence."""

from __future__ import annotations

import errno
import logging
import os
import posixpath
from pathlib import Path
from typing import Any

import pytest

from dcmsend import IndexOptions, InputOptions, Peer, Result, send
from dcmsend.errors import StoreUnusable
from dcmsend.inputs import LeftOut, Stores, find_inputs
from dcmsend.inputs.stores import sftp as sftp_module
from dcmsend.inputs.stores import store as store_module
from dcmsend.inputs.stores import web as web_module
from dcmsend.reasons import NoStore
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.store_servers import Answer, Request, StorePlace

HTML = {"Content-Type": "text/html"}


class Found:
    """What an address stands for.

    Attributes:
        names: of the inputs, below the prefix, in their order.
        left_out: what was met beside them.
    """

    def __init__(self, place: StorePlace, name: str = "", **options: Any) -> None:
        inputs = InputOptions(**{"scan_directories": True, "storage_options": place.options, **options})
        stores = Stores(inputs)
        self.left_out = LeftOut()
        try:
            found = find_inputs([place.url + name], inputs, stores=lambda: stores, left_out=self.left_out)
            self.names = [item.path.removeprefix(place.url) for item in found]
        finally:
            stores.close()


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def warnings_of(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "dcmsend.app"]


def test_prefixes_are_counted_without_recursion(store: StorePlace, log: pytest.LogCaptureFixture) -> None:
    """So that the advice is to add +r, and nobody is told that nothing is there."""
    for name in ("a/1.dcm", "a/2.dcm", "b/c/3.dcm"):
        store.put(name, b"x")
    found = Found(store)
    assert not found.names
    assert found.left_out.sub_directories == 2
    assert found.left_out.folders == 0
    store.put("top.dcm", b"x")
    found = Found(store)
    assert found.names == ["top.dcm"]
    assert found.left_out.sub_directories == 2
    found = Found(store, recurse=True)
    assert sorted(found.names) == ["a/1.dcm", "a/2.dcm", "b/c/3.dcm", "top.dcm"]
    assert found.left_out.sub_directories == found.left_out.folders == 0
    assert not warnings_of(log)


def test_a_prefix_that_is_not_searched_is_counted(web: StorePlace) -> None:
    assert Found(web, scan_directories=False).left_out.directories == 1


def test_the_advice_for_prefixes(dcmsend: str, web: StorePlace) -> None:
    web.put("a/1.dcm", b"x")
    done = run(dcmsend, "+sd", "127.0.0.1", 1, web.url)
    assert "add +r" in done.stderr
    assert "nothing is stored" not in done.stderr


@pytest.mark.peer("asyncssh")
def test_directories_that_lie_too_deep_are_told(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    for name, module in (("web", web_module), ("memory", store_module), ("sftp", sftp_module)):
        place: StorePlace = request.getfixturevalue(name)
        monkeypatch.setattr(module, "DEEPEST", 2)
        place.put("a/b/1.dcm", b"x")
        place.put("a/b/c/d/2.dcm", b"x")
        log.clear()
        found = Found(place, recurse=True)
        assert found.names == ["a/b/1.dcm"]
        assert found.left_out.folders == 1
        assert warnings_of(log) == [f"cannot search directory {place.url}a/b/c/, nothing in it is sent"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("s3", marks=pytest.mark.peer("moto")),
        pytest.param("az", marks=pytest.mark.peer("azurite")),
        pytest.param("gs", marks=pytest.mark.peer("gcp-storage-emulator")),
    ],
)
def test_an_object_with_the_name_of_a_directory(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """It is sent if it has a content; an empty one is what programs make in the place of a directory."""
    place: StorePlace = request.getfixturevalue(name)
    data = write_instances(tmp_path, 1)[0].read_bytes()
    place.put("odd/", data)
    if name != "gs":  # the emulator takes no empty objects
        place.put("mark/", b"")
    with ScriptedPeer() as peer:
        inputs = InputOptions(scan_directories=True, recurse=True, storage_options=place.options)
        (outcome,) = send([place.url], Peer("127.0.0.1", peer.port), inputs=inputs)
    assert outcome.result is Result.STORED
    assert outcome.instance.input.path == place.url + "odd/"
    found = Found(place)
    assert not found.names
    assert found.left_out.sub_directories == (1 if name == "gs" else 2)


# --- hosts


def root_of(folder: Path) -> Path:
    """What the host of the fixture serves."""
    return folder / "host" / "root"


@pytest.mark.peer("asyncssh")
def test_links_to_directories_are_followed(sftp: StorePlace, tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    """As in a local tree; one that leads back to where it lies is told."""
    root = root_of(tmp_path)
    (root / "volume" / "study").mkdir(parents=True)
    (root / "volume" / "study" / "1.dcm").write_bytes(b"x")
    (root / "in" / "2026").symlink_to("../volume")
    (root / "in" / "again").symlink_to("../volume/study")
    (root / "volume" / "study" / "back").symlink_to("../../volume")
    (root / "volume" / "study" / "top").symlink_to("../../in")
    sftp.put("2.dcm", b"x")

    def told(top: str) -> list[str]:
        return sorted(text.replace(top, "") for text in warnings_of(log))

    found = Found(sftp, recurse=True)
    assert sorted(found.names) == ["2.dcm", "2026/study/1.dcm", "again/1.dcm"]
    assert found.left_out.folders == 0
    by_sftp = told(sftp.url)
    log.clear()
    top = f"{root / 'in'}{os.sep}"
    local = find_inputs([top], InputOptions(scan_directories=True, recurse=True))
    assert sorted(item.path.removeprefix(top) for item in local) == sorted(found.names)
    assert by_sftp == told(top)
    assert len(by_sftp) == 4


@pytest.mark.peer("asyncssh")
@pytest.mark.parametrize("error", ["SFTPPermissionDenied", "SFTPFailure"])
def test_a_directory_that_the_host_does_not_show_is_told(
    sftp: StorePlace, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, error: str
) -> None:
    """What lies beside it is sent; the one that was named ends the run."""
    import asyncssh

    scandir = asyncssh.SFTPClient.scandir

    async def denied(self: Any, path: str) -> Any:
        if path.endswith("/secret/"):
            raise getattr(asyncssh, error)("no")
        async for each in scandir(self, path):
            yield each

    monkeypatch.setattr(asyncssh.SFTPClient, "scandir", denied)
    for name in ("a/1.dcm", "secret/2.dcm", "z/3.dcm"):
        sftp.put(name, b"x")
    found = Found(sftp, recurse=True)
    assert sorted(found.names) == ["a/1.dcm", "z/3.dcm"]
    assert found.left_out.folders == 1
    assert warnings_of(log) == [f"cannot search directory {sftp.url}secret/, nothing in it is sent"]
    with pytest.raises(StoreUnusable):
        Found(sftp, "secret/", recurse=True)


@pytest.mark.peer("asyncssh")
@pytest.mark.parametrize("is_refused", [False, True])
def test_a_host_that_does_not_say_where_links_lead(
    sftp: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, is_refused: bool
) -> None:
    """It gives back the path that it was asked for, or refuses: links to directories are told, not run in circles."""
    import asyncssh

    def realpath(self: Any, path: bytes) -> bytes:
        if is_refused:
            raise asyncssh.SFTPOpUnsupported("no")
        return posixpath.normpath(path)

    monkeypatch.setattr(asyncssh.SFTPServer, "realpath", realpath)
    sftp.put("study/1.dcm", b"x")
    (root_of(tmp_path) / "in" / "study" / "2.dcm").symlink_to("1.dcm")
    (root_of(tmp_path) / "in" / "study" / "back").symlink_to("..")
    found = Found(sftp, recurse=True)
    assert sorted(found.names) == ["study/1.dcm", "study/2.dcm"]
    assert found.left_out.folders == 1
    assert warnings_of(log) == [f"cannot search directory {sftp.url}study/back/, nothing in it is sent"]
    assert Found(sftp, "study/").left_out.sub_directories == 1


@pytest.mark.peer("asyncssh")
def test_links_that_lead_nowhere(
    sftp: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    """A dangling one is an object that is not there; what cannot be looked at is told, whatever the pattern."""
    import asyncssh

    root = root_of(tmp_path)
    for name in ("dangling", "stale"):
        (root / "in" / name).symlink_to("../nothing")
    look = asyncssh.SFTPClient.stat

    async def stale(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
        if path.endswith("/stale"):
            raise asyncssh.SFTPFailure("stale")
        return await look(self, path, *arguments, **options)

    monkeypatch.setattr(asyncssh.SFTPClient, "stat", stale)
    found = Found(sftp, recurse=True)
    assert found.names == ["dangling"]
    found = Found(sftp, recurse=True, scan_pattern="*.dcm")
    assert not found.names
    assert found.left_out.folders == 1
    assert warnings_of(log) == [f"cannot search directory {sftp.url}stale/, nothing in it is sent"] * 2
    found = Found(sftp)
    assert sorted(found.names) == ["dangling", "stale"]  # a file for all we know: the fetch tells what is wrong
    assert found.left_out.sub_directories == 0


@pytest.mark.peer("asyncssh")
def test_a_connection_that_is_lost_at_a_link(
    sftp: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of the link."""
    import asyncssh

    (root_of(tmp_path) / "in" / "link").symlink_to("../nothing")

    async def lost(self: Any, path: str) -> Any:
        raise asyncssh.SFTPConnectionLost("lost")

    monkeypatch.setattr(asyncssh.SFTPClient, "stat", lost)
    with pytest.raises(StoreUnusable):
        Found(sftp)


@pytest.mark.peer("asyncssh")
def test_a_pipe_on_a_host_makes_nobody_wait(sftp: StorePlace, tmp_path: Path) -> None:
    """A host that opens it waits for a writer, and answers nobody until then."""
    sftp.put("a.dcm", write_instances(tmp_path / "made", 1)[0].read_bytes())
    pipe = root_of(tmp_path) / "in" / "notify"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)  # so that the host of this test does not wait, if it is asked for the pipe
    try:
        with ScriptedPeer() as peer:
            inputs = InputOptions(scan_directories=True, storage_options=sftp.options)
            index = IndexOptions(halt_on_invalid=False)
            transfer = send([sftp.url, sftp.url + "notify"], Peer("127.0.0.1", peer.port), inputs=inputs, index=index)
            assert [outcome.result for outcome in transfer] == [Result.STORED]
    finally:
        os.close(writer)
    assert [rejected.reason for rejected in transfer.rejected] == [os.strerror(errno.ESPIPE)] * 2
    assert set(sftp.fetched) == {"a.dcm"}


@pytest.mark.peer("asyncssh")
def test_names_that_are_not_utf_8(sftp: StorePlace, tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "out", 2)
    folder = root_of(tmp_path) / "in" / os.fsdecode(b"M\xfcller")
    folder.mkdir()
    paths[0].rename(folder / os.fsdecode(b"M\xfc.dcm"))
    sftp.put("b.dcm", paths[1].read_bytes())
    inputs = InputOptions(scan_directories=True, recurse=True, storage_options=sftp.options)
    with ScriptedPeer() as peer:
        outcomes = list(send([sftp.url], Peer("127.0.0.1", peer.port), inputs=inputs))
    assert [outcome.instance.input.path.removeprefix(sftp.url) for outcome in outcomes] == [
        "b.dcm", os.fsdecode(b"M\xfcller/M\xfc.dcm")
    ]  # fmt: skip
    assert len(peer.stores) == 2


# --- index pages


def test_a_directory_without_an_index_page_is_told(web: StorePlace, log: pytest.LogCaptureFixture) -> None:
    web.put("a/1.dcm", b"x")
    pages = {"": b'<a href="a/">a</a><a href="b/">b</a>', "b": b'[{"name": "2.dcm"}]'}

    asked: list[Request] = []

    def script(request: Request) -> Answer | None:
        asked.append(request)
        if len(asked) == 1:
            return Answer(200, pages[""], HTML)
        return Answer(200, pages["b"], {"Content-Type": "application/json"}) if len(asked) == 3 else None

    web.script = script
    found = Found(web, recurse=True)
    assert found.names == ["a/1.dcm"]
    assert found.left_out.folders == 1
    assert warnings_of(log) == [f"cannot search directory {web.url}b/, nothing in it is sent"]


@pytest.mark.parametrize("status", [401, 403, 404, 410, 405])
def test_a_directory_that_a_web_server_does_not_show_is_told(
    web: StorePlace, log: pytest.LogCaptureFixture, status: int
) -> None:
    """What lies beside it is sent; the one that was named ends the run, and so does a server that is busy."""
    for name in ("a/1.dcm", "z/3.dcm"):
        web.put(name, b"x")
    page = b'<a href="a/">a</a><a href="secret/">secret</a><a href="z/">z</a>'
    asked: list[Request] = []

    def script(request: Request) -> Answer | None:
        asked.append(request)
        return {1: Answer(200, page, HTML), 3: Answer(status)}.get(len(asked))

    web.script = script
    found = Found(web, recurse=True)
    assert sorted(found.names) == ["a/1.dcm", "z/3.dcm"]
    assert found.left_out.folders == 1
    assert warnings_of(log) == [f"cannot search directory {web.url}secret/, nothing in it is sent"]
    web.script = lambda request: Answer(status)
    with pytest.raises(StoreUnusable):
        Found(web, "secret/", recurse=True)
    status = 503
    asked.clear()
    web.script = script
    with pytest.raises(StoreUnusable) as caught:
        Found(web, recurse=True)
    assert (caught.value.url, caught.value.why) == (web.url + "secret/", NoStore.NOT_NOW)


def test_a_named_directory_without_an_index_page_is_told(web: StorePlace, log: pytest.LogCaptureFixture) -> None:
    web.script = lambda request: Answer(200, b"[]", {"Content-Type": "application/json"})
    found = Found(web)
    assert not found.names
    assert (found.left_out.folders, found.left_out.sub_directories) == (1, 0)
    assert warnings_of(log) == [f"cannot search directory {web.url}, nothing in it is sent"]


@pytest.mark.parametrize("room", [100, 5])
def test_a_page_that_shows_names_twice(web: StorePlace, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Pictures first, and then a list; names are kept up to a bound."""
    monkeypatch.setattr(web_module, "_MOST_KNOWN", room)
    web.put("d/3.dcm", b"x")
    page = b"".join(b'<a href="%s"><img></a>' % name for name in (b"1.dcm", b"2.dcm", b"d/") * 2)
    asked: list[Request] = []

    def script(request: Request) -> Answer | None:
        asked.append(request)
        return Answer(200, page, HTML) if len(asked) == 1 else None

    web.script = script
    found = Found(web, recurse=True)
    twice = [] if room == 100 else ["2.dcm", "d/3.dcm"]
    assert sorted(found.names) == sorted(["1.dcm", "2.dcm", "d/3.dcm", *twice])
