"""The web peers of the tests are what they say, seen by http.client and without the package under test."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.certificates import Certificates
from support.corpus import DATA
from support.http_sink import http_sink
from support.http_wire import response
from support.part10 import read_part10
from support.processes import wait_until
from support.scripted_web_server import ScriptedWebServer, WebAnswer
from support.tls_peers import server_context
from support.web_peers import NginxFront, WebOrthanc, basic_authorization, nginx, web_orthanc

FILES = sorted(path for path in (DATA / "fileset" / "98892003").rglob("*") if path.is_file())[:3]
UIDS = [read_part10(path).sop_instance_uid for path in FILES]
TYPE = 'multipart/related; type="application/dicom"; boundary=XbX'


def body_of(*contents: bytes) -> bytes:
    parts = b"".join(b"--XbX\r\nContent-Type: application/dicom\r\n\r\n" + each + b"\r\n" for each in contents)
    return parts + b"--XbX--\r\n"


BODY = body_of(*(path.read_bytes() for path in FILES))


def post(
    connection: http.client.HTTPConnection,
    body: bytes | Iterable[bytes] = BODY,
    target: str = "/dicom-web/studies",
    **headers: str,
) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer to a store request and its body."""
    chunked = not isinstance(body, bytes)
    connection.request("POST", target, body, {"Content-Type": TYPE, **headers}, encode_chunked=chunked)
    answer = connection.getresponse()
    return answer, answer.read()


def stored(body: bytes) -> set[str]:
    """The UIDs in the Referenced SOP Sequence."""
    items = json.loads(body)["00081199"].get("Value", [])
    return {item["00081155"]["Value"][0] for item in items}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebOrthanc]:
    with web_orthanc(tmp_path_factory.mktemp("archive")) as peer:
        yield peer


@pytest.fixture(scope="module")
def front(
    tmp_path_factory: pytest.TempPathFactory, archive: WebOrthanc, certificates: Certificates
) -> Iterator[NginxFront]:
    folder = tmp_path_factory.mktemp("front")
    with nginx(folder, certificates, archive.http_port, tokens=("good-token", "other"), largest_body="1m") as peer:
        yield peer


@pytest.mark.peer("orthanc-dicomweb")
def test_orthanc(archive: WebOrthanc) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", archive.http_port, timeout=30)
    assert post(connection)[0].status == 401
    answer, body = post(connection, Authorization=basic_authorization())
    assert answer.status == 200
    assert stored(body) == set(UIDS) == set(archive.instances())
    archive.forget(UIDS[0])
    assert set(archive.instances()) == set(UIDS[1:])
    connection.close()


@pytest.mark.peer("orthanc-dicomweb")
@pytest.mark.peer("nginx")
def test_tls_and_client_certificates(front: NginxFront, certificates: Certificates) -> None:
    for place, pair, status in (
        ("", None, 200),
        ("/mtls", (certificates.client, certificates.client_key), 200),
        ("/mtls", (certificates.other_client, certificates.other_client_key), 400),
        ("/mtls", None, 403),
    ):
        context = ssl.create_default_context(cafile=str(certificates.ca))
        if pair is not None:
            context.load_cert_chain(*pair)
        connection = http.client.HTTPSConnection("localhost", front.port, timeout=30, context=context)
        assert front.url(place) == f"https://localhost:{front.port}{place}/dicom-web"
        answer, body = post(connection, target=f"{place}/dicom-web/studies")
        assert answer.status == status
        if status == 200:
            assert stored(body) == set(UIDS)
        connection.close()


@pytest.mark.peer("orthanc-dicomweb")
@pytest.mark.peer("nginx")
def test_tokens_limits_and_business(front: NginxFront, certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=str(certificates.ca))

    def ask(target: str, body: bytes = BODY, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection("localhost", front.port, timeout=30, context=context)
        answer, _ = post(connection, body, target, **headers)
        connection.close()
        return answer

    assert ask("/bearer/dicom-web/studies", Authorization="Bearer good-token").status == 200
    assert ask("/bearer/dicom-web/studies", Authorization="Bearer other").status == 200
    assert ask("/bearer/dicom-web/studies", Authorization="Bearer bad").status == 401
    assert ask("/bearer/dicom-web/studies").status == 401
    assert ask("/dicom-web/studies", body_of(bytes(900_000))).status == 400
    assert ask("/dicom-web/studies", body_of(bytes(1_100_000))).status == 413
    busy = ask("/busy/dicom-web/studies")
    assert (busy.status, busy.getheader("Retry-After")) == (503, "2")
    # nginx writes its log after the answer.
    wait_until(lambda: "POST /busy/dicom-web/studies 503" in front.requests, 30, "the request in the log")


def test_scripted_server_stores_and_records() -> None:
    with ScriptedWebServer() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        assert stored(post(connection, X_Name="value")[1]) == set(UIDS)
        assert stored(post(connection, iter([BODY[:1000], BODY[1000:]]))[1]) == set(UIDS)
        connection.close()
    assert [request.uids for request in server.requests] == [UIDS, UIDS]
    assert [request.body for request in server.requests] == [BODY, BODY]
    assert server.requests[0].parts == [path.read_bytes() for path in FILES]
    assert server.requests[0].head.headers["x_name"] == "value"
    assert [request.head.is_chunked for request in server.requests] == [False, True]
    assert all(request.is_complete for request in server.requests)
    assert server.connections == 1
    assert not server.complaints


def test_scripted_server_answers_what_it_is_told() -> None:
    answers = response(503, b"no", "text/plain", Retry_After="7"), WebAnswer(b"nonsense\r\n\r\n", closes=True), b""
    with ScriptedWebServer(*answers) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        answer, body = post(connection)
        assert (answer.status, body, answer.getheader("Retry-After")) == (503, b"no", "7")
        with pytest.raises(http.client.BadStatusLine):
            post(connection)
        connection.close()
        connection.timeout = 2
        with pytest.raises(TimeoutError):
            post(connection)
        connection.close()
    assert [request.connection for request in server.requests] == [1, 1, 2]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (WebAnswer(response(413), at=2000), 413),
        (WebAnswer(response(401), at=0, closes=True), 401),
        (WebAnswer(at=5_000_000, closes=True), "lost"),
        (WebAnswer(at=5_000_000, resets=True), "lost"),
    ],
    ids=["early answer, goes on reading", "early answer, closes", "closes", "resets"],
)
def test_scripted_server_answers_within_the_body(answer: WebAnswer, seen: int | str) -> None:
    body = body_of(FILES[0].read_bytes(), bytes(20_000_000))
    with ScriptedWebServer(answer) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        with suppress(OSError):
            connection.request("POST", "/dicom-web/studies", body, {"Content-Type": TYPE})
        assert status_of(connection) == seen
        connection.close()
    (request,) = server.requests
    assert request.is_complete is (not answer.closes and not answer.resets)
    assert (answer.at or 0) <= len(request.body) <= len(body)
    assert (len(request.body) == len(body)) is request.is_complete


def status_of(connection: http.client.HTTPConnection) -> int | str:
    try:
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return "lost"


def test_scripted_server_speaks_tls(certificates: Certificates) -> None:
    with ScriptedWebServer(context=server_context(certificates.server_key, certificates.server)) as server:
        context = ssl.create_default_context(cafile=str(certificates.ca))
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
        assert stored(post(connection)[1]) == set(UIDS)
        connection.close()
        assert server.url == f"https://localhost:{server.port}/dicom-web"


def test_scripted_server_complains() -> None:
    with ScriptedWebServer() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.putrequest("POST", "/dicom-web/studies")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"too little")
        connection.close()
    assert server.complaints == ["the body ends 90 bytes too early"]
    assert not server.requests[0].is_complete


def test_sink(tmp_path: Path) -> None:
    large = bytearray(FILES[0].read_bytes() + os.urandom(3_000_000))
    with http_sink(tmp_path) as sink:
        connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=30)
        assert stored(post(connection)[1]) == set(UIDS)
        body = body_of(bytes(large), FILES[1].read_bytes(), bytes(large), FILES[2].read_bytes())
        assert stored(post(connection, body)[1]) == set(UIDS)
        assert stored(post(connection, (body[at : at + 999] for at in range(0, len(body), 999)))[1]) == set(UIDS)
        connection.close()
        counts = sink.counts()
    assert counts == {"connections": 1, "requests": 3, "instances": 11, "bytes": len(BODY) + 2 * len(body)}
