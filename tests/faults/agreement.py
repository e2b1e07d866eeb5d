"""What a run says in all its ways, and whether it agrees with what the peer has."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dcmsend import run as dcmsend_run
from dcmsend.cli.arguments import build_settings
from dcmsend.cli.command_line import scan_command_line
from dcmsend.cli.exit_code import exit_code_of_run
from support.part10 import data_set_digest, read_part10
from support.report_file import parse_report

__all__ = ["Run", "check_agreement", "send"]


@dataclass
class Run:
    """What a run has said.

    Attributes:
        outcomes: by SOP Instance UID, the objects of the JSON report.
        text: DIMSE status in the text report, by SOP Instance UID.
        journal: outcome and status by name of the file; None if there is none.
    """

    exit_code: int
    document: dict[str, object]
    outcomes: dict[str, dict[str, object]]
    text: dict[str, str]
    journal: dict[str, tuple[int, int | None]]


def send(folder: Path, host: str, port: int, files: list[Path], seconds: float, *options: str) -> Run:
    """A run as the command does it, with shorter times than can be given there."""
    folder.mkdir()
    argv = [
        "--require-stored", "-nh", *options, "+crf", str(folder / "text"), "--report-json", str(folder / "json"),
        "--journal", str(folder / "journal"), "-to", "20", host, str(port), *map(str, files),
    ]  # fmt: skip
    settings, names = build_settings(scan_command_line(argv), is_verbose=False)
    hurried = settings.transfer.replace(acse_timeout=seconds, idle_timeout=seconds)
    run = dcmsend_run.Run(settings.replace(transfer=hurried))
    run.send_names(names, judge=lambda r: exit_code_of_run(r, require_stored=True))
    record = run.record
    assert record.exit_code is not None
    document = json.loads((folder / "json").read_text())
    report = parse_report((folder / ("text" if record.is_complete else "text.partial")).read_text())
    connection = sqlite3.connect(f"file:{folder / 'journal'}?mode=ro", uri=True)
    rows = connection.execute("SELECT name, outcome, status FROM instance").fetchall()
    connection.close()
    return Run(
        record.exit_code, document, {each["sop_instance_uid"]: each for each in document["instances"]},
        {entry["SOP Instance"]: entry["DIMSE Status"] for entry in report.entries},
        {name.decode(): (outcome, status) for name, outcome, status in rows},
    )  # fmt: skip


def check_agreement(done: Run, there: dict[str, str], files: list[Path], *, may_be_garbled: bool = False) -> None:
    """All that was said agrees with each other, and with what the peer has.

    ``there`` holds SOP Instance UIDs and digests of data sets (``""`` where unknown); ``may_be_garbled`` tells whether
    the peer has got bytes that nobody has sent, and nothing has protected it from them.
    """
    uids = {read_part10(path).sop_instance_uid: path for path in files}
    assert list(done.outcomes) == list(uids)
    for uid, path in uids.items():
        outcome = done.outcomes[uid]
        word, status = outcome["outcome"], outcome["status"]
        if word == "stored":
            assert uid in there
            if there[uid] and not may_be_garbled:
                assert there[uid] == data_set_digest(path)[1]
        elif word in ("failed", "refused", "not_attempted"):
            assert uid not in there or (may_be_garbled and word == "failed")
        else:
            assert word == "unconfirmed"
        assert (status is not None) == (word in ("stored", "refused"))
        assert (outcome["reason"] is None) == (status is not None)
        number = None if status is None else int(str(status), 16)
        text = "<not sent>" if number is None else f"0x{number:04x}"
        assert done.text[uid].startswith(text)
        codes = ["stored", "refused", "failed", "unconfirmed"]
        expected = None if word == "not_attempted" else (codes.index(str(word)), number)
        assert done.journal.get(path.name) == expected
        attempts = outcome["attempts"]
        assert isinstance(attempts, list)
        assert bool(attempts) == (word != "not_attempted")
    check_exit_code(done, may_be_garbled=may_be_garbled)


def check_exit_code(done: Run, *, may_be_garbled: bool) -> None:
    words = [str(each["outcome"]) for each in done.outcomes.values()]
    bad = [each for each in done.outcomes.values() if each["outcome"] != "stored"]
    message = done.document["exit"]["message"]  # type: ignore[index]
    if str(message).startswith("cannot negotiate network association"):
        assert done.exit_code in ((61, 105) if may_be_garbled else (61,))  # nonsense may be refused for good
        assert "not_attempted" in words
    elif any(each["retryable"] for each in bad):
        assert done.exit_code == 101
    else:
        assert done.exit_code == (102 if bad else 0)
    totals = done.document["totals"]
    assert {word: count for word, count in totals.items() if word in words} == Counter(words)  # type: ignore[attr-defined]
