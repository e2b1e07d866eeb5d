"""The room of hints: nothing is without one by oversight, and neither hints nor options stand anywhere else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

import pytest

import dcmsend
from dcmsend import error_root, errors
from dcmsend.advice import (
    Situation,
    for_error,
    for_http_status,
    for_reason,
    for_rejection,
    for_status,
    with_explanation,
)
from dcmsend.cli.option_table import OPTIONS
from dcmsend.cluster import ClusterUnusable
from dcmsend.dicomweb import ResponseUnreadable
from dcmsend.errors import DcmsendError, NegotiationFailed, SendingFailed
from dcmsend.inputs import FileChanged
from dcmsend.inputs.stores.errors import StoreBusy
from dcmsend.reasons import NoConnection, NoJournal, NoStore, Reason, Rejection
from dcmsend.stow import CredentialsUnusable, HttpRefused, NoHttpLibrary, ProxyUnusable, WebSessionFailed
from dcmsend.stow.errors import ServerGone
from support.corpus import DATA
from support.fixture_files import EI
from support.media_files import dicomdir, record
from support.peer_script import Abort, Accept, Reject, Script, prefer
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = Path(dcmsend.__file__).parent
SITUATION: Final = Situation("pacs.example.org", 104, "ARCHIVE", "US")
NAMES: Final = {name for row in OPTIONS for name in (row.long, row.short) if name}
CT: Final = DATA / "pydicom" / "CT_small.dcm"

EXAMPLES: Final[dict[type[DcmsendError], DcmsendError]] = {
    errors.NoInputFiles: errors.NoInputFiles(),
    errors.InvalidInputFile: errors.InvalidInputFile("a", "b", Rejection.NO_META_HEADER),
    errors.RemoteProtocolError: NegotiationFailed(errors.RemoteProtocolError("text", pdu_type=0x15)),
    errors.AssociationRejected: NegotiationFailed(errors.AssociationRejected(1, 1, 7)),
    errors.AssociationAborted: SendingFailed(errors.AssociationAborted()),
    errors.AssociationReleased: SendingFailed(errors.AssociationReleased()),
    errors.UserIdentityNotConfirmed: NegotiationFailed(errors.UserIdentityNotConfirmed()),
    errors.ConnectFailed: NegotiationFailed(errors.ConnectFailed("text", why=NoConnection.REFUSED)),
    errors.TlsFailed: NegotiationFailed(errors.TlsFailed("text", why=NoConnection.UNTRUSTED)),
    errors.CannotListen: errors.CannotListen("port 104", "Permission denied"),
    errors.TimedOut: SendingFailed(errors.TimedOut("an answer", 30.0)),
    errors.ConnectionLost: NegotiationFailed(errors.ConnectionLost()),
    errors.NegotiationFailed: NegotiationFailed(errors.AssociationAborted()),
    errors.SendingFailed: SendingFailed(errors.ConnectionLost()),
    errors.GivenUp: errors.GivenUp("text", counts_failures=True),
    errors.JournalError: errors.JournalError("path", "reason", NoJournal.EXISTS),
    errors.StoreUnusable: errors.StoreUnusable("s3://b/", "reason", NoStore.CREDENTIALS),
}
NEED_NONE: Final = {
    errors.SessionFailed: "a family", errors.PeerDataSetError: "of an instance its Reason has advice",
    errors.DcmsendError: "a family", errors.InputError: "a family", errors.ProtocolError: "a family",
    errors.SopClassRefused: "who asks an archive tells what it does without an answer",
    errors.AssociationError: "a family", errors.TransportError: "a family",
    errors.UsageError: "the message says what is wrong with the command line",
    errors.NoValidInputFiles: "each bad input has been named",
    errors.FileUnreadable: "the system's text says it; of an instance its Reason has advice",
    FileChanged: "its Reason has advice",
    StoreBusy: "of an input its Rejection has advice, of an instance its Reason",
    errors.DataSetError: "of an input its Rejection has advice, of an instance its Reason",
    errors.PlanError: "the refusals have been logged",
    errors.TranscodeError: "of an instance its Reason has advice",
    errors.LocalProtocolError: "a bug of ours",
    errors.ReportError: "the system's text says it",
    errors.Cancelled: "somebody wanted it so",
    HttpRefused: "in a WebSessionFailed its status has advice, see for_http_status",
    ResponseUnreadable: "of an instance its Reason has advice",
    NoHttpLibrary: "the message says what to install",
    ProxyUnusable: "the message says what it must be",
    CredentialsUnusable: "the message says what is wrong with the file or the command",
    ServerGone: "in a WebSessionFailed it has that of a lost connection, of an instance its Reason has advice",
    WebSessionFailed: "a family, see below",
    ClusterUnusable: "the message says what is wrong with the cluster",
}  # fmt: skip


def options_in(text: str) -> set[str]:
    """The options of the command line that a text names."""
    return {word for word in re.findall(r"(?<![\w.*/-])[-+]{1,2}[a-zA-Z][\w-]*", text) if word in NAMES}


def error_classes() -> set[str]:
    """The names of all kinds of DcmsendError, in whatever module they are; not of those that are only shared code."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    found = {"DcmsendError"}
    while further := {name for name in bases if bases[name] & found} - found:
        found |= further
    shared = {name for name in error_root.__all__ if name != "DcmsendError"}
    return {name for name in found - shared if not name.startswith("_")}


def test_every_error_has_advice_or_needs_none() -> None:
    kinds = EXAMPLES.keys() | NEED_NONE.keys()
    names = error_classes()
    assert {kind.__name__ for kind in kinds} == names
    assert names >= set(errors.__all__)
    assert names <= set(re.findall(r"\w+", errors.__doc__ or "")), "the page of errors names all"
    assert not EXAMPLES.keys() & NEED_NONE.keys()
    for kind, example in EXAMPLES.items():
        assert for_error(example, SITUATION), kind


def test_every_reason_has_advice() -> None:
    for reason in Reason:
        assert for_reason(reason), reason
    for rejection in Rejection:
        assert for_rejection(rejection), rejection
    for status in (0xA700, 0xA7FF, 0xA900, 0xC123, 0x0110, 0x0111, 0x0122, 0x0124, 0x1234):
        assert for_status(status)


@pytest.mark.parametrize("why", NoStore)
def test_every_store_that_fails_has_been_thought_of(why: NoStore) -> None:
    """Some explain themselves; none is forgotten."""
    for_error(errors.StoreUnusable("s3://b/", "reason", why), SITUATION)


@pytest.mark.parametrize("why", NoConnection)
def test_every_connection_that_fails_has_been_thought_of(why: NoConnection) -> None:
    """Some explain themselves; none is forgotten."""
    for kind in (errors.ConnectFailed, errors.TlsFailed):
        error = NegotiationFailed(kind("text", "detail", why=why))
        assert with_explanation(error, SITUATION).splitlines()[1].startswith("detail")
        for_error(error, SITUATION)


WEB: Final = Situation("archive.example", 80, url="http://archive.example/dicom-web")
WEB_CAUSES: Final = (
    errors.TimedOut("an answer", 30.0), errors.ConnectionLost(),
    *(errors.ConnectFailed("text", why=why) for why in (NoConnection.REFUSED, NoConnection.UNKNOWN_HOST)),
    errors.TlsFailed("text", why=NoConnection.UNTRUSTED),
)  # fmt: skip


@pytest.mark.parametrize("cause", WEB_CAUSES, ids=repr)
def test_a_web_service_that_cannot_be_reached(cause: DcmsendError) -> None:
    """No word of what it does not have."""
    hint = for_error(WebSessionFailed(cause), WEB)
    assert hint
    assert not re.search(r"AE title|association|DICOM (port|archive)|-ae[ct]|\+tla", hint)


def test_a_web_service_that_is_not_trusted() -> None:
    error = WebSessionFailed(errors.TlsFailed("text", "detail", why=NoConnection.UNTRUSTED))
    assert with_explanation(error, WEB) == f"{error.text}\ndetail; {for_error(error, WEB)}"


def test_a_web_service_that_refuses_a_request() -> None:
    for status in (401, 403, 404, 405, 408, 413, 415, 429, 500, 502, 503, 504, 301, 307):
        assert for_http_status(status), status
        assert for_error(WebSessionFailed(HttpRefused(status, "")), WEB) == for_http_status(status)
    assert not for_http_status(200)


def test_hints_name_options_that_exist() -> None:
    hints = [for_rejection(why) for why in Rejection] + [for_reason(why) for why in Reason]
    hints += [for_error(example, SITUATION) for example in EXAMPLES.values()]
    hints += [for_error(NegotiationFailed(errors.TlsFailed("x", why=why)), SITUATION) for why in NoConnection]
    hints += [for_error(WebSessionFailed(cause), WEB) for cause in WEB_CAUSES]
    hints += [for_http_status(status) for status in range(100, 600)]
    for hint in hints:
        named = re.findall(r"(?<![\w.])(?:--[a-z-]+|[-+][a-z]{1,3})\b", hint)
        assert set(named) <= NAMES, hint


def _texts(tree: ast.Module) -> Iterator[str]:
    """All texts of a module but its docstrings and other remarks."""
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in remarks:
            yield node.value


DCMTK_SAYS: Final = "ignoring directory because option --scan-directories is not set: %s"


def test_no_option_stands_below_the_command_line() -> None:
    """A program that uses the library has no command line."""
    found = {
        f"{path.relative_to(SOURCE)}: {text}"
        for path in SOURCE.rglob("*.py")
        if path.parent.name not in ("cli", "advice") and not path.name.endswith("_table.py")
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if options_in(text) and text != DCMTK_SAYS
    }
    assert not found


PAGES: Final = {
    "exit-codes/21.md": [errors.NoInputFiles()],
    "exit-codes/22.md": [errors.InvalidInputFile("a", "b", why) for why in Rejection],
    "exit-codes/61.md": [
        NegotiationFailed(errors.TimedOut("x", 1.0)), NegotiationFailed(errors.AssociationAborted()),
        *(NegotiationFailed(errors.ConnectFailed("x", why=why)) for why in (
            NoConnection.REFUSED, NoConnection.SILENT, NoConnection.UNKNOWN_HOST,
        )),
    ],
    "exit-codes/62.md": [
        SendingFailed(errors.TimedOut("x", 1.0)), SendingFailed(errors.ConnectionLost()),
        errors.GivenUp("x", counts_failures=True),
    ],
    "exit-codes/104.md": [errors.JournalError("a", "b", why) for why in NoJournal],
    "exit-codes/105.md": [
        *(NegotiationFailed(errors.AssociationRejected(1, 1, reason)) for reason in (3, 7)),
        NegotiationFailed(errors.UserIdentityNotConfirmed()),
    ],
    "tls.md": [
        *(NegotiationFailed(errors.TlsFailed("x", why=why)) for why in NoConnection
          if why is not NoConnection.EMPTY_AE_TITLE),
        NegotiationFailed(errors.ConnectionLost()),
    ],
    "rejections/busy.md": [NegotiationFailed(errors.AssociationRejected(2, 3, reason)) for reason in (1, 2)],
    "rejections/called-ae-title.md": [NegotiationFailed(errors.AssociationRejected(1, 1, 7))],
    "rejections/calling-ae-title.md": [NegotiationFailed(errors.AssociationRejected(1, 1, 3))],
    "rejections/no-dicom.md": [NegotiationFailed(errors.AssociationRejected(1, source, 2)) for source in (1, 2)],
    "rejections/no-reason.md": [NegotiationFailed(errors.AssociationRejected(1, source, 1)) for source in (1, 2)],
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_advise_what_the_program_advises(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for error in PAGES[page]:
        missing = options_in(for_error(error, SITUATION)) - options_in(text)
        assert not missing, (error, missing)


def test_only_where_failures_were_counted_their_number_is_advised() -> None:
    text = "3 associations in a row ended without an answer"
    assert for_error(errors.GivenUp(text), SITUATION) == ""
    assert "--stop-after-failures" in for_error(errors.GivenUp(text, counts_failures=True), SITUATION)


def test_every_rejection_has_its_page() -> None:
    tested = set(PAGES)
    assert {f"rejections/{path.name}" for path in (ROOT / "docs" / "rejections").glob("*.md")} <= tested


# --- at the command line


def _without_uid(content: bytes) -> bytes:
    """The file without its SOP Instance UID, in the meta header only."""
    start = content.index(b"\x02\x00\x03\x00UI")
    end = start + 8 + int.from_bytes(content[start + 6 : start + 8], "little")
    cut = content[:start] + content[end:]
    length = int.from_bytes(content[140:144], "little") - (end - start)
    return cut[:140] + length.to_bytes(4, "little") + cut[144:]


BAD: Final = {
    "no meta header": (b"no DICOM" * 100, [], "+f"),
    "no meta header, no checks": (b"no DICOM" * 100, ["-nuc"], "+f"),
    "no UID in the meta header": (_without_uid(CT.read_bytes()), [], "+f"),
    "no UID in the meta header, no checks": (_without_uid(CT.read_bytes()), ["-nuc"], "+f"),
    "DICOMDIR": (dicomdir(record("IMAGE", "A")), [], "+rd"),
    "bad UID": (CT.read_bytes().replace(b"1.3.6.1.4.1.5962.1.1.1.1.1.2", b"1.3.6.1.4.1.5962.1.1.1.1.1.x"), [], "-nuc"),
    "DICOMDIR that leads outside": (dicomdir(record("IMAGE", "..\\A")), ["+rd"], "--dicomdir-allow-outside"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_advised_for_a_bad_file(case: str, dcmsend: str, tmp_path: Path) -> None:
    """DCMTK's words are the same for several of them."""
    content, options, advised = BAD[case]
    (tmp_path / "file").write_bytes(content)
    done = run(dcmsend, *options, "127.0.0.1", "9", "file", cwd=tmp_path)
    assert done.exit_code == 22
    first, *further = done.lines("F")
    assert first.startswith("bad DICOM file: file: ")
    assert options_in("\n".join(further)) == {advised, "-nh"}


def test_what_is_advised_helps(dcmsend: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(_without_uid(CT.read_bytes()))
    with ScriptedPeer() as peer:
        assert run(dcmsend, "+f", "127.0.0.1", peer.port, "file", cwd=tmp_path).exit_code == 0


def test_what_is_advised_for_an_image_that_is_compressed_with_loss(dcmsend: str, tmp_path: Path) -> None:
    """Nothing but the option is missing; the message for the file and the closing lines name it, and it helps."""
    image = DATA / "pydicom" / "SC_rgb_jpeg_dcmtk.dcm"
    with ScriptedPeer(Script(associate=Accept(prefer(EI)))) as peer:
        arguments = ["--require-stored", "-nh", "127.0.0.1", peer.port, image, CT]
        done = run(dcmsend, *arguments, cwd=tmp_path)
        assert done.exit_code == 102, done.stderr
        (line,) = [line for line in done.lines("E") if str(image) in line]
        assert "+dly" in options_in(line)
        closing = done.stderr.partition("NOT stored")[2]
        assert "+dly" in options_in(closing)
        assert run(dcmsend, "+dly", *arguments, cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("report", [False, True])
def test_what_is_advised_for_a_dicomdir_in_a_folder(report: bool, dcmsend: str, tmp_path: Path) -> None:
    """Its files are sent, as they lie there: what it needs is to be left out."""
    write_instances(tmp_path / "medium", 2)
    (tmp_path / "medium" / "DICOMDIR").write_bytes(dicomdir(record("IMAGE", "A")))
    options = ["--require-stored", "-nh", "+sd", *(["--report-html", "run.html"] if report else [])]
    with ScriptedPeer() as peer:
        done = run(dcmsend, *options, "127.0.0.1", peer.port, "medium", cwd=tmp_path)
        assert done.exit_code == 102
        told = unescape((tmp_path / "run.html").read_text()) if report else done.stderr
        (pattern,) = set(re.findall(r"--exclude\s+'([^']*)'", told))
        options += ["--exclude", pattern]
        assert run(dcmsend, *options, "127.0.0.1", peer.port, "medium", cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("required", [True, False])
def test_nobody_is_told_to_try_again_after_a_permanent_rejection(required: bool, dcmsend: str, tmp_path: Path) -> None:
    """Neither the closing lines nor a report; and all of them say why."""
    reports = ["--report-json", "run.json", "--report-html", "run.html"]
    options = ["--require-stored"] if required else []
    with ScriptedPeer(Script(associate=Reject(1, 1, 7))) as peer:
        done = run(dcmsend, *options, *reports, "--progress", "127.0.0.1", peer.port, CT, cwd=tmp_path)
    assert done.exit_code == (105 if required else 61)
    document = json.loads((tmp_path / "run.json").read_text())
    (instance,) = document["instances"]
    assert (instance["reason"], instance["retryable"]) == ("no_association", False)
    assert (document["exit"]["retryable"], document["totals"]["retryable"]) == (False, 0)
    page = (tmp_path / "run.html").read_text()
    assert "Worth sending again" not in page
    assert "try again" not in done.stderr
    assert "may succeed" not in done.stderr
    for text in (instance["message"], document["exit"]["message"], page, done.stderr):
        assert "Called AE Title Not Recognized" in text
    assert "-aec says which AE title it has" in page


@pytest.mark.parametrize(
    ("content", "code"), [(None, 22), (b"no DICOM file", 22), (-3, 102)], ids=["empty", "text", "cut"]
)
@pytest.mark.parametrize("while_scanning", [False, True])
def test_nobody_is_told_to_try_again_after_a_bad_file_that_ends_the_run(
    content: bytes | int | None, code: int, while_scanning: bool, dcmsend: str, tmp_path: Path
) -> None:
    """The next run would end at the same file, so neither the screen nor a report says that the rest may succeed."""
    first, bad, last = write_instances(tmp_path / "in", 3)
    bad.write_bytes(bad.read_bytes()[:content] if isinstance(content, int) else content or b"")
    options = ["--halt", "--send-while-scanning"] if while_scanning else []
    reports = ["--report-json", "run.json", "--report-html", "run.html", "--report-csv", "run.csv"]
    with ScriptedPeer() as peer:
        arguments = ["--require-stored", "--progress", *options, *reports, "127.0.0.1", peer.port, first, bad, last]
        done = run(dcmsend, *arguments, cwd=tmp_path)
    assert done.exit_code == code, done.stderr
    document = json.loads((tmp_path / "run.json").read_text())
    assert (document["exit"]["retryable"], document["totals"]["retryable"]) == (False, 0)
    assert not any(each["retryable"] for each in document["instances"])
    for text in (done.stderr, (tmp_path / "run.html").read_text(), (tmp_path / "run.csv").read_text()):
        assert not re.search(r"try again|may succeed|Worth sending again|again later|Send again", text)


def test_a_lost_connection_that_ends_the_run_is_worth_another_one(dcmsend: str, tmp_path: Path) -> None:
    with ScriptedPeer(Script(stores={1: Abort()})) as peer:
        files = write_instances(tmp_path, 2)
        done = run(dcmsend, "--require-stored", "--progress", "127.0.0.1", peer.port, *files)
    assert done.exit_code == 101
    assert "2 may succeed when run again" in done.stderr


@pytest.mark.parametrize("again", [(), ("--retry", "1", "--retry-delay", "1", "--halt")], ids=["once", "again"])
def test_the_failure_that_ends_a_run_has_a_hint_after_retries_too(dcmsend: str, again: tuple[str, ...]) -> None:
    """Nothing that was given already is advised: who retries need not be told of it."""
    scripts = [Script(stores={1: Abort()}) for _ in range(2)]
    with ScriptedPeer(*scripts) as peer:
        done = run(dcmsend, *again, "127.0.0.1", peer.port, CT)
    _, _, rest = done.stderr.partition("F: cannot send SOP instance: ")
    hint = rest.splitlines()[1]
    assert hint.startswith("F: ")
    assert "log" in hint
    assert ("--retry" in hint) is not bool(again)


@pytest.mark.parametrize("source", [1, 2, 3])
@pytest.mark.parametrize("reason", [1, 2, 3, 7])
def test_a_permanent_rejection_is_never_called_passing(source: int, reason: int) -> None:
    hint = for_error(NegotiationFailed(errors.AssociationRejected(1, source, reason)), SITUATION)
    assert hint
    assert not re.search(r"try again|again later|--retry", hint)


def test_a_passing_rejection_of_a_title_names_the_title() -> None:
    assert "-aec" in for_error(NegotiationFailed(errors.AssociationRejected(2, 1, 7)), SITUATION)
    assert "-aet" in for_error(NegotiationFailed(errors.AssociationRejected(2, 1, 3)), SITUATION)


@pytest.mark.parametrize(("source", "reason"), [(1, 1), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)])
def test_no_screen_or_page_calls_a_permanent_rejection_passing(
    source: int, reason: int, dcmsend: str, tmp_path: Path
) -> None:
    with ScriptedPeer(Script(associate=Reject(1, source, reason))) as peer:
        reports = ["--report-json", "run.json", "--report-html", "run.html", "--report-csv", "run.csv"]
        done = run(dcmsend, "--require-stored", *reports, "127.0.0.1", peer.port, CT, cwd=tmp_path)
    assert done.exit_code == 105
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["exit"]["retryable"] is False
    for text in (done.stderr, (tmp_path / "run.html").read_text(), (tmp_path / "run.csv").read_text()):
        assert not re.search(r"try again|may succeed|Worth sending again|again later|Send again", text)
