"""JSON, JSON lines and CSV from the installed command: against the published schema, the peer, and each other."""

from __future__ import annotations

import base64
import csv
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dcmsend import Reason, Result
from support.corpus import DATA
from support.data_set_bytes import EXPLICIT_LITTLE, file_with
from support.peer_script import Abort, Accept, Reject, Respond, Script, Silence, prefer, refuse
from support.ports import free_port
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.report_schema import SCHEMA, STRICT_SCHEMA
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

DOCS = Path(__file__).parents[2] / "docs"
CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
HOST = "127.0.0.1"


def check(value: Any, pointer: str = "") -> Any:
    """The value, which has to be as the schema (or the part of it at ``pointer``) says."""
    schema = {"$defs": STRICT_SCHEMA["$defs"], "$ref": f"#/$defs/{pointer}"} if pointer else STRICT_SCHEMA
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(value)
    return value


def send(folder: Path, *arguments: str | Path | int, script: Script | None = None) -> tuple[Run, ScriptedPeer]:
    folder.mkdir(exist_ok=True)
    with ScriptedPeer(script or Script()) as peer:
        done = run(installed_dcmsend(), HOST, peer.port, *arguments, cwd=folder)
    return done, peer


def send_and_report(
    folder: Path, *arguments: str | Path | int, script: Script | None = None
) -> tuple[Run, ScriptedPeer, dict[str, Any]]:
    """The JSON report of a run that has written all three, after a look at whether they agree."""
    names = ("--report-json", "r.json", "--report-jsonl", "r.jsonl", "--report-csv", "r.csv")
    done, peer = send(folder, *names, *arguments, script=script)
    report = check(json.loads((folder / "r.json").read_text()))
    lines = [check(json.loads(line), "line") for line in (folder / "r.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["start", *["outcome"] * (len(lines) - 2), "summary"]
    instances = [{name: value for name, value in line.items() if name != "type"} for line in lines[1:-1]]
    assert instances == report["instances"]
    assert _without_time(lines[-1]) == {"type": "summary", **_without_time(report)}
    assert lines[0].items() <= {**report, "type": "start"}.items()
    with open(folder / "r.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [instance["path"] for instance in instances]
    assert [row["outcome"] for row in rows] == [instance["outcome"] for instance in instances]
    for row, instance in zip(rows, instances, strict=True):
        for name in ("index", "size", "status", "reason", "sop_instance_uid", "started", "message_id"):
            assert row[name] == ("" if instance[name] is None else str(instance[name]))
        assert row["retryable"] == str(instance["retryable"]).lower()
        assert row["attempts"] == str(len(instance["attempts"]))
    assert report["exit"]["code"] == done.exit_code
    assert not list(folder.glob("*.tmp"))
    _check_totals(report)
    return done, peer, report


def _without_time(report: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in report.items() if name not in ("instances", "ended")}
    kept["totals"] = {name: value for name, value in report["totals"].items() if name != "seconds"}
    return kept


def _check_totals(report: dict[str, Any]) -> None:
    """The totals are those of the instances that are listed."""
    totals, instances = report["totals"], report["instances"]
    for outcome in ("stored", "refused", "failed", "unconfirmed", "not_attempted", "invalid", "not_dicom", "filtered"):
        assert totals.get(outcome, 0) == sum(instance["outcome"] == outcome for instance in instances), outcome
    assert totals["found"] == len(instances)
    assert totals["retryable"] == sum(instance["retryable"] for instance in instances)
    assert totals["bytes"] == sum(instance["bytes_sent"] for instance in instances)
    for table, field in (("by_sop_class", "sop_class_uid"), ("by_syntax", "syntax_file"), ("by_study", "study_uid")):
        for uid, counts in report[table].items():
            members = [each for each in instances if each["index"] and (each[field] or "") == uid]
            assert counts["instances"] == len(members)
            assert counts["stored"] == sum(each["outcome"] == "stored" for each in members)
    for status, counts in report["by_status"].items():
        assert counts["instances"] == sum(instance["status"] == status for instance in instances)
    for association in report["associations"]:
        members = [instance for instance in instances if instance["association"] == association["n"]]
        assert association["instances"] == sum(instance["message_id"] is not None for instance in members)


def test_report_json_tells_what_the_peer_has_seen(tmp_path: Path) -> None:
    script = Script(stores={1: Respond(0xB007), 2: Respond(0xA700)})
    done, peer, report = send_and_report(tmp_path, "-aec", "STORE", "-nh", CT, MR, tmp_path / "r.csv", script=script)
    assert done.exit_code == 0
    stores = peer.connections[0].stores
    instances = [instance for instance in report["instances"] if instance["index"]]
    for instance, store, file in zip(instances, stores, (CT, MR), strict=True):
        assert instance["path"] == str(file)
        assert instance["size"] == file.stat().st_size
        assert instance["sop_instance_uid"] == store.sop_instance_uid
        assert instance["bytes_sent"] == len(store.data_set)
        assert (instance["context_id"], instance["message_id"]) == (store.context_id, store.message_id)
        assert instance["attempts"][0]["time"] == instance["started"]
    assert [instance["outcome"] for instance in instances] == ["stored", "refused"]
    assert [instance["retryable"] for instance in instances] == [False, True]
    assert report["peer"] == {"host": HOST, "port": peer.port, "called": "STORE", "calling": "DCMSEND", "tls": False}
    assert report["totals"]["stored_with_warning"] == 1
    assert report["by_status"] == {"0xB007": {"instances": 1}, "0xA700": {"instances": 1}}
    assert report["argv"][:3] == [HOST, str(peer.port), "--report-json"]
    assert (report["complete"], report["ended_by"]) == (True, "end")
    assert [association["end"] for association in report["associations"]] == ["released"]


def test_report_jsonl_to_standard_output(tmp_path: Path) -> None:
    done, _ = send(tmp_path, "--report-jsonl", "-", CT)
    types = [check(json.loads(line), "line")["type"] for line in done.stdout.splitlines()]
    assert types == ["start", "outcome", "summary"]


def test_each_line_is_there_as_soon_as_it_happens(tmp_path: Path) -> None:
    """While the second answer is waited for the first outcome can be read."""
    file = tmp_path / "r.jsonl"
    peer = ScriptedPeer(Script(stores={2: Silence()}))
    peer.patience = 0.0  # the end of its block closes the connection
    command = [installed_dcmsend(), HOST, str(peer.port), "--report-jsonl", str(file), str(CT), str(MR)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            with peer:
                wait_until(lambda: file.exists() and file.read_text().count("\n") == 2, 30, "the first outcome")
                wait_until(lambda: len(peer.stores) == 2 and peer.stores[1].complete, 30, "the second instance")
                assert process.poll() is None
            process.wait(60)
        finally:
            process.kill()
    lines = [check(json.loads(line), "line") for line in file.read_text().splitlines()]
    assert [line["outcome"] for line in lines if line["type"] == "outcome"] == ["stored", "unconfirmed"]
    assert lines[-1]["exit"]["code"] == process.returncode == 62


def test_report_csv_to_standard_output(tmp_path: Path) -> None:
    done, _ = send(tmp_path, "--report-csv", "-", CT)
    assert [row["path"] for row in csv.DictReader(done.stdout.splitlines())] == [str(CT)]


def test_inputs_that_are_not_taken_are_listed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM in here")
    (tmp_path / "broken.dcm").write_bytes(CT.read_bytes()[:200])
    _, _, report = send_and_report(tmp_path, "-nh", "notes.txt", "broken.dcm", "missing.dcm", CT)
    listed = {instance["path"]: instance for instance in report["instances"]}
    assert listed["notes.txt"]["outcome"] == "not_dicom"
    assert listed["broken.dcm"]["outcome"] == "invalid"
    assert listed["missing.dcm"]["size"] is None
    assert [listed[name]["index"] for name in ("notes.txt", "broken.dcm", str(CT))] == [None, None, 1]


@pytest.mark.parametrize(
    ("script", "options", "outcomes", "ended"),
    [
        (Script(associate=Reject(1, 1, 7)), [], ["not_attempted"] * 2, "error"),
        (Script(stores={1: Abort()}), [], ["failed", "not_attempted"], "error"),
        (Script(stores={1: Silence()}), ["-td", "1", "-ta", "20"], ["unconfirmed", "not_attempted"], "error"),
        (Script(associate=Accept(refuse())), ["-nh"], ["failed", "failed"], "end"),
    ],
    ids=["rejected", "aborted", "silent", "no context"],
)
def test_every_end_has_its_reports(
    tmp_path: Path, script: Script, options: list[str], outcomes: list[str], ended: str
) -> None:
    _, _, report = send_and_report(tmp_path, *options, CT, MR, script=script)
    got = [instance["outcome"] for instance in report["instances"]]
    assert got == outcomes or got == ["unconfirmed", *outcomes[1:]]  # an abort may come when all was sent
    assert (report["ended_by"], report["complete"]) == (ended, ended == "end")
    assert all(instance["reason"] for instance in report["instances"])


@pytest.mark.parametrize(
    ("arguments", "code"), [(["missing.dcm"], 22), (["-nh", "missing.dcm"], 23), (["."], 21), ([str(CT)], 61)]
)
def test_reports_of_runs_that_never_reach_a_peer(tmp_path: Path, arguments: list[str], code: int) -> None:
    done = run(installed_dcmsend(), HOST, free_port(), "--report-json", "r.json", *arguments, cwd=tmp_path)
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert (done.exit_code, report["exit"]["code"], report["complete"]) == (code, code, False)
    assert report["exit"]["message"]
    assert report["associations"] == []


def test_conversion_is_told(tmp_path: Path) -> None:
    explicit = "1.2.840.10008.1.2.1"
    script = Script(Accept(prefer(explicit)))
    _, peer, report = send_and_report(tmp_path, DATA / "pydicom" / "MR_small_bigendian.dcm", script=script)
    (instance,) = report["instances"]
    assert instance["syntax_file"] != instance["syntax_sent"] == explicit
    assert instance["converted"]
    assert instance["bytes_sent"] == len(peer.connections[0].stores[0].data_set)


@pytest.mark.parametrize("name", [b"caf\xe9.dcm", "\u65e5\u672c.dcm".encode(), b'a,"b"\n=1+1.dcm', b"<script>.dcm"])
def test_any_file_name(tmp_path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(CT.read_bytes())
    _, _, report = send_and_report(tmp_path, os.fsdecode(name))
    (instance,) = report["instances"]
    try:
        assert instance["path"] == name.decode()
        assert "path_base64" not in instance
    except UnicodeDecodeError:
        assert base64.b64decode(instance["path_base64"]) == name


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    send_and_report(tmp_path, CT)  # of yesterday
    for name in ("r.json", "r.jsonl", "r.csv"):
        (tmp_path / name).chmod(0o666)
    send_and_report(tmp_path, CT)
    for name in ("r.json", "r.jsonl", "r.csv"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "r.json").symlink_to("real/report.json")
    send_and_report(tmp_path, CT)
    assert (tmp_path / "r.json").is_symlink()
    assert (tmp_path / "real" / "report.json").is_file()


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--report-csv"])
@pytest.mark.parametrize("place", ["none/report", ".", "none/../report"])
def test_a_report_that_cannot_be_made(tmp_path: Path, option: str, place: str) -> None:
    """It is known before anything is sent, so nothing is."""
    for more in (("--require-stored",), (), ("--dry-run",), ("--probe-peer", "--require-stored")):
        done, peer = send(tmp_path, option, place, *more, CT)
        assert done.exit_code == 43
        assert peer.connections == []
        assert done.lines("E")[0] == f"cannot write detailed report to file '{place}'"
        assert done.lines("E")[-1] == "nothing is sent; name another file for the report"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--report-csv"])
def test_a_report_that_cannot_be_written(tmp_path: Path, option: str) -> None:
    done, peer = send(tmp_path, option, "/dev/full", "--require-stored", CT)
    assert done.exit_code == 43
    assert len(peer.connections[0].stores) == 1
    assert done.lines("E")[0] == "cannot write detailed report to file '/dev/full'"
    refusing = Script(stores={1: Respond(0xA900)})
    assert send(tmp_path, option, "/dev/full", "--require-stored", CT, script=refusing)[0].exit_code == 102
    assert send(tmp_path, option, "/dev/full", CT)[0].exit_code == 43
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("+crf", "/dev/full", "--report-csv"), ("--report-html",)])
def test_other_reports_tell_that_one_could_not_be_written(tmp_path: Path, words: tuple[str, ...]) -> None:
    done, _ = send(tmp_path, *words, "/dev/full", "--report-json", "r.json", "--report-jsonl", "r.jsonl", CT)
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert (done.exit_code, report["exit"]["code"]) == (43, 43)
    assert json.loads((tmp_path / "r.jsonl").read_text().splitlines()[-1])["exit"]["code"] == 43
    assert report["totals"]["stored"] == 1


def test_other_reports_tell_that_one_could_not_be_made(tmp_path: Path) -> None:
    done, _ = send(tmp_path, "--report-csv", "none/r.csv", "--report-json", "r.json", CT)
    report = check(json.loads((tmp_path / "r.json").read_text()))
    assert (done.exit_code, report["exit"]["code"], report["complete"]) == (43, 43, False)
    assert report["totals"]["found"] == 0


def test_standard_output_that_is_closed(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        command = f"exec {installed_dcmsend()} {HOST} {peer.port} --report-json - {CT} >&-"
        done = run("/bin/sh", "-c", command)
    assert done.exit_code == 43, done.stderr
    assert peer.connections == []


@pytest.mark.parametrize("place", ["-", "report"])
def test_two_reports_do_not_go_to_the_same_place(tmp_path: Path, place: str) -> None:
    done, peer = send(tmp_path, "--report-json", place, "--report-csv", place, CT)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == "error: --report-json not allowed with --report-csv for the same file"
    assert not peer.connections


def test_schema_has_every_reason_and_result() -> None:
    reasons = {reason.name.lower() for reason in Reason} | {"invalid", "not_dicom", "filtered", None}
    assert set(SCHEMA["$defs"]["instance"]["properties"]["reason"]["enum"]) == reasons
    results = {result.value.replace(" ", "_") for result in Result} | {"invalid", "not_dicom", "filtered"}
    assert set(SCHEMA["$defs"]["instance"]["properties"]["outcome"]["enum"]) == results


def test_page_names_every_field_of_the_schema() -> None:
    page = (DOCS / "report-schema.md").read_text()
    assert f"`{SCHEMA['$id']}`" in page
    parts = (SCHEMA, *SCHEMA["$defs"].values())
    fields = {field for part in parts for field in part.get("properties", ())}
    assert {field for field in fields if f"`{field}`" not in page} == set()


def test_passwords_are_not_in_reports(tmp_path: Path) -> None:
    _, _, report = send_and_report(tmp_path, "-usr", "NIGHT", "-pwd", "s3cret", CT)
    assert "--user" in report["argv"]
    assert not any("s3cret" in file.read_text() for file in tmp_path.iterdir())


def test_series_and_study(tmp_path: Path) -> None:
    """Also of files of other encodings, and of those that were not sent."""
    files = [CT, MR, DATA / "pydicom" / "image_dfl.dcm", DATA / "pydicom" / "MR_small_bigendian.dcm"]
    _, _, report = send_and_report(tmp_path, "-nh", *files, script=Script(stores={2: Abort()}))
    for file, instance in zip(files, report["instances"], strict=True):
        data_set = pydicom.dcmread(file, stop_before_pixels=True)
        assert instance["study_uid"] == data_set.get("StudyInstanceUID")
        assert instance["series_uid"] == data_set.get("SeriesInstanceUID")
    assert set(report["by_study"]) == {instance["study_uid"] or "" for instance in report["instances"]}


@pytest.mark.parametrize(
    ("name", "character_set", "codec"),
    [
        ("Müller^Jörg", "ISO_IR 100", "latin-1"), ("Люкceмбypг", "ISO_IR 144", "iso8859-5"),
        ("王^小東", "GB18030", "gb18030"), ("Yamada^Tarou=山田^太郎", "ISO_IR 192", "utf-8"),
        ("Yamada^Tarou=山田^太郎", "\\ISO 2022 IR 87", "iso2022_jp"),
    ],
)  # fmt: skip
def test_patients_are_in_reports_only_if_asked_for(tmp_path: Path, name: str, character_set: str, codec: str) -> None:
    elements = [
        (0x00080005, "CS", character_set.encode()), (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
        (0x00080018, "UI", b"1.2.3.4"), (0x00100010, "PN", name.encode(codec)), (0x00100020, "LO", b"PID-4711"),
        (0x0020000D, "UI", b"1.2.3.5"), (0x0020000E, "UI", b"1.2.3.6"),
    ]  # fmt: skip
    padded = [(tag, vr, value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)) for tag, vr, value in elements]
    (tmp_path / "one.dcm").write_bytes(file_with(EXPLICIT_LITTLE.encode(padded), EXPLICIT_LITTLE.uid))
    names = ("--report-html", "r.html")
    _, _, report = send_and_report(tmp_path, *names, "one.dcm")
    assert "patient_name" not in report["instances"][0]
    for file in ("r.json", "r.jsonl", "r.csv", "r.html"):
        text = (tmp_path / file).read_text()
        assert name not in text
        assert "PID-4711" not in text
    _, _, report = send_and_report(tmp_path, *names, "--report-patient", "one.dcm")
    assert (report["instances"][0]["patient_name"], report["instances"][0]["patient_id"]) == (name, "PID-4711")
    for file in ("r.json", "r.jsonl", "r.csv", "r.html"):
        assert "PID-4711" in (tmp_path / file).read_text()


def test_every_field_is_told_by_some_run(tmp_path: Path) -> None:
    """No field of the schema that is always empty, false or missing."""
    (tmp_path / "broken.dcm").write_bytes(CT.read_bytes()[:1000])
    (tmp_path / os.fsdecode(b"n\xe4me.dcm")).write_bytes(CT.read_bytes())
    answers = {
        1: Respond(0xA700, extra={0x0902: b"no room ", 0x0901: b"\x08\x00\x18\x00"}), 2: Respond(0xB000), 3: Abort()
    }  # fmt: skip
    options = ("-nh", "--report-patient", "--journal", "journal")
    files = (CT, MR, os.fsdecode(b"n\xe4me.dcm"), "broken.dcm", DATA / "README.md", DATA / "pydicom" / "image_dfl.dcm")
    convert = Script(associate=Accept(contexts=prefer("1.2.840.10008.1.2")), stores=answers)
    _, _, told = send_and_report(tmp_path, *options, *files, script=convert)
    with ScriptedPeer() as peer:
        for _ in range(2):
            words = ("-nh", "--journal", "another", "--resume", "--report-json", "again.json", HOST, peer.port, CT)
            run(installed_dcmsend(), *words, cwd=tmp_path)
    again = check(json.loads((tmp_path / "again.json").read_text()))
    _, _, ended = send_and_report(tmp_path, CT, MR, script=Script(stores={1: Abort()}))
    _, _, invalid = send_and_report(tmp_path, "-nh", CT, DATA / "pydicom" / "nested_priv_SQ.dcm")
    _, _, chosen = send_and_report(tmp_path, "--only", "Modality=CT", CT, MR)
    for name in ("old", "young", "other"):
        shutil.copyfile(CT, tmp_path / name)
    os.utime(tmp_path / "old", (1e9, 1e9))
    _, _, left = send_and_report(tmp_path, "--exclude", "other", "--min-age", "1h", "old", "young", "other")
    reports = [told, again, ended, invalid, chosen, left]

    def seen(values: list[dict[str, Any]]) -> set[str]:
        return {name for value in values for name, each in value.items() if each not in (None, "", 0, False, [], {})}

    instances = [instance for report in reports for instance in report["instances"]]
    proofs = {"proof", "proofs", "proofs_of_earlier"}  # test_proof_reports.py
    assert seen(instances) == set(SCHEMA["$defs"]["instance"]["properties"]) - proofs
    choice = {"parallel_associations"}  # transfer/test_auto_associations.py
    unread = {"folders_unread"}  # tests/system/test_bad_inputs.py
    assert seen(reports) == set(SCHEMA["properties"]) - proofs - choice
    for field, definition in (("totals", "totals"), ("associations", "association")):
        values = [value for report in reports for value in _as_list(report[field])]
        assert seen(values) == set(SCHEMA["$defs"][definition]["properties"]) - proofs - unread, field
    for field in ("peer", "exit"):
        alternatives = _alternatives(SCHEMA["properties"][field])
        properties = next(each["properties"] for each in alternatives if "properties" in each)
        # tests/cli/test_tls_options.py, test_web_peer.py
        missing = {"tls", "url"} if field == "peer" else set()
        assert seen([report[field] for report in reports]) | missing == set(properties)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
