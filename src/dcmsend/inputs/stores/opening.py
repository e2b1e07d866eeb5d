"""From a scheme to the library behind it; libraries are loaded when their first address is met."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from dcmsend.errors import StoreUnusable
from dcmsend.reasons import NoStore

from .errors import error_of_listing
from .names import Place
from .store import Store

__all__ = ["open_store", "value_of"]

_EXTRAS: Final = {"s3": "s3", "gs": "gs", "az": "az", "sftp": "sftp", "http": "http", "https": "http", "memory": "http"}
"""The optional extra of the package that brings what a scheme needs."""
_WORDS: Final = {"true": True, "false": False}


def open_store(
    place: Place, given: tuple[tuple[str, str], ...], parallel: int, loop: asyncio.AbstractEventLoop
) -> Store:
    """The store of a place; not called within the event loop, in which some libraries connect at once.

    Raises StoreUnusable: a package is missing, an option is unknown, no credentials.
    """
    options: dict[str, Any] = {name: value_of(value) for name, value in given}
    options |= {"skip_instance_cache": True, "use_listings_cache": False, "asynchronous": False, "loop": loop}
    url = f"{place.scheme}://{place.site}"
    try:
        return _open(place, options, parallel)
    except ImportError as error:
        extra = "obstore" if ("backend", "obstore") in given else _EXTRAS[place.scheme]
        text = f"a package is not installed, pip install 'dcmsend[{extra}]' brings it ({error.name or 'fsspec'})"
        raise StoreUnusable(url, text, NoStore.NO_PACKAGE) from error
    except TypeError as error:  # what a library says of a keyword it does not know
        names = ", ".join(name for name, _ in given) or "none"
        text = f"an option for the store is not known (given: {names})"
        raise StoreUnusable(url, text, NoStore.BAD_OPTION) from error
    except Exception as error:
        raise error_of_listing(url, error) from error


def _open(place: Place, options: dict[str, Any], parallel: int) -> Store:
    if options.get("backend") == "obstore":
        from .rust import RustStore, RustWebStore

        if place.scheme in ("http", "https"):
            return RustWebStore.open(place.site, options, parallel, place.scheme)
        return RustStore.open(place, options)
    if place.scheme == "s3":
        from .s3 import S3Store

        return S3Store.open(place.site, options, parallel)
    if place.scheme in ("http", "https"):
        from .web import WebStore

        return WebStore.open(place.site, options, parallel, place.scheme)
    if place.scheme == "memory":
        from fsspec.implementations.memory import MemoryFileSystem

        return Store(MemoryFileSystem(skip_instance_cache=True), "")
    if place.scheme == "az":
        from .azure import AzureStore

        return AzureStore.open(place.site, **options)
    if place.scheme == "gs":
        from .google import GoogleStore

        return GoogleStore.open(place.site, options)
    from .sftp import SftpStore

    return SftpStore.open(place.site, options)


def value_of(text: str) -> object:
    """The value of an option: a number, true or false, else the text."""
    if text.isascii() and text.isdigit():
        return int(text)
    return _WORDS.get(text.lower(), text)
