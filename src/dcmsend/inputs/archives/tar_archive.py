"""The members of a tar archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..input_file import InputFile
from ..source import Source
from .content import cannot_be_read

__all__ = ["members_of_tar"]


def members_of_tar(archive: InputFile, check: Callable[[], None] | None = None) -> Iterator[Source]:
    """Not written yet."""
    raise cannot_be_read("tar archives are not read yet")
