"""The proxy between this side and the web service: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from dcmsend.dicomweb import WebAddress

from .errors import ProxyUnusable

__all__ = ["Proxy", "proxy_for"]


class Proxy(NamedTuple):
    """A proxy that speaks HTTP.

    Attributes:
        host, port: where it listens.
        fields: what authorizes us, for the proxy alone; secret.
    """

    host: str
    port: int
    fields: dict[str, str]

    def __repr__(self) -> str:
        return f"Proxy({self.host!r}, {self.port})"


def proxy_for(address: WebAddress) -> Proxy | None:
    """The proxy for an address, None for none.  Raises ProxyUnusable for one that cannot be used."""
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get(address.scheme, "")
    host = f"[{address.host}]" if ":" in address.host else address.host
    # urllib compares the list with the brackets of an IPv6 address, which hardly anybody writes there.
    if not url or proxy_bypass(f"{host}:{address.port}") or (host != address.host and proxy_bypass(address.host)):
        return None
    return _parse(url if "://" in url else f"http://{url}")


def _port_in(place: str) -> str:
    """The port as it was written, with its colon; ``""`` for none, and for anything else that may be a secret."""
    match = re.search(r":[0-9]{1,20}$", place)
    return match[0] if match and ("@" in place or place.count(":") == 1) else ""


def _parse(url: str) -> Proxy:
    where = ""
    try:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.hostname or ''}{_port_in(parts.netloc)}: "
        host, port = parts.hostname, 80 if parts.port is None else parts.port
    except ValueError:
        host, port = None, 0
    if not host or not port or parts.scheme != "http":
        raise ProxyUnusable(f"{where}it must be http://host:port")
    fields = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode(errors="surrogateescape")
        fields["Proxy-Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    return Proxy(host, port, fields)
