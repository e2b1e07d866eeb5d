"""Keeps text for later without keeping it in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

__all__ = ["Spool"]

_MOST_IN_MEMORY: Final = 1 << 20
"""Characters kept in memory; a run of some thousand instances needs no file."""
_PIECE: Final = 1 << 16


class Spool:
    """Pieces of text, returned in order; beyond a mebibyte they lie in a file without a name.

    Both methods raise OSError and, for text that cannot be encoded, ValueError.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._file: IO[str] | None = None

    def add(self, text: str) -> None:
        """Keep one more piece."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length > _MOST_IN_MEMORY:
            if self._file is None:
                import tempfile  # seldom needed, and slow to load

                self._file = tempfile.TemporaryFile(  # noqa: SIM115  (it lives as long as the spool)
                    "w+", encoding="utf-8", errors="surrogateescape", newline=""
                )
            self._file.writelines(self._pieces)
            self._pieces.clear()
            self._length = 0

    def __iter__(self) -> Iterator[str]:
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(_PIECE):
                yield piece
        yield from self._pieces
