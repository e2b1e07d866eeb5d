"""Base URLs as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.dicomweb import WebAddress


@pytest.mark.parametrize(
    ("text", "address", "url"),
    [
        ("http://pacs", WebAddress("http", "pacs", 80), "http://pacs"),
        ("HTTPS://PACS.Example/", WebAddress("https", "pacs.example", 443), "https://pacs.example"),
        ("https://pacs:8443/a/b/", WebAddress("https", "pacs", 8443, "/a/b"), "https://pacs:8443/a/b"),
        ("https://pacs:443/a", WebAddress("https", "pacs", 443, "/a"), "https://pacs/a"),
        ("https://pacs:/a", WebAddress("https", "pacs", 443, "/a"), "https://pacs/a"),
        ("http://[::1]:8042/x", WebAddress("http", "::1", 8042, "/x"), "http://[::1]:8042/x"),
        ("http://[2001:DB8:0::1]", WebAddress("http", "2001:db8::1", 80), "http://[2001:db8::1]"),
        ("http://127.0.0.1/dicom-web/studies", WebAddress("http", "127.0.0.1", 80, "/dicom-web"), "http://127.0.0.1/dicom-web"),
        ("http://pacs/studies/", WebAddress("http", "pacs", 80), "http://pacs"),
        ("http://pacs/mystudies", WebAddress("http", "pacs", 80, "/mystudies"), "http://pacs/mystudies"),
        (
            "https://healthcare.googleapis.com/v1/projects/p/locations/l/datasets/d/dicomStores/s/dicomWeb",
            WebAddress("https", "healthcare.googleapis.com", 443,
                       "/v1/projects/p/locations/l/datasets/d/dicomStores/s/dicomWeb"),
            "https://healthcare.googleapis.com/v1/projects/p/locations/l/datasets/d/dicomStores/s/dicomWeb",
        ),
        ("http://" + "a" * 63 + ".b.", WebAddress("http", "a" * 63 + ".b.", 80), "http://" + "a" * 63 + ".b."),
        ("http://pacs/a%20b/ü", WebAddress("http", "pacs", 80, "/a%20b/%C3%BC"), "http://pacs/a%20b/%C3%BC"),
    ],
)  # fmt: skip
def test_addresses(text: str, address: WebAddress, url: str) -> None:
    found = WebAddress.parse(text)
    assert found == address
    assert found.url == url
    assert WebAddress.parse(url) == address
    assert found.origin == (address.scheme, address.host, address.port)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with"), ("pacs", "begins with"), ("pacs:8042", "begins with"), ("//pacs", "begins with"),
        ("ftp://pacs", "begins with"), ("file:///etc", "begins with"), ("http:/pacs", "begins with"),
        ("http://", "no host"), ("http:///x", "no host"), ("http://:80", "no host"),
        ("http://alice:secret@pacs", "no user"), ("http://alice@pacs/", "no user"), ("http://@pacs", "no user"),
        ("http://pacs?x=1", "query"), ("http://pacs/a?", "query"), ("http://pacs/a#b", "fragment"),
        ("http://pacs#", "fragment"),
        ("http://pacs/a b", "spaces"), ("http://pa\ncs", "control"), ("http://pacs/\r\nX: y", "control"),
        ("http://pacs\0", "control"), ("http://pacs/\x7f", "control"), ("http://pacs/\udcff", "control"),
        ("http://pacs:0", "port"), ("http://pacs:65536", "port"), ("http://pacs:x", "port"), ("http://pacs:-1", "port"),
        ("http://pacs:80:80", "brackets"), ("http://::1", "brackets"), ("http://[::1", "brackets"),
        ("http://[x]", "IPv6"), ("http://[127.0.0.1]", "IPv6"), ("http://[fe80::1%25eth0]", "IPv6"),
        ("http://[]", "IPv6"),
        ("http://päcs", "xn--"), ("http://pa\\cs", "characters"), ("http://pa%63s", "characters"),
        ("http://-pacs", "characters"), ("http://pacs..example", "host name"), ("http://pacs..", "host name"),
        ("https://" + "a" * 64 + ".example/rs", "host name"),
        ("http://" + "a" * 254, "too long"), ("http://pacs/%", "hexadecimal"), ("http://pacs/%zz", "hexadecimal"),
        ("http://pacs/a/../b", "'..'"), ("http://pacs/.", "'.'"), ("http://pacs/%2E%2e", "'..'"),
    ],
)  # fmt: skip
def test_no_addresses(text: str, words: str) -> None:
    with pytest.raises(ValueError) as raised:
        WebAddress.parse(text)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.9.10", True), ("[::1]", True), ("[::ffff:127.0.0.1]", True),
     ("LOCALHOST", True), ("localhost.", False), ("localhost.example", False), ("127.0.0.1.example", False),
     ("0.0.0.0", False), ("10.0.0.1", False), ("[::]", False), ("[::ffff:10.0.0.1]", False), ("127.1", False),
     ("pacs", False)],
)  # fmt: skip
def test_loopback(host: str, is_loopback: bool) -> None:
    assert WebAddress.parse(f"http://{host}:80/x").is_loopback is is_loopback


def test_paths_of_requests() -> None:
    address = WebAddress.parse("http://pacs/dicom-web")
    assert address.path_of() == "/dicom-web"
    assert address.path_of("studies") == "/dicom-web/studies"
    assert address.path_of("a/b", "c?d#e f", x="1&2", y=["3", "4"]) == "/dicom-web/a%2Fb/c%3Fd%23e%20f?x=1%262&y=3&y=4"
    assert WebAddress.parse("http://pacs").path_of() == "/"
    for part in ("", ".", ".."):
        with pytest.raises(ValueError):
            address.path_of("studies", part)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_part_breaks_out_of_a_request_line(path: str, part: str, value: str) -> None:
    try:
        target = WebAddress.parse(f"http://pacs/{path}").path_of("studies", part, x=value)
    except ValueError:
        return
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target
    assert "#" not in target
    assert target.count("?") == 1
