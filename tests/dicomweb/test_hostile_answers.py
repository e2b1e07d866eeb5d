"""A server that wants to harm gets one clear error, in bounded memory and time."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicomweb import ResponseUnreadable, parse_instances, parse_store_response

from .answers import JSON, XML, json_answer, xml_answer

Body = bytes | Callable[[], bytes]
"""Large ones are made when they are needed: every process of the tests would keep them."""
UID = b'{"00081155":{"vr":"UI","Value":["1.2"]}}'


def bytes_of(body: Body) -> bytes:
    return body() if callable(body) else body


def sequence(items: bytes) -> bytes:
    return b'{"00081199":{"vr":"SQ","Value":[' + items + b"]}}"


def nested_json(depth: int) -> bytes:
    """A data set with ``depth`` levels of items below it."""
    opened = b'{"00081199":{"vr":"SQ","Value":['
    return opened * depth + UID + b"]}}" * depth


def nested_xml(depth: int) -> bytes:
    opened = b'<DicomAttribute tag="00081199"><Item>'
    inner = b'<DicomAttribute tag="00081155"><Value>1.2</Value></DicomAttribute>'
    closed = b"</Item></DicomAttribute>"
    return b"<NativeDicomModel>" + opened * depth + inner + closed * depth + b"</NativeDicomModel>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(lambda: b"[" * 5_000_000, "too many parts", id="many opened arrays"),
        pytest.param(lambda: b"[" * 100_000 + b"]" * 100_000, "nested too deeply", id="deep arrays"),
        pytest.param(lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply", id="deep objects"),
        pytest.param(nested_json(20), "nested too deeply", id="deep items"),
        pytest.param(lambda: sequence(b",".join([b"{}"] * 600_000)), "too many parts", id="many items"),
        pytest.param(lambda: b"[" + b",".join([b'{"":0}'] * 300_000) + b"]", "too many parts", id="many small objects"),
        pytest.param(b'{"00081199":{"vr":"SQ"},"00081199":{"vr":"SQ"}}', "twice", id="one key twice"),
        pytest.param(b'{"0008119A":{"vr":"SQ"},"0008119a":{"vr":"SQ"}}', "twice", id="one tag, two spellings"),
        pytest.param(sequence(b'{"00081155":{"Value":["1.2"],"Value":["1.3"]}}'), "twice", id="two values"),
        pytest.param(b'{"00081199":{"vr":"SQ","Value":[NaN]}}', "NaN", id="NaN"),
        pytest.param(b'{"x":-Infinity,"00081199":{"vr":"SQ"}}', "NaN", id="Infinity"),
        pytest.param(sequence(b'"1.2.3"'), "no item", id="a text for an item"),
        pytest.param(sequence(b"{},7"), "no item", id="a number among items"),
        pytest.param(b'{"00081199":{"vr":"SQ","Value":{}}}', "without a list", id="an object for the values"),
        pytest.param(b'{"00081199":{"vr":"SQ","Value":null}}', "without a list", id="null for the values"),
        pytest.param(b'{"00081199":[]}', "without a list", id="an array for an element"),
        pytest.param(b'{"00081199":null}', "without a list", id="null for an element"),
        pytest.param(b'[[{"00081199":{"vr":"SQ"}}]]', "where a data set belongs", id="array of arrays"),
        pytest.param(b'[{"00081199":{"vr":"SQ"}},{}]', "2 data sets", id="two data sets"),
        pytest.param(b'{"00081199":{"vr":"SQ"}', "no JSON", id="cut"),
        pytest.param(b'{"00081199":{"vr":"SQ"}}x', "no JSON", id="more after the end"),
        pytest.param(b'{"00081199":{"vr":"\xff"}}', "no JSON", id="no UTF-8"),
        pytest.param(b'{"00081199":{"vr":"\xed\xa0\x80"}}', "no JSON", id="surrogates as bytes"),
    ],
)
def test_json(body: Body, words: str) -> None:
    with pytest.raises(ResponseUnreadable, match=words):
        parse_store_response(bytes_of(body), JSON)


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"lol") for n in range(10))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"<!DOCTYPE x [" + LAUGHS + b"]><NativeDicomModel>&l9;</NativeDicomModel>", "declares", id="lol"),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><NativeDicomModel>&e;</NativeDicomModel>',
            "declares", id="external entity",
        ),
        pytest.param(b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><NativeDicomModel/>', "declares", id="DTD there"),
        pytest.param(b"<!DOCTYPE NativeDicomModel><NativeDicomModel/>", "declares", id="bare document type"),
        pytest.param(b"<NativeDicomModel>&unknown;</NativeDicomModel>", "well-formed", id="entity without declaration"),
        pytest.param(lambda: b"<a>" * 1_000_000, "no Native DICOM Model", id="deep elements of another document"),
        pytest.param(lambda: b"<NativeDicomModel>" + b"<a>" * 100_000, "nested too deeply", id="deep elements"),
        pytest.param(nested_xml(20), "nested too deeply", id="deep items"),
        pytest.param(
            lambda: b"<NativeDicomModel>" + b"<a/>" * 600_000 + b"</NativeDicomModel>", "too many", id="too many"
        ),
        pytest.param(b"<html><body/></html>", "no Native DICOM Model", id="HTML"),
        pytest.param(b"<NativeDicomModel><Item/></NativeDicomModel>", "outside a sequence", id="item outside"),
        pytest.param(
            b"<NativeDicomModel><x><DicomAttribute/></x></NativeDicomModel>", "outside a data set",
            id="attribute outside",
        ),
        pytest.param(
            b'<NativeDicomModel><DicomAttribute tag="00081199"/><DicomAttribute tag="00081199"/></NativeDicomModel>',
            "twice", id="one attribute twice",
        ),
        pytest.param(
            b'<NativeDicomModel><DicomAttribute tag="00081199"><Value>1.2</Value></DicomAttribute></NativeDicomModel>',
            "no item", id="a text for an item",
        ),
        pytest.param(b"<NativeDicomModel>", "well-formed", id="cut"),
        pytest.param(b"<NativeDicomModel/><NativeDicomModel/>", "well-formed", id="two roots"),
        pytest.param(b"<x:NativeDicomModel/>", "well-formed", id="unknown prefix"),
        pytest.param(b'<NativeDicomModel a="1" a="2"/>', "well-formed", id="two attributes of one name"),
        pytest.param(b'<?xml version="1.0" encoding="unicode_escape"?><NativeDicomModel/>', "encoding", id="odd"),
        pytest.param(b'<?xml version="1.0" encoding="no-such"?><NativeDicomModel/>', "encoding", id="no such encoding"),
        pytest.param(b"<NativeDicomModel>\xff</NativeDicomModel>", "well-formed", id="no UTF-8"),
        pytest.param(b"<NativeDicomModel>\0</NativeDicomModel>", "well-formed", id="NUL"),
    ],
)  # fmt: skip
def test_xml(body: Body, words: str) -> None:
    with pytest.raises(ResponseUnreadable, match=words):
        parse_store_response(bytes_of(body), XML)


@pytest.mark.parametrize("make", [nested_json, nested_xml])
def test_items_may_be_nested_so_deep(make: object) -> None:
    assert callable(make)
    answer = parse_store_response(make(16), None)
    assert not answer.referenced
    assert set(parse_store_response(make(1), None).referenced) == {"1.2"}


@pytest.mark.parametrize(
    "made",
    [lambda: b"[" + b",".join([b'{"":0}'] * 262_000) + b"]", lambda: b"[" * 400 + b",".join([b"[]"] * 260_000),
     lambda: sequence(b",".join([b'{"00081155":0}'] * 130_000))],
    ids=["objects", "arrays", "items"],
)  # fmt: skip
def test_memory(made: Callable[[], bytes]) -> None:
    """Just below the limit of parts: what is built in the end or before the error stays below 100 MB."""
    body = made()
    tracemalloc.start()
    try:
        with pytest.raises(ResponseUnreadable):
            parse_store_response(body, JSON)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_error_quotes_nothing_of_the_body() -> None:
    for body in (b"SECRET", b"<SECRET>", b'{"SECRET', b'{"00081199":{"Value":["SECRET"]}}'):
        with pytest.raises(ResponseUnreadable) as raised:
            parse_store_response(body, None)
        assert "SECRET" not in str(raised.value)


GOOD = [json_answer({"1.2": None, "1.3": 5}, {"1.4": 272}), xml_answer({"1.2": None, "1.3": 5}, {"1.4": 272})]


@given(st.sampled_from(GOOD), st.data())
def test_an_answer_that_is_cut(whole: bytes, choice: st.DataObject) -> None:
    """No part of an answer passes for an answer."""
    body = whole[: choice.draw(st.integers(0, len(whole.rstrip()) - 1))]
    with pytest.raises(ResponseUnreadable):
        parse_store_response(body, None)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1.2"),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["00081199", "00081198", "00081155", "Value", "vr", "x"]), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_json(value: object) -> None:
    """Nothing but a ResponseUnreadable is raised."""
    for parse in (parse_store_response, parse_instances):
        with suppress(ResponseUnreadable):
            parse(json.dumps(value).encode(), JSON)
