"""What the errors of stores mean: one table, by the types of errors and their numbers, never by their words.

No text of a library is shown: it may span lines, and hold addresses with signatures.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from enum import Enum
from typing import Final

from dcmsend.errors import DcmsendError, FileUnreadable, StoreUnusable
from dcmsend.reasons import NoStore, Rejection

__all__ = [
    "Fault", "StoreBusy", "error_of_another_fetch", "error_of_listing", "error_of_object", "fault_of", "kind_of",
]  # fmt: skip


class StoreBusy(FileUnreadable):
    """A store has not given an object, after several attempts; it may do so later."""

    why = Rejection.NOT_NOW


class Fault(Enum):
    """What can go wrong with a request."""

    NOT_FOUND = "the store has no such object"
    FORBIDDEN = "the store denies access"
    ARCHIVED = "the object is archived and cannot be read at once: restore it first"
    CREDENTIALS = "there are no credentials for the store, or they are not valid, or not valid any more"
    BUSY = "the store cannot answer now, or asks to be asked less often"
    UNREACHABLE = "the host there does not answer"
    UNTRUSTED = "the certificate of the store cannot be trusted"
    NO_TLS = "no secure connection (TLS) with the store comes about"
    OTHER = "the store refuses the request"


_CODES: Final = {
    Fault.CREDENTIALS:
        "ExpiredToken ExpiredTokenException TokenRefreshRequired InvalidToken InvalidAccessKeyId InvalidClientTokenId "
        "SignatureDoesNotMatch RequestTimeTooSkewed AuthFailure AuthenticationFailed NoAuthenticationInformation",
    Fault.FORBIDDEN: "AccessDenied AllAccessDisabled AuthorizationFailure",
    Fault.ARCHIVED: "InvalidObjectState BlobArchived",
    Fault.NOT_FOUND: "NoSuchKey NoSuchBucket NoSuchVersion BlobNotFound ContainerNotFound",
    Fault.BUSY:
        "SlowDown Throttling ThrottlingException RequestLimitExceeded TooManyRequests ServerBusy InternalError "
        "ServiceUnavailable RequestTimeout OperationAborted OperationTimedOut",
}  # fmt: skip
_BY_CODE: Final = {code: fault for fault, codes in _CODES.items() for code in codes.split()}
"""Codes of S3 and Azure, which say more than the status of HTTP."""

_BY_TYPE: Final = {
    "botocore.exceptions.NoCredentialsError": Fault.CREDENTIALS,
    "botocore.exceptions.PartialCredentialsError": Fault.CREDENTIALS,
    "botocore.exceptions.CredentialRetrievalError": Fault.CREDENTIALS,
    "botocore.exceptions.TokenRetrievalError": Fault.CREDENTIALS,
    "botocore.exceptions.SSOError": Fault.CREDENTIALS,
    "botocore.exceptions.ProfileNotFound": Fault.CREDENTIALS,
    "botocore.exceptions.SSLError": Fault.NO_TLS,
    "botocore.exceptions.EndpointConnectionError": Fault.UNREACHABLE,
    "botocore.exceptions.ConnectTimeoutError": Fault.UNREACHABLE,
    "botocore.exceptions.ReadTimeoutError": Fault.BUSY,
    "botocore.exceptions.HTTPClientError": Fault.BUSY,
    "aiohttp.client_exceptions.ClientSSLError": Fault.NO_TLS,
    "aiohttp.client_exceptions.ClientConnectorError": Fault.UNREACHABLE,
    "aiohttp.client_exceptions.ClientConnectionError": Fault.BUSY,
    "aiohttp.client_exceptions.ClientPayloadError": Fault.BUSY,
    "azure.core.exceptions.ClientAuthenticationError": Fault.CREDENTIALS,
    "azure.core.exceptions.ServiceRequestError": Fault.UNREACHABLE,
    "azure.core.exceptions.ServiceResponseError": Fault.BUSY,
    "google.auth.exceptions.GoogleAuthError": Fault.CREDENTIALS,
    "obstore.exceptions.UnauthenticatedError": Fault.CREDENTIALS,
    "obstore.exceptions.PermissionDeniedError": Fault.FORBIDDEN,
    "obstore.exceptions.NotFoundError": Fault.NOT_FOUND,
    "obstore.exceptions.GenericError": Fault.BUSY,
    "asyncssh.misc.PermissionDenied": Fault.CREDENTIALS,
    "asyncssh.misc.KeyImportError": Fault.CREDENTIALS,
    "asyncssh.misc.HostKeyNotVerifiable": Fault.UNTRUSTED,
    "asyncssh.misc.DisconnectError": Fault.BUSY,
    "asyncssh.sftp.SFTPNoSuchFile": Fault.NOT_FOUND,
    "asyncssh.sftp.SFTPPermissionDenied": Fault.FORBIDDEN,
    "asyncssh.sftp.SFTPConnectionLost": Fault.BUSY,
    "asyncssh.sftp.SFTPNoConnection": Fault.BUSY,
}  # fmt: skip
"""Types by their names, since a library that nobody uses is not loaded."""

_BY_STATUS: Final = {
    401: Fault.CREDENTIALS, 407: Fault.CREDENTIALS, 403: Fault.FORBIDDEN, 404: Fault.NOT_FOUND, 410: Fault.NOT_FOUND,
    408: Fault.BUSY, 425: Fault.BUSY, 429: Fault.BUSY,
    500: Fault.BUSY, 502: Fault.BUSY, 503: Fault.BUSY, 504: Fault.BUSY, 509: Fault.BUSY,
}  # fmt: skip

_BY_BUILT_IN: Final[tuple[tuple[type[BaseException], Fault], ...]] = (
    (FileNotFoundError, Fault.NOT_FOUND),
    (PermissionError, Fault.FORBIDDEN),
    (ConnectionRefusedError, Fault.UNREACHABLE),
    (socket.gaierror, Fault.UNREACHABLE),
    (ConnectionError, Fault.BUSY),
    (TimeoutError, Fault.BUSY),
    (EOFError, Fault.BUSY),
)
_NO_WAY: Final = frozenset(
    getattr(errno, name)
    for name in ("EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN")
    if hasattr(errno, name)
)
"""Numbers of errors for which Python has no type."""

_ENDS_THE_RUN: Final = {
    Fault.CREDENTIALS: NoStore.CREDENTIALS, Fault.UNREACHABLE: NoStore.UNREACHABLE, Fault.UNTRUSTED: NoStore.UNTRUSTED,
    Fault.NO_TLS: NoStore.OTHER,
}  # fmt: skip
_NOT_LISTED: Final = {
    **_ENDS_THE_RUN,
    Fault.NOT_FOUND: NoStore.NOT_THERE, Fault.FORBIDDEN: NoStore.FORBIDDEN, Fault.BUSY: NoStore.NOT_NOW,
    Fault.ARCHIVED: NoStore.OTHER, Fault.OTHER: NoStore.OTHER,
}  # fmt: skip
_LISTING_WORDS: Final = {
    Fault.NOT_FOUND: "there is no such bucket or place",
    Fault.FORBIDDEN: "the store does not let it be listed",
}


def fault_of(error: BaseException) -> Fault:
    """What an error of a store means, by the first fact that one of it and its causes has."""
    chain = tuple(_causes(error))
    for look in (_by_code, _by_certificate, _by_type, _by_status, _by_built_in):
        for each in chain:
            if (fault := look(each)) is not None:
                return fault
    return Fault.OTHER


def kind_of(error: BaseException) -> str:
    """The name of the error's type and its number, for a person; never its text."""
    for each in _causes(error):
        code, status = _code(each), _status(each)
        if code or status:
            return " ".join(filter(None, (code, str(status or ""))))
    return type(error).__name__


def error_of_object(url: str, error: BaseException) -> DcmsendError:
    """The error for an object: FileUnreadable if it concerns this object alone, StoreBusy, StoreUnusable."""
    fault = fault_of(error)
    text = f"{fault.value} ({kind_of(error)})"
    if fault in _ENDS_THE_RUN:
        return StoreUnusable(url, text, _ENDS_THE_RUN[fault])
    return StoreBusy(text) if fault is Fault.BUSY else FileUnreadable(text)


def error_of_another_fetch(error: StoreUnusable) -> FileUnreadable:
    """The error for one object that is fetched again while others are under way: it does not end the run."""
    return FileUnreadable(error.reason) if error.is_permanent else StoreBusy(error.reason)


def error_of_listing(url: str, error: BaseException) -> StoreUnusable:
    """The error for a place whose objects cannot be listed."""
    fault = fault_of(error)
    text = f"{_LISTING_WORDS.get(fault, fault.value)} ({kind_of(error)})"
    return StoreUnusable(url, text, _NOT_LISTED[fault])


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _code(error: BaseException) -> str:
    """The code in the body of an answer: of botocore in ``response``, of Azure in ``error_code``."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = response.get("Error", {}).get("Code", "")
    else:
        code = getattr(error, "error_code", "") or ""
    code = str(getattr(code, "value", code))
    return code if code.isalnum() and len(code) <= 64 else ""


def _status(error: BaseException) -> int:
    response = getattr(error, "response", None)
    status: object = None
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for name in ("status", "status_code", "code"):
        status = status or getattr(error, name, None)
    try:
        return int(str(status)) if status else 0
    except ValueError:
        return 0


def _by_code(error: BaseException) -> Fault | None:
    return _BY_CODE.get(_code(error))


def _by_certificate(error: BaseException) -> Fault | None:
    """Before the types, because some libraries have one type for whatever TLS cannot agree on."""
    return Fault.UNTRUSTED if isinstance(error, ssl.SSLCertVerificationError) else None


def _by_type(error: BaseException) -> Fault | None:
    for kind in type(error).__mro__:
        fault = _BY_TYPE.get(f"{kind.__module__}.{kind.__qualname__}")
        if fault is not None:
            return fault
    return None


def _by_status(error: BaseException) -> Fault | None:
    return _BY_STATUS.get(_status(error))


def _by_built_in(error: BaseException) -> Fault | None:
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return Fault.UNREACHABLE
    return next((fault for kind, fault in _BY_BUILT_IN if isinstance(error, kind)), None)
