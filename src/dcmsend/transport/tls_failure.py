"""What OpenSSL complains of, said so that a person knows what to do."""

from __future__ import annotations

import ssl
from typing import Final

from dcmsend.errors import TlsFailed

__all__ = ["NAME_MISMATCHES", "is_name_mismatch", "not_tls", "tls_failure"]

NAME_MISMATCHES: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""

_CLOCK: Final = "or the clock of this machine is wrong"
_UNTRUSTED: Final = "nobody we trust has issued the peer's certificate; +cf FILE or +cd DIRECTORY name who is trusted"
_WEAK: Final = "the peer's certificate or key is too weak to be trusted"
_VERIFY_ADVICE: Final = {
    2: _UNTRUSTED, 18: _UNTRUSTED, 19: _UNTRUSTED, 20: _UNTRUSTED, 21: _UNTRUSTED,
    9: f"the peer's certificate is not valid yet, {_CLOCK}",
    10: f"the peer's certificate, or one above it, has expired, {_CLOCK}",
    24: "a certificate above the peer's is not that of a certification authority",
    26: "the peer's certificate is not made for a server",
    66: _WEAK, 67: _WEAK, 68: _WEAK,
}  # fmt: skip
"""What to say for the numbers of OpenSSL's verification (x509_vfy.h)."""

_NOTHING_IN_COMMON: Final = "the peer and we have no protocol version or cipher suite in common; see +py, +px, +pz"
_WANTS_CERTIFICATE: Final = "the peer wants a certificate from us: +tls KEY CERTIFICATE"
_REFUSES_CERTIFICATE: Final = "the peer does not accept our certificate (+tls); it has to trust who issued it"
_ADVICE: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_NO_CERTIFICATE": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _REFUSES_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _REFUSES_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _REFUSES_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": _REFUSES_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": _REFUSES_CERTIFICATE,
    "TLSV1_ALERT_DECRYPT_ERROR": _REFUSES_CERTIFICATE,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NOTHING_IN_COMMON,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NOTHING_IN_COMMON,
    "UNSUPPORTED_PROTOCOL": _NOTHING_IN_COMMON,
    "WRONG_SSL_VERSION": _NOTHING_IN_COMMON,
    "NO_CIPHERS_AVAILABLE": _NOTHING_IN_COMMON,
    "NO_PROTOCOLS_AVAILABLE": _NOTHING_IN_COMMON,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not know itself by that name; --tls-server-name NAME gives another one",
}  # fmt: skip
"""What to say for the reasons of OpenSSL; alerts are what the peer complains of."""


def tls_failure(error: ssl.SSLError, *, has_certificate: bool) -> TlsFailed:
    """The error in our words; ``has_certificate`` tells whether we have one of our own."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _VERIFY_ADVICE.get(error.verify_code, "the peer's certificate is not trusted")
        return TlsFailed("TLS error: certificate verify failed", f"{advice} ({error.verify_message})", True)
    if reason == "SSLV3_ALERT_HANDSHAKE_FAILURE":  # the peer does not say which of these it is
        advice = _NOTHING_IN_COMMON if has_certificate else f"{_NOTHING_IN_COMMON}; or {_WANTS_CERTIFICATE}"
        return TlsFailed(_text_of(error), advice, True)
    advice = _ADVICE.get(reason, "")
    return TlsFailed(_text_of(error), advice, bool(advice))


def is_name_mismatch(error: TlsFailed) -> bool:
    """Whether the certificate is good, but for another name."""
    cause = error.__cause__
    return isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in NAME_MISMATCHES


def not_tls(first_byte: int) -> TlsFailed:
    """The error for a peer whose first byte is none of TLS."""
    words = "it speaks DICOM without TLS on this port" if 1 <= first_byte <= 7 else "this is no TLS port"
    return TlsFailed("TLS error: wrong version number", f"the peer's answer is not TLS: {words}", True)


def _text_of(error: ssl.SSLError) -> str:
    """OpenSSL's words, as DCMTK shows them."""
    words = error.reason.replace("_", " ").lower() if error.reason else str(error.args[-1] if error.args else error)
    return f"TLS error: {words}"
