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
        expands_dicomdir: whether a DICOMDIR stands for the files it refers to.
        dicomdir: a DICOMDIR in a directory that was named and not searched; ``""`` if there is none.
        names_dicomdir: whether a DICOMDIR was met and not followed.
        has_sub_directories: whether there were directories that were not entered.
        empty_list: a list of files without any name; None if there is none.
        young: files left for the next run, because they were modified a moment ago.
        from_the_future: those of them whose time lies in the future.
        url: of a web service; ``""`` for a DIMSE peer.
        chooses_names: whether inputs are taken and left out by patterns for their names.
    """

    host: str = ""
    port: int = 0
    called_ae_title: str = ""
    calling_ae_title: str = ""
    uses_tls: bool = False
    scans_directories: bool = False
    has_pattern: bool = False
    expands_dicomdir: bool = False
    dicomdir: str = ""
    names_dicomdir: bool = False
    has_sub_directories: bool = False
    empty_list: str | None = None
    young: int = 0
    from_the_future: int = 0
    url: str = ""
    chooses_names: bool = False
