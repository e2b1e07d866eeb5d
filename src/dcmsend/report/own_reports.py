"""The report files of a run.  They may lie in a searched directory, but are no inputs."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable

from dcmsend.errors import ReportError
from dcmsend.inputs import Origin, Source, identity_of

from .earlier_report import is_earlier_report
from .name_fields import pattern_of_name
from .options import ReportOptions
from .place import find_place
from .replaceable import HEAD_LENGTH, IS_INPUT

__all__ = ["OwnReports", "check_named"]


class OwnReports:
    """Recognises report files by name.

    DCMTK's report is left out, because it is made when all is sent, and an input of the next run, as in DCMTK.  What an
    incomplete run has left of it is none: in DCMTK there is no such file.
    """

    def __init__(self, options: ReportOptions) -> None:
        self._places = {os.path.split(place) for path in options.own_files for place in _ways(path)}
        partial = options.partial_report
        self._partial = {os.path.split(place) for place in _ways(partial)} if partial else set()
        names = "|".join(sorted(re.escape(name) for _, name in self._places))
        self._names = re.compile(rf"({names})(\.[0-9a-f]+\.tmp)?", re.DOTALL | re.IGNORECASE)
        self._earlier = [
            (os.path.realpath(directory), re.compile(rf"{pattern_of_name(name)}(\.[0-9a-f]+\.tmp)?", re.DOTALL))
            for directory, name in map(os.path.split, options.names)
            if "{" not in directory
        ]

    def hold(self, item: Source) -> bool:
        """Whether a file found in a directory is a report of this or an earlier run, complete or not."""
        if item.origin is not Origin.DIRECTORY:
            return False
        directory, name = os.path.split(item.path)
        if self._partial and self._is_partial(directory, name):
            from .text_file import is_earlier_text_report  # seldom needed

            return _begins(item.path, is_earlier_text_report)
        match = self._names.fullmatch(name)
        if match is None or not self._has_place(directory, match[1], match[2] or ""):
            earlier = [place for place, names in self._earlier if names.fullmatch(name) is not None]
            if not earlier or not any(_are_one(os.path.realpath(directory), place) for place in earlier):
                return False
        return _begins(item.path, is_earlier_report)

    def _is_partial(self, directory: str, name: str) -> bool:
        """Whether DCMTK's report has this name where it is not complete, or one that the file system takes for it."""
        alike = [place for place in self._partial if place[1].casefold() == name.casefold()]
        path = os.path.join(os.path.realpath(directory), name) if alike else ""
        return any(_are_one(path, os.path.join(*place)) for place in alike)

    def _has_place(self, directory: str, name: str, end: str) -> bool:
        """Whether a report has this name, without its temporary ``end``, or one that the file system takes for it."""
        real = os.path.realpath(directory)
        if (real, name) in self._places:
            return True
        alike = [place for place in self._places if place[1].casefold() == name.casefold()]
        return any(_are_one(os.path.join(real, name + end), os.path.join(*place) + end) for place in alike)


def check_named(path: str, names: Iterable[str]) -> None:
    """Check that a report does not overwrite a file that the user has named as an input.

    Raises ReportError.
    """
    try:
        place = find_place(path)
    except (OSError, ValueError):  # writing the report reports the error
        return
    place.close()
    if place.status is None or not place.is_file:
        return
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            if identity_of(name, os.stat(name)) == identity_of(path, place.status):
                raise ReportError(path, IS_INPUT)


def _are_one(path: str, other: str) -> bool:
    """Whether two paths are one, or lead to one file or directory."""
    if path == other:
        return True
    with contextlib.suppress(OSError, ValueError):
        return os.path.samefile(path, other)
    return False


def _begins(path: str, is_earlier: Callable[[bytes], bool]) -> bool:
    """Whether a report may be written over this file: it begins as an earlier one does, or nobody can tell."""
    try:
        if not os.path.isfile(path):  # do not open a pipe: there may be no one at its other end
            return True
        with open(path, "rb") as file:
            return is_earlier(file.read(HEAD_LENGTH))
    except (OSError, ValueError):
        return True


def _ways(path: str) -> tuple[str, str]:
    """Where a file is as it is spelled, and where links lead from there."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)), os.path.realpath(path)
