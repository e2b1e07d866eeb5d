"""Orthanc's answers to usual and unusual requests, read by us: what it says is stored, it has, and nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from dcmsend.dicom.part10 import file_meta_header
from dcmsend.dicomweb import (
    Multipart,
    ResponseUnreadable,
    StoreResponse,
    WebAddress,
    instances_query,
    parse_instances,
    parse_store_response,
)
from support.corpus import DATA
from support.part10 import read_part10
from support.web_peers import WebOrthanc, web_orthanc

from .answers import JSON, XML

pytestmark = pytest.mark.peer("orthanc-dicomweb")

FILES = sorted(path for path in (DATA / "fileset" / "98892003").rglob("*") if path.is_file())[:3]
CONTENTS = [path.read_bytes() for path in FILES]
A, B, C = (read_part10(path).sop_instance_uid for path in FILES)
GARBAGE = b"garbage" * 100
MULTIPART = Multipart("XbX")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebOrthanc]:
    with web_orthanc(tmp_path_factory.mktemp("archive")) as peer:
        yield peer


@pytest.fixture
def empty(archive: WebOrthanc) -> WebOrthanc:
    """The archive without any instance."""
    for uid in archive.instances():
        archive.forget(uid)
    return archive


def body_of(*contents: bytes) -> bytes:
    parts = [MULTIPART.part_head + content + MULTIPART.part_end for content in contents]
    return b"".join(parts) + MULTIPART.closing


def ask(
    archive: WebOrthanc, method: str, target: str, body: bytes | None = None, **headers: str
) -> tuple[int, str | None, bytes]:
    """Status, content type and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", archive.http_port, timeout=30)
    connection.request(method, target, body, {**archive.headers, "Accept": JSON, **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), content


def store(
    archive: WebOrthanc, body: bytes, *parts: str, content_type: str = MULTIPART.content_type, **headers: str
) -> tuple[int, StoreResponse]:
    target = WebAddress.parse(archive.url).path_of("studies", *parts)
    status, answer_type, content = ask(archive, "POST", target, body, **{"Content-Type": content_type, **headers})
    return status, parse_store_response(content, answer_type)


WITHOUT_META_HEADER = CONTENTS[0][read_part10(FILES[0]).data_set_offset :]
SINGLE = Multipart("YYY").part_head + CONTENTS[0] + b"\r\n" + Multipart("YYY").closing


@pytest.mark.parametrize(
    ("body", "status", "stored"),
    [
        pytest.param(body_of(*CONTENTS), 200, {A, B, C}, id="three"),
        pytest.param(b"preamble\r\n" + body_of(*CONTENTS), 200, {A, B, C}, id="preamble text"),
        pytest.param(body_of(CONTENTS[0], GARBAGE, CONTENTS[2]), 400, {A, C}, id="one of three is garbage"),
        pytest.param(body_of(GARBAGE), 400, set(), id="all garbage"),
        pytest.param(body_of(), 200, set(), id="no part"),
        pytest.param(SINGLE, 200, set(), id="another boundary"),
        pytest.param(
            body_of(*CONTENTS).replace(b"application/dicom\r\n", b"application/octet-stream\r\n"), 200, set(),
            id="another type of the parts",
        ),
        pytest.param(
            body_of(*CONTENTS).replace(b"dicom\r\n", b"dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n"), 200, set(),
            id="a transfer syntax in the type of the parts",
        ),
        pytest.param(body_of(*CONTENTS).removesuffix(MULTIPART.closing), 200, {A, B}, id="no closing boundary"),
        pytest.param(body_of(CONTENTS[0], CONTENTS[0]), 200, {A}, id="one twice"),
        pytest.param(
            body_of(file_meta_header(*read_part10(FILES[0])[:3]) + WITHOUT_META_HEADER), 200, {A}, id="our meta header"
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", [JSON, XML])
def test_what_is_stored(empty: WebOrthanc, body: bytes, status: int, stored: set[str], accept: str) -> None:
    found = store(empty, body, Accept=accept)
    assert found == (status, StoreResponse(dict.fromkeys(stored), {}))
    assert set(empty.instances()) == stored


def test_another_study(empty: WebOrthanc) -> None:
    assert store(empty, body_of(*CONTENTS), "1.2.3") == (409, StoreResponse({}, {A: 272, B: 272, C: 272}))
    assert not empty.instances()


@pytest.mark.parametrize(
    ("target", "content_type", "status"),
    [
        ("/dicom-web/studies", "multipart/related; boundary=XbX", 415),
        ("/dicom-web/studies", "application/dicom", 415),
        ("/dicom-web/nothing", MULTIPART.content_type, 404),
        ("/studies", MULTIPART.content_type, 405),
    ],
)
def test_answers_without_lists(empty: WebOrthanc, target: str, content_type: str, status: int) -> None:
    found, answer_type, body = ask(empty, "POST", target, body_of(*CONTENTS), **{"Content-Type": content_type})
    assert found == status
    with pytest.raises(ResponseUnreadable):
        parse_store_response(body, answer_type)
    assert not empty.instances()


def test_instances_of_a_series(empty: WebOrthanc) -> None:
    store(empty, body_of(*CONTENTS))
    address = WebAddress.parse(empty.url)
    found: list[tuple[str, str]] = []
    for series in empty.get("/series?expand"):
        study = empty.get(f"/studies/{series['ParentStudy']}")["MainDicomTags"]["StudyInstanceUID"]
        uid = series["MainDicomTags"]["SeriesInstanceUID"]
        parts, query = instances_query(study, uid, limit=10, offset=0)
        status, content_type, body = ask(empty, "GET", address.path_of(*parts, **query))
        assert status == 200
        found += parse_instances(body, content_type)
        parts, query = instances_query(study, uid, limit=10, offset=10)
        assert parse_instances(ask(empty, "GET", address.path_of(*parts, **query))[2], JSON) == []
    assert sorted(found) == sorted([(A, ""), (B, ""), (C, "")])
