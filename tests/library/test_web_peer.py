"""A web service as the receiver of ``send``: which way to send and to ask is chosen, and what the outcomes become."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dcmsend import (
    BearerFile,
    CommitOptions,
    Decompression,
    JournalOptions,
    Peer,
    PlanOptions,
    TlsOptions,
    TransferOptions,
    VerifyOptions,
    WebPeer,
    load_tls,
    send,
)
from dcmsend.errors import ConnectFailed, SessionFailed, UsageError
from dcmsend.interrupt import Interrupt
from dcmsend.preview import preview
from dcmsend.report import RunRecord
from dcmsend.settings import Preview, Settings
from dcmsend.stow import HttpRefused
from support.corpus import DATA
from support.peer_script import Reject, Respond, Script
from support.scripted_peer import ScriptedPeer
from support.web_doubles import WebDoubles

CT, MR = DATA / "pydicom" / "CT_small.dcm", DATA / "pydicom" / "MR_small.dcm"
PEER = WebPeer("http://localhost:8042/dicom-web")


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebDoubles]:
    made = WebDoubles(monkeypatch)
    with ScriptedPeer(Script(stores={1: Respond(0xA900)})) as peer:
        made.port = peer.port
        yield made


def results(*items: Path, peer: Any = PEER, **options: Any) -> list[str]:
    return [outcome.result.value for outcome in send(items, peer, **options)]


# --- the peer


def test_what_it_tells_of_itself() -> None:
    facts = WebPeer("https://archive.example/dicom-web/studies").facts
    assert (facts.host, facts.port, facts.is_secured) == ("archive.example", 443, True)
    assert (facts.called_ae_title, facts.calling_ae_title) == ("", "")
    assert facts.url == facts.label == "https://archive.example/dicom-web"
    assert PEER.facts.url == "http://localhost:8042/dicom-web"
    assert not PEER.facts.is_secured


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://archive/", {"credentials": BearerFile("f")}, "https only"),
        ("http://archive/", {"tls": load_tls(TlsOptions())}, "begins with https"),
        ("https://archive/", {"batch": 0}, "a batch"),
        ("https://archive/", {"batch_bytes": 0}, "a batch"),
        ("archive", {}, "."),
        ("https://alice:s3cret@archive/", {}, "."),
    ],
)
def test_what_is_no_peer(url: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        WebPeer(url, **options)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://archive/", "http://localhost/", "http://127.0.0.1:8042/", "http://[::1]/"])
def test_credentials_go_where_nobody_listens(url: str) -> None:
    assert WebPeer(url, credentials=BearerFile("f")).credentials == BearerFile("f")


def test_it_goes_to_another_process() -> None:
    peer = WebPeer("https://archive/x", credentials=BearerFile("f"), tls=load_tls(TlsOptions()), batch=7)
    for other in (pickle.loads(pickle.dumps(peer)), copy.copy(peer), copy.deepcopy(peer)):
        assert other == peer


# --- the way to send


def test_the_target_of_a_web_peer(doubles: WebDoubles) -> None:
    options = TransferOptions(halt_on_failure=False)
    assert results(CT, MR, transfer=options) == ["refused", "stored"]
    assert doubles.targets == [(PEER, options, False)]


@pytest.mark.parametrize("decompression", Decompression)
def test_what_may_be_decompressed_is_what_is_said(doubles: WebDoubles, decompression: Decompression) -> None:
    assert results(CT, plan=PlanOptions(decompression=decompression)) == ["refused"]
    assert doubles.targets[0][2] is (decompression is not Decompression.NEVER)


@pytest.mark.parametrize("plan", [None, PlanOptions(), PlanOptions(halt_on_refusal=False)])
def test_nothing_is_decompressed_unless_somebody_says_so(doubles: WebDoubles, plan: PlanOptions | None) -> None:
    results(CT, plan=plan)
    assert doubles.targets[0][2] is False


def test_the_target_of_a_dimse_peer(doubles: WebDoubles) -> None:
    with ScriptedPeer() as peer:
        assert results(CT, peer=Peer("127.0.0.1", peer.port)) == ["stored"]
    assert len(peer.stores) == 1
    assert not doubles.targets


def test_a_journal_of_its_own(doubles: WebDoubles, tmp_path: Path) -> None:
    """What is stored is not sent again; at another URL the journal cannot be used."""
    journal = JournalOptions(str(tmp_path / "journal"))
    assert results(CT, MR, journal=journal) == ["refused", "stored"]
    transfer = send((CT, MR), PEER, journal=journal.replace(resume=True))
    assert [outcome.instance.input.path for outcome in transfer] == [str(CT)]
    assert transfer.already_stored == 1
    other = send((CT, MR), WebPeer("http://localhost:8042/other"), journal=journal.replace(resume=True))
    with pytest.raises(Exception, match="belongs to another peer"):
        list(other)
    assert len(doubles.targets) == 2


def test_no_way_in(doubles: WebDoubles) -> None:
    with ScriptedPeer(Script(associate=Reject(1, 1, 7))) as peer:
        doubles.port = peer.port
        transfer = send((CT, MR), PEER)
        with pytest.raises(SessionFailed) as raised:
            list(transfer)
    assert raised.value.is_permanent
    assert transfer.summary.not_stored == 2


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.run.web_package.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'urllib3>=2'"):
        send(CT, PEER)
    send(CT, Peer("127.0.0.1", 104))


# --- the way to ask


def test_the_service_is_asked_itself(doubles: WebDoubles) -> None:
    transfer = send((CT, MR), PEER, verify=VerifyOptions(attempts=0))
    assert [outcome.result.value for outcome in transfer] == ["refused", "stored"]
    assert [proof.proof.state.value for proof in transfer.proofs()] == ["verified"]
    assert [peer for peer, *_ in doubles.asked] == [PEER]


def test_what_it_lacks(doubles: WebDoubles) -> None:
    doubles.holds = False
    transfer = send((CT, MR), PEER, verify=VerifyOptions(attempts=0))
    list(transfer)
    assert [proof.proof.state.value for proof in transfer.proofs()] == ["missing"]


def test_it_is_not_asked_for_a_commitment() -> None:
    with pytest.raises(ValueError, match="not for a commitment"):
        send(CT, PEER, journal=JournalOptions("j"), commit=CommitOptions())


# --- previews


@pytest.fixture
def probe(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[RunRecord, str]]:
    def run(**options: Any) -> tuple[RunRecord, str]:
        lines: list[str] = []
        settings = Settings(peer=PEER, preview=Preview.PROBE_PEER, **options)
        record = preview(settings, [str(CT), str(MR)], lines.append, interrupt=Interrupt(0.0), ask_peer=True)
        return record, "".join(lines)

    return run


def test_probe(doubles: WebDoubles, probe: Callable[..., tuple[RunRecord, str]]) -> None:
    record, told = probe()
    assert record.is_complete
    assert told.splitlines()[-1] == "the web service lets us in and answers queries (QIDO-RS)"
    assert not doubles.targets


def test_probe_of_a_service_without_queries(
    doubles: WebDoubles, probe: Callable[..., tuple[RunRecord, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """No error, unless a proof is wanted: it could not be had."""
    doubles.error = HttpRefused(404, "Not Found")
    record, _ = probe()
    assert record.error is None
    assert record.unproven == 0
    assert "no answer to a query (QIDO-RS): the server answers 404 Not Found\nis this the URL" in caplog.text
    record, _ = probe(verify=VerifyOptions())
    assert record.unproven == 2
    assert "QIDO-RS) at the same URL" in caplog.text


def test_probe_of_nobody(
    doubles: WebDoubles, probe: Callable[..., tuple[RunRecord, str]], caplog: pytest.LogCaptureFixture
) -> None:
    doubles.error = SessionFailed(ConnectFailed("nobody there"))
    record, _ = probe()
    assert record.error is doubles.error
    assert "nobody there" in caplog.text
