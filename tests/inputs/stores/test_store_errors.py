"""What the errors of libraries mean, told by their types and numbers."""

from __future__ import annotations

import errno
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import pytest

from dcmsend.errors import FileUnreadable, StoreUnusable
from dcmsend.inputs.stores.errors import Fault, StoreBusy, error_of_listing, error_of_object, fault_of
from dcmsend.reasons import NoStore

aiohttp = pytest.importorskip("aiohttp")
botocore = pytest.importorskip("botocore.exceptions")


def client_error(code: str, status: int) -> Exception:
    answer = {"Error": {"Code": code, "Message": "SECRET"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = botocore.ClientError(answer, "GetObject")
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def no_tls(cause: ssl.SSLError) -> Exception:
    is_untrusted = isinstance(cause, ssl.SSLCertVerificationError)
    kind = aiohttp.ClientConnectorCertificateError if is_untrusted else aiohttp.ClientConnectorSSLError
    error: Exception = kind(SimpleNamespace(host="SECRET", port=443, ssl=True, is_ssl=True), cause)
    return caused(error, cause)


class WithStatus(Exception):
    def __init__(self, **facts: Any) -> None:
        super().__init__("SECRET")
        vars(self).update(facts)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (client_error("ExpiredToken", 400), Fault.CREDENTIALS),
        (client_error("InvalidAccessKeyId", 403), Fault.CREDENTIALS),
        (client_error("AccessDenied", 403), Fault.FORBIDDEN),
        (client_error("403", 403), Fault.FORBIDDEN),
        (caused(PermissionError("SECRET"), client_error("InvalidObjectState", 403)), Fault.ARCHIVED),
        (WithStatus(error_code="BlobArchived", status_code=409), Fault.ARCHIVED),
        (client_error("NoSuchKey", 404), Fault.NOT_FOUND),
        (client_error("SlowDown", 503), Fault.BUSY),
        (client_error("NobodyKnows", 500), Fault.BUSY),
        (client_error("NobodyKnows", 418), Fault.OTHER),
        (caused(PermissionError("SECRET"), client_error("ExpiredToken", 400)), Fault.CREDENTIALS),
        (caused(OSError("SECRET"), client_error("SlowDown", 503)), Fault.BUSY),
        (botocore.NoCredentialsError(), Fault.CREDENTIALS),
        (botocore.EndpointConnectionError(endpoint_url="http://SECRET"), Fault.UNREACHABLE),
        (WithStatus(status=404), Fault.NOT_FOUND),
        (WithStatus(status_code=429), Fault.BUSY),
        (WithStatus(error_code="ServerBusy", status_code=503), Fault.BUSY),
        (WithStatus(error_code="AuthenticationFailed", status_code=403), Fault.CREDENTIALS),
        (WithStatus(code="401"), Fault.CREDENTIALS),
        (FileNotFoundError("SECRET"), Fault.NOT_FOUND),
        (ConnectionRefusedError(), Fault.UNREACHABLE),
        (TimeoutError(), Fault.BUSY),
        (OSError(errno.EHOSTUNREACH, "SECRET"), Fault.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "SECRET"), Fault.UNREACHABLE),
        (socket.gaierror(-2, "SECRET"), Fault.UNREACHABLE),
        (ssl.SSLCertVerificationError("SECRET"), Fault.UNTRUSTED),
        (no_tls(ssl.SSLError(1, "SECRET")), Fault.NO_TLS),
        (no_tls(ssl.SSLCertVerificationError("SECRET")), Fault.UNTRUSTED),
        (caused(botocore.SSLError(endpoint_url="SECRET", error=""), no_tls(ssl.SSLError(1, "SECRET"))), Fault.NO_TLS),
        (caused(ValueError("SECRET"), no_tls(ssl.SSLCertVerificationError("SECRET"))), Fault.UNTRUSTED),
        (ValueError("SECRET"), Fault.OTHER),
    ],
)
def test_faults(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault
    words = str(error_of_object("s3://b/k", error)) + str(error_of_listing("s3://b/", error))
    assert "SECRET" not in words
    assert "\n" not in words


def test_an_error_that_is_its_own_cause_comes_to_an_end() -> None:
    error, other = ValueError(), OSError()
    error.__cause__, other.__cause__ = other, error
    assert fault_of(error) is Fault.OTHER


def test_an_archived_object_has_to_be_restored() -> None:
    """S3 calls it forbidden, but nobody has denied it."""
    error = error_of_object("s3://b/k", client_error("InvalidObjectState", 403))
    assert type(error) is FileUnreadable
    assert "restore it first (InvalidObjectState 403)" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "is_permanent"),
    [(404, FileUnreadable, True), (403, FileUnreadable, True), (503, StoreBusy, False), (401, StoreUnusable, True)],
)
def test_errors_of_objects(status: int, kind: type[Exception], is_permanent: bool) -> None:
    error = error_of_object("s3://b/k", WithStatus(status=status))
    assert type(error) is kind
    assert error.is_permanent is is_permanent


@pytest.mark.parametrize(
    ("status", "why"),
    [(404, NoStore.NOT_THERE), (403, NoStore.FORBIDDEN), (503, NoStore.NOT_NOW), (401, NoStore.CREDENTIALS)],
)
def test_errors_of_listings(status: int, why: NoStore) -> None:
    error = error_of_listing("s3://b/", WithStatus(status=status))
    assert error.why is why
    assert error.is_permanent is (status != 503)
