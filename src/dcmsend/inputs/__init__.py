"""Finds the inputs that the user names: files, directories, lists, DICOMDIR."""

from __future__ import annotations

from .file_source import (
    NO_DESCRIPTOR,
    UNLIMITED,
    FileChanged,
    FileSource,
    OpenFile,
    identity_of,
    most_descriptors,
    open_beginning,
    open_file,
    open_input,
    read_into,
    unreadable,
)
from .find import find_inputs
from .input_file import InputFile
from .left_out import LeftOut
from .open_watch import OpenWatch
from .options import FileList, InputOptions
from .source import DicomdirRecord, Origin, Source, Stamp, name_of, open_to_look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ahead import MOST_AHEAD, STRETCH, Ticket, TicketWorkers, in_order, most_ahead
    from .archives import (
        ArchiveMember,
        SpareFiles,
        ToldMember,
        crc32,
        expand_archives,
        is_archive,
        kind_of_name,
        missing_package,
    )
    from .data_set_input import DataSetInput
    from .dicomdir import leads_outside, read_dicomdir
    from .file_list import check_file_list, names_at_hand, read_file_list
    from .kept_files import KeptFiles
    from .seeking import pread_by_seeking, preadv_by_seeking
    from .selection import NameRule, Selection
    from .shard import Shard, Share
    from .similar_name import SimilarNames, is_dicomdir_name
    from .stores import Entry, Fetcher, MissingObject, Place, StoredObject, Stores, is_url, without_secrets

__all__ = [
    "MOST_AHEAD",
    "NO_DESCRIPTOR",
    "STRETCH",
    "UNLIMITED",
    "ArchiveMember",
    "DataSetInput",
    "DicomdirRecord",
    "Entry",
    "Fetcher",
    "FileChanged",
    "FileList",
    "FileSource",
    "InputFile",
    "InputOptions",
    "KeptFiles",
    "LeftOut",
    "MissingObject",
    "NameRule",
    "OpenFile",
    "OpenWatch",
    "Origin",
    "Place",
    "Selection",
    "Shard",
    "Share",
    "SimilarNames",
    "Source",
    "SpareFiles",
    "Stamp",
    "StoredObject",
    "Stores",
    "Ticket",
    "TicketWorkers",
    "ToldMember",
    "check_file_list",
    "crc32",
    "expand_archives",
    "find_inputs",
    "identity_of",
    "in_order",
    "is_archive",
    "is_dicomdir_name",
    "is_url",
    "kind_of_name",
    "leads_outside",
    "missing_package",
    "most_ahead",
    "most_descriptors",
    "name_of",
    "names_at_hand",
    "open_beginning",
    "open_file",
    "open_input",
    "open_to_look",
    "pread_by_seeking",
    "preadv_by_seeking",
    "read_dicomdir",
    "read_file_list",
    "read_into",
    "unreadable",
    "without_secrets",
]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name in ("leads_outside", "read_dicomdir"):
        from . import dicomdir

        return getattr(dicomdir, name)
    if name in ("MOST_AHEAD", "STRETCH", "Ticket", "TicketWorkers", "in_order", "most_ahead"):
        from . import ahead

        return getattr(ahead, name)
    if name == "DataSetInput":
        from .data_set_input import DataSetInput

        return DataSetInput
    if name == "KeptFiles":
        from .kept_files import KeptFiles

        return KeptFiles
    if name in ("pread_by_seeking", "preadv_by_seeking"):
        from . import seeking

        return getattr(seeking, name)
    if name in ("NameRule", "Selection"):
        from . import selection

        return getattr(selection, name)
    if name in ("Shard", "Share"):
        from . import shard

        return getattr(shard, name)
    if name in ("Entry", "Fetcher", "MissingObject", "Place", "StoredObject", "Stores", "is_url", "without_secrets"):
        from . import stores

        return getattr(stores, name)
    if name in (
        "ArchiveMember", "SpareFiles", "ToldMember", "crc32", "expand_archives", "is_archive", "kind_of_name",
        "missing_package",
    ):  # fmt: skip
        from . import archives

        return getattr(archives, name)
    if name in ("SimilarNames", "is_dicomdir_name"):
        from . import similar_name

        return getattr(similar_name, name)
    if name in ("check_file_list", "names_at_hand", "read_file_list"):
        from . import file_list

        return getattr(file_list, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
