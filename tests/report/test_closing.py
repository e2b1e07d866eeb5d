"""The last lines of a run, as the person sees them who comes back to the terminal."""

from __future__ import annotations

import re
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest

from dcmsend.advice import for_reason
from dcmsend.cli.exit_code import ExitCode
from dcmsend.errors import Cancelled, ConnectFailed, InvalidInputFile, NegotiationFailed, ReportError, StoreUnusable
from dcmsend.index import RejectedInput
from dcmsend.protocol import StatusClass
from dcmsend.reasons import NoStore, Rejection
from dcmsend.report import ProofSummary, ReportOptions, RunRecord
from dcmsend.report.amounts import format_rate
from dcmsend.report.base import Report
from dcmsend.report.closing import closing_lines
from dcmsend.report.reports import Reports
from dcmsend.transfer import InstanceProof, Proof, ProofState, Reason, Result
from dcmsend.transfer.auto_count import AutoCount
from dcmsend.transfer.auto_facts import Choice, Why


def record_of() -> RunRecord:
    """A record with chosen counts, as a long run has them."""
    record = RunRecord()
    summary = record.summary
    summary.results[Result.STORED] = 12_406_110
    summary.answers[StatusClass.WARNING] = 6_012
    summary.bytes = 6_200_000_000_000
    for (result, why, is_retryable), count in {
        (Result.REFUSED, 0xA900, False): 1_204,
        (Result.REFUSED, 0xA700, True): 311,
        (Result.FAILED, Reason.DATA_SET_BROKEN, False): 258,
        (Result.UNCONFIRMED, Reason.CONNECTION_LOST, True): 13,
    }.items():
        summary.troubles[result, why, is_retryable] = count
        summary.results[result] += count
        summary.retryable += count * is_retryable
    record.exit_code = ExitCode.SOME_MAY_SUCCEED
    shown = {"seconds": 25_320.0, "journal": "night.db", "already_stored": 27_592_104, "not_dicom": 4_112}
    names = (
        "summary", "broken_files", "not_now", "error", "report_error", "exit_code", "may_succeed", "cannot_succeed",
        "other_shards", "filtered", "proofs", "rejections", "left_out", "auto", "waiting_share", "by_web",
        "names_left_out", "leaves_young", "all_runs", "unwritten",
    )  # fmt: skip
    return cast(RunRecord, SimpleNamespace(**{name: getattr(record, name) for name in names} | shown))


def test_a_night() -> None:
    record = record_of()
    record.all_runs = lambda: (39_998_214, 40_000_000)
    assert closing_lines(record, reports=ReportOptions(csv_report="night.csv")) == [
        "12 406 110 of 12 407 896 instances stored, 6.2 TB in 7h02m, 490/s, 245 MB/s",
        "  NOT stored 1 786   (stored with a warning from the peer: 6 012)",
        "    refused   1 204 0xA900 DataSetDoesNotMatchSOPClass -> manual action",
        "      The archive says that the data set does not fit its SOP Class. Ask the",
        "      administrator to check its log.",
        "    refused     311 0xA700 OutOfResources -> try again",
        "      The archive is out of resources (disk, database). Send again later;",
        "      --retry N does so up to N times.",
        "    failed      258 broken -> manual action",
        "      The file is damaged or cut off. Get it again from where it came from.",
        "    no answer    13 lost -> try again",
        "  one by one in night.csv",
        "  earlier runs 27 592 104 already in the journal; not DICOM 4 112 skipped",
        "  over all runs 39 998 214 of 40 000 000 in the journal are stored",
        "Exit 101: 324 may succeed when run again (--resume), 1 462 need manual action.",
    ]


def test_advice_that_several_kinds_share_is_told_once() -> None:
    record = RunRecord()
    for status in (0xC123, 0xC456):
        record.summary.troubles[Result.REFUSED, status, False] = 1
        record.summary.results[Result.REFUSED] += 1
    text = "\n".join(closing_lines(record))
    assert "0xC123" in text
    assert "0xC456" in text
    assert text.count("cannot understand the data set") == 1


def waited(share: float, seconds: float = 600.0, *, by_web: bool = False) -> RunRecord:
    """The record of a run over one association at a time."""
    record = record_of()
    record.waiting_share, record.by_web = share, by_web
    vars(record)["seconds"] = seconds
    return record


def test_a_run_that_has_waited_says_what_would_have_been_faster() -> None:
    lines = closing_lines(waited(0.93), advises_auto=True)
    assert lines[-3:-1] == [
        "  93 % of the time went by waiting for answers",
        "  (--parallel-associations auto: several associations, up to 8 times as fast)",
    ]
    web = closing_lines(waited(0.66, by_web=True), advises_auto=True)
    assert web[-2] == "  (--parallel-associations auto: several connections, up to 3 times as fast)"
    assert all(len(line) <= 80 for line in lines + web)


@pytest.mark.parametrize(("share", "seconds", "advises"), [
    (0.93, 600.0, False), (0.45, 600.0, True), (0.93, 4.0, True), (0.0, 600.0, True),
], ids=["an old command line", "it has worked most of the time", "a short run", "several associations"])  # fmt: skip
def test_other_runs_say_nothing_of_it(share: float, seconds: float, advises: bool) -> None:
    lines = closing_lines(waited(share, seconds), advises_auto=advises)
    assert not any("waiting" in line or "--parallel" in line for line in lines)


@pytest.mark.parametrize("why", Why)
def test_how_many_were_chosen_and_why(why: Why) -> None:
    for by_web, word in ((False, "associations"), (True, "connections")):
        record = waited(0.9, by_web=by_web)
        record.auto = AutoCount(8, 0.0)
        record.auto.choice = Choice(4, why)
        line = closing_lines(record, advises_auto=True)[-2]
        assert line == f"  {word} chosen 4 (at most 8): {why.value}"
        assert len(line) <= 80


def test_everything_is_stored() -> None:
    record = RunRecord()
    record.summary.results[Result.STORED] = 1
    record.exit_code = ExitCode.OK
    lines = closing_lines(record)
    assert lines[0].startswith("1 of 1 instances stored, 0 B in ")
    assert lines[1:] == ["Exit 0: everything is stored."]


def test_what_ended_the_run_comes_first() -> None:
    record = RunRecord()
    record.error = NegotiationFailed(ConnectFailed("TCP Initialization Error: Connection refused"))
    record.exit_code = ExitCode.CANNOT_NEGOTIATE_ASSOCIATION
    record.summary.results[Result.NOT_ATTEMPTED] = record.summary.retryable = 3
    record.summary.troubles[Result.NOT_ATTEMPTED, Reason.NO_ASSOCIATION, True] = 3
    lines = closing_lines(record)
    assert lines[2] == "    not begun     3 no association -> try again"
    assert lines[-1] == (
        "Exit 61: cannot negotiate network association: TCP Initialization Error: Connection refused, "
        "3 may succeed when run again."
    )
    record.error = Cancelled("SIGINT")
    record.exit_code = ExitCode.INTERRUPTED
    assert closing_lines(record)[-1] == "Exit 130: ended by SIGINT, 3 may succeed when run again."


def test_many_kinds_of_trouble() -> None:
    record = record_of()
    for status in range(0xC000, 0xC040):
        record.summary.troubles[Result.REFUSED, status, False] = 1
    lines = closing_lines(record)
    assert sum("->" in line for line in lines) == 8
    assert lines[-3] == "    others       60"
    assert all(len(line) <= 80 for line in lines)


def proven_record(counts: dict[tuple[ProofState, int | str | None], int]) -> RunRecord:
    record = RunRecord()
    record.summary.results[Result.STORED] = sum(counts.values())
    record.proofs = ProofSummary()
    for (state, reason), count in counts.items():
        for index in range(count):
            record.proofs.add(InstanceProof(index + 1, "a", "1.2", "1.3", "", "", Proof(state, reason)))
    return record


def test_the_archive_has_everything() -> None:
    record = proven_record({(ProofState.VERIFIED, None): 1200})
    record.exit_code = ExitCode.OK
    assert closing_lines(record)[1:] == [
        "  1 200 of 1 200 verified at the archive", "Exit 0: everything is stored, and the archive has it.",
    ]  # fmt: skip
    record = proven_record({(ProofState.COMMITTED, None): 3})
    assert closing_lines(record)[1] == "  3 of 3 committed by the archive"
    record = proven_record({(ProofState.COMMITTED, None): 3, (ProofState.VERIFIED, None): 4})
    assert closing_lines(record)[1] == "  7 of 7 confirmed by the archive"


def test_the_archive_has_not_everything() -> None:
    record = proven_record({
        (ProofState.VERIFIED, None): 9_900, (ProofState.MISSING, None): 60, (ProofState.DENIED, 0x0112): 7,
        (ProofState.NO_ANSWER, "timed_out"): 30, (ProofState.NO_ANSWER, 0xA700): 3,
    })  # fmt: skip
    record.journal = "night.db"
    *lines, result = closing_lines(record)[1:]
    assert lines == [
        "  9 900 of 10 000 verified at the archive, 7 denied, 60 missing, 33 without an answer",
        "    without an answer 30: timed out; denied 7: 0x0112 no such SOP Instance",
    ]
    assert result == (
        "Result: 67 denied or missing, sent when run again (--resume with --verify or --commit), 33 may be proven when "
        "run again (--resume)."
    )
    record.refuted_for_good = 1
    assert closing_lines(record)[-1].startswith(
        "Result: 66 denied or missing, sent when run again (--resume with --verify or --commit), 1 denied or missing "
        "needs manual action, 33 may"
    )


def test_the_run_ends_before_the_archive_was_asked_about_everything() -> None:
    record = proven_record({(ProofState.VERIFIED, None): 40})
    record.summary.results[Result.STORED] = 100
    record.error = Cancelled("SIGINT")
    assert closing_lines(record)[1:] == [
        "  40 of 100 verified at the archive, 60 not asked about",
        "Result: ended by SIGINT, 60 may be proven when run again.",
    ]


def test_nothing_was_to_be_proven() -> None:
    record = proven_record({})
    assert closing_lines(record)[1:] == ["Result: everything is stored."]


def test_a_share() -> None:
    record = RunRecord()
    record.other_shards, record.not_dicom = 12_345, 2
    assert closing_lines(record)[1] == "  other shards 12 345 files; not DICOM 2 skipped"


def test_records_of_a_dicomdir_are_no_files() -> None:
    record = RunRecord()
    for _ in range(3):
        record.reject(RejectedInput("A", "text", is_dicom=True, dicomdir="DICOMDIR", why=Rejection.OUTSIDE))
    record.reject(RejectedInput("notes.txt", "text", is_dicom=False, why=Rejection.NO_META_HEADER))
    assert "  not DICOM 1 skipped" in closing_lines(record)


def test_what_cannot_be_read_is_not_broken() -> None:
    record = RunRecord()
    for why in (Rejection.UNREADABLE, Rejection.UNREADABLE, Rejection.BROKEN, Rejection.UNSEARCHABLE):
        record.reject(RejectedInput("a", "text", is_dicom=True, why=why))
    lines = closing_lines(record)
    assert lines[0].startswith("0 of 4 instances stored, ")
    assert lines[1:] == [
        "  NOT stored 4",
        "    not sent      2 unreadable -> manual action",
        "      Look at the name and the permissions.",
        "    not sent      1 broken -> manual action",
        "      The file is damaged or cut off; get it again from where it came from.",
        "    not sent      1 folder -> manual action",
        "      Nothing in this folder is sent, and nothing in it is counted; look at its",
        "      permissions.",
        "Result: 4 need manual action.",
    ]


def test_all_that_did_not_arrive_has_one_total() -> None:
    """What was begun and what could not be: the lines of both make the total, and so do the parts of the result."""
    record = RunRecord()
    record.summary.results.update({Result.STORED: 5, Result.FAILED: 2, Result.NOT_ATTEMPTED: 10})
    record.summary.troubles.update({
        (Result.FAILED, Reason.DATA_SET_BROKEN, False): 2, (Result.NOT_ATTEMPTED, Reason.CANCELLED, True): 10,
    })  # fmt: skip
    record.summary.retryable = 10
    for why in (Rejection.UNREADABLE, Rejection.NOT_NOW, Rejection.NOT_NOW):
        record.reject(RejectedInput("a", "text", is_dicom=True, why=why))
    record.reject(RejectedInput("a", "text", is_dicom=False, why=Rejection.NO_META_HEADER))
    lines = closing_lines(record)
    assert lines[0].startswith("5 of 20 instances stored, ")
    assert lines[1] == "  NOT stored 15"
    kinds = [re.fullmatch(r"    (?:not begun|not sent|failed) +(\d+) .* -> (.*)", line) for line in lines]
    found = [(int(kind[1]), kind[2]) for kind in kinds if kind is not None]
    assert sorted(found) == [(1, "manual action"), (2, "manual action"), (2, "try again"), (10, "try again")]
    assert "  not DICOM 1 skipped" in lines
    assert lines[-1] == "Result: 12 may succeed when run again, 3 need manual action."


def test_the_total_over_all_runs() -> None:
    """Where the journal knows more than this run; what was not begun is not in it."""
    record = RunRecord()
    record.summary.results.update({Result.STORED: 35, Result.FAILED: 3, Result.NOT_ATTEMPTED: 1})
    for totals, wanted in (((1_997, 2_000), ["  over all runs 1 997 of 2 000 in the journal are stored"]),
                           ((35, 38), []), (None, [])):  # fmt: skip
        record.all_runs = lambda totals=totals: totals  # type: ignore[misc]
        assert [line for line in closing_lines(record) if "over all runs" in line] == wanted


TOLD_BY_REPORTS = ReportOptions(html_report="n.html", csv_report="n.csv")


@pytest.mark.parametrize(("reports", "journal", "kinds", "wanted"), [
    (TOLD_BY_REPORTS, "j", (Result.REFUSED,), ["one by one in n.html, n.csv"]),
    (ReportOptions(text_report="x"), "j", (Result.NOT_ATTEMPTED,), ["one by one in x.partial"]),
    (ReportOptions(text_report="/dev/null"), "j", (Result.NOT_ATTEMPTED,), []),
    (ReportOptions(json_report="-"), "j", (Result.REFUSED, Result.FAILED, Result.NOT_ATTEMPTED),
     ["one by one: dcmsend-journal j --outcome refused --outcome failed"]),
    (ReportOptions(), "my j", tuple(Result), [
        "one by one:", "  dcmsend-journal 'my j' --outcome refused", "  dcmsend-journal 'my j' --outcome failed",
        "  dcmsend-journal 'my j' --outcome unconfirmed",
    ]),
    (ReportOptions(), None, (Result.FAILED,), ["(--report-csv FILE lists them one by one)"]),
    (ReportOptions(), "j", (Result.NOT_ATTEMPTED,), []),
    (None, None, (Result.FAILED,), []),
], ids=[
    "reports", "DCMTK's report", "a device", "journal", "journal, three kinds", "neither", "nothing tried", "old",
])  # fmt: skip
def test_where_the_names_are(
    reports: ReportOptions | None, journal: str | None, kinds: tuple[Result, ...], wanted: list[str]
) -> None:
    record = RunRecord()
    record.journal = journal
    for kind in kinds:
        record.summary.results[kind] = 1
    lines = closing_lines(record, reports=reports)
    assert [line[2:] for line in lines if "one by one" in line or "dcmsend-journal" in line] == wanted
    assert all(len(line) <= 80 for line in lines)


def test_a_report_that_could_not_be_written_is_no_place() -> None:
    """With the end that counts; DCMTK's report has its own name only if the run came to its normal end."""
    reports = Reports()
    for path in ("n.html", "t", "n.json"):
        reports.add(partial(_cannot_be_made, path), is_needed=False)
    record = RunRecord()
    record.summary.results[Result.REFUSED] = 1
    record.ended = True
    options = TOLD_BY_REPORTS.replace(json_report="n.json", text_report="t")
    assert "  one by one in n.html, n.csv, n.json, t" in closing_lines(record, reports=options)
    reports.finish(record, None)
    assert "  one by one in n.csv" in closing_lines(record, reports=options)


def _cannot_be_made(path: str) -> Report:
    raise ReportError(path, "the disk is full")


@pytest.mark.parametrize(("count", "wanted"), [
    (1_000, "one by one in n"), (1_001, "(--report-csv FILE lists them one by one)"),
])  # fmt: skip
def test_the_page_for_people_is_no_place_where_it_does_not_show_all(count: int, wanted: str) -> None:
    record = RunRecord()
    record.summary.results[Result.REFUSED] = count - 1
    record.reject(RejectedInput("a", "text", is_dicom=True, why=Rejection.BROKEN))
    assert f"  {wanted}" in closing_lines(record, reports=ReportOptions(html_report="n"))


def test_what_was_not_begun_behind_a_bad_file_has_advice() -> None:
    record = RunRecord()
    record.summary.results[Result.NOT_ATTEMPTED] = 1
    record.summary.troubles[Result.NOT_ATTEMPTED, Reason.HALTED, False] = 1
    lines = closing_lines(record)
    place = lines.index("    not begun     1 halted -> manual action")
    assert " ".join(line.strip() for line in lines[place + 1 : -1]) == for_reason(Reason.HALTED, is_permanent=True)


def test_a_name_out_of_a_list_with_other_line_ends_stays_whole() -> None:
    record = RunRecord()
    record.error = InvalidInputFile("slice.dcm\r", "No such file or directory")
    end = "No such file or directory."
    assert closing_lines(record)[-1] == f"Result: bad DICOM file: slice.dcm\r: {end}"
    record.error = ConnectFailed("TCP Initialization Error:\r\nrefused")
    assert closing_lines(record)[-1] == "Result: TCP Initialization Error:; refused."


def test_slow_transfers_have_decimals() -> None:
    assert [format_rate(rate) for rate in (0.0, 0.0001, 0.004, 0.04, 0.5, 0.96, 7.34, 9.96, 490.2)] == [
        "0/s", "0/s", "0.004/s", "0.04/s", "0.5/s", "1.0/s", "7.3/s", "10/s", "490/s",
    ]  # fmt: skip


@pytest.mark.parametrize("why", NoStore)
def test_a_store_that_refuses_for_good(why: NoStore) -> None:
    """Nobody is told to try again before credentials or rights are there."""
    record = RunRecord()
    record.error = StoreUnusable("s3://bucket/", "reason", why)
    record.summary.results[Result.NOT_ATTEMPTED] = record.summary.retryable = 3
    record.summary.troubles[Result.NOT_ATTEMPTED, Reason.HALTED, True] = 3
    text = "\n".join(closing_lines(record))
    assert ("try again" in text) is ("may succeed" in text) is (not why.is_permanent)


def test_what_the_journal_does_not_name() -> None:
    record = RunRecord()
    record.journal = "j"
    record.summary.results[Result.FAILED] = 1
    record.reject(RejectedInput("a", "text", is_dicom=True, why=Rejection.UNREADABLE))
    lines = closing_lines(record, reports=ReportOptions())
    place = lines.index("  one by one: dcmsend-journal j --outcome failed")
    assert lines[place + 1] == "  (the messages name what could not be sent)"
