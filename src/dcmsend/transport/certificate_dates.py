"""When a certificate of ours is valid, so that an expired one is known before anybody is called.

Source: RFC 5280 §4.1 (TBSCertificate, Validity); the standard library decodes only certificates of a peer.
"""

from __future__ import annotations

import re
import ssl
import time
from calendar import timegm
from typing import Final

__all__ = ["reason_not_valid"]

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MOST_READ: Final = 1 << 20
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def reason_not_valid(path: str, now: float | None = None) -> str:
    """Why the first certificate of a PEM file cannot be used now; ``""`` if it can, or if nothing can be told.

    Raises OSError.
    """
    with open(path, "rb") as file:
        match = _PEM.search(file.read(_MOST_READ))
    if match is None:
        return ""
    try:
        begin, end = _validity(ssl.PEM_cert_to_DER_cert(match[0].decode("ascii")))
    except (ValueError, IndexError):
        return ""  # OpenSSL has read it, and knows more
    moment = time.time() if now is None else now
    if moment > end:
        return f"it has expired on {_day(end)}"
    return f"it is not valid before {_day(begin)}" if moment < begin else ""


def _validity(certificate: bytes) -> tuple[int, int]:
    """The two times, in seconds since the epoch.  Raises ValueError and IndexError."""
    _, body = _element(certificate)
    _, fields = _element(body)
    tag, _ = _element(fields)
    for _ in range(4 if tag == _VERSION else 3):  # version, serial number, signature algorithm, issuer
        fields = _rest(fields)
    _, validity = _element(fields)
    return _time(*_element(validity)), _time(*_element(_rest(validity)))


def _element(data: bytes) -> tuple[int, bytes]:
    """Tag and content of the first element."""
    start, length = _extent(data)
    return data[0], data[start : start + length]


def _rest(data: bytes) -> bytes:
    start, length = _extent(data)
    return data[start + length :]


def _extent(data: bytes) -> tuple[int, int]:
    """Position and length of the content of the first element."""
    length = data[1]
    if length < 0x80:
        return 2, length
    count = length & 0x7F
    return 2 + count, int.from_bytes(data[2 : 2 + count])


def _time(tag: int, value: bytes) -> int:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))


def _day(seconds: int) -> str:
    from datetime import date, timedelta  # only for a certificate that cannot be used

    return str(date(1970, 1, 1) + timedelta(days=seconds // 86400))
