"""What a program may give for an option: paths of any kind, and a clear error for a value of a wrong type."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from dcmsend import (
    BasicCredentials,
    BearerFile,
    IndexOptions,
    JournalOptions,
    Peer,
    ReportOptions,
    TlsOptions,
    TransferOptions,
    WebPeer,
    send,
)
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

PEER = Peer("127.0.0.1", 104)


def test_every_option_that_is_a_path_takes_a_path() -> None:
    path, text = Path("some", "file"), str(Path("some", "file"))
    for options in (
        JournalOptions(path, move_sent=path),
        ReportOptions(text_report=path, json_report=path, jsonl_report=path, csv_report=path, html_report=path),
        TlsOptions(key_file=path, certificate_file=path, ca_files=[path], ca_directories=(path,)),
        BearerFile(path),
        BasicCredentials("user", path),
    ):
        given = {name: _as_text(value) for name, value in vars(options).items() if not name.startswith("_")}
        assert options == type(options)(**given)
        assert text in repr(options)
        assert "Path" not in repr(options)
    assert JournalOptions(b"caf\xe9").path == "caf\udce9"


def _as_text(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, tuple) else value


def test_a_journal_and_reports_are_written_where_paths_say(tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "in", 2)
    journal = JournalOptions(tmp_path / "a.journal", move_sent=tmp_path / "sent")
    report = ReportOptions(csv_report=tmp_path / "a.csv")
    with ScriptedPeer() as peer:
        sent = list(send(paths, Peer("127.0.0.1", peer.port), journal=journal, report=report))
    assert len(sent) == 2
    assert (tmp_path / "a.journal").exists()
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3
    assert not any(path.exists() for path in paths)


WRONG: list[tuple[Any, str]] = [
    (lambda: Peer(127, 104), "Peer: host must be str, not int"),
    (lambda: Peer("archive", "104"), "Peer: port must be int, not str"),
    (lambda: Peer("archive", 104, None), "Peer: called_ae_title must be str, not NoneType"),
    (lambda: Peer("archive", 104, address_family="4"), "Peer: address_family must be AddressFamily, not str"),
    (lambda: Peer("archive", 104, tls=TlsOptions), "Peer: tls must be what load_tls returns, not type"),
    (lambda: Peer("archive", 104, tls=True), "Peer: tls must be what load_tls returns, not bool"),
    (lambda: Peer("archive", 104, user_identity="me"), "Peer: user_identity must be UserIdentity, not str"),
    (lambda: WebPeer(8042), "WebPeer: address must be a URL, not int"),
    (lambda: WebPeer("http://localhost/x", batch="5"), "WebPeer: batch must be int, not str"),
    (lambda: JournalOptions(5), "JournalOptions: path must be the name of a file, not int"),
    (lambda: JournalOptions("a", move_sent=None), "JournalOptions: move_sent must be the name of a file, not NoneType"),
    (lambda: TlsOptions(key_file=5), "TlsOptions: key_file must be the name of a file, or None, not int"),
    (lambda: TlsOptions(ca_files="ca.pem"), "TlsOptions: ca_files must be names of files in a tuple, not str"),
    (lambda: TransferOptions(dimse_timeout="5"), "TransferOptions: dimse_timeout must be float | None, not str"),
    (lambda: IndexOptions(halt_on_invalid="no"), "IndexOptions: halt_on_invalid must be bool, not str"),
    (lambda: send("x", "archive"), "peer must be a Peer, e.g. Peer('archive', 104), or a WebPeer, not str"),
    (lambda: send("x", ("archive", 104)), "peer must be a Peer, e.g. Peer('archive', 104), or a WebPeer, not tuple"),
    (lambda: send("x", PEER, journal="a.journal"), "journal must be JournalOptions, not str"),
    (lambda: send("x", PEER, report="a.html"), "report must be ReportOptions, not str"),
    (lambda: send("x", PEER, transfer=IndexOptions()), "transfer must be TransferOptions, not IndexOptions"),
    (lambda: send("x", PEER, observer=print), "observer must be Observer, not builtin_function_or_method"),
]


@pytest.mark.parametrize(("make", "text"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_value_of_a_wrong_type(make: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == text


def test_a_whole_number_will_do_for_seconds() -> None:
    assert TransferOptions(connect_timeout=5) == TransferOptions(connect_timeout=5.0)


def test_a_signature_shows_the_fields() -> None:
    signature = inspect.signature(Peer)
    assert list(signature.parameters) == [
        "host", "port", "called_ae_title", "calling_ae_title", "address_family", "tls", "user_identity",
    ]  # fmt: skip
    assert signature.parameters["host"].default is inspect.Parameter.empty
    assert signature.parameters["called_ae_title"].default == "ANY-SCP"
    journal = inspect.signature(JournalOptions).parameters
    assert journal["path"].default is inspect.Parameter.empty
    assert (journal["path"].annotation, journal["move_sent"].default) == ("str | os.PathLike[str]", "")
    assert list(inspect.signature(TlsOptions).parameters)[:3] == ["key_file", "certificate_file", "key_password"]
    with pytest.raises(AttributeError):
        _ = PEER.__signature__
    bound = signature.bind("archive", 104, calling_ae_title="ME")
    assert Peer(*bound.args, **bound.kwargs) == Peer("archive", 104, calling_ae_title="ME")


def test_a_web_peer_is_made_of_a_url() -> None:
    peer = WebPeer("https://archive.example/dicom-web/studies")
    assert peer.facts.url == "https://archive.example/dicom-web"
    assert WebPeer(peer.address) == peer == peer.replace()
    with pytest.raises(ValueError, match="begins with http"):
        WebPeer("archive")
