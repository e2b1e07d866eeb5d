"""Inputs that hold several instances: which ones do, and what of them is stored already.

The driver does not read what is in them; so it tells the worker what not to send.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

from dcmsend.inputs import InputFile, Source, ToldMember, is_archive, is_dicomdir_name, name_of
from dcmsend.settings import Settings
from dcmsend.transfer import Ledger

from .told import digest_of

__all__ = ["Holders"]

_MOST: Final = 200_000
"""Most stored instances of one input that a worker is told; the others are sent again."""


class Holders:
    """Knows DICOMDIRs by their names, and archives as a worker does: see ``is_archive``."""

    def __init__(self, settings: Settings, ledger: Ledger, folder: str) -> None:
        """``folder`` is the working directory."""
        self._archives = settings.inputs.archives
        self._dicomdirs = settings.index.expand_dicomdir
        self._ledger = ledger
        self._folder = folder

    def hold(self, item: Source) -> bool:
        """Whether an input is something that holds instances: it gets a batch of its own."""
        return self._is_archive(item) or self._is_dicomdir(item)

    def _is_archive(self, item: Source) -> bool:
        return self._archives and is_archive(item)

    def _is_dicomdir(self, item: Source) -> bool:
        return self._dicomdirs and is_dicomdir_name(name_of(item))

    def stored(self, item: Source) -> set[str]:
        """Digests of what is stored of an input, as the worker will compute them.  Raises JournalError."""
        if self._is_archive(item):
            return set(islice(self._members(item), _MOST))
        return set(islice(self._files(item), _MOST)) if self._is_dicomdir(item) else set()

    def _members(self, item: Source) -> Iterator[str]:
        now = item.look()
        directory, _ = ToldMember(item, "-", "").key(_resolved)
        there = InputFile(os.path.join(self._folder, item.path)) if isinstance(item, InputFile) else item
        for _, name, stamp, etag in self._ledger.stored_in(directory, deep=False):
            if stamp == now:
                yield digest_of(ToldMember(there, name.decode("utf-8", "surrogateescape"), etag))

    def _files(self, item: Source) -> Iterator[str]:
        there = os.path.dirname(os.path.join(self._folder, item.path))
        directory = _resolved(there)
        for path, name, stamp, _ in self._ledger.stored_in(directory, deep=True):
            inner = os.fsdecode(path)[len(os.fsdecode(directory)) :].strip("/")
            file = InputFile("/".join(filter(None, (there, inner, os.fsdecode(name)))))
            if file.look() == stamp:
                yield digest_of(file)


def _resolved(directory: str) -> bytes:
    return os.fsencode(os.path.realpath(directory or os.curdir))
