"""Where a DICOMweb service is: its base URL.  Source: PS3.18 section 8.2, RFC 3986."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urlencode

from dcmsend.dicom.record import Record

__all__ = ["WebAddress"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PARTS: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_HOST_AND_PORT: Final = re.compile(r"(?:\[(?P<literal>[^][]*)\]|(?P<name>[^][:]*))(?::(?P<port>[^:]*))?")
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*(?<!-)\.?")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff]")
_SAFE_IN_PATH: Final = "/%:@!$&'()*+,;=~"


class WebAddress(Record):
    """The base URL of a service, in parts.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or address in lower case; an IPv6 address without its brackets.
        port: 1 to 65535.
        path: quoted as it goes over the line, without a slash at its end; ``''`` for the root.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> WebAddress:
        """The address that a person has written, without ``/studies`` at its end, which each request adds.

        Raises ValueError, in plain words that repeat neither user nor password.
        """
        if _UNPRINTABLE.search(text):
            raise ValueError("a URL holds neither spaces nor control characters")
        found = _PARTS.fullmatch(text)
        if found is None or found["scheme"].lower() not in _DEFAULT_PORTS:
            raise ValueError("a URL begins with http:// or https://")
        if "@" in found["authority"]:
            raise ValueError("no user and no password may stand in the URL")
        if found["query"] is not None:
            raise ValueError("the base URL has no query (what follows '?')")
        if found["fragment"] is not None:
            raise ValueError("the base URL has no fragment (what follows '#')")
        scheme = found["scheme"].lower()
        host, port = _host_and_port(found["authority"])
        return cls(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port, _base_path(found["path"]))

    @property
    def url(self) -> str:
        """The base URL as one text; the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: who is talked to.  Source: RFC 6454."""
        return self.scheme, self.host, self.port

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this machine: a loopback address or ``localhost``; asks no resolver."""
        if self.host == "localhost":
            return True
        if ":" in self.host:
            address = IPv6Address(self.host)
            return (address.ipv4_mapped or address).is_loopback
        try:
            return IPv4Address(self.host).is_loopback
        except AddressValueError:
            return False

    def path_of(self, *parts: str, **query: str | int | Sequence[str]) -> str:
        """The target of a request below the base URL, e.g. ``/dicom-web/studies/1.2?limit=10``.

        Parts are quoted; a value that is a list stands in the query once for each of its members.  Raises ValueError
        for a part that would lead elsewhere: an empty one, ``.`` and ``..``.
        """
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError("a part of a path is neither empty nor dots")
        path = "".join((self.path, *("/" + quote(part, safe="", errors="replace") for part in parts))) or "/"
        return f"{path}?{urlencode(query, doseq=True, quote_via=quote)}" if query else path


def _host_and_port(authority: str) -> tuple[str, int | None]:
    found = _HOST_AND_PORT.fullmatch(authority)
    if found is None:
        raise ValueError("after http:// or https:// comes HOST or HOST:PORT; an IPv6 address stands in brackets")
    return _host(found["literal"], found["name"]), _port(found["port"])


def _host(literal: str | None, name: str | None) -> str:
    if literal is not None:
        try:
            return _plain(literal)
        except AddressValueError:
            raise ValueError("what stands in the brackets is no IPv6 address") from None
    if not name:
        raise ValueError("the URL names no host")
    if not name.isascii():
        raise ValueError("a host name with letters beyond ASCII is written in its form xn--...")
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise ValueError("the host name holds characters that a host name cannot have, or is too long")
    return name.lower()


def _plain(literal: str) -> str:
    if "%" in literal:
        raise AddressValueError
    return str(IPv6Address(literal))


def _port(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError("the port is a number from 1 to 65535")
    return int(text)


def _base_path(path: str) -> str:
    if _BAD_ESCAPE.search(path):
        raise ValueError("two hexadecimal digits follow each '%' in a URL")
    if any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/")):
        raise ValueError("no part of the path is '.' or '..'")
    return quote(path.rstrip("/").removesuffix("/studies").rstrip("/"), safe=_SAFE_IN_PATH)
