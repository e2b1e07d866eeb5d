"""What a server says of a store request, believed by the lists alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicomweb import ResponseUnreadable, StoreResponse, parse_store_response

from .answers import JSON, XML, json_answer, xml_answer

A, B, C = "1.2.3.1", "1.2.3.2", "1.2.3.3"
NOTHING = b'{"00080005":{"Value":["ISO_IR 100"],"vr":"CS"},"00081198":{"vr":"SQ"},"00081199":{"vr":"SQ"}}'
ERROR = (
    b'{"HttpError":"Unsupported Media Type","HttpStatus":415,"Message":"Unsupported media type","Method":"POST",'
    b'"OrthancError":"Unsupported media type","OrthancStatus":3000,"Uri":"/dicom-web/studies"}'
)


def uids(answer: StoreResponse) -> tuple[set[str], set[str]]:
    return set(answer.referenced), set(answer.failed)


@pytest.mark.parametrize(
    ("body", "content_type", "stored", "failed"),
    [
        pytest.param(json_answer({A: None, B: None, C: None}, {}), JSON, {A, B, C}, {}, id="200, three stored"),
        pytest.param(json_answer({A: None, C: None}, {}), None, {A, C}, {}, id="400, two of three stored"),
        pytest.param(NOTHING, None, set(), {}, id="400, nothing at all"),
        pytest.param(NOTHING, JSON, set(), {}, id="200, nothing at all"),
        pytest.param(json_answer({A: None, B: None}, {}), JSON, {A, B}, {}, id="200, the last part vanished"),
        pytest.param(json_answer({}, {A: 272, B: 272}), None, set(), {A: 272, B: 272}, id="409, other study"),
        pytest.param(json_answer({C: None, A: None}, {B: 45070}), JSON, {A, C}, {B: 45070}, id="another order"),
    ],
)
def test_what_orthanc_answers(body: bytes, content_type: str | None, stored: set[str], failed: dict[str, int]) -> None:
    answer = parse_store_response(body, content_type)
    assert set(answer.referenced) == stored
    assert answer.failed == failed
    assert not answer.ambiguous
    assert not answer.others


@pytest.mark.parametrize(
    "body",
    [ERROR, b"", b"  ", b"{}", b"[]", b"null", b"5", b"<html>no</html>", b"<!DOCTYPE html><html></html>", b"Not Found",
     b'{"00081190":{"vr":"UR","Value":["http://localhost/"]}}', b"<NativeDicomModel/>"],
)  # fmt: skip
@pytest.mark.parametrize("content_type", [None, JSON, XML, "text/html; charset=utf-8", ""])
def test_an_answer_without_lists(body: bytes, content_type: str | None) -> None:
    with pytest.raises(ResponseUnreadable):
        parse_store_response(body, content_type)




def stored(uid: str) -> bytes:
    """An answer that names one instance; ``uid`` is what stands between the brackets."""
    return ('{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":[' + uid + "]}}]}}").encode()


def refused(reason: str) -> bytes:
    """An answer that refuses one instance; ``reason`` is what stands between the brackets."""
    item = '{"00081155":{"vr":"UI","Value":["1.2.3.1"]},"00081197":{"vr":"US","Value":[' + reason + "]}}"
    return ('{"00081198":{"vr":"SQ","Value":[' + item + "]}}").encode()


uid = st.lists(st.integers(0, 10**9), min_size=2, max_size=5).map(lambda parts: ".".join(map(str, parts)))
codes = st.none() | st.integers(0, 0xFFFF)


@given(st.dictionaries(uid, codes, max_size=8), st.dictionaries(uid, codes, max_size=8), st.sets(uid, max_size=2))
def test_json_and_xml_say_the_same(
    referenced: dict[str, int | None], failed: dict[str, int | None], both: set[str]
) -> None:
    referenced = {**referenced, **dict.fromkeys(both)}
    failed = {**failed, **dict.fromkeys(both, 1)}
    unclear = referenced.keys() & failed.keys()
    answer = parse_store_response(json_answer(referenced, failed), JSON)
    assert answer == parse_store_response(xml_answer(referenced, failed), XML)
    assert answer == parse_store_response(xml_answer(referenced, failed, ""), None)
    assert answer.ambiguous == unclear
    assert answer.referenced == {each: code for each, code in referenced.items() if each not in unclear}
    assert answer.failed == {each: code for each, code in failed.items() if each not in unclear}


def test_an_instance_in_both_lists_is_in_neither() -> None:
    answer = parse_store_response(json_answer({A: None, B: None}, {B: 272, C: 272}), JSON)
    assert uids(answer) == ({A}, {C})
    assert answer.ambiguous == {B}


def test_others_have_no_uid() -> None:
    body = (
        b'{"00081199":{"vr":"SQ","Value":[{}]},"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[272]}}]},'
        b'"0008119A":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[49186]}},{}]}}'
    )
    assert parse_store_response(body, JSON) == StoreResponse({}, {}, (272, 49186, None))


def test_first_reason_of_an_instance_that_is_named_twice() -> None:
    items = [{"00081155": {"vr": "UI", "Value": [A]}, **extra} for extra in (
        {}, {"00081197": {"vr": "US", "Value": [7]}}, {"00081197": {"vr": "US", "Value": [8]}}
    )]  # fmt: skip
    body = json.dumps({"00081198": {"vr": "SQ", "Value": items}}).encode()
    assert parse_store_response(body, JSON).failed == {A: 7}


@pytest.mark.parametrize(
    "written", ['"1.2.3.1"', '"1.2.3.1\\u0000"', '" 1.2.3.1 "', '"1.2.3.1\\u0000\\u0000 "', 'null,"1.2.3.1"']
)
def test_padding_of_a_uid(written: str) -> None:
    assert parse_store_response(stored(written), JSON).referenced == {A: None}


@pytest.mark.parametrize(
    "written",
    ['"\\ud800"', '"1.2\\n3"', '"1.2","1.3"', '"1.2\\\\1.3"', "12", "1.2", "true", "[]", '""', '"\\u0000"', '"ü"',
     "null"],
)
def test_what_is_no_uid_names_no_instance(written: str) -> None:
    assert parse_store_response(stored(written), JSON) == StoreResponse({}, {})


@pytest.mark.parametrize(
    ("written", "code"),
    [("272", 272), ('"272"', 272), ('" 272 "', 272), ("272.0", 272), ("0", 0), ("65535", 65535), ("65536", None),
     ("-1", None), ("1.5", None), ("true", None), ('"x"', None), ('"٣"', None), ("1e400", None), ("9" * 5000, None),
     ("-" + "9" * 5000, None), ("1,2", None), ("null", None), ("[]", None), ("", None), ('"' + "9" * 5000 + '"', None)],
)  # fmt: skip
def test_reasons(written: str, code: int | None) -> None:
    assert parse_store_response(refused(written), JSON).failed == {A: code}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json; charset=utf-8", json_answer({A: None}, {})),
     ("APPLICATION/DICOM+JSON", json_answer({A: 1}, {})),
     ("text/plain", b"\xef\xbb\xbf \r\n" + json_answer({A: None}, {})),
     (None, b"\xef\xbb\xbf" + xml_answer({A: 1}, {})),
     ("text/xml", xml_answer({A: None}, {})), ("application/xml", xml_answer({A: None}, {}, ' xmlns="urn:other"')),
     (None, b"[" + json_answer({A: None}, {}) + b"]"),
     (JSON, json_answer({A: None}, {}).lower().replace(b'"value"', b'"Value"'))],
)  # fmt: skip
def test_content_types(content_type: str | None, body: bytes) -> None:
    assert set(parse_store_response(body, content_type).referenced) == {A}


def test_utf_16_is_read_as_xml_only() -> None:
    text = xml_answer({A: None}, {}).decode().replace('encoding="utf-8"', 'encoding="utf-16"')
    assert set(parse_store_response(text.encode("utf-16"), XML).referenced) == {A}
    with pytest.raises(ResponseUnreadable):
        parse_store_response(json_answer({A: None}, {}).decode().encode("utf-16"), JSON)
