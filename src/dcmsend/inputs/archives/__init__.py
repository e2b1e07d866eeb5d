"""Members of archives as inputs; loaded only where archives are asked for (``InputOptions.archives``)."""

from __future__ import annotations

from ..anonymous import SpareFiles
from .content import ArchiveFile, MemberContent, RangeContent, cannot_be_read, open_pieces, open_range
from .kind import expand_archives, is_archive, kind_of_name, missing_package
from .libdeflate import crc32
from .member import ArchiveMember, BrokenMember, MemberNames, ToldMember

__all__ = [
    "ArchiveFile", "ArchiveMember", "BrokenMember", "MemberContent", "MemberNames", "RangeContent", "SpareFiles",
    "ToldMember", "cannot_be_read", "crc32", "expand_archives", "is_archive", "kind_of_name",
    "missing_package", "open_pieces", "open_range",
]  # fmt: skip
