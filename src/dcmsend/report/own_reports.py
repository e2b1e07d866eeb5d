"""The files that the reports of a run are written to.  They may lie where is searched, and are no inputs then."""

from __future__ import annotations

import os
import re

from dcmsend.errors import ReportError
from dcmsend.inputs import InputFile, Origin

from .options import ReportOptions

__all__ = ["OwnReports", "check_place"]


class OwnReports:
    """Knows them by name; DCMTK's report is not among them, which comes to be when all is sent."""

    def __init__(self, options: ReportOptions) -> None:
        paths = [options.json_report, options.jsonl_report, options.csv_report, options.html_report]
        named = [path for path in paths if path not in ("", "-")]
        self._places = {os.path.split(place) for path in named for place in (_spelled(path), os.path.realpath(path))}
        names = "|".join(sorted(re.escape(name) for _, name in self._places))
        self._names = re.compile(rf"({names})(\.\d+\.tmp)?", re.DOTALL)

    def hold(self, item: InputFile) -> bool:
        """Whether what was found in a directory is one of them, complete or not: also one of an earlier run."""
        if item.origin is not Origin.DIRECTORY:
            return False
        directory, name = os.path.split(item.path)
        match = self._names.fullmatch(name)
        if match is None or (os.path.realpath(directory), match[1]) not in self._places:
            return False
        return not _is_dicom(item.path)  # then no report is written there


def check_place(path: str) -> None:
    """See that a report does not take the place of an image: a shell makes that of ``+crf *.dcm``.

    Raises ReportError.
    """
    if _is_dicom(path):
        raise ReportError(path, "it is a DICOM file, which no report overwrites")


def _is_dicom(path: str) -> bool:
    try:
        if not os.path.isfile(path):  # nobody may be at the other end of a pipe
            return False
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except (OSError, ValueError):  # not there yet; whoever writes it says what is wrong
        return False


def _spelled(path: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
