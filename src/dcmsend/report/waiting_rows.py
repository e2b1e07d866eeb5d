"""Rows of a report that wait for their proofs; proofs come when all rows are known."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from collections.abc import Iterator
from typing import Final

from dcmsend.errors import ReportError

from .proof_table import ProofTable
from .report_file import ReportFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Proof

__all__ = ["ProofJoin", "WaitingRows"]

_MOST_IN_MEMORY: Final = 1 << 20
"""Bytes kept in memory; a run of some thousand instances needs no file."""
_HEAD: Final = struct.Struct("<QI")
"""Index, and length of the row in bytes."""


class WaitingRows:
    """Rows of the report ``file``, returned once and in order.

    Beyond a mebibyte they lie in a file without a name: in the directory of the report, which has room for it, or, for
    a pipe, in the system's directory for such files.  Nothing of it is left when the program is killed.

    All methods raise ReportError.
    """

    def __init__(self, file: ReportFile) -> None:
        self._file = file
        self._rows = tempfile.SpooledTemporaryFile(  # noqa: SIM115  (it lives until the rows are taken)
            _MOST_IN_MEMORY, dir=file.directory
        )
        self.count = 0

    def add(self, index: int | None, row: str) -> None:
        """Keep one more row, which must have UTF-8 bytes; ``index`` is None for an input outside the transfer list."""
        try:
            with self._file.translated():
                text = row.encode()
                self._rows.write(_HEAD.pack(index or 0, len(text)) + text)
        except ReportError:
            self._close()
            raise
        self.count += 1

    def take(self) -> Iterator[tuple[int | None, str]]:
        """Yield all rows, with their index."""
        try:
            with self._file.translated():
                self._rows.seek(0)
            for _ in range(self.count):
                with self._file.translated():
                    index, length = _HEAD.unpack(self._rows.read(_HEAD.size))
                    row = self._rows.read(length).decode()
                yield index or None, row
        finally:
            self._close()

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk refuses the last bytes again
            self._rows.close()


class ProofJoin:
    """Joins the rows of the report ``file`` with their ``proofs`` when all have come.

    All methods raise ReportError.
    """

    def __init__(self, file: ReportFile, proofs: ProofTable) -> None:
        self._proofs = proofs
        self._rows = WaitingRows(file)
        self._earlier = WaitingRows(file)

    def add(self, index: int | None, row: str) -> None:
        """Keep the row of an instance, or with ``index`` None that of an input outside the transfer list."""
        self._rows.add(index, row)

    def add_earlier(self, row: str) -> None:
        """Keep the row of an instance that an earlier run has sent, with its proof in it."""
        self._earlier.add(None, row)

    def rows(self) -> Iterator[tuple[str, Proof | None]]:
        """Yield the rows with their proofs, once."""
        for index, row in self._rows.take():
            yield row, self._proofs.proof(index)

    def earlier(self) -> Iterator[str]:
        """Yield the rows of earlier runs, once."""
        for _, row in self._earlier.take():
            yield row
