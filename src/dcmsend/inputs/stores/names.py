"""Which names are addresses of stores, and what is shown of them."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from dcmsend.errors import StoreUnusable
from dcmsend.reasons import NoStore

__all__ = ["SCHEMES", "Place", "is_url", "place_of", "utf_8", "without_secrets"]

SCHEMES: Final = frozenset(("s3", "gs", "az", "sftp", "http", "https", "memory"))
_MARK: Final = "://"
_SHOWN_OF_DIGEST: Final = 16
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")
"""Stands for a byte of a name that is not UTF-8, or for nothing."""


def is_url(name: str) -> bool:
    """Whether a name is an address: it begins with a known scheme, and no local file or directory has that name."""
    scheme, mark, _ = name.partition(_MARK)
    return bool(mark) and scheme.lower() in SCHEMES and not os.path.lexists(name)


class Place:
    """An address, taken apart.

    Attributes:
        scheme: in small letters.
        site: host, with user and port, of the schemes that have one; else the bucket or container.
        path: what stands behind it, without the slash at its beginning.
        query: behind the question mark, for ``http`` and ``https`` only; in the others it belongs to the path.
    """

    __slots__ = ("path", "query", "scheme", "site")

    def __init__(self, scheme: str, site: str, path: str, query: str = "") -> None:
        self.scheme = scheme
        self.site = site
        self.path = path
        self.query = query

    @property
    def is_prefix(self) -> bool:
        """Whether it stands, by its form, for what lies below it."""
        return not self.query and (not self.path or self.path.endswith("/"))

    @property
    def asked(self) -> str:
        """What a store is asked for: the query is a part of the resource.  Source: RFC 9110 4.2.3."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def shown(self) -> str:
        """The address for logs, reports and journals: a digest stands for a query, which may hold a signature."""
        url = f"{self.scheme}{_MARK}{self.site}/{self.path}" if self.site else f"{self.scheme}{_MARK}{self.path}"
        return f"{url}?{sha256(self.query.encode()).hexdigest()[:_SHOWN_OF_DIGEST]}" if self.query else url


def place_of(url: str) -> Place:
    """Take an address apart.  Raises StoreUnusable if it has a password, or names no place.

    Bytes of a web address that are not UTF-8 become escapes: the library for requests would ask for an address without
    them, that is for something else.
    """
    scheme, _, rest = url.partition(_MARK)
    scheme = scheme.lower()
    query = ""
    if scheme in ("http", "https"):
        rest = _NO_TEXT.sub(lambda found: quote(utf_8(found[0])), rest)
        rest, _, query = rest.partition("#")[0].partition("?")
    site, _, path = _split(rest)
    if scheme == "memory":  # it has neither hosts nor buckets
        site, path = "", rest.lstrip("/")
    user, at, _ = site.rpartition("@")
    if at and (":" in user or scheme != "sftp"):
        shown = without_secrets(url)
        raise StoreUnusable(shown, "an address may not hold a password or a token", NoStore.BAD_URL)
    if not site and scheme != "memory":
        raise StoreUnusable(f"{scheme}{_MARK}", "the address names no place", NoStore.BAD_URL)
    return Place(scheme, site, path, query)


def utf_8(name: str) -> bytes:
    """The bytes of an address; an impossible name is encoded too, although no object can have it."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def _split(rest: str) -> tuple[str, str, str]:
    """Site, slash and path of what stands behind ``://``; the site with all of a password that has slashes."""
    site, slash, path = rest.partition("/")
    if "@" in path and "@" not in site and not site.rpartition(":")[2].isdigit() and ":" in site:
        before, _, behind = rest.rpartition("@")
        host, slash, path = behind.partition("/")
        site = f"{before}@{host}"
    return site, slash, path


def without_secrets(text: str) -> str:
    """An address, which may be any text, without user, password and query."""
    if _MARK not in text:
        return text
    scheme, _, rest = text.partition(_MARK)
    site, slash, path = _split(rest)
    site = site.rpartition("@")[2]
    if scheme.lower() in ("http", "https"):
        site, path = site.partition("?")[0], path.partition("#")[0].partition("?")[0]
    return f"{scheme}{_MARK}{site}{slash}{path}"


