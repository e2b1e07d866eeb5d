"""Every error has an exit code, and every exit code of DCMTK's has an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcmsend import errors
from dcmsend.cli.exit_code import ERROR_CODES, ExitCode, exit_code_of_error, exit_code_of_outcomes
from dcmsend.errors import (
    AssociationRejected,
    Cancelled,
    ConnectFailed,
    DcmsendError,
    GivenUp,
    InvalidInputFile,
    NegotiationFailed,
    PlanError,
    ReportError,
    SendingFailed,
    SessionFailed,
    TimedOut,
    TranscodeError,
    UsageError,
)


def _error_classes(root: type[DcmsendError] = DcmsendError) -> Iterator[type[DcmsendError]]:
    yield root
    for child in root.__subclasses__():
        yield from _error_classes(child)


def test_no_error_is_without_a_code() -> None:
    """Classes with a leading underscore are never raised themselves."""
    public = {error for error in _error_classes() if error.__module__ == errors.__name__ and error.__name__[0] != "_"}
    assert public == set(ERROR_CODES)
    assert {error.__name__ for error in public} == set(errors.__all__)


def test_codes_of_dcmtk_are_all_reached() -> None:
    reached = {int(code) for code in ERROR_CODES.values()}
    assert {1, 21, 22, 23, 43, 61, 62, 65} <= reached  # 60 is never ours


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (UsageError("x"), 1),
        (InvalidInputFile("f", "End of stream"), 22),
        (NegotiationFailed(AssociationRejected(2, 3, 1)), 61),
        (SendingFailed(TimedOut("an answer", 1.0)), 62),
        (SendingFailed(TranscodeError("x")), 62),
        (PlanError("x"), 65),
        (ReportError("f", "x"), 43),
        (Cancelled("SIGINT"), 130),
        (Cancelled("SIGTERM"), 143),
        (Cancelled(Cancelled.TIME_WINDOW), 103),
        (GivenUp("x"), 62),
    ],
)
def test_codes_of_an_old_command_line(error: DcmsendError | None, code: int) -> None:
    assert exit_code_of_error(error) == code


def test_a_class_derived_elsewhere_has_the_code_of_its_base() -> None:
    class Special(ConnectFailed):
        pass

    assert exit_code_of_error(Special("x")) == 61


@pytest.mark.parametrize(
    ("may", "later", "cannot", "code"),
    [
        (5, 5, 0, ExitCode.TIME_WINDOW_OVER),
        (5, 5, 3, ExitCode.TIME_WINDOW_OVER),
        (6, 5, 0, ExitCode.SOME_MAY_SUCCEED),
    ],
)
def test_codes_after_the_time_window(may: int, later: int, cannot: int, code: ExitCode) -> None:
    error = Cancelled(Cancelled.TIME_WINDOW)
    found = exit_code_of_outcomes(error, may_succeed=may, cannot_succeed=cannot, left_for_later=later)
    assert found is code


@pytest.mark.parametrize(
    ("error", "may", "cannot", "code"),
    [
        (None, 0, 0, ExitCode.OK),
        (None, 1, 0, ExitCode.SOME_MAY_SUCCEED),
        (None, 0, 1, ExitCode.REST_CANNOT_SUCCEED),
        (None, 1, 1, ExitCode.SOME_MAY_SUCCEED),
        (SendingFailed(TimedOut("an answer", 1.0)), 3, 0, ExitCode.SOME_MAY_SUCCEED),
        (SendingFailed(TranscodeError("x")), 0, 1, ExitCode.REST_CANNOT_SUCCEED),
        (PlanError("x"), 0, 2, ExitCode.REST_CANNOT_SUCCEED),
        (NegotiationFailed(ConnectFailed("x")), 2, 1, ExitCode.CANNOT_NEGOTIATE_ASSOCIATION),
        (NegotiationFailed(AssociationRejected(2, 1, 1)), 2, 0, ExitCode.CANNOT_NEGOTIATE_ASSOCIATION),
        (NegotiationFailed(AssociationRejected(1, 1, 7)), 2, 0, ExitCode.PEER_SAYS_NO),
        (InvalidInputFile("f", "x"), 0, 1, ExitCode.INVALID_INPUT_FILE),
        (ReportError("f", "x"), 0, 0, ExitCode.CANNOT_WRITE_REPORT),
        (ReportError("f", "x"), 1, 0, ExitCode.SOME_MAY_SUCCEED),
        (ReportError("f", "x"), 0, 1, ExitCode.REST_CANNOT_SUCCEED),
        (Cancelled("SIGTERM"), 5, 0, ExitCode.TERMINATED),
    ],
)
def test_codes_with_require_stored(error: DcmsendError | None, may: int, cannot: int, code: ExitCode) -> None:
    assert exit_code_of_outcomes(error, may_succeed=may, cannot_succeed=cannot) is code


def test_whoever_refuses_for_good_is_told_apart() -> None:
    """Whatever the way to send: 105 is for a person, 61 for a later run."""

    class Refused(SessionFailed):
        is_permanent = True

    for error, code in ((Refused(TimedOut("an answer", 1.0)), 105), (SessionFailed(TimedOut("an answer", 1.0)), 61)):
        assert exit_code_of_outcomes(error, may_succeed=1, cannot_succeed=0) == code
        assert exit_code_of_error(error) == 61
