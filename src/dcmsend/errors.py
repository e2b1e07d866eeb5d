"""Every error that dcmsend raises, on one page.

    DcmsendError                also CredentialsUnusable (in stow)
      UsageError                the command line or the log configuration is wrong
      InputError                something is wrong with the inputs
        NoInputFiles            no input was named
        InvalidInputFile        one input is bad, and bad inputs are not ignored
        NoValidInputFiles       every input is bad
        FileUnreadable          the system cannot read the file; as StoreBusy (in inputs) an object may be had later
        StoreUnusable           an object store cannot be used
        DataSetError            bytes violate PS3.5 / PS3.10; as FileChanged (in inputs) only since they were checked
      PlanError                 no presentation context may be proposed, or none was accepted
      TranscodeError            the data set cannot be converted to the accepted transfer syntax
      ProtocolError             also HttpRefused (in stow), ResponseUnreadable (in dicomweb)
        LocalProtocolError      we tried to send an illegal message (our bug)
        RemoteProtocolError     the peer sent something illegal
        PeerDataSetError        the data set of a peer's message cannot be read
      AssociationError
        AssociationRejected     A-ASSOCIATE-RJ
        AssociationAborted      A-ABORT
        AssociationReleased     A-RELEASE-RQ from the peer while we were still sending
        SopClassRefused         the peer takes no question about this SOP Class
        UserIdentityNotConfirmed  the peer did not confirm the user's identity, as we required
      TransportError            also NoHttpLibrary (in stow)
        ConnectFailed           no TCP connection; also ProxyUnusable (in stow)
          TlsFailed             no TLS session
        CannotListen            no port to be called back on
        TimedOut                a deadline passed
        ConnectionLost          the connection ended unexpectedly; also ServerGone (in stow)
      SessionFailed             no session; also WebSessionFailed (in stow), ClusterUnusable (in cluster)
        NegotiationFailed       wraps the error that prevented an association
      SendingFailed             wraps the error that ended the sending (only without --no-halt)
      GivenUp                   too many attempts, or attempts for too long, have failed
      ReportError               a report file cannot be written
      JournalError              the journal cannot be used
      Cancelled                 the user or the caller ended the run

Facts are attributes; the message is built from them and starts with DCMTK's text, because scripts look for it; the log
shows that alone (``text``).  No message names an option: ``dcmsend.advice`` tells what to do.  Errors of other
libraries are translated at the border.
"""

from __future__ import annotations

from .error_root import DcmsendError, FromPeer, WithDetail, WithoutFacts, Wrapped
from .reasons import Reason, Rejection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .reasons import NoConnection, NoJournal, NoStore

__all__ = [
    "AssociationAborted", "AssociationError", "AssociationRejected", "AssociationReleased", "Cancelled", "CannotListen",
    "ConnectFailed", "ConnectionLost", "DataSetError", "DcmsendError", "FileUnreadable", "GivenUp", "InputError",
    "InvalidInputFile", "JournalError", "LocalProtocolError", "NegotiationFailed", "NoInputFiles", "NoValidInputFiles",
    "PeerDataSetError", "PlanError", "ProtocolError", "RemoteProtocolError", "ReportError", "SendingFailed",
    "SessionFailed", "SopClassRefused", "StoreUnusable", "TimedOut", "TlsFailed", "TranscodeError", "TransportError",
    "UsageError", "UserIdentityNotConfirmed",
]


class UsageError(DcmsendError):
    """The command line, or a file it names, is wrong.  Source: DCMTK dcmsend.

    ``hint`` is what is allowed; ``""`` where the list of options says it, None where the message says everything.
    """

    def __init__(self, message: str, hint: str | None = "") -> None:
        self.hint = hint
        super().__init__(message)


class InputError(DcmsendError):
    """Something is wrong with the inputs."""


class NoInputFiles(WithoutFacts, InputError):
    """No input name was collected."""

    message = "no input files to be processed"


class InvalidInputFile(InputError):
    """A bad input file ended the run (only without ``--no-halt``).

    Attributes:
        path: file name as collected, ``''`` for an empty name.
        reason: why it is bad, one line in DCMTK's words; ``why`` is the same as a value.
    """

    def __init__(self, path: str, reason: str, why: Rejection = Rejection.BROKEN) -> None:
        self.path, self.reason, self.why = path, reason, why
        super().__init__(f"bad DICOM file: {path or '<empty string>'}: {reason}")

    @property
    def is_permanent(self) -> bool:
        """Whether the input is bad for every run, and not just out of reach."""
        return self.why.is_permanent


class NoValidInputFiles(WithoutFacts, InputError):
    """Inputs were found, but all of them are bad or hold no instance."""

    message = "no valid input files to be processed"


class FileUnreadable(InputError):
    """The system cannot read the file: ``reason`` is its text, ``errno`` its error number, 0 when there is none."""

    why = Rejection.UNREADABLE

    def __init__(self, reason: str, errno: int = 0, why: Rejection | None = None) -> None:
        self.reason, self.errno, self.why = reason, errno, why or self.why
        super().__init__(reason)

    @property
    def is_permanent(self) -> bool:
        """Whether a person has to act, as with permissions."""
        return self.why.is_permanent


class StoreUnusable(InputError):
    """An object store (``url``, without secrets) cannot be used; ``reason`` is a line, ``why`` the same as a value."""

    def __init__(self, url: str, reason: str, why: NoStore) -> None:
        self.url, self.reason, self.why = url, reason, why
        super().__init__(f"cannot use {url}: {reason}")

    @property
    def is_permanent(self) -> bool:
        """Whether a later attempt would fail too."""
        return self.why.is_permanent


class DataSetError(WithDetail, InputError):
    """An encoded meta header or data set is truncated or corrupt, or lacks a required element.

    ``condition`` is DCMTK's text, e.g. ``Invalid stream``, which is shown; ``detail`` is what exactly is wrong and
    where, for a person, and may be empty; ``why`` is the same as a value.
    """

    is_permanent = True

    def __init__(self, condition: str, detail: str = "", why: Rejection = Rejection.BROKEN) -> None:
        self.condition, self.detail, self.why = condition, detail, why
        super().__init__(condition)


class PlanError(DcmsendError):
    """No presentation context may be proposed for an instance, or the peer accepted none at all."""

    is_permanent = True


class TranscodeError(WithDetail):
    """A data set cannot be converted: ``condition`` is DCMTK's text, e.g. ``Pixel representation cannot be changed``.

    ``detail`` is why not, for a person, ``remark`` the error that DCMTK's decoder logs in addition; both may be empty.
    """

    is_permanent = True

    def __init__(self, condition: str, detail: str = "", remark: str = "") -> None:
        self.condition, self.detail, self.remark = condition, detail, remark
        super().__init__(condition)


class ProtocolError(DcmsendError):
    """A message is illegal."""


class LocalProtocolError(ProtocolError):
    """A message that may not be sent now; a bug of ours or of the caller."""


class RemoteProtocolError(ProtocolError):
    """The peer sent an illegal message.  Source: PS3.8 §9.2.3.

    Attributes:
        abort_reason: reason to give in our A-ABORT (service provider), PS3.8 Table 9-26.
        code: DCMTK's module and condition number, e.g. ``0006:020b``; may be empty.
        pdu_type: type of an unknown PDU; None for any other violation.
    """

    def __init__(self, message: str, abort_reason: int = 0, code: str = "", pdu_type: int | None = None) -> None:
        self.abort_reason, self.code, self.pdu_type = abort_reason, code, pdu_type
        super().__init__(message)


class PeerDataSetError(ProtocolError):
    """The data set of a peer's message cannot be read.  The message says why; the association may go on."""


class AssociationError(DcmsendError):
    """The association ended in another way than by our A-RELEASE."""


class AssociationRejected(FromPeer, AssociationError):
    """The peer answered A-ASSOCIATE-RJ.  Source: PS3.8 §9.3.4.

    Attributes:
        result: 1 permanent, 2 transient.
        source: 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
        reason: number whose meaning depends on source.
        description: the three in the words of the standard, a line each; may be empty.
    """

    def __init__(self, result: int, source: int, reason: int, description: str = "") -> None:
        self.result = result
        self.source, self.reason, self.description = source, reason, description
        super().__init__("DUL Association Rejected")

    @property
    def is_transient(self) -> bool:
        """Whether the peer says that a later attempt may succeed."""
        return self.result == 2


class AssociationAborted(FromPeer, AssociationError):
    """The peer sent A-ABORT: ``source`` 0 service user, 2 service provider; ``reason`` (PS3.8 Table 9-26) for source 2.

    ``description`` is both in the words of the standard; may be empty.
    """

    def __init__(self, source: int = 0, reason: int = 0, description: str = "") -> None:
        self.source, self.reason, self.description = source, reason, description
        super().__init__("Peer aborted Association (or never connected)")

    def _reasons(self) -> list[str]:
        return [self.description] if self.source == 2 and self.description else []


class AssociationReleased(WithoutFacts, AssociationError):
    """The peer sent A-RELEASE-RQ while instances were still to be sent."""

    message = "DUL Peer Requested Release"


class UserIdentityNotConfirmed(WithoutFacts, AssociationError):
    """The peer accepted the association without confirming the user's identity.  Source: PS3.7 D.3.3.7."""

    message = "User Identity Negotiation failed: Positive response requested but none received"


class SopClassRefused(WithoutFacts, AssociationError):
    """The peer takes associations, but none for the SOP Class that it is to be asked about."""

    message = "No Acceptable Presentation Contexts"


class TransportError(DcmsendError):
    """The byte stream to the peer failed."""


class ConnectFailed(WithDetail, TransportError):
    """No connection to the peer; ``detail`` is what happened, for a person, or empty; ``why`` is it as a value."""

    def __init__(self, message: str, detail: str = "", *, why: NoConnection | None = None) -> None:
        from .reasons import NoConnection  # only after failures

        self.detail = detail
        self.why = why or NoConnection.OTHER
        super().__init__(message)


class CannotListen(TransportError):
    """No port to be called back on; ``address`` is as in the message, ``detail`` the system's text."""

    def __init__(self, address: str, detail: str) -> None:
        self.address = address
        self.detail = detail
        super().__init__(f"cannot listen on {address}: {detail}")


class TlsFailed(ConnectFailed):
    """No TLS session; ``is_permanent``: a person has to act (certificates, versions), a later attempt will fail too."""

    is_permanent = False

    def __init__(
        self, message: str, detail: str = "", is_permanent: bool = False, *, why: NoConnection | None = None
    ) -> None:
        self.is_permanent = is_permanent
        super().__init__(message, detail, why=why)


class TimedOut(TransportError):
    """A deadline passed: ``waited_for`` (e.g. ``a C-STORE response``) did not happen in ``seconds``."""

    def __init__(
        self, waited_for: str, seconds: float, message: str = "DUL network read timeout", code: str = "0006:031a"
    ) -> None:
        self.waited_for = waited_for
        self.seconds = seconds
        self.code = code
        super().__init__(message)


class ConnectionLost(WithDetail, TransportError):
    """The connection was closed without A-ABORT; ``detail`` is the system's text, empty for an orderly close."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__("Peer aborted Association (or never connected)")


class SessionFailed(Wrapped):
    """No session with the receiver could be opened; ``is_permanent``: it will refuse again until a person has acted.

    ``retry_after`` is the time in seconds after which the receiver wants to be asked again, None if it does not say.
    """

    retry_after: float | None = None
    is_of_receiver = True  # whether the receiver is the reason, and not a cluster that was to send


class NegotiationFailed(SessionFailed):
    """No association could be opened: no connection, rejection, abort, no answer."""

    prefix = "cannot negotiate network association"

    @property
    def is_permanent(self) -> bool:
        """Whether the peer will refuse again until a person has acted."""
        cause = self.cause
        if isinstance(cause, AssociationRejected):
            return not cause.is_transient
        if isinstance(cause, TlsFailed):
            return cause.is_permanent
        return isinstance(cause, UserIdentityNotConfirmed)


class SendingFailed(Wrapped):
    """An instance could not be sent, and this ends the run (no ``--no-halt``).

    ``reason`` is that of the instance's outcome, after further attempts; None where ``cause`` itself is the reason.
    ``is_permanent``: whether the instance would fail again.
    """

    prefix = "cannot send SOP instance"
    is_permanent = False

    def __init__(self, cause: DcmsendError, reason: Reason | None = None, is_permanent: bool | None = None) -> None:
        super().__init__(cause)
        self.reason = reason
        self.is_permanent = cause.is_permanent if is_permanent is None else is_permanent


class GivenUp(DcmsendError):
    """Too many failures, or failing for too long, ended the run; ``is_permanent``: none of them passes by itself."""

    is_permanent = False

    def __init__(self, message: str, *, is_permanent: bool = False, counts_failures: bool = False) -> None:
        self.is_permanent = is_permanent
        self.counts_failures = counts_failures  # of instances, by ``stop_after_failures``
        super().__init__(message)


class _FileTrouble(DcmsendError):
    """A file of ours (``path``) cannot be used; ``reason`` says why, in the system's words or ours."""

    form = "{path}: {reason}"

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(self.form.format(path=path, reason=reason))


class ReportError(_FileTrouble):
    """A report cannot be written."""

    form = "cannot write detailed report to file '{path}'"


class JournalError(_FileTrouble):
    """The journal cannot be used, or not any longer; ``why`` is the reason, if a program can act on it."""

    form = "cannot use journal '{path}': {reason}"
    is_permanent = True

    def __init__(self, path: str, reason: str, why: NoJournal | None = None) -> None:
        from .reasons import NoJournal  # only after failures

        super().__init__(path, reason)
        self.why = why or NoJournal.OTHER
        self.is_permanent = why is not NoJournal.IN_USE  # then just another run has to end


class Cancelled(DcmsendError):
    """The run was ended on request; ``by``: ``SIGINT``, ``SIGTERM``, ``caller``, ``TIME_WINDOW`` or ``JOURNAL``."""

    TIME_WINDOW = "time window"
    JOURNAL = "journal"
    is_permanent = False

    def __init__(self, by: str = "caller") -> None:
        self.by, self.is_permanent = by, by == self.JOURNAL
        super().__init__("the time window is over" if by == self.TIME_WINDOW else f"ended by {by}")
