"""The facts of a run on which advice depends."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Situation"]


class Situation(NamedTuple):
    """The facts of a run, beside the error, on which advice depends.

    Attributes:
        host: of the peer.
        port: of the peer.
        called_ae_title: the peer's title, as given.
        calling_ae_title: our title.
        uses_tls: whether the connection is secured.
        scans_directories: whether directories are searched.
        has_pattern: whether only names that match a pattern are taken from directories.
        url: of a web service; ``""`` for a DIMSE peer.
    """

    host: str = ""
    port: int = 0
    called_ae_title: str = ""
    calling_ae_title: str = ""
    uses_tls: bool = False
    scans_directories: bool = False
    has_pattern: bool = False
    url: str = ""
