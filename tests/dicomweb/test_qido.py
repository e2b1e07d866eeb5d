"""Which instances of a series a server says it has."""

from __future__ import annotations

import pytest

from dcmsend.dicomweb import ResponseUnreadable, WebAddress, instances_query, parse_instances

from .answers import JSON, XML


def test_query() -> None:
    parts, query = instances_query("1.2", "1.3", limit=100, offset=200)
    target = WebAddress.parse("http://pacs/dicom-web").path_of(*parts, **query)
    assert target == "/dicom-web/studies/1.2/series/1.3/instances?includefield=00080018&limit=100&offset=200"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[]", []),
        (b'[{"00080018":{"vr":"UI","Value":["1.2"]},"00080056":{"vr":"CS","Value":["ONLINE"]}}]', [("1.2", "ONLINE")]),
        (
            b'[{"00080018":{"vr":"UI","Value":["1.2\\u0000"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]}}]',
            [("1.2", "")],
        ),
        (b'{"00080018":{"vr":"UI","Value":["1.2"]}}', [("1.2", "")]),
    ],
)
@pytest.mark.parametrize("content_type", [JSON, "application/json", None])
def test_instances(body: bytes, found: list[tuple[str, str]], content_type: str | None) -> None:
    assert parse_instances(body, content_type) == found


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", None), (b"", JSON), (b"[{}]", JSON), (b'[{"00080018":{"vr":"UI"}}]', JSON), (b"[[]]", JSON), (b"[1]", JSON),
     (b'[{"00080018":{"vr":"UI","Value":[{}]}}]', JSON), (b"<NativeDicomModel/>", XML), (b"<x/>", None),
     (b"no", "text/plain")],
)  # fmt: skip
def test_no_instances(body: bytes, content_type: str | None) -> None:
    with pytest.raises(ResponseUnreadable):
        parse_instances(body, content_type)
