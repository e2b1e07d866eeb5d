"""Addresses of stores as inputs, at the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances
from support.store_servers import AWS, Answer, StorePlace, s3_place, web_place


@pytest.fixture
def web(tmp_path: Path) -> Iterator[StorePlace]:
    with web_place() as place:
        fill(place, tmp_path)
        yield place


def fill(place: StorePlace, folder: Path, count: int = 7) -> None:
    for path in write_instances(folder / "tree", count):
        place.put(path.name, path.read_bytes())


@pytest.mark.peer("moto")
def test_objects_of_a_bucket_are_sent(dcmsend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a journal, a report and the log at its most talkative; no secret is in any of them."""
    report, journal = tmp_path / "report.json", tmp_path / "journal"
    with s3_place(monkeypatch) as s3, ScriptedPeer() as peer:
        fill(s3, tmp_path)
        words = ["-d", "--arguments", "--report-json", report, "--journal", journal, "--resume"]
        words += ["--fetch-parallel", "3"]
        for name, value in s3.options:
            words += ["--storage-option", f"{name}={value}"]
        done = run(dcmsend, *words, "+sd", "127.0.0.1", peer.port, s3.url)
        assert done.exit_code == 0, done.stderr
        again = run(dcmsend, *words, "+sd", "127.0.0.1", peer.port, s3.url)
        assert again.exit_code == 0, again.stderr
        assert len(s3.fetched) == 7
    assert {store.sop_instance_uid for store in peer.stores} == {instance_uid(number) for number in range(1, 8)}
    everything = done.stderr + done.stdout + again.stderr + report.read_text() + journal.read_bytes().decode("latin-1")
    assert AWS["AWS_SECRET_ACCESS_KEY"] not in everything
    assert AWS["AWS_ACCESS_KEY_ID"] not in everything


def test_a_web_place(dcmsend: str, web: StorePlace, tmp_path: Path) -> None:
    """An address implies truthful exit codes; size and time in reports are those of the object."""
    report = tmp_path / "report.json"
    web.put("text.txt", b"no DICOM file")
    web.script = lambda request: Answer(404) if request.name == "000003.dcm" else None
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+sd", "--report-json", report, "127.0.0.1", peer.port, web.url)
    assert done.exit_code == 102, done.stderr
    assert len(peer.stores) == 6
    rows = {row["path"].rpartition("/")[2]: row for row in json.loads(report.read_text())["instances"]}
    assert rows["000001.dcm"]["size"] == (tmp_path / "tree" / "000001.dcm").stat().st_size
    assert rows["000001.dcm"]["mtime"].startswith("2023-")
    assert rows["000003.dcm"]["outcome"] == "invalid"
    assert rows["text.txt"]["outcome"] == "not_dicom"


def test_what_the_store_cannot_give_now_may_succeed_later(dcmsend: str, web: StorePlace, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    web.script = lambda request: Answer(503) if request.name == "000003.dcm" else None
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+sd", "--report-json", report, "127.0.0.1", peer.port, web.url)
    assert done.exit_code == 101, done.stderr
    assert "    not sent      1 its object store cannot deliver it now -> try again" in done.stderr.splitlines()
    assert "1 may succeed when run again" in done.stderr
    document = json.loads(report.read_text())
    (row,) = (row for row in document["instances"] if row["outcome"] == "invalid")
    assert row["retryable"] is True
    assert document["totals"]["retryable"] == 1


def test_prefixes_need_options_as_directories_do(dcmsend: str, web: StorePlace) -> None:
    web.put("sub/one.dcm", b"x")
    with ScriptedPeer() as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, web.url)
        assert (done.exit_code, len(peer.stores)) == (21, 0)
        assert "--scan-directories is not set" in done.stderr
        done = run(dcmsend, "+sd", "+sp", "*3.dcm", "127.0.0.1", peer.port, web.url)
        assert (done.exit_code, len(peer.stores)) == (0, 1)
        assert run(dcmsend, "+sd", "127.0.0.1", peer.port, web.url).exit_code == 0
        assert "sub/one.dcm" not in web.fetched
        assert run(dcmsend, "+sd", "+r", "127.0.0.1", peer.port, web.url).exit_code == 0
        assert "sub/one.dcm" in web.fetched


def test_addresses_in_a_list_of_files(dcmsend: str, web: StorePlace, tmp_path: Path) -> None:
    local = tmp_path / "tree" / "000001.dcm"
    names = tmp_path / "names"
    names.write_text(f"{local}\n{web.url}000002.dcm\n{web.url}000003.dcm\n")
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--files-from", names, "127.0.0.1", peer.port)
    assert done.exit_code == 0, done.stderr
    assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(number) for number in (1, 2, 3)]


def test_several_shards(dcmsend: str, web: StorePlace) -> None:
    with ScriptedPeer() as peer:
        for number in (1, 2, 3):
            assert run(dcmsend, "--shard", f"{number}/3", "+sd", "127.0.0.1", peer.port, web.url).exit_code == 0
    assert sorted(web.fetched) == [f"{number:06d}.dcm" for number in range(1, 8)]
    assert len(peer.stores) == 7


def test_min_age_goes_by_what_the_store_tells(dcmsend: str, web: StorePlace) -> None:
    with ScriptedPeer() as peer:
        assert run(dcmsend, "+sd", "--min-age", "1h", "127.0.0.1", peer.port, web.url).exit_code == 0
        assert len(peer.stores) == 7
        assert run(dcmsend, "+sd", "--min-age", "200000h", "127.0.0.1", peer.port, web.url).exit_code == 21


def test_a_signed_address_is_not_told(dcmsend: str, web: StorePlace, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    url = f"{web.url}000001.dcm?X-Amz-Signature=SECRET"
    with ScriptedPeer() as peer:
        words = ["-d", "--arguments", "--report-json", report, "127.0.0.1", peer.port]
        done = run(dcmsend, *words, url)
        assert done.exit_code == 0, done.stderr
        assert len(peer.stores) == 1
        refused = run(dcmsend, *words, web.url.replace("://", "://me:SECRET@"))
        assert refused.exit_code == 102
    assert "may not hold a password" in refused.stderr
    assert "SECRET" not in done.stderr + done.stdout + refused.stderr + report.read_text()


@pytest.mark.parametrize(
    "option",
    [
        "secret=SECRET", "aws_secret_access_key=SECRET", "password=SECRET", "token=SECRET", "account_key=SECRET",
        "sas_token=SECRET", "connection_string=SECRET", "SECRET", "proxy=http://me:SECRET@h",
    ],
)  # fmt: skip
def test_secrets_are_not_taken(dcmsend: str, option: str) -> None:
    done = run(dcmsend, "--arguments", "-d", "--storage-option", option, "127.0.0.1", "104", "s3://b/k")
    assert done.exit_code == 1
    assert "SECRET" not in done.stderr
    assert "--storage-option" in done.stderr


def test_nothing_is_moved_out_of_a_store(dcmsend: str) -> None:
    done = run(dcmsend, "--journal", "j", "--move-sent", "d", "+sd", "127.0.0.1", "104", "s3://b/")
    assert done.exit_code == 1
    assert "error: --move-sent not allowed with objects of stores" in done.stderr


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "s3"), ("https", "http")])
def test_a_missing_package_is_named(dcmsend: str, tmp_path: Path, scheme: str, extra: str) -> None:
    """A module of the same name that cannot be imported stands before the real one."""
    for name in ("s3fs", "fsspec"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no', name={name!r})\n")
    done = run(dcmsend, "+sd", "127.0.0.1", "104", f"{scheme}://b/", environment={"PYTHONPATH": str(tmp_path)})
    assert done.exit_code == 102
    assert f"pip install 'dcmsend[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_answers(dcmsend: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = run(dcmsend, "+sd", "--report-json", report, "127.0.0.1", "104", "http://127.0.0.1:9/in/")
    assert done.exit_code == 101
    assert json.loads(report.read_text())["exit"]["retryable"] is True
    assert "the host there does not answer" in done.stderr


def test_a_run_without_addresses_loads_nothing_of_this(tmp_path: Path) -> None:
    program = "import sys, dcmsend.cli.main as m; m.main(['127.0.0.1', '9', sys.argv[1]]); print(sorted(sys.modules))"
    write_instances(tmp_path, 1)
    done = run(sys.executable, "-c", program, tmp_path / "000001.dcm")
    assert "dcmsend.inputs.find" in done.stdout
    for name in ("inputs.stores", "asyncio", "fsspec", "aiohttp"):
        assert name not in done.stdout
