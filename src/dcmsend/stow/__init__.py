"""Sends by STOW-RS: HTTP connections with a web service that stores.  Source: PS3.18 10.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .web_peer import WebPeer

if TYPE_CHECKING:
    from .credentials import BasicCredentials, BearerCommand, BearerFile, Credentials
    from .errors import CredentialsUnusable, HttpRefused, NoHttpLibrary, ProxyUnusable, WebSessionFailed
    from .series_finder import SeriesFinder
    from .stow_target import StowTarget

__all__ = [
    "BasicCredentials", "BearerCommand", "BearerFile", "Credentials", "CredentialsUnusable", "HttpRefused",
    "NoHttpLibrary", "ProxyUnusable", "SeriesFinder", "StowTarget", "WebPeer", "WebSessionFailed",
]  # fmt: skip

_HOMES = {
    "BasicCredentials": "credentials", "BearerCommand": "credentials", "BearerFile": "credentials",
    "Credentials": "credentials",
    "CredentialsUnusable": "errors", "HttpRefused": "errors", "NoHttpLibrary": "errors",
    "ProxyUnusable": "errors",
    "SeriesFinder": "series_finder", "StowTarget": "stow_target", "WebSessionFailed": "errors",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name when it is first used: a command line needs the address long before the first request."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
