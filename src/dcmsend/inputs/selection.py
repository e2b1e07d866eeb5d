"""Which inputs are taken by their names (``--include``, ``--exclude``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dcmsend.dicom.record import Record

from .input_file import InputFile, is_missing
from .path_pattern import PathPattern
from .similar_name import is_dicomdir_name
from .source import Origin, Source, name_of

__all__ = ["NameRule", "Selection"]


class NameRule(Record):
    """One pattern for names.  Raises ValueError for a pattern that cannot be read.

    Attributes:
        pattern: see ``PathPattern``.
        takes: whether the inputs that match are taken; otherwise they are left out.
    """

    pattern: str
    takes: bool = True

    def check(self) -> None:
        PathPattern(self.pattern)


class Selection:
    """Decides by names; the first rule that matches counts.

    An input that no rule matches is taken, unless there is a rule that takes others.

    The name, with ``/`` between its parts, is

    * of a file or an object that was found: its path below the directory or the prefix that was named,
    * of a file or an object that was named itself: the last part of its name,
    * of a member of an archive: its path in the archive,
    * of a file that a DICOMDIR refers to: its Referenced File ID.

    What other inputs lie in, an archive or a DICOMDIR, is only left out if a rule excludes it: its own inputs are
    decided one by one.  So is a directory that cannot be read, because nobody knows what is in it, and where
    directories are searched a name with nothing there, which may be that of a directory.  A data set in memory has no
    name, and is taken.

    Attributes:
        left_out: how many inputs, and directories with all that is in them, were left out so far.

    Args:
        rules: in their order.
        expands_dicomdir: whether a DICOMDIR stands for the files that it refers to (``+rd``).
        is_archive: whether an input is an archive that stands for its members; None if none does.
        scans_directories: whether a directory stands for the files in it (``+sd``).
    """

    def __init__(
        self,
        rules: Iterable[NameRule],
        *,
        expands_dicomdir: bool = False,
        is_archive: Callable[[Source], bool] | None = None,
        scans_directories: bool = False,
    ) -> None:
        self._rules: Final = [(PathPattern(rule.pattern), rule.takes) for rule in rules]
        self._takes_others = not any(takes for _, takes in self._rules)
        self._expands_dicomdir = expands_dicomdir
        self._is_archive = is_archive
        self._scans_directories = scans_directories
        self.left_out = 0

    def of(self, inputs: Iterable[Source]) -> Iterator[Source]:
        """The inputs that are taken."""
        for item in inputs:
            if not self.leaves(item):
                yield item

    def leaves(self, item: Source) -> bool:
        """Whether an input is left out; if so, it is counted."""
        name = _name_of(item)
        if name is None:
            return False
        verdict = self._verdict(name)
        is_taken = verdict if verdict is not None else self._takes_others or self._may_hold_others(item, name)
        self.left_out += not is_taken
        return not is_taken

    def leaves_inner(self, item: Source) -> bool:
        """``leaves`` for what lies in an archive or a DICOMDIR; false for anything else, which was asked for before."""
        return (item.container is not None or item.record is not None) and self.leaves(item)

    def leaves_directory(self, path: str) -> bool:
        """Whether nothing below a directory would be taken; ``path`` is relative to the one that was named."""
        is_left = self._takes_nothing_below(path.replace(os.sep, "/"))
        self.left_out += is_left
        return is_left

    def _takes_nothing_below(self, name: str) -> bool:
        for pattern, takes in self._rules:
            if takes:
                if pattern.may_match_below(name):
                    return False
            elif pattern.takes_all_below(name):
                return True
        # an archive or a DICOMDIR in it would be opened, and its inputs decided one by one
        return not (self._takes_others or self._expands_dicomdir or self._is_archive is not None)

    def _verdict(self, name: str) -> bool | None:
        return next((takes for pattern, takes in self._rules if pattern.matches(name)), None)

    def _may_hold_others(self, item: Source, name: str) -> bool:
        if getattr(item, "is_directory", False):
            return not self._takes_nothing_below(name)
        if self._scans_directories and _may_be_directory(item):
            return True
        if self._expands_dicomdir and is_dicomdir_name(_last_part(name_of(item))):
            return True
        return self._is_archive is not None and item.container is None and self._is_archive(item)


def _may_be_directory(item: Source) -> bool:
    """Whether the user has named it, and nothing is there, or a directory that cannot be opened."""
    if item.origin is not Origin.PARAMETER or item.container is not None:
        return False
    if isinstance(item, InputFile):
        return is_missing(item.path)
    from .stores import MissingObject

    return isinstance(item, MissingObject)


def _name_of(item: Source) -> str | None:
    """The name that rules are compared with; None for what has no name."""
    if item.origin is Origin.DATA_SET or not item.path:  # an empty name is told of
        return None
    if item.container is not None:
        inner = item.path[len(item.container.path) + 2 :]
        return inner.replace("\\", "/") if inner else None  # without a name: the archive cannot be read
    if item.origin is Origin.DICOMDIR and item.record is not None:
        return item.record.file_id.replace("\\", "/")
    if item.origin is Origin.DIRECTORY:
        return item.path[len(item.root) :].replace(os.sep, "/").lstrip("/")
    return _last_part(name_of(item))


def _last_part(path: str) -> str:
    return path.replace(os.sep, "/").rstrip("/").rpartition("/")[2]
