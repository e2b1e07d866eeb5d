"""Through TLS, with and without our certificate, and through proxies that the environment names."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from dcmsend.dicomweb import WebAddress
from dcmsend.errors import ConnectFailed, TlsFailed
from dcmsend.reasons import NoConnection
from dcmsend.stow import BearerFile, HttpRefused, WebSessionFailed
from dcmsend.stow.proxies import proxy_for
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import Certificates
from support.http_wire import response
from support.ports import free_port
from support.scripted_web_server import ScriptedWebServer, WebAnswer, store_all
from support.storing import files_of, store
from support.tls_peers import server_context
from support.web_proxy import WebProxy

SIZES = [100, 70_000, 3_000_000]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def trusting(certificates: Certificates, **options: Any) -> dict[str, Any]:
    return {"tls": load_tls(TlsOptions(ca_files=(str(certificates.ca),), **options))}


def test_files_arrive_byte_for_byte_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    paths = files_of(tmp_path, SIZES)
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server:
        sent = store(server.url, paths, peer=trusting(certificates))
    assert sent.results == ["stored"] * 3
    assert server.requests[0].parts == [path.read_bytes() for path in paths]


def test_the_connection_is_kept_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [100] * 5)
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server:
        sent = store(server.url, paths, peer={"batch": 1, **trusting(certificates)})
    assert sent.results == ["stored"] * 5
    assert server.connections == 1


def test_a_server_that_wants_our_certificate(tmp_path: Path, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [100])
    ours = {"key_file": str(certificates.client_key), "certificate_file": str(certificates.client)}
    context = server_context(certificates.server_key, certificates.server, certificates.ca)
    with ScriptedWebServer(context=context) as server:
        assert store(server.url, paths, peer=trusting(certificates, **ours)).results == ["stored"]
        sent = store(server.url, paths, peer=trusting(certificates))
    assert sent.results in (["not attempted"], ["unconfirmed"])  # TLS 1.3 tells after the first bytes only
    assert len(server.requests) == 1


def test_a_server_that_nobody_vouches_for(tmp_path: Path, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [100])
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server:
        sent = store(server.url, paths)  # with what the system trusts
    assert sent.results == ["not attempted"]
    assert isinstance(sent.error, WebSessionFailed)
    assert sent.error.is_permanent
    assert isinstance(sent.error.cause, TlsFailed)
    assert sent.error.cause.why is NoConnection.UNTRUSTED
    assert not server.requests


@pytest.mark.parametrize("at", [0, 4096, 1_000_000, 2_500_000])
def test_a_cut_over_tls(tmp_path: Path, certificates: Certificates, at: int) -> None:
    paths = files_of(tmp_path, [1_000_000] * 3)
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(WebAnswer(at=at, resets=True), store_all, context=context) as server:
        sent = store(server.url, paths, peer=trusting(certificates), attempts=2)
    assert sent.results == ["stored"] * 3


def test_an_early_answer_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [3_000_000] * 4)
    context = server_context(certificates.server_key, certificates.server)
    answer = WebAnswer(response(413, b"", None, Connection="close"), at=100_000, closes=True)
    with ScriptedWebServer(answer, store_all, context=context) as server:
        sent = store(server.url, paths, peer=trusting(certificates))
    assert sent.results == ["stored"] * 4


@pytest.mark.parametrize("user", ["", "me:p%40ss@"])
def test_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    paths = files_of(tmp_path, SIZES)
    name, word = ("me", "p@ss") if user else ("", "")
    with ScriptedWebServer() as server, WebProxy(user=name, password=word) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://{user}127.0.0.1:{proxy.port}")
        sent = store(server.url, paths)
    assert sent.results == ["stored"] * 3
    assert proxy.heads[0].startswith(f"POST http://localhost:{server.port}/dicom-web/studies HTTP/1.1")
    assert server.requests[0].parts == [path.read_bytes() for path in paths]


@pytest.mark.parametrize("user", ["", "me:p%40ss@"])
def test_through_a_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates, caplog: pytest.LogCaptureFixture,
    user: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    paths = files_of(tmp_path, SIZES)
    name, word = ("me", "p@ss") if user else ("", "")
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server, WebProxy(user=name, password=word) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        sent = store(server.url, paths, peer={"batch": 1, **trusting(certificates)})
    assert sent.results == ["stored"] * 3
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.")
    assert "proxy-authorization" not in server.requests[0].head.headers
    assert "p@ss" not in caplog.text
    assert "p%40ss" not in caplog.text


def test_a_proxy_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [100])
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedWebServer(context=context) as server, WebProxy(user="me", password="secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        sent = store(server.url, paths, peer=trusting(certificates))
        assert sent.results == ["not attempted"]
        assert isinstance(sent.error, WebSessionFailed)
        assert isinstance(sent.error.cause, ConnectFailed)
        assert sent.error.cause.detail.startswith("407")
    with ScriptedWebServer() as server, WebProxy(user="me", password="secret") as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        sent = store(server.url, paths)
    assert isinstance(sent.error, WebSessionFailed)
    assert isinstance(sent.error.cause, HttpRefused)
    assert sent.error.cause.status == 407


def test_a_user_of_a_proxy_in_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is bytes, and so are a user's name and password."""
    paths = files_of(tmp_path, [100])
    with ScriptedWebServer() as server, WebProxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://m\udce9:p@127.0.0.1:{proxy.port}")
        sent = store(server.url, paths)
    assert sent.results == ["stored"]
    assert base64.b64encode(b"m\xe9:p").decode() in proxy.heads[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    port = free_port()
    monkeypatch.setenv(f"{scheme}_proxy", f"http://me:secret@127.0.0.1:{port}")
    sent = store(f"{scheme}://localhost:9/dicom-web", files_of(tmp_path, [100]))
    assert sent.results == ["not attempted"]
    assert f"the proxy 127.0.0.1:{port} that the environment names" in str(sent.error)
    assert "secret" not in str(sent.error)


@pytest.mark.parametrize("words", ["\x1b[31mNo", "x" * 5000])
def test_the_words_of_a_proxy_are_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    with WebProxy(status=403, phrase=words) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        sent = store("https://localhost:9/dicom-web", files_of(tmp_path, [100]))
    assert isinstance(sent.error, WebSessionFailed)
    assert isinstance(sent.error.cause, ConnectFailed)
    assert sent.error.cause.detail.startswith("403")
    assert sent.error.cause.detail.isprintable()
    assert len(sent.error.cause.detail) < 200


def test_no_proxy_hears_credentials_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("token")
    paths = files_of(tmp_path / "files", [100])
    with ScriptedWebServer() as server, WebProxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        sent = store(server.url, paths, peer={"credentials": BearerFile(str(tmp_path / "token"))})
    assert sent.results == ["stored"]
    assert not proxy.heads


def test_hosts_without_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files_of(tmp_path, [100])
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "localhost")
    with ScriptedWebServer() as server:
        assert store(server.url, paths).results == ["stored"]


@pytest.mark.parametrize("listed", ["::1", "localhost,127.0.0.1,::1", "[::1]", "[::1]:8042"])
def test_an_ipv6_address_without_proxy(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", listed)
    assert proxy_for(WebAddress.parse("http://[::1]:8042/dicom-web")) is None
    assert proxy_for(WebAddress.parse("http://[::2]:8042/dicom-web")) is not None
    assert proxy_for(WebAddress.parse("http://[2::1]:8042/dicom-web")) is not None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080: it must be"),
        ("https://127.0.0.1:3128", "https://127.0.0.1:3128: it must be"),
        ("http://127.0.0.1:99999", "http://127.0.0.1:99999: it must be"),
        ("http://me:secret@host:99999", "http://host:99999: it must be"),
        ("http://me:secret@:0", "http://:0: it must be"),
        ("http://me:secret@[::1", "it must be"),
        ("http://me:secret", "http://me: it must be"),
    ],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, told: str) -> None:
    monkeypatch.setenv("http_proxy", url)
    sent = store("http://localhost:9/dicom-web", files_of(tmp_path, [100]))
    assert isinstance(sent.error, WebSessionFailed)
    assert sent.error.is_permanent  # a person has to act
    assert "secret" not in repr(sent.error.cause)
    assert told in str(sent.error.cause)
    assert sent.results == ["not attempted"]
