"""Bodies of store requests, the time to wait, words for reasons."""

from __future__ import annotations

import email.message
import email.parser
import email.policy
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicomweb import ALREADY_EXISTS, Multipart, failure_text, new_boundary, retry_after


def body_of(multipart: Multipart, parts: list[bytes]) -> bytes:
    return b"".join(multipart.part_head + part + multipart.part_end for part in parts) + multipart.closing


@given(st.binary(min_size=16, max_size=16), st.lists(st.binary(max_size=50), max_size=5))
def test_a_body_is_as_long_as_said_and_can_be_read(random: bytes, parts: list[bytes]) -> None:
    multipart = Multipart(new_boundary(random))
    body = body_of(multipart, parts)
    assert multipart.length(map(len, parts)) == len(body)
    assert len(multipart.boundary) == 32
    pieces = (b"\r\n" + body).split(b"\r\n--" + multipart.boundary.encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    assert pieces[1:-1] == [b"\r\nContent-Type: application/dicom\r\n\r\n" + part for part in parts]


@pytest.mark.parametrize("boundary", ["X", "a" * 70, "0-9.A_z", "with:colon", "a=b?/(c)"])
def test_another_parser_reads_a_body(boundary: str) -> None:
    multipart = Multipart(boundary)
    head = f"Content-Type: {multipart.content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body_of(multipart, [b"one", b"two"]))
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/dicom"
    parts = message.get_payload()
    assert isinstance(parts, list)
    contents = [each.get_payload(decode=True) for each in parts if isinstance(each, email.message.Message)]
    assert contents == [b"one", b"two"]


def test_content_type_has_its_type_in_quotes() -> None:
    assert Multipart("ab12").content_type == 'multipart/related; type="application/dicom"; boundary=ab12'


@pytest.mark.parametrize("boundary", ["", "a" * 71, "a b", 'a"', "a\r\nX: y", "ü", "a;b"])
def test_no_boundaries(boundary: str) -> None:
    with pytest.raises(ValueError):
        Multipart(boundary)


@pytest.mark.parametrize("random", [b"", bytes(15), bytes(17)])
def test_too_few_random_bytes(random: bytes) -> None:
    with pytest.raises(ValueError):
        new_boundary(random)


NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("2", 2.0), (" 120 ", 120.0), ("86400", 86400.0), ("86401", 86400.0), ("9" * 5000, 86400.0),
        ("0" * 300 + "7", 7.0), ("00000000000007", 7.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0), ("Friday, 15-Jan-27 08:00:30 GMT", 30.0),
        ("Fri Jan 15 08:00:30 2027", 30.0),
        ("Fri Jan  1 08:00:30 2027", 0.0), ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0), ("Fri, 15 Jan 2037 08:00:00 GMT", 86400.0),
        ("Fri, 15 Jan 9999 08:00:00 GMT", 86400.0),
        ("", None), ("-1", None), ("1.5", None), ("+1", None), ("1e3", None), ("٣", None), ("²", None),
        ("soon", None), ("inf", None),
        ("Fri, 40 Jan 2027 08:00:30 GMT", None), ("Fri, 15 Foo 2027 08:00:30 GMT", None),
        ("Fri, 15 Jan 2027 25:00:30 GMT", None),
        ("Fri, 15 Jan 2027 08:00:30 +0100", None), ("Fri, 15 Jan 0000 08:00:30 GMT", None),
        ("2027-01-15T08:00:30Z", None), ("2, 3", None),
    ],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(st.integers(0, 4_000_000_000), st.integers(0, 4_000_000_000))
def test_retry_after_agrees_with_another_reader(moment: int, now: int) -> None:
    wanted = min(max(moment - now, 0), 86400)
    assert retry_after(email.utils.formatdate(moment, usegmt=True), float(now)) == wanted


@given(st.text())
def test_any_text_asks_for_no_more_than_a_day(text: str) -> None:
    seconds = retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 86400


@pytest.mark.parametrize(
    ("code", "words"),
    [(0x0110, "processing failure"), (0xA700, "out of resources"),
     (0xA7FF, "out of resources"),
     (0xA9F0, "does not match its SOP Class"), (0xC000, "cannot understand"), (0xC122, "transfer syntax not supported"),
     (0x0122, "SOP Class not supported"), (43264, "validation"), (43265, "another study"), (45070, "already"),
     (0x0111, "already"),
     (0xB000, "changed values"), (0xB006, "discarded elements"), (0xB007, "does not match its SOP Class"),
     (45071, "just storing"), (1, "unknown reason"), (0xFFFF, "unknown reason")],
)  # fmt: skip
def test_reasons_in_words(code: int, words: str) -> None:
    assert words in failure_text(code)
    assert (code in ALREADY_EXISTS) is ("has an instance with this UID already" in failure_text(code))
