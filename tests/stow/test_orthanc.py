"""Against Orthanc with its DICOMweb plugin, and nginx before it: the outcomes are what the archive has."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.interrupt import Interrupt
from dcmsend.stow import BasicCredentials, BearerFile, SeriesFinder, WebPeer, WebSessionFailed
from dcmsend.transfer import TransferOptions
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import Certificates
from support.scripted_web_server import ScriptedWebServer
from support.sending import instance_uid
from support.storing import files_of, instances_of, store
from support.web_peers import PASSWORD, USER, NginxFront, WebOrthanc, nginx, web_orthanc

pytestmark = [pytest.mark.peer("orthanc-dicomweb")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebOrthanc]:
    with web_orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


@pytest.fixture
def credentials(tmp_path: Path) -> BasicCredentials:
    (tmp_path / "password").write_text(PASSWORD)
    return BasicCredentials(USER, str(tmp_path / "password"))


@pytest.fixture
def emptied(archive: WebOrthanc) -> WebOrthanc:
    for patient in ask(archive, "/patients"):
        ask(archive, f"/patients/{patient}", "DELETE")
    return archive


def ask(archive: WebOrthanc, path: str, method: str = "GET") -> list[str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{archive.http_port}{path}", method=method, headers=dict(archive.headers or {})
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: list[str] = json.loads(answer.read() or b"[]")
    return found


def held(archive: WebOrthanc) -> set[str]:
    """SOP Instance UIDs in the archive."""
    return {_tag(archive, each) for each in ask(archive, "/instances")}


def _tag(archive: WebOrthanc, identifier: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{archive.http_port}/instances/{identifier}/content/0008-0018",
        headers=dict(archive.headers or {}),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode().strip("\0 ")


def test_everything_is_stored(tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials) -> None:
    paths = files_of(tmp_path / "files", [100, 5000, 200_000, 1_000_000] * 5)
    sent = store(emptied.url, paths, peer={"credentials": credentials, "batch": 7}, parallel_associations=2)
    assert sent.results == ["stored"] * 20
    assert held(emptied) == {instance_uid(number) for number in range(1, 21)}
    again = store(emptied.url, paths, peer={"credentials": credentials})
    assert again.results == ["stored"] * 20


def test_what_is_encoded_anew_is_stored_from_chunks(
    tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials
) -> None:
    paths = files_of(tmp_path / "files", [100, 300_000])
    sent = store(emptied.url, paths, peer={"credentials": credentials}, normalize=True)
    assert sent.results == ["stored"] * 2
    assert len(held(emptied)) == 2


def test_what_the_archive_cannot_read_is_refused_alone(
    tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orthanc answers 400 without a Content-Type, names the two that it has stored, and not the third."""
    from dcmsend.stow import batch

    paths = files_of(tmp_path / "files", [100] * 3)
    garbage = files_of(tmp_path / "garbage", [100] * 3)[1].read_bytes()
    original = batch.Gatherer._prepare

    def spoil(self: batch.Gatherer, part: batch.Part, loaded: object) -> None:
        original(self, part, loaded)  # type: ignore[arg-type]
        if part.index == 1:
            assert isinstance(part.payload, batch.BytesPayload)
            part.payload = batch.BytesPayload(memoryview(b"no DICOM at all".ljust(len(garbage), b"!")))

    monkeypatch.setattr(batch.Gatherer, "_prepare", spoil)
    sent = store(emptied.url, paths, peer={"credentials": credentials})
    assert sent.results == ["stored", "refused", "stored"]
    assert sent.reasons[1] == "NOT_IN_RESPONSE"
    assert held(emptied) == {instance_uid(1), instance_uid(3)}


def test_a_wrong_password(tmp_path: Path, emptied: WebOrthanc) -> None:
    (tmp_path / "wrong").write_text("wrong")
    paths = files_of(tmp_path / "files", [1_000_000] * 30)
    sent = store(emptied.url, paths, peer={"credentials": BasicCredentials(USER, str(tmp_path / "wrong"))}, attempts=2)
    assert sent.results == ["not attempted"] * 30
    assert isinstance(sent.error, WebSessionFailed)
    assert sent.error.is_permanent
    assert held(emptied) == set()


def test_a_wrong_place(tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials) -> None:
    paths = files_of(tmp_path / "files", [100])
    sent = store(f"http://127.0.0.1:{emptied.http_port}/elsewhere", paths, peer={"credentials": credentials})
    assert sent.results == ["not attempted"]
    assert isinstance(sent.error, WebSessionFailed)


def test_a_connection_that_orthanc_closes_while_idle_is_no_loss(
    tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials
) -> None:
    paths = files_of(tmp_path / "files", [100] * 3)
    sent = store(emptied.url, paths, peer={"credentials": credentials, "batch": 1}, max_instances_rate=1)
    assert sent.results == ["stored"] * 3


def test_the_archive_is_asked_what_it_has(tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials) -> None:
    from support.series_files import write_series

    paths = write_series(tmp_path / "files", [("1.2.77", "1.2.77.1")] * 5 + [("1.2.77", "1.2.77.2")])
    assert store(emptied.url, instances_of(paths), peer={"credentials": credentials}).results == ["stored"] * 6
    finder = SeriesFinder(WebPeer(emptied.url, credentials=credentials), TransferOptions(), Interrupt())
    wanted = [instance_uid(number) for number in (1, 2, 3)]
    found = finder.find("1.2.77", "1.2.77.1", [*wanted, "9.9"])
    assert (sorted(found.availability), found.others, found.status) == (sorted(wanted), 2, 0)
    found = finder.find("1.2.77", "1.2.77.1", [wanted[0], "9.9"], by_name=True)
    assert (list(found.availability), found.status) == (wanted[:1], 0)
    assert finder.find("2.25.1", "2.25.2", ["9.9"]).availability == {}
    finder.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def front(
    tmp_path_factory: pytest.TempPathFactory, archive: WebOrthanc, certificates: Certificates
) -> Iterator[NginxFront]:
    with nginx(tmp_path_factory.mktemp("front"), certificates, archive.http_port, retry_after="1") as server:
        yield server


@pytest.mark.peer("nginx")
def test_through_tls_and_a_certificate_of_ours(
    tmp_path: Path, emptied: WebOrthanc, front: NginxFront, certificates: Certificates
) -> None:
    paths = files_of(tmp_path, [100, 2_000_000])
    anonymous = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    known = load_tls(TlsOptions(
        ca_files=(str(certificates.ca),), key_file=str(certificates.client_key),
        certificate_file=str(certificates.client),
    ))  # fmt: skip
    assert store(front.url(), paths, peer={"tls": anonymous}).results == ["stored"] * 2
    assert store(front.url("/mtls"), paths, peer={"tls": known}).results == ["stored"] * 2
    assert store(front.url("/mtls"), paths, peer={"tls": anonymous}).results == ["not attempted"] * 2
    assert len(held(emptied)) == 2


@pytest.mark.peer("nginx")
def test_tokens(tmp_path: Path, front: NginxFront, certificates: Certificates) -> None:
    paths = files_of(tmp_path / "files", [100])
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    for token, expected in (("good-token", "stored"), ("bad-token", "not attempted")):
        (tmp_path / "token").write_text(token)
        peer = {"tls": tls, "credentials": BearerFile(str(tmp_path / "token"))}
        assert store(front.url("/bearer"), paths, peer=peer).results == [expected]


@pytest.mark.peer("nginx")
def test_a_limit_of_nginx_is_found_by_halving(
    tmp_path: Path, emptied: WebOrthanc, front: NginxFront, certificates: Certificates
) -> None:
    paths = files_of(tmp_path, [5_000_000] * 8 + [31 * 2**20])
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    sent = store(front.url(), paths, peer={"tls": tls})
    assert sent.results == ["stored"] * 8 + ["refused"]
    assert sent.reasons[-1] == "TOO_LARGE"
    assert len(held(emptied)) == 8


@pytest.mark.peer("nginx")
def test_a_busy_nginx(tmp_path: Path, front: NginxFront, certificates: Certificates) -> None:
    paths = files_of(tmp_path, [100])
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    sent = store(front.url("/busy"), paths, peer={"tls": tls}, attempts=1)
    assert sent.results == ["unconfirmed"]  # it was sent as a whole, and nginx does not say where it went
    assert sent.reasons == ["SERVER_BUSY"]
    assert len(sent.outcomes[0].attempts) == 2


def test_a_large_instance_takes_no_memory(tmp_path: Path, emptied: WebOrthanc, credentials: BasicCredentials) -> None:
    paths = files_of(tmp_path / "files", [120_000_000])
    with ScriptedWebServer() as server:  # whatever is loaded first is here by then
        assert store(server.url, files_of(tmp_path / "small", [100])).results == ["stored"]

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    assert store(emptied.url, paths, peer={"credentials": credentials}).results == ["stored"]
    assert resident() - before < 60_000_000
