"""Finds the file that a DICOMDIR means, when a file system or a program has written its name in another way.

ISO 9660 has names in capitals and with a version (``IMG1.;1``); copies are often in small letters, or get an ending.
Source: PS3.10 §8.2 (file IDs are in capitals, without endings), ISO 9660 §7.5.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["SimilarNames", "is_dicomdir_name"]

_MOST_ENTRIES: Final = 100_000
"""Most entries of a directory that is looked through."""
_MOST_DIRECTORIES: Final = 16
"""Most directories whose entries are kept."""


class SimilarNames:
    """Looks for the only file whose name differs in case, ``;1`` or ``.dcm`` alone."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, list[str]]] = {}

    def find(self, directory: str, parts: list[str]) -> list[str]:
        """The names of files, below ``directory`` (``""`` or with a separator at its end), that ``parts`` may mean."""
        if any(part in ("", os.curdir, os.pardir) for part in parts):
            return []
        found = [directory]
        for depth, part in enumerate(parts):
            is_last = depth == len(parts) - 1
            found = [
                base + name + ("" if is_last else os.sep)
                for base in found[:_MOST_DIRECTORIES]
                for name in self._names(base).get(_plain(part), ())
                if os.path.isfile(base + name) == is_last
            ]
        return found

    def _names(self, directory: str) -> dict[str, list[str]]:
        names = self._known.get(directory)
        if names is None:
            if len(self._known) >= _MOST_DIRECTORIES:
                self._known.clear()
            names = self._known[directory] = _read(directory)
        return names


def is_dicomdir_name(path: str) -> bool:
    """Whether the last part of a path is the name of a DICOMDIR, perhaps written in another way."""
    return _plain(os.path.basename(path)) == "dicomdir"


def _read(directory: str) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    try:
        with os.scandir(directory or os.curdir) as entries:
            for count, entry in enumerate(entries):
                if count >= _MOST_ENTRIES:
                    return {}  # the only match can be told only if all are known
                names.setdefault(_plain(entry.name), []).append(entry.name)
    except (OSError, ValueError):
        return {}
    return names


def _plain(name: str) -> str:
    """A name as it is compared: small letters, without version, point or ending."""
    name = name.lower().removesuffix(";1").removesuffix(".")
    return name.removesuffix(".dcm")
