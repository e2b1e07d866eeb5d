"""Reads just enough of each input to know what it is, and checks its UIDs."""

from .file_meta import FileMeta, read_file_meta
from .instance import Instance, ReadMode, RejectedInput
from .locate import DataSetLocation, locate_data_set
from .options import IndexOptions, KeepTogether
from .scan import scan
from .uid_check import check_uids

__all__ = [
    "DataSetLocation",
    "FileMeta",
    "IndexOptions",
    "Instance",
    "KeepTogether",
    "ReadMode",
    "RejectedInput",
    "check_uids",
    "locate_data_set",
    "read_file_meta",
    "scan",
]
