"""Which names are addresses, and what is shown of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from dcmsend.errors import StoreUnusable
from dcmsend.inputs.name_pattern import file_name_matcher
from dcmsend.inputs.stores.names import Place, is_url, place_of, without_secrets
from dcmsend.inputs.stores.store import Entry
from dcmsend.inputs.stores.stored_object import StoredObject
from dcmsend.inputs.stores.stores import Stores
from dcmsend.reasons import NoStore


@pytest.mark.parametrize("name", ["s3://b/k", "S3://b/k", "gs://b", "az://c/x", "sftp://h/x", "https://h/x", "memory://x"])
def test_addresses(name: str) -> None:
    assert is_url(name)


@pytest.mark.parametrize("name", ["a.dcm", "file:///a", "s3:/b", "://x", "ftp://h/x", "C:\\x", "s3", "x s3://b/k", ""])
def test_other_names(name: str) -> None:
    assert not is_url(name)


def test_a_local_name_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not is_url("s3://bucket")
    assert is_url("s3://other")


@pytest.mark.parametrize(
    ("url", "site", "path", "is_prefix", "shown"),
    [
        ("s3://b", "b", "", True, "s3://b/"),
        ("s3://b/a/", "b", "a/", True, "s3://b/a/"),
        ("s3://b/a?x#y", "b", "a?x#y", False, "s3://b/a?x#y"),
        ("s3://b//a", "b", "/a", False, "s3://b//a"),
        ("memory://a/b", "", "a/b", False, "memory://a/b"),
        ("memory:///a", "", "a", False, "memory://a"),
        ("HTTPS://h:81/a/b#top", "h:81", "a/b", False, "https://h:81/a/b"),
        ("sftp://me@h/a/", "me@h", "a/", True, "sftp://me@h/a/"),
    ],
)
def test_parts(url: str, site: str, path: str, is_prefix: bool, shown: str) -> None:
    place = place_of(url)
    assert (place.site, place.path, place.is_prefix, place.shown) == (site, path, is_prefix, shown)


def test_a_query_is_not_shown_but_tells_objects_apart() -> None:
    one, other = place_of("https://h/get?id=1&sig=SECRET"), place_of("https://h/get?id=2&sig=SECRET")
    assert one.shown.startswith("https://h/get?")
    assert "SECRET" not in one.shown + other.shown
    assert one.shown != other.shown
    assert not one.is_prefix


@pytest.mark.parametrize(("odd", "escaped"), [("M\udcfcl", "M%FCl"), ("\ud800", "%ED%A0%80")])
def test_what_is_no_text_in_a_web_address_is_escaped(odd: str, escaped: str) -> None:
    """As a list of files in Latin-1 has it: the library for requests would leave it out, and ask for something else."""
    place = place_of(f"http://h/{odd}/x?name={odd}")
    assert place.asked == f"{escaped}/x?name={escaped}"
    assert place.shown.startswith(f"http://h/{escaped}/x?")
    assert place_of(f"sftp://h/{odd}").path == odd


def test_a_name_that_no_object_can_have() -> None:
    """A store whose list has it ends no run."""
    item = StoredObject(cast(Stores, None), Place("gs", "bucket", "a/"), Entry("a/\ud800", 7))
    assert item.key(os.fsencode) == (b"gs://bucket/a/", b"\xed\xa0\x80")
    assert file_name_matcher("*")("\ud800")


@pytest.mark.parametrize("url", [
    "https://me:SECRET@h/a", "https://SECRET@h/a", "sftp://me:SECRET@h/a", "s3://k:SECRET@b/a", "s3://k:A/SECRET@b/a",
])
def test_an_address_may_hold_no_secret(url: str) -> None:
    with pytest.raises(StoreUnusable) as caught:
        place_of(url)
    assert caught.value.why is NoStore.BAD_URL
    assert "SECRET" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain/file", "plain/file"),
        ("https://me:SECRET@h/a?sig=SECRET#x", "https://h/a"),
        ("https://h?SECRET", "https://h"),
        ("s3://k:SECRET@b/a?b", "s3://b/a?b"),
        ("s3://k:SEC/RET@b/a", "s3://b/a"),
        ("https://me:SEC/RET@h/a?sig=SECRET", "https://h/a"),
        ("https://h:8080/a@b", "https://h:8080/a@b"),
        ("s3://b/a:b@c", "s3://b/a:b@c"),
    ],
)
def test_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_the_length_of_an_object_needs_no_request() -> None:
    """It has no stores to ask; what a list has not told is not known."""
    for size in (7, None):
        item = StoredObject(cast(Stores, None), Place("s3", "bucket", "key"), Entry("key", size))
        assert item.length() == size
