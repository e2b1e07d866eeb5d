"""Exit codes: one table from errors to codes, and the codes of ``--require-stored``."""

from __future__ import annotations

from enum import IntEnum

from dcmsend import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.report import RunRecord

__all__ = ["ERROR_CODES", "ExitCode", "exit_code_of_error", "exit_code_of_outcomes", "exit_code_of_run"]


class ExitCode(IntEnum):
    """All exit codes.  Up to 65 they are DCMTK's; those above 100 need ``--require-stored`` or an option of ours."""

    OK = 0
    USAGE = 1
    NO_INPUT_FILES = 21
    INVALID_INPUT_FILE = 22
    NO_VALID_INPUT_FILES = 23
    CANNOT_WRITE_REPORT = 43
    CANNOT_INITIALIZE_NETWORK = 60
    CANNOT_NEGOTIATE_ASSOCIATION = 61
    CANNOT_SEND_REQUEST = 62
    CANNOT_ADD_PRESENTATION_CONTEXT = 65
    INTERNAL_ERROR = 70
    """An internal error; the number is EX_SOFTWARE of sysexits.h, which DCMTK does not use."""
    SOME_MAY_SUCCEED = 101
    REST_CANNOT_SUCCEED = 102
    TIME_WINDOW_OVER = 103
    JOURNAL = 104
    PEER_SAYS_NO = 105
    NOT_PROVEN = 106
    INTERRUPTED = 130
    TERMINATED = 143


ERROR_CODES: Final[dict[type[errors.DcmsendError], ExitCode]] = {
    errors.DcmsendError: ExitCode.INTERNAL_ERROR,
    errors.UsageError: ExitCode.USAGE,
    errors.InputError: ExitCode.INVALID_INPUT_FILE,
    errors.NoInputFiles: ExitCode.NO_INPUT_FILES,
    errors.InvalidInputFile: ExitCode.INVALID_INPUT_FILE,
    errors.NoValidInputFiles: ExitCode.NO_VALID_INPUT_FILES,
    errors.FileUnreadable: ExitCode.INVALID_INPUT_FILE,
    errors.StoreUnusable: ExitCode.REST_CANNOT_SUCCEED,
    errors.DataSetError: ExitCode.INVALID_INPUT_FILE,
    errors.PlanError: ExitCode.CANNOT_ADD_PRESENTATION_CONTEXT,
    errors.TranscodeError: ExitCode.CANNOT_SEND_REQUEST,
    errors.ProtocolError: ExitCode.CANNOT_SEND_REQUEST,
    errors.LocalProtocolError: ExitCode.INTERNAL_ERROR,
    errors.RemoteProtocolError: ExitCode.CANNOT_SEND_REQUEST,
    errors.PeerDataSetError: ExitCode.CANNOT_SEND_REQUEST,
    errors.AssociationError: ExitCode.CANNOT_SEND_REQUEST,
    errors.AssociationRejected: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.AssociationAborted: ExitCode.CANNOT_SEND_REQUEST,
    errors.AssociationReleased: ExitCode.CANNOT_SEND_REQUEST,
    errors.SopClassRefused: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.UserIdentityNotConfirmed: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.TransportError: ExitCode.CANNOT_SEND_REQUEST,
    errors.ConnectFailed: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.TlsFailed: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.CannotListen: ExitCode.CANNOT_INITIALIZE_NETWORK,
    errors.TimedOut: ExitCode.CANNOT_SEND_REQUEST,
    errors.ConnectionLost: ExitCode.CANNOT_SEND_REQUEST,
    errors.SessionFailed: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.NegotiationFailed: ExitCode.CANNOT_NEGOTIATE_ASSOCIATION,
    errors.SendingFailed: ExitCode.CANNOT_SEND_REQUEST,
    errors.GivenUp: ExitCode.CANNOT_SEND_REQUEST,
    errors.ReportError: ExitCode.CANNOT_WRITE_REPORT,
    errors.JournalError: ExitCode.JOURNAL,
    errors.Cancelled: ExitCode.INTERRUPTED,
}
"""The exit code of every error that may end a run; usually a wrapping error decides, bare ones are a safety net."""

_REPLACED: Final = frozenset((
    ExitCode.OK, ExitCode.CANNOT_SEND_REQUEST,
    ExitCode.CANNOT_ADD_PRESENTATION_CONTEXT,
))
"""Codes that say nothing about the instances; ``--require-stored`` replaces them."""


_CODES_OF_ENDS: Final = {
    "SIGTERM": ExitCode.TERMINATED, errors.Cancelled.TIME_WINDOW: ExitCode.TIME_WINDOW_OVER,
}  # fmt: skip
"""The code of a run that was asked to end, by the origin of the request; 130 for others."""


_YIELDING: Final = frozenset((ExitCode.CANNOT_WRITE_REPORT, ExitCode.TIME_WINDOW_OVER))
"""Codes that are replaced by codes that say more of the instances."""


def exit_code_of_error(error: errors.DcmsendError | None) -> ExitCode:
    """The code without ``--require-stored``: DCMTK's, 130 or 143 after a signal, 103 after the time window."""
    if error is None:
        return ExitCode.OK
    if isinstance(error, errors.Cancelled) and error.by in _CODES_OF_ENDS:
        return _CODES_OF_ENDS[error.by]
    if isinstance(error, errors.StoreUnusable) and not error.is_permanent:
        return ExitCode.SOME_MAY_SUCCEED
    return next(ERROR_CODES[base] for base in type(error).__mro__ if base in ERROR_CODES)


def exit_code_of_outcomes(
    error: errors.DcmsendError | None,
    *,
    may_succeed: int,
    cannot_succeed: int,
    left_for_later: int = 0,
    unproven: int = 0,
) -> ExitCode:
    """The code with ``--require-stored``.

    Args:
        error: why the run ended early, None for a normal end.
        may_succeed: number of instances that were not stored and may be by a new run.
        cannot_succeed: number of instances (broken DICOM files too) that need a person before they can be stored.
        left_for_later: those in ``may_succeed`` that were not begun because the time window was over.
        unproven: number of stored instances that the archive was asked for in vain.
    """
    code = exit_code_of_error(error)
    if code is ExitCode.CANNOT_NEGOTIATE_ASSOCIATION:
        return ExitCode.PEER_SAYS_NO if _is_final_refusal(error) else code
    if code not in _REPLACED and code not in _YIELDING:
        return code
    if may_succeed > left_for_later:
        return ExitCode.SOME_MAY_SUCCEED
    if code is ExitCode.TIME_WINDOW_OVER:
        return code
    if cannot_succeed:
        return ExitCode.REST_CANNOT_SUCCEED
    if unproven:
        return ExitCode.NOT_PROVEN
    return code if code in _YIELDING else ExitCode.OK


def exit_code_of_run(record: RunRecord, *, require_stored: bool) -> ExitCode:
    """The code of a run from its record, with or without ``--require-stored``."""
    if not record.ended:
        return ExitCode.INTERNAL_ERROR
    error = record.error or record.report_error
    if not require_stored:
        return exit_code_of_error(error)
    return exit_code_of_outcomes(
        error,
        may_succeed=record.may_succeed + record.to_send_again,
        cannot_succeed=record.cannot_succeed + record.refuted_for_good,
        left_for_later=record.summary.left_for_later,
        unproven=record.unproven,
    )


def _is_final_refusal(error: errors.DcmsendError | None) -> bool:
    return isinstance(error, errors.SessionFailed) and error.is_permanent
