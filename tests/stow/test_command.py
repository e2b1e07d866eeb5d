"""``--stow`` from the installed command to the requests that a web service gets."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from support.certificates import Certificates
from support.corpus import DATA
from support.html_page import HtmlPage
from support.http_wire import response, store_answer
from support.ports import free_port
from support.programs import installed_dcmsend
from support.report_schema import STRICT_SCHEMA
from support.run import Run, run
from support.scripted_web_server import Answer, ScriptedWebServer, WebAnswer, WebRequest, store_all
from support.sending import write_instances
from support.tls_peers import server_context

CT, MR = DATA / "pydicom" / "CT_small.dcm", DATA / "pydicom" / "MR_small.dcm"


def send(*words: str | Path, answers: tuple[Answer, ...] = (), path: str = "") -> tuple[Run, ScriptedWebServer]:
    with ScriptedWebServer(*answers) as server:
        done = run(installed_dcmsend(), "--stow", server.url + path, *words)
    return done, server


def refuse_the_first(request: WebRequest) -> bytes:
    first, *others = request.uids
    return response(202, store_answer(others, {first: 0xA900}))


def only_stores(request: WebRequest, status: int) -> bytes:
    return store_all(request) if request.head.method == "POST" else response(status, b"", None)


@pytest.mark.parametrize("path", ["", "/", "/studies"])
def test_everything_is_stored(tmp_path: Path, path: str) -> None:
    files = write_instances(tmp_path, 3)
    done, server = send("-v", "--parallel-associations", "2", "--stow-batch", "1", *files, path=path)
    assert done.exit_code == 0, done.stderr
    assert {request.head.target for request in server.requests} == {"/dicom-web/studies"}
    assert sorted(part for request in server.requests for part in request.parts) == sorted(
        file.read_bytes() for file in files
    )
    assert len(server.requests) == 3
    assert "everything is stored" in done.stderr
    assert "Number of connections    : " in done.stderr
    assert "associations" not in done.stderr
    assert "pres. contexts" not in done.stderr


def test_reports_and_a_journal(tmp_path: Path) -> None:
    """What is refused is told and sent again; what is stored is not."""
    words = ("--journal", tmp_path / "j", "--resume", "--report-json", tmp_path / "r.json", CT, MR)
    with ScriptedWebServer(refuse_the_first) as server:
        done = run(installed_dcmsend(), "--stow", server.url, *words)
        assert done.exit_code == 102, done.stderr
        report = json.loads((tmp_path / "r.json").read_text())
        jsonschema.validate(report, STRICT_SCHEMA)
        assert report["peer"]["url"] == server.url
        assert [row["status"] for row in report["instances"]] == ["0xA900", "0x0000"]
        (connection,) = report["associations"]
        assert (connection["instances"], connection["max_pdu"]) == (2, 0)
        assert connection["bytes"] == sum(row["bytes_sent"] for row in report["instances"]) > 0
        other = run(installed_dcmsend(), "--stow", server.url + "/other", *words)
        assert other.exit_code == 104
        assert f"belongs to another peer: {server.url}, not {server.url}/other" in other.stderr
        again = run(installed_dcmsend(), "--stow", server.url, *words)
        assert again.exit_code == 102, again.stderr
    assert [len(request.parts) for request in server.requests] == [2, 1]


@pytest.mark.parametrize(("answer", "lost"), [(store_all, 0), (WebAnswer(closes=True), 1)], ids=["good", "lost"])
def test_the_page_shows_which_connections_were_lost(tmp_path: Path, answer: Answer, lost: int) -> None:
    send("--report-html", tmp_path / "r.html", CT, answers=(answer,))
    page = HtmlPage(tmp_path / "r.html")
    assert len(page.all("rect", "o-failed")) == lost
    assert len(page.all("rect", "bar")) >= 1 - lost


def test_who_we_are(tmp_path: Path) -> None:
    """Each way, and never in what is shown."""
    token, report = tmp_path / "token", tmp_path / "r.json"
    token.write_text("t0ken\n")
    basic = base64.b64encode(b"alice:t0ken").decode()
    for words, expected in (
        (("--bearer-file", token), "Bearer t0ken"),
        (("--bearer-command", f"cat '{token}'"), "Bearer t0ken"),
        (("-usr", "alice", "--password-file", token), f"Basic {basic}"),
        ((), None),
    ):
        done, server = send("-d", "--arguments", *words, "--report-json", report, CT)
        assert done.exit_code == 0, done.stderr
        assert server.requests[0].head.headers.get("authorization") == expected
        shown = done.stderr + done.stdout + report.read_text()
        assert "t0ken" not in shown
        assert basic not in shown


def test_a_proxy_gets_no_credentials(tmp_path: Path) -> None:
    """They go over plain HTTP to this machine only; without any the proxy of the environment is used."""
    (tmp_path / "token").write_text("t0ken\n")
    with ScriptedWebServer() as server, ScriptedWebServer() as proxy:
        environment = {"http_proxy": f"http://127.0.0.1:{proxy.port}", "no_proxy": ""}
        words = [installed_dcmsend(), "--stow", server.url, CT]
        assert run(*words, environment=environment).exit_code == 0
        assert run(*words, "--bearer-file", tmp_path / "token", environment=environment).exit_code == 0
    assert [request.head.headers.get("authorization") for request in proxy.requests] == [None]
    assert [request.head.headers.get("authorization") for request in server.requests] == ["Bearer t0ken"]


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, 105, "--bearer-file, --bearer-command"), (403, 105, "--bearer-file, --bearer-command"),
        (404, 105, "the part before /studies"), (405, 105, "the part before /studies"),
        (415, 105, "the part before /studies"),
    ],
)  # fmt: skip
def test_a_service_that_says_no(status: int, code: int, hint: str) -> None:
    done, server = send(CT, MR, answers=(response(status, b"", None),))
    assert done.exit_code == code, done.stderr
    assert hint in done.stderr
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_that_takes_no_queries_is_asked_once(tmp_path: Path, status: int) -> None:
    """What is stored stays stored; the proof is what is missing."""
    files = [tmp_path / f"{name}.dcm" for name in "ab"]
    for file, original in zip(files, (CT, MR), strict=True):
        file.write_bytes(original.read_bytes())
    report = tmp_path / "r.json"
    done, server = send("--verify", "--report-json", report, *files, answers=(partial(only_stores, status=status),))
    assert done.exit_code == 106, done.stderr
    assert [request.head.method for request in server.requests] == ["POST", "GET"]
    line = f"cannot ask the archive what it has: cannot search the web service (QIDO-RS): the server answers {status}"
    assert line in done.stderr
    rows = json.loads(report.read_text())["instances"]
    assert [(row["outcome"], row["proof"]["state"]) for row in rows] == [("stored", "no_answer")] * 2
    probed, server = send("--probe-peer", *files, answers=(partial(only_stores, status=status),))
    assert probed.exit_code == 0, probed.stderr
    assert f"no answer to a query (QIDO-RS): the server answers {status}" in probed.stderr
    assert [request.head.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("original", [CT, MR], ids=lambda path: path.name)
def test_a_whole_file_arrives_with_its_trailing_padding(original: Path) -> None:
    """A message has no Data Set Trailing Padding, a file may have it: PS3.10 7.2."""
    assert b"\xfc\xff\xfc\xff" in original.read_bytes()
    done, server = send(original)
    assert done.exit_code == 0, done.stderr
    assert server.requests[0].parts == [original.read_bytes()]


def test_nobody_is_there() -> None:
    done = run(installed_dcmsend(), "--stow", f"http://127.0.0.1:{free_port()}", CT)
    assert done.exit_code == 61, done.stderr
    assert "is the web server running" in done.stderr


def test_tls(certificates: Certificates) -> None:
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server:
        done = run(installed_dcmsend(), "--stow", server.url, "+cf", certificates.ca, CT)
        assert done.exit_code == 0, done.stderr
        unknown = run(installed_dcmsend(), "--stow", server.url, CT)
    assert unknown.exit_code == 105, unknown.stderr
    assert "+cf FILE" in unknown.stderr
    assert len(server.requests) == 1
