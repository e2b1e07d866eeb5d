"""What a program may give for an option: paths of any kind, and a clear error for a value of a wrong type."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest

import dcmsend
from dcmsend import (
    AutoAssociations,
    BasicCredentials,
    BearerCommand,
    BearerFile,
    ClusterOptions,
    IndexOptions,
    InputOptions,
    JournalOptions,
    NameRule,
    Peer,
    PlanOptions,
    ReportOptions,
    RetryOptions,
    Shard,
    Timetable,
    TlsOptions,
    TransferOptions,
    UserIdentity,
    ValueRule,
    VerifyOptions,
    WebPeer,
    load_tls,
    send,
)
from dcmsend.dicom.record import Record
from dcmsend.errors import DcmsendError
from library.test_transfer import all_error_types
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
        ClusterOptions("tls://h:1", (path, path, path), password_file=path, ticket_file=path, key_password_file=path),
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
    (lambda: Peer("archive", True), "Peer: port must be int, not bool"),
    (lambda: TransferOptions(max_rate=True), "TransferOptions: max_rate must be int | Timetable, not bool"),
    (lambda: TransferOptions(dimse_timeout=False), "TransferOptions: dimse_timeout must be float | None, not bool"),
    (lambda: Peer("archive", 104, None), "Peer: called_ae_title must be str, not NoneType"),
    (lambda: Peer("archive", 104, address_family="4"), "Peer: address_family must be AddressFamily, not str"),
    (lambda: Peer("archive", 104, tls=TlsOptions), "Peer: tls must be what load_tls returns, not type"),
    (lambda: Peer("archive", 104, tls=True), "Peer: tls must be what load_tls returns, not bool"),
    (lambda: Peer("archive", 104, user_identity="me"), "Peer: user_identity must be UserIdentity | None, not str"),
    (lambda: WebPeer(8042), "WebPeer: address must be a URL, not int"),
    (lambda: WebPeer("http://localhost/x", batch="5"), "WebPeer: batch must be int, not str"),
    (lambda: JournalOptions(5), "JournalOptions: path must be the name of a file, not int"),
    (lambda: JournalOptions("a", move_sent=None), "JournalOptions: move_sent must be the name of a file, not NoneType"),
    (lambda: TlsOptions(key_file=5), "TlsOptions: key_file must be the name of a file, or None, not int"),
    (lambda: TlsOptions(ca_files="ca.pem"), "TlsOptions: ca_files must be names of files in a tuple, not str"),
    (lambda: TransferOptions(dimse_timeout="5"), "TransferOptions: dimse_timeout must be float | None, not str"),
    (lambda: IndexOptions(halt_on_invalid="no"), "IndexOptions: halt_on_invalid must be bool, not str"),
    (lambda: InputOptions(recurse="no"), "InputOptions: recurse must be bool, not str"),
    (lambda: InputOptions(min_age="7h"), "InputOptions: min_age must be float, not str"),
    (lambda: InputOptions(fetch_parallel="7"), "InputOptions: fetch_parallel must be int, not str"),
    (lambda: InputOptions(shard=(1, 2)), "InputOptions: shard must be Shard | None, not tuple"),
    (lambda: InputOptions(name_rules="*.dcm"), "InputOptions: name_rules must be tuple[NameRule, ...], not str"),
    (lambda: InputOptions(name_rules=("*.dcm",)), "InputOptions: name_rules must be tuple[NameRule, ...], not tuple"),
    (lambda: IndexOptions(read_mode="file"), "IndexOptions: read_mode must be ReadMode, not str"),
    (lambda: IndexOptions(value_rules=("Modality=CT",)),
     "IndexOptions: value_rules must be tuple[ValueRule, ...], not tuple"),
    (lambda: PlanOptions("lossy"), "PlanOptions: decompression must be Decompression | None, not str"),
    (lambda: TransferOptions(retry=3), "TransferOptions: retry must be RetryOptions, not int"),
    (lambda: TransferOptions(retry=None), "TransferOptions: retry must be RetryOptions, not NoneType"),
    (lambda: TransferOptions(max_rate="2M"), "TransferOptions: max_rate must be int | Timetable, not str"),
    (lambda: TransferOptions(parallel_associations="auto"),
     "TransferOptions: parallel_associations must be int | AutoAssociations, not str"),
    (lambda: Timetable("08:00,2M"), "Timetable: entries must be tuple[tuple[int, int], ...], not str"),
    (lambda: Timetable((("08:00", 2),)), "Timetable: entries must be tuple[tuple[int, int], ...], not tuple"),
    (lambda: TlsOptions(profile="BCP 195"), "TlsOptions: profile must be TlsProfile, not str"),
    (lambda: BearerCommand("print-token"), "BearerCommand: command must be tuple[str, ...], not str"),
    (lambda: BearerCommand(("head", "-c", 9)), "BearerCommand: command must be tuple[str, ...], not tuple"),
    (lambda: ClusterOptions("tls://h:1", "ca.pem"),
     "ClusterOptions: tls must be tuple[str, str, str] | None, not str"),
    (lambda: WebPeer("http://localhost/x", credentials="token"),
     "WebPeer: credentials must be BearerFile, BearerCommand or BasicCredentials, not str"),
    (lambda: WebPeer("https://localhost/x", tls=True), "WebPeer: tls must be what load_tls returns, not bool"),
    (lambda: UserIdentity(1, "me"), "UserIdentity: primary_field must be bytes, not str"),
    (lambda: load_tls("ca.pem"), "load_tls: options must be TlsOptions, not str"),
    (lambda: load_tls(TlsOptions(), "password"), "load_tls: ask_password must be a function, not str"),
    (lambda: send("x", PEER, verify=True), "verify must be VerifyOptions, not bool"),
    (lambda: send("x", PEER, verify=VerifyOptions(), archive=()),
     "archive must be a Peer, e.g. Peer('archive', 104), or a WebPeer, not tuple"),
    (lambda: send("x", PEER, commit=VerifyOptions()), "commit must be CommitOptions, not VerifyOptions"),
    (lambda: send("x", PEER, verify=VerifyOptions(), archive="pacs"),
     "archive must be a Peer, e.g. Peer('archive', 104), or a WebPeer, not str"),
    (lambda: send("x", PEER, journal=JournalOptions("j"), cluster="local:2"),
     "cluster must be ClusterOptions or a dask.distributed.Client that is connected, not str"),
    (lambda: send("x", PEER, send_while_scanning="no"), "Settings: send_while_scanning must be bool, not str"),
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


@pytest.mark.parametrize("name", dcmsend.__all__)
def test_no_field_of_an_option_takes_anything(name: str) -> None:
    """Whatever else the options of a public record are: a value of a type that nobody has heard of is told."""
    kind = getattr(dcmsend, name)
    if not isinstance(kind, type) or not issubclass(kind, Record):
        return
    parameters = inspect.signature(kind).parameters
    given = {field: EXAMPLES[name, field] for field, of in parameters.items() if of.default is of.empty}
    kind(**given)
    for field in parameters:
        with pytest.raises(TypeError, match=rf"^{name}: {field} must be .+, not Unheard$"):
            kind(**{**given, field: Unheard()})


class Unheard:
    """Of this type is no option."""


EXAMPLES: dict[tuple[str, str], Any] = {
    ("BasicCredentials", "user"): "me",
    ("BasicCredentials", "password_file"): "f",
    ("BearerCommand", "command"): ("c",),
    ("BearerFile", "path"): "f",
    ("ClusterOptions", "address"): "local:2",
    ("JournalOptions", "path"): "f",
    ("NameRule", "pattern"): "*",
    ("Peer", "host"): "h",
    ("Peer", "port"): 104,
    ("Shard", "number"): 1,
    ("Shard", "count"): 2,
    ("Timetable", "entries"): ((0, 0),),
    ("ValueRule", "element"): "Modality",
    ("ValueRule", "pattern"): "CT",
    ("WebPeer", "address"): "https://h/x",
}
"""Fields that have no default."""


def test_an_archive_that_nobody_would_ask() -> None:
    with pytest.raises(ValueError, match="an archive is asked only for a proof"):
        send("x", PEER, archive=PEER)


ONE = PlanOptions(multiple_associations=False, halt_on_refusal=False)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("send_while_scanning needs further", {"plan": ONE, "send_while_scanning": True}),
        ("retry needs further", {"plan": ONE, "transfer": TransferOptions(retry=RetryOptions(5))}),
        ("parallel_associations needs further", {"plan": ONE, "transfer": TransferOptions(parallel_associations=4)}),
        (
            "parallel_associations needs further",
            {"plan": ONE, "transfer": TransferOptions(parallel_associations=AutoAssociations(4))},
        ),
        (
            "no file that could be moved",
            {"inputs": InputOptions(archives=True), "journal": JournalOptions("j", move_sent="sent")},
        ),
    ],
)
def test_options_that_contradict_each_other(words: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        send("x", PEER, **options)


@pytest.mark.parametrize("time", [float("nan"), -1.0])
def test_a_time_that_is_none(time: float) -> None:
    with pytest.raises(ValueError, match="impossible stop_at"):
        TransferOptions(stop_at=time)


def test_patients_in_no_report() -> None:
    with pytest.raises(ValueError, match="needs a report that shows the patient"):
        ReportOptions(with_patient=True, text_report="r.txt")
    assert ReportOptions(with_patient=True, csv_report="r.csv").with_patient


def test_a_list_will_do_where_a_tuple_is_kept() -> None:
    rules = [NameRule("*.dcm"), NameRule("*", takes=False)]
    assert InputOptions(name_rules=rules) == InputOptions(name_rules=tuple(rules))  # type: ignore[arg-type]
    assert hash(InputOptions(name_rules=rules)) == hash(InputOptions(name_rules=tuple(rules)))  # type: ignore[arg-type]


def test_what_is_of_the_right_type() -> None:
    """No check is so strict that it refuses what is meant."""
    assert TransferOptions(max_rate=Timetable(((0, 5), (60, 0)))).max_rate == Timetable(((0, 5), (60, 0)))
    assert TransferOptions(retry=RetryOptions(2)).retry.attempts == 2
    assert IndexOptions(value_rules=(ValueRule("Modality", "CT"),)).value_rules[0].tag == 0x00080060
    assert InputOptions(shard=Shard(1, 2), storage_options=(("a", "b"),)).storage_options == (("a", "b"),)


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
    assert inspect.signature(WebPeer).parameters["address"].annotation == "WebAddress | str"
    assert inspect.signature(InputOptions).parameters["recurse"].annotation == "bool"
    bound = signature.bind("archive", 104, calling_ae_title="ME")
    assert Peer(*bound.args, **bound.kwargs) == Peer("archive", 104, calling_ae_title="ME")


@pytest.mark.parametrize("kind", all_error_types(), ids=lambda kind: kind.__name__)
def test_a_signature_shows_what_an_error_is_made_of(kind: type[DcmsendError]) -> None:
    assert "args" not in inspect.signature(kind).parameters


def test_a_web_peer_is_made_of_a_url() -> None:
    peer = WebPeer("https://archive.example/dicom-web/studies")
    assert peer.facts.url == "https://archive.example/dicom-web"
    assert WebPeer(peer.address) == peer == peer.replace()
    with pytest.raises(ValueError, match="begins with http"):
        WebPeer("archive")


def test_options_can_be_changed_with_the_standard_library_too() -> None:
    """``copy.replace`` of Python 3.13 calls this; earlier there is the method ``replace`` alone."""
    replace = getattr(copy, "replace", lambda value, **changes: value.__replace__(**changes))
    peer = Peer("archive", 104, called_ae_title="PACS")
    assert replace(peer, port=11112) == Peer("archive", 11112, called_ae_title="PACS")
    with pytest.raises(TypeError):
        replace(peer, port="11112")


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_an_age_below_zero(seconds: float) -> None:
    with pytest.raises(ValueError, match="min_age must be 0 seconds or more"):
        InputOptions(min_age=seconds)
