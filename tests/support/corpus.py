"""The real files of ``tests/data`` as its manifest describes them."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["DATA", "NATIVE", "CorpusFile", "corpus", "select"]

DATA = Path(__file__).parent.parent / "data"
EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
NATIVE = (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE)


class CorpusFile(NamedTuple):
    """One row of the manifest.

    Attributes:
        name: path below ``tests/data``.
        transfer_syntax: UID, ``-`` without meta header.
        valid: ``yes``, ``no``, ``dataset`` or ``dicomdir``.
        dcmtk_exit: exit code of DCMTK's dcmsend for this file alone.
    """

    name: str
    sop_class_uid: str
    transfer_syntax: str
    valid: str
    dcmtk_exit: int

    @property
    def path(self) -> Path:
        """Where it is."""
        return DATA / self.name


@functools.cache
def corpus() -> tuple[CorpusFile, ...]:
    """All files, in the manifest's order."""
    with (DATA / "MANIFEST.tsv").open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            CorpusFile(row["path"], row["sop_class_uid"], row["transfer_syntax"], row["valid"], int(row["dcmtk_exit"]))
            for row in rows
        )


def select(condition: Callable[[CorpusFile], bool]) -> list[CorpusFile]:
    """The complete DICOM files that meet a condition."""
    return [file for file in corpus() if file.valid == "yes" and condition(file)]
