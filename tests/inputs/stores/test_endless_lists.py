"""Lists of very many objects, and lists without an end."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import pytest

from dcmsend import InputOptions
from dcmsend.errors import FileUnreadable, StoreUnusable
from dcmsend.inputs import LeftOut, Stores, find_inputs
from dcmsend.inputs.stores import content, endless
from dcmsend.inputs.stores import web as web_module
from dcmsend.inputs.stores.endless import Endless, Marks
from dcmsend.reasons import NoStore
from support.listing_server import AFTER, KEYS, Lister, listing_server, long_list
from support.run import run, run_measured
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.store_servers import AWS, Answer, StorePlace, serving

AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
BACKENDS = ["s3", pytest.param("obstore", marks=pytest.mark.peer("obstore")), "az", "gs"]
Options = tuple[tuple[str, str], ...]


@contextlib.contextmanager
def listed(backend: str, lister: Lister, patch: pytest.MonkeyPatch) -> Iterator[tuple[str, Options]]:
    """An address whose objects are those of ``lister``, and options for its store."""
    for name, value in AWS.items():
        patch.setenv(name, value)
    with listing_server(lister) as port:
        url = f"http://127.0.0.1:{port}"
        if backend == "az":
            account = f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURE_KEY}"
            patch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{account};BlobEndpoint={url}/devstoreaccount1;")
            yield "az://dicom/in/", ()
        elif backend == "gs":
            yield "gs://dicom/in/", (("endpoint_url", url), ("token", "anon"), ("project", "p"))
        else:
            more = (("backend", "obstore"),) if backend == "obstore" else ()
            yield "s3://dicom/in/", (("endpoint_url", url), *more)


def page_of(write: Callable[[BufferedIOBase], None]) -> type[BaseHTTPRequestHandler]:
    """A web server of which each path is the index page that ``write`` writes."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the name of the base class)
            """Be silent."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                write(self.wfile)

    return Handler


def paths_of(url: str, inputs: InputOptions) -> list[str]:
    stores = Stores(inputs)
    try:
        return [item.path for item in find_inputs([url], inputs, stores=lambda: stores)]
    finally:
        stores.close()


def count_of(url: str, options: Options, most: int = 0) -> int:
    """How many inputs an address stands for; more than ``most`` are a failure."""
    inputs = InputOptions(scan_directories=True, recurse=True, storage_options=options)
    stores = Stores(inputs)
    count = 0
    try:
        for _ in find_inputs([url], inputs, stores=lambda: stores):
            count += 1
            assert not most or count <= most
    finally:
        stores.close()
    return count


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_pages_are_read(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with listed(backend, long_list(2 * KEYS + 1), monkeypatch) as (url, options):
        assert count_of(url, options) == 2 * KEYS + 1


@pytest.mark.parametrize("backend", ["s3", pytest.param("obstore", marks=pytest.mark.peer("obstore"))])
def test_what_lies_deeper_is_leapt_over(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore, which lists everything, does not read a long directory to its end; s3fs has the server leave it out."""
    names = ["in/a.dcm", *(f"in/sub/{number:06d}.dcm" for number in range(20 * KEYS)), "in/sub0", "in/z/x.dcm", "in/z1"]
    asked: list[str] = []

    def page(token: str) -> tuple[list[str], str]:
        asked.append(token)
        found = names if backend == "obstore" else [name for name in names if name.count("/") == 1]
        if token.startswith(AFTER):
            after = token.removeprefix(AFTER)
            first = next((place for place, name in enumerate(found) if name > after), len(found))
        else:
            first = int(token or 0)
        last = min(first + KEYS, len(found))
        return found[first:last], str(last) if last < len(found) else ""

    with listed(backend, page, monkeypatch) as (url, options):
        inputs = InputOptions(scan_directories=True, storage_options=options)
        assert paths_of(url, inputs) == [url + name for name in ("a.dcm", "sub0", "z1")]
    assert len(asked) <= 6


def left_out_of(url: str, options: Options) -> LeftOut:
    """What is met below an address without recursion, where no objects lie."""
    inputs = InputOptions(scan_directories=True, storage_options=options)
    stores, left_out = Stores(inputs), LeftOut()
    try:
        assert not list(find_inputs([url], inputs, stores=lambda: stores, left_out=left_out))
    finally:
        stores.close()
    return left_out


@pytest.mark.peer("obstore")
def test_a_list_without_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a directory bucket of S3: the same prefix begins page after page, and the list has an end."""
    names = [f"in/{'ab'[number % 2]}/{number}.dcm" for number in range(5 * KEYS)]

    def page(token: str) -> tuple[list[str], str]:
        last = int(token or 0) + KEYS
        return names[last - KEYS : last], str(last) if last < len(names) else ""

    with listed("obstore", page, monkeypatch) as (url, options):
        assert left_out_of(url.replace("dicom", "dicom--euw1-az1--x-s3"), options).sub_directories == 2


@pytest.mark.peer("obstore")
@pytest.mark.parametrize("bucket", ["dicom", "dicom--euw1-az1--x-s3"])
def test_a_list_of_prefixes_without_end(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["in/a/1.dcm", "in/b/1.dcm"]
    with (
        listed("obstore", lambda token: (names, "t"), monkeypatch) as (url, options),
        pytest.raises(StoreUnusable, match="list of objects has no end"),
    ):
        left_out_of(url.replace("dicom", bucket), options)


def test_empty_pages_between_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores give them where objects were removed, and to keep a question short."""

    def now_and_then(token: str) -> tuple[list[str], str]:
        number = int(token or 0)
        return [f"in/{number}.dcm"] if number % 10 == 0 else [], "" if number == 30 else str(number + 1)

    for backend in ("s3", "az", "gs"):
        with listed(backend, now_and_then, monkeypatch) as (url, options):
            assert count_of(url, options) == 4


def assert_has_no_end(backend: str, lister: Lister, patch: pytest.MonkeyPatch, end: str = "/") -> None:
    with listed(backend, lister, patch) as (url, options):
        url = url.rstrip("/") + end
        with pytest.raises(StoreUnusable, match="list of objects has no end") as caught:
            count_of(url, options, most=200_000)
    assert caught.value.why is NoStore.OTHER


@pytest.mark.parametrize("names", [["in/a.dcm", "in/b.dcm"], []], ids=["names", "no names"])
@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize("backend", BACKENDS)
def test_tokens_that_repeat_themselves(
    backend: str, length: int, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """obstore shows no tokens: without names only time tells."""
    if backend == "obstore":
        monkeypatch.setattr(endless, "LONGEST_WITHOUT_OBJECT", 1.0)

    def page(token: str) -> tuple[list[str], str]:
        return names, f"t{(int(token[1:] or 0) + 1) % length}"

    assert_has_no_end(backend, page, monkeypatch)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pages_without_names_for_ever(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "LONGEST_WITHOUT_OBJECT", 1.0)
    numbers = itertools.count(1)
    assert_has_no_end(backend, lambda token: ([], f"t{next(numbers)}"), monkeypatch)


@pytest.mark.parametrize("backend", ["obstore", "az"])
def test_a_name_whose_prefix_never_shows_an_object(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To learn what a name without a slash is, some stores are asked for a list, too."""
    monkeypatch.setattr(endless, "LONGEST_WITHOUT_OBJECT", 1.0)
    numbers = itertools.count(1)
    assert_has_no_end(backend, lambda token: ([], f"t{next(numbers)}"), monkeypatch, end="")


def test_an_index_page_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text without links is not kept, but not read for ever either."""
    monkeypatch.setattr(web_module, "_LONGEST_PAGE", 500_000)
    stopped = threading.Event()

    def write(file: BufferedIOBase) -> None:
        while not stopped.is_set():
            file.write(b"<p>text</p>\n" * 10_000)

    with serving(page_of(write)) as port:
        try:
            with pytest.raises(StoreUnusable, match="no end"):
                count_of(f"http://127.0.0.1:{port}/in/", ())
        finally:
            stopped.set()


def test_a_server_need_not_wait_until_its_page_is_needed() -> None:
    """Sending may take hours, and no server waits so long until it can write."""
    written = threading.Event()
    filling = b"<p>" + b" " * 10_000 + b"</p>"
    page = b'<a href="1.dcm">x</a>' + filling * 2400 + b'<a href="2.dcm">x</a>'

    def write(file: BufferedIOBase) -> None:
        file.write(page)
        written.set()

    with serving(page_of(write)) as port:
        url = f"http://127.0.0.1:{port}/in/"
        inputs = InputOptions(scan_directories=True)
        stores = Stores(inputs)
        try:
            found = find_inputs([url], inputs, stores=lambda: stores)
            assert next(found).path == url + "1.dcm"
            assert written.wait(20)
            assert [item.path for item in found] == [url + "2.dcm"]
        finally:
            stores.close()


def test_a_page_for_which_there_is_no_room(web: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise FileUnreadable("no temporary file")

    monkeypatch.setattr(content, "anonymous_file", full)
    web.put("1.dcm", b"x")
    with pytest.raises(StoreUnusable, match="no temporary file") as caught:
        count_of(web.url, ())
    assert caught.value.why is NoStore.OTHER


def test_directories_without_objects_for_ever(web: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "LONGEST_WITHOUT_OBJECT", 1.0)
    page = b"<html>" + b"".join(b'<a href="%d/">x</a>' % number for number in range(3)) + b"</html>"
    web.script = lambda request: Answer(200, page, {"Content-Type": "text/html"})
    with pytest.raises(StoreUnusable, match="no end"):
        count_of(web.url, ())


@pytest.mark.parametrize("before", [0, 1, 7, 100])
@pytest.mark.parametrize("length", [1, 2, 3, 64, 1000])
def test_any_circle_is_noticed(before: int, length: int) -> None:
    marks = Marks()
    names = itertools.chain((f"b{n}" for n in range(before)), itertools.cycle([f"c{n}" for n in range(length)]))
    with pytest.raises(Endless):
        list(map(marks.note, itertools.islice(names, 4 * (before + length) + 4)))


def test_what_does_not_repeat_is_no_circle() -> None:
    marks = Marks()
    for number in range(20_000):
        assert marks.note(str(number)) == str(number)


# --- memory


def knows_all(journal: Path, url: str, count: int) -> None:
    """Have a journal that knows one object know ``count`` of ``long_list``."""
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(instance)")]
        row = dict(zip(columns, connection.execute("SELECT * FROM instance").fetchone(), strict=True))
        connection.execute("UPDATE directory SET path = ?", (url.encode(),))
        connection.execute("DELETE FROM instance")
        row |= {"size": 524288, "mtime_ns": 1_704_164_645 * 10**9, "etag": "0123456789abcdef0123456789abcdef"}
        name = "CAST(printf('%08d.dcm', number) AS BLOB)"
        values = ", ".join(name if column == "name" else f":{column}" for column in columns)
        numbers = "WITH RECURSIVE n(number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM n WHERE number + 1 < :count)"
        connection.execute(f"INSERT INTO instance {numbers} SELECT {values} FROM n", {**row, "count": count})


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss")
@pytest.mark.peer("obstore")
@pytest.mark.parametrize(
    ("backend", "recurse", "count", "most"),
    # So much that 700 bytes an object are found with s3fs, 100 bytes with obstore; 3 and 15 MiB are usual.
    [pytest.param("s3", ["+r"], 20_000, 15, id="s3"), pytest.param("obstore", [], 100_000, 24, id="obstore")],
)
@pytest.mark.timeout(1100)
def test_a_long_list_takes_no_more_memory(
    dcmsend: str, tmp_path: Path, backend: str, recurse: list[str], count: int, most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A run over objects that the journal all knows; LONG_LIST is another number of them."""
    if "LONG_LIST" in os.environ:
        count, most = int(os.environ["LONG_LIST"]), 40
    peaks = []
    path = write_instances(tmp_path / "in", 1)[0]
    for number in (2 * KEYS, count):
        journal = tmp_path / f"journal-{number}"
        with ScriptedPeer() as peer, listed(backend, long_list(number), monkeypatch) as (url, options):
            assert run(dcmsend, "--journal", journal, "127.0.0.1", peer.port, path).exit_code == 0
            knows_all(journal, url, number)
            words = [word for name, value in options for word in ("--storage-option", f"{name}={value}")]
            words += ["--journal", str(journal), "--resume", "+sd", *recurse, "127.0.0.1", str(peer.port), url]
            done, peak = run_measured(tmp_path, dcmsend, *words, timeout=1000)
            assert done.exit_code == 0, done.stderr
            assert len(peer.connections) == 1
            peaks.append(peak >> 20)
    print(f"\n{backend}: {peaks[0]} MiB for {2 * KEYS} objects, {peaks[1]} MiB for {count}")
    assert peaks[1] - peaks[0] < most, peaks  # the journal alone keeps up to 16 MiB
