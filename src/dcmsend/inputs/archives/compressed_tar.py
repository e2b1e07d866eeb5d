"""The members of a compressed tar archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..input_file import InputFile
from ..source import Source
from .content import cannot_be_read
from .kind import ArchiveKind

__all__ = ["members_of_compressed_tar"]


def members_of_compressed_tar(
    archive: InputFile, kind: ArchiveKind, check: Callable[[], None] | None = None
) -> Iterator[Source]:
    """Not written yet."""
    raise cannot_be_read("tar archives are not read yet")
