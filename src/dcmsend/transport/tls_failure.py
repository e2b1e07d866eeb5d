"""Turns OpenSSL's errors into messages that tell a person what to do."""

from __future__ import annotations

import ssl
from typing import Final

from dcmsend.errors import TlsFailed
from dcmsend.reasons import NoConnection

__all__ = ["NAME_MISMATCHES", "is_name_mismatch", "not_tls", "tls_failure"]

NAME_MISMATCHES: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""

_CLOCK: Final = "or the clock of this machine is wrong"
_WORDS: Final = {
    NoConnection.UNTRUSTED: "the peer's certificate is issued by an authority that is not trusted",
    NoConnection.NOT_YET_VALID: f"the peer's certificate is not valid yet, {_CLOCK}",
    NoConnection.EXPIRED: f"the peer's certificate, or one above it, has expired, {_CLOCK}",
    NoConnection.NOTHING_IN_COMMON: "the peer and we have no protocol version or cipher suite in common",
    NoConnection.HANDSHAKE_FAILURE: "the peer and we have no protocol version or cipher suite in common; or the peer "
    "wants a certificate from us",
    NoConnection.WANTS_CERTIFICATE: "the peer wants a certificate from us",
    NoConnection.REFUSES_CERTIFICATE: "the peer does not accept our certificate; it has to trust who issued it",
    NoConnection.UNKNOWN_TO_PEER: "the peer does not know itself by that name",
}
_WEAK: Final = "the peer's certificate or key is too weak to be trusted"

_VERIFICATION: Final = {
    2: NoConnection.UNTRUSTED, 18: NoConnection.UNTRUSTED, 19: NoConnection.UNTRUSTED, 20: NoConnection.UNTRUSTED,
    21: NoConnection.UNTRUSTED, 9: NoConnection.NOT_YET_VALID, 10: NoConnection.EXPIRED,
}  # fmt: skip
"""Words for the numbers of OpenSSL's certificate verification (x509_vfy.h)."""
_BAD_CERTIFICATES: Final = {
    24: "a certificate above the peer's is not that of a certification authority",
    26: "the peer's certificate is not made for a server",
    66: _WEAK, 67: _WEAK, 68: _WEAK,
}  # fmt: skip

_REASONS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": NoConnection.WANTS_CERTIFICATE,
    "SSLV3_ALERT_NO_CERTIFICATE": NoConnection.WANTS_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": NoConnection.REFUSES_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": NoConnection.REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": NoConnection.REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": NoConnection.REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": NoConnection.REFUSES_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": NoConnection.REFUSES_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": NoConnection.REFUSES_CERTIFICATE,
    "TLSV1_ALERT_DECRYPT_ERROR": NoConnection.REFUSES_CERTIFICATE,
    "TLSV1_ALERT_PROTOCOL_VERSION": NoConnection.NOTHING_IN_COMMON,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": NoConnection.NOTHING_IN_COMMON,
    "UNSUPPORTED_PROTOCOL": NoConnection.NOTHING_IN_COMMON,
    "WRONG_SSL_VERSION": NoConnection.NOTHING_IN_COMMON,
    "NO_CIPHERS_AVAILABLE": NoConnection.NOTHING_IN_COMMON,
    "NO_PROTOCOLS_AVAILABLE": NoConnection.NOTHING_IN_COMMON,
    "DH_KEY_TOO_SMALL": NoConnection.BAD_CERTIFICATE,
    "EE_KEY_TOO_SMALL": NoConnection.BAD_CERTIFICATE,
    "CA_KEY_TOO_SMALL": NoConnection.BAD_CERTIFICATE,
    "CA_MD_TOO_WEAK": NoConnection.BAD_CERTIFICATE,
    "TLSV1_UNRECOGNIZED_NAME": NoConnection.UNKNOWN_TO_PEER,
}
"""Words for OpenSSL's names of reasons; an alert is a complaint of the peer."""


def tls_failure(error: ssl.SSLError, *, has_certificate: bool) -> TlsFailed:
    """The error in our words; ``has_certificate`` tells whether this side has sent a certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        number = error.verify_code
        why = _VERIFICATION.get(number, NoConnection.BAD_CERTIFICATE)
        words = _WORDS.get(why) or _BAD_CERTIFICATES.get(number, "the peer's certificate is not trusted")
        return TlsFailed("TLS error: certificate verify failed", f"{words} ({error.verify_message})", True, why=why)
    if error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE":  # the peer does not say which of these is the cause
        why = NoConnection.NOTHING_IN_COMMON if has_certificate else NoConnection.HANDSHAKE_FAILURE
    else:
        why = _REASONS.get(error.reason or "", NoConnection.OTHER)
    words = _WEAK if why is NoConnection.BAD_CERTIFICATE else _WORDS.get(why, "")
    return TlsFailed(_text_of(error), words, why is not NoConnection.OTHER, why=why)


def is_name_mismatch(error: TlsFailed) -> bool:
    """Whether the certificate is valid, but for another name."""
    cause = error.__cause__
    return isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in NAME_MISMATCHES


def not_tls(first_byte: int) -> TlsFailed:
    """The error for a peer whose first byte does not belong to TLS."""
    words = "it speaks DICOM without TLS on this port" if 1 <= first_byte <= 7 else "this is no TLS port"
    detail = f"the peer's answer is not TLS: {words}"
    return TlsFailed("TLS error: wrong version number", detail, True, why=NoConnection.NOT_TLS)


def _text_of(error: ssl.SSLError) -> str:
    """OpenSSL's words, as DCMTK shows them."""
    words = error.reason.replace("_", " ").lower() if error.reason else str(error.args[-1] if error.args else error)
    return f"TLS error: {words}"
