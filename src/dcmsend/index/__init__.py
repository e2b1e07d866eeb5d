"""Reads just enough of each input to identify its instance, and checks its UIDs."""

from .facts import HeaderFacts, facts_of
from .file_meta import FileMeta, read_file_meta
from .identify import looks_like_dicom
from .instance import Instance, ReadMode, RejectedInput
from .instance_uids import instance_uids
from .locate import DataSetLocation, locate_data_set
from .options import IndexOptions, KeepTogether
from .scan import scan
from .uid_check import find_uid_fault

__all__ = [
    "DataSetLocation", "FileMeta", "HeaderFacts", "IndexOptions", "Instance", "KeepTogether", "ReadMode",
    "RejectedInput", "facts_of", "find_uid_fault", "instance_uids", "locate_data_set", "looks_like_dicom",
    "read_file_meta", "scan",
]
