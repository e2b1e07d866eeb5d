"""What each option means for the settings of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from dcmsend.association import AddressFamily, Peer
from dcmsend.cli.arguments import LogChoice, build_settings, choose_logging
from dcmsend.cli.command_line import scan_command_line
from dcmsend.cli.option_table import OPTIONS, SECURITY_OPTIONS, WEB_OPTIONS
from dcmsend.dicom.record import Record
from dcmsend.errors import UsageError
from dcmsend.index import KeepTogether, ReadMode, ValueRule
from dcmsend.inputs import FileList, NameRule, Shard
from dcmsend.journal import JournalOptions
from dcmsend.plan import Decompression
from dcmsend.proof import CommitOptions, VerifyOptions
from dcmsend.settings import Preview, Settings
from dcmsend.transfer import AutoAssociations, Timetable


def settings_for(*arguments: str) -> Settings:
    return build_settings(scan_command_line([*arguments, "host", "104", "file"]), is_verbose=True)[0]


DERIVED = {"index.tells_once", "report.text_is_needed", "report.resend"}
"""Fields that follow from the whole command line: not what an option means."""


def differences(one: Any, other: Any, prefix: str = "") -> dict[str, Any]:
    """Fields of nested options that differ, with the second one's value."""
    found: dict[str, Any] = {}
    for name in vars(one):
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, Record):
            found |= differences(mine, theirs, f"{prefix}{name}.")
        elif mine != theirs and prefix + name not in DERIVED:
            found[prefix + name] = theirs
    return found


def report_meaning(field: str, option: str, value: str) -> tuple[list[str], dict[str, Any]]:
    """A report also shows the command line."""
    return [option, value], {f"report.{field}": value, "report.command_line": (option, value, "host", "104", "file")}


NEW_MEANING: dict[str, Any] = {
    "index.halt_on_invalid": False, "plan.halt_on_refusal": False, "transfer.halt_on_failure": False,
    "require_stored": True,
}  # fmt: skip
"""What a command line means that is none of DCMTK's."""


def journal_meaning(options: JournalOptions) -> dict[str, Any]:
    """A command line with a journal is none of DCMTK's."""
    return NEW_MEANING | {"journal": options}


def commit_meaning(**changes: Any) -> dict[str, Any]:
    options = CommitOptions(**changes)
    return journal_meaning(JournalOptions("j")) | {"commit": options, "report.with_proof": True}


MEANINGS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "--read-file": (["+f"], {"index.read_mode": ReadMode.FILE_OR_DATA_SET}),
    "--read-file-only": (["-f", "+fo"], {}),
    "--read-dataset": (["-f"], {"index.read_mode": ReadMode.DATA_SET_ONLY}),
    "--read-from-dicomdir": (["+rd"], {"index.expand_dicomdir": True}),
    "--scan-directories": (["+sd"], {"inputs.scan_directories": True}),
    "--scan-pattern": (["+sd", "+sp", "*"], {"inputs.scan_directories": True, "inputs.scan_pattern": "*"}),
    "--recurse": (["+sd", "+r"], {"inputs.scan_directories": True, "inputs.recurse": True}),
    "--no-recurse": (["+sd", "+r", "-r"], {"inputs.scan_directories": True}),
    "--decompress-never": (["-dn"], {"plan.decompression": Decompression.NEVER, "transfer.convert": False}),
    "--decompress-lossless": (["-dn", "+dls"], {"plan.decompression": Decompression.LOSSLESS}),
    "--decompress-lossy": (["+dly"], {"plan.decompression": Decompression.LOSSY}),
    "--compression-level": (["+cl", "0"], {"transfer.deflate_level": 0}),
    "--no-halt": (
        ["-nh"], {"index.halt_on_invalid": False, "plan.halt_on_refusal": False, "transfer.halt_on_failure": False},
    ),
    "--no-illegal-proposal": (["-nip"], {"plan.no_illegal_proposal": True}),
    "--no-uid-checks": (["-nuc"], {"index.check_uids": False}),
    "--ipv4": (["-i6", "-i4"], {}),
    "--ipv6": (["-i6"], {"peer.address_family": AddressFamily.IPV6}),
    "--ip-auto": (["-i0"], {"peer.address_family": AddressFamily.ANY}),
    "--aetitle": (["-aet", ""], {"peer.calling_ae_title": ""}),
    "--call": (["-aec", "PACS"], {"peer.called_ae_title": "PACS"}),
    "--multi-associations": (["-ma", "+ma"], {}),
    "--single-association": (["-ma"], {"plan.multiple_associations": False}),
    "--timeout": (["-to", "5x"], {"transfer.connect_timeout": 5.0}),
    "--acse-timeout": (["-ta", "99999999999999999999"], {"transfer.acse_timeout": 2_147_483.0}),
    "--dimse-timeout": (["-td", "1"], {"transfer.dimse_timeout": 1.0}),
    "--max-pdu": (["-pdu", "131072"], {"transfer.max_pdu": 131072}),
    "--max-send-pdu": (["--max-send-pdu", "4096"], {"transfer.max_send_pdu": 4096}),
    "--create-report-file": (["+crf", "r"], {"report.text_report": "r"}),
    "--verbose-pc": (["+v"], {"transfer.log_negotiation": True}),
    "--dicomdir-allow-outside": (["--dicomdir-allow-outside"], {"index.dicomdir_allow_outside": True}),
    "--normalize": (["--normalize"], {"transfer.normalize": True}),
    "--keep-ybr": (["--keep-ybr"], {"transfer.keep_ybr": True}),
    "--idle-timeout": (["--idle-timeout", "15m"], {"transfer.idle_timeout": 900.0}),
    "--parallel-associations": (["--parallel-associations", "4"], {"transfer.parallel_associations": 4}),
    "--async-window": (["--async-window", "1k"], {"transfer.async_window": 1000}),
    "--send-while-scanning": (
        ["--send-while-scanning"],
        {
            "index.halt_on_invalid": False, "plan.halt_on_refusal": False, "transfer.halt_on_failure": False,
            "require_stored": True, "send_while_scanning": True,
        },
    ),
    "--halt": (
        ["-nh", "--send-while-scanning", "--halt"], {"require_stored": True, "send_while_scanning": True},
    ),
    "--retry": (
        ["--retry", "4"],
        {
            "index.halt_on_invalid": False, "plan.halt_on_refusal": False, "transfer.halt_on_failure": False,
            "require_stored": True, "transfer.retry.attempts": 4, "transfer.stop_after_failures": 100,
        },
    ),
    "--retry-delay": (
        ["--retry", "0", "--halt", "--retry-delay", "2m"],
        {"require_stored": True, "transfer.retry.delay": 120.0},
    ),
    "--retry-max-time": (
        ["--retry", "0", "--halt", "--retry-max-time", "7h"],
        {"require_stored": True, "transfer.retry.max_time": 25200.0},
    ),
    "--stop-after-failures": (["--stop-after-failures", "1k"], {"transfer.stop_after_failures": 1000}),
    "--max-duration": (["--max-duration", "15m"], {"transfer.max_duration": 900.0}),
    "--keep-together": (["--keep-together", "series"], {"index.keep_together": KeepTogether.SERIES}),
    "--max-rate": (["--max-rate", "20Mi"], {"transfer.max_rate": 20 << 20}),
    "--max-instances-rate": (
        ["--max-instances-rate", "18:00,off 08:00,50"],
        {"transfer.max_instances_rate": Timetable(((480, 50), (1080, 0)))},
    ),
    "--files-from": (["--files-from", "-"], {"file_lists": (FileList("-", b"\n"),)}),
    "--files-from0": (
        ["--files-from0", "l", "--files-from", "m"], {"file_lists": (FileList("m", b"\n"), FileList("l", b"\0"))},
    ),
    "--archives": (["--archives"], {"inputs.archives": True}),
    "--storage-option": (["--storage-option", "a=b=c"], {"inputs.storage_options": (("a", "b=c"),)}),
    "--fetch-parallel": (["--fetch-parallel", "5"], {"inputs.fetch_parallel": 5}),
    "--include": (
        ["--include", "**/*.dcm", "--exclude", "b"],
        {"inputs.name_rules": (NameRule("**/*.dcm"), NameRule("b", takes=False))},
    ),
    "--exclude": (["--exclude", "tmp/"], {"inputs.name_rules": (NameRule("tmp/", takes=False),)}),
    "--only": (
        ["--only", "Modality=CT", "--skip", "0010,0010=*=*"],
        {"index.value_rules": (ValueRule("Modality", "CT"), ValueRule("0010,0010", "*=*", takes=False))},
    ),
    "--skip": (["--skip", "Modality="], {"index.value_rules": (ValueRule("Modality", "", takes=False),)}),
    "--min-age": (["--min-age", "15m"], {"inputs.min_age": 900.0}),
    "--journal": (["--journal", "j"], journal_meaning(JournalOptions("j"))),
    "--resume": (["--journal", "j", "--resume"], journal_meaning(JournalOptions("j", resume=True))),
    "--verify": (["--verify"], NEW_MEANING | {"verify": VerifyOptions(), "report.with_proof": True}),
    "--verify-peer": (
        ["--verify", "--verify-peer", "PACS@other:105"],
        NEW_MEANING
        | {"verify": VerifyOptions(), "report.with_proof": True, "archive": Peer("other", 105, "PACS")},
    ),
    "--commit": (["--journal", "j", "--commit"], commit_meaning()),
    "--commit-port": (
        ["--journal", "j", "--commit", "--commit-port", "[::1]:104"], commit_meaning(address="::1", port=104)
    ),
    "--commit-from": (["--journal", "j", "--commit", "--commit-from", " PACS "], commit_meaning(report_from="PACS")),
    "--commit-wait": (["--journal", "j", "--commit", "--commit-wait", "15m"], commit_meaning(wait=900.0)),
    "--shard": (["--shard", "2/3"], NEW_MEANING | {"inputs.shard": Shard(2, 3)}),
    "--move-sent": (["--journal", "j", "--move-sent", "d"], journal_meaning(JournalOptions("j", move_sent="d"))),
    "--dry-run": (["--dry-run"], {"preview": Preview.DRY_RUN}),
    "--probe-peer": (["--probe-peer"], {"preview": Preview.PROBE_PEER}),
    "--report-json": report_meaning("json_report", "--report-json", "-"),
    "--report-jsonl": report_meaning("jsonl_report", "--report-jsonl", "r"),
    "--report-csv": report_meaning("csv_report", "--report-csv", "r"),
    "--report-html": report_meaning("html_report", "--report-html", "r"),
    "--metrics-file": report_meaning("metrics_file", "--metrics-file", "m.prom"),
    "--report-patient": (
        ["--report-csv", "r", "--report-patient"],
        {
            **report_meaning("csv_report", "--report-csv", "r")[1],
            "report.with_patient": True,
            "report.command_line": ("--report-csv", "r", "--report-patient", "host", "104", "file"),
        },
    ),
    "--require-stored": (["--require-stored"], {"require_stored": True}),
}
NOT_FOR_THE_RUN = {
    "--help", "--help-all", "--version", "--list-decoders", "--arguments", "--quiet", "--verbose", "--debug",
    "--log-level", "--log-config",
    "--progress",
    "--no-progress",
}


@pytest.mark.parametrize(("arguments", "changed"), MEANINGS.values(), ids=MEANINGS.keys())
def test_meaning(arguments: list[str], changed: dict[str, Any]) -> None:
    assert differences(settings_for(), settings_for(*arguments)) == changed


def test_every_option_has_its_meaning_here() -> None:
    """Those about TLS, the user, web services and clusters have a file each, that about time is below."""
    elsewhere = SECURITY_OPTIONS | set(WEB_OPTIONS) | {"--stop-at", "--cluster", "--cluster-tls"}
    assert MEANINGS.keys() | NOT_FOR_THE_RUN | elsewhere == {row.long for row in OPTIONS}


@pytest.mark.parametrize(("text", "most"), [("auto", 8), ("auto:3", 3), ("auto:1", 1), ("auto:128", 128)])
def test_as_many_associations_as_help(text: str, most: int) -> None:
    chosen = settings_for("--parallel-associations", text)
    assert differences(settings_for(), chosen) == {"transfer.parallel_associations": AutoAssociations(most)}


def test_stop_at() -> None:
    """The next time at which the clock shows it."""
    stop_at = settings_for("--stop-at", "06:30").transfer.stop_at
    assert stop_at is not None
    assert 0 < stop_at - time.time() <= 25 * 3600
    assert time.localtime(stop_at)[3:6] == (6, 30, 0)


@pytest.mark.parametrize(
    ("variables", "changed"),
    [
        ({}, {}),
        ({"DCMDICTPATH": ""}, {}),
        ({"DCMDICTPATH": "a.dic:b.dic"}, {"dictionary_files": ("a.dic", "b.dic")}),
        ({"TCP_NODELAY": "0"}, {"transfer.tcp_no_delay": False}),
        ({"TCP_NODELAY": "1"}, {}),
        ({"TCP_NODELAY": "x"}, {}),
        ({"TCP_BUFFER_LENGTH": "131072"}, {"transfer.tcp_buffer_length": 131072}),
        ({"TCP_BUFFER_LENGTH": "99999999999"}, {}),
        ({"TCP_BUFFER_LENGTH": "-1"}, {}),
    ],
)
def test_environment(variables: dict[str, str], changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DCMDICTPATH", "TCP_NODELAY", "TCP_BUFFER_LENGTH"):
        monkeypatch.delenv(name, raising=False)
    plain = settings_for()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert differences(plain, settings_for()) == changed


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        ([], 30), (["-v"], 20), (["-d"], 10), (["-q"], 50), (["-q", "-d", "-v"], 20), (["-ll", "Trace"], 5),
        (["-ll", "x", "-ll", "warn"], 30), (["-ll", "FATAL"], 50),
    ],
)
def test_log_level(arguments: list[str], level: int) -> None:
    choice = choose_logging(scan_command_line([*arguments, "host", "104", "file"]))
    assert isinstance(choice, LogChoice)
    assert choice.level == level
    assert choice.config_file is None


def _error(action: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        action()
    return str(caught.value)


def test_errors_come_in_dcmtks_order_and_ours_last() -> None:
    """Each command line holds its own fault and all those that DCMTK would look at later."""
    faults = [
        (["+sp", "x"], "--scan-pattern only allowed"),
        (["+r"], "--recurse only allowed"),
        (["+cl", "x"], "Invalid value for option --compression-level (x)"),
        (["-to", "0"], "Invalid value for option --timeout (underflow: 0)"),
        (["-ta", "0"], "Invalid value for option --acse-timeout (underflow: 0)"),
        (["-td", "0"], "Invalid value for option --dimse-timeout (underflow: 0)"),
        (["-pdu", "1"], "Invalid value for option --max-pdu (underflow: 1)"),
        (["--max-send-pdu", "1"], "Invalid value for option --max-send-pdu (underflow: 1)"),
        (["--idle-timeout", "x"], "Invalid value for option --idle-timeout (x)"),
    ]
    for place, (_, expected) in enumerate(faults[:-1]):
        words = [word for arguments, _ in reversed(faults[place:]) for word in arguments]
        line = scan_command_line([*words, "host", "port", "file"])
        assert _error(lambda line=line: build_settings(line, is_verbose=True)).startswith(expected)
    words = faults[-1][0]
    line = scan_command_line([*words, "host", "port", "file"])
    assert _error(lambda: build_settings(line, is_verbose=True)) == "Invalid parameter value port"
