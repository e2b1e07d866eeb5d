"""The status summary: DCMTK's lines, from the outcomes and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend import Instance, ReadMode, Reason, Result, StoreOutcome, Summary
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.inputs import InputFile
from dcmsend.protocol import is_stored
from dcmsend.report import format_summary

INSTANCE = Instance(InputFile("a.dcm"), "1.2.3", "1.2.3.4", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY)


def answered(status: int) -> StoreOutcome:
    return StoreOutcome(1, INSTANCE, Result.STORED if is_stored(status) else Result.REFUSED, status)


def unanswered(result: Result, reason: Reason) -> StoreOutcome:
    return StoreOutcome(1, INSTANCE, result, reason=reason)


def summary_of(*outcomes: StoreOutcome) -> Summary:
    summary = Summary()
    for outcome in outcomes:
        summary.add(outcome)
    return summary


def test_nothing_at_all() -> None:
    assert format_summary(Summary(), 0, 0) == (
        "Status Summary\n"
        "--------------\n"
        "Number of associations   : 0\n"
        "Number of pres. contexts : 0\n"
        "Number of SOP instances  : 0"
    )


def test_all_lines() -> None:
    summary = summary_of(
        *[answered(0)] * 7, answered(0xB000), answered(0xB007), answered(0xA900), answered(0xA700), answered(0xA701),
        answered(0x0122), answered(0x0110),
        unanswered(Result.FAILED, Reason.NO_CONTEXT), unanswered(Result.FAILED, Reason.NO_CONTEXT),
        unanswered(Result.FAILED, Reason.DATA_SET_BROKEN), unanswered(Result.UNCONFIRMED, Reason.ABORTED),
        unanswered(Result.NOT_ATTEMPTED, Reason.HALTED),
    )  # fmt: skip
    assert format_summary(summary, 3, 12) == (
        "Status Summary\n"
        "--------------\n"
        "Number of associations   : 3\n"
        "Number of pres. contexts : 12\n"
        "Number of SOP instances  : 19\n"
        "- sent to the peer       : 14\n"
        "  * with status SUCCESS  : 7\n"
        "  * with status WARNING  : 2\n"
        "  * with status ERROR    : 1\n"
        "  * with status REFUSED  : 3\n"
        "  * with unknown status  : 1\n"
        "- NOT sent to the peer   : 5\n"
        "  * no acceptable pres.  : 2"
    )


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (0x0000, "SUCCESS"), (0x0001, "WARNING"), (0x0107, "WARNING"), (0x0116, "WARNING"), (0xB000, "WARNING"),
        (0xBFFF, "WARNING"), (0xA700, "REFUSED"), (0xA7FF, "REFUSED"), (0x0122, "REFUSED"), (0xA900, "ERROR"),
        (0xA9FF, "ERROR"), (0xC000, "ERROR"), (0xCFFF, "ERROR"), (0x0110, ""), (0x0124, ""), (0xA800, ""),
        (0xD000, ""), (0xFE00, ""), (0xFF00, ""), (0xFFFE, ""), (0xFFFF, ""), (0x1234, ""),
    ],
)  # fmt: skip
def test_class_of_a_status(status: int, line: str) -> None:
    lines = format_summary(summary_of(answered(status)), 1, 1).split("\n")
    assert lines[5:] == [
        "- sent to the peer       : 1",
        f"  * with status {line:<8} : 1" if line else "  * with unknown status  : 1",
    ]


OUTCOMES = st.one_of(
    st.integers(0, 0xFFFF).map(answered),
    st.builds(
        unanswered, st.sampled_from([Result.FAILED, Result.UNCONFIRMED, Result.NOT_ATTEMPTED]), st.sampled_from(Reason)
    ),
)


@given(st.lists(OUTCOMES, max_size=60))
def test_counts_add_up(outcomes: list[StoreOutcome]) -> None:
    summary = summary_of(*outcomes)
    assert summary.total == len(outcomes) == sum(summary.results.values())
    assert summary.sent == sum(summary.answers.values())
    assert summary.sent == summary.results[Result.STORED] + summary.results[Result.REFUSED]
    assert summary.not_stored == len(outcomes) - summary.results[Result.STORED]
    assert 0 <= summary.retryable <= summary.not_stored


@pytest.mark.parametrize(
    ("outcome", "is_retryable"),
    [
        (answered(0), False), (answered(0xB000), False), (answered(0xA700), True), (answered(0xA7FF), True),
        (answered(0x0110), True), (answered(0xA900), False), (answered(0xC000), False), (answered(0x0122), False),
        (answered(0x0124), False),
        (unanswered(Result.FAILED, Reason.DATA_SET_BROKEN), False),
        (unanswered(Result.FAILED, Reason.FILE_UNREADABLE), False),
        (unanswered(Result.FAILED, Reason.NO_CONTEXT), False),
        (unanswered(Result.FAILED, Reason.NOT_CONVERTIBLE), False),
        (unanswered(Result.FAILED, Reason.CONNECTION_LOST), True),
        (unanswered(Result.FAILED, Reason.FILE_CHANGED), True),
        (unanswered(Result.UNCONFIRMED, Reason.TIMED_OUT), True),
        (unanswered(Result.UNCONFIRMED, Reason.ABORTED), True),
        (unanswered(Result.NOT_ATTEMPTED, Reason.CANCELLED), True),
        (unanswered(Result.NOT_ATTEMPTED, Reason.NO_ASSOCIATION), True),
    ],
)  # fmt: skip
def test_what_may_succeed_another_time(outcome: StoreOutcome, is_retryable: bool) -> None:
    assert outcome.is_retryable is is_retryable
    assert summary_of(outcome).retryable == is_retryable
