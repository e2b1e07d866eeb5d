"""Reads just enough of each input to know what it is, and checks its UIDs."""

from .file_meta import FileMeta, read_file_meta
from .header import PATIENT_ID, PATIENT_NAME, SERIES_UID, SPECIFIC_CHARACTER_SET, STUDY_UID, read_header
from .identify import looks_like_dicom
from .instance import Instance, ReadMode, RejectedInput
from .locate import DataSetLocation, locate_data_set
from .options import IndexOptions, KeepTogether
from .scan import scan
from .uid_check import find_uid_fault

__all__ = [
    "PATIENT_ID", "PATIENT_NAME", "SERIES_UID", "SPECIFIC_CHARACTER_SET", "STUDY_UID", "DataSetLocation", "FileMeta",
    "IndexOptions", "Instance", "KeepTogether", "ReadMode", "RejectedInput", "find_uid_fault", "locate_data_set",
    "looks_like_dicom", "read_file_meta", "read_header", "scan",
]
