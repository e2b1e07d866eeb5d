"""Converts one encoded data set to another transfer syntax."""

from __future__ import annotations

from .convert import ConvertedDataSet, can_convert, convert_data_set
from .decoder_package import package_failure
from .deflate import InflatingSource
from .registry import PACKAGE, can_decode, decodable, missing
from .spool import Job, MemorySpool, RunJobs, Spool

__all__ = [
    "PACKAGE", "ConvertedDataSet", "InflatingSource", "Job", "MemorySpool", "RunJobs", "Spool", "can_convert",
    "can_decode", "convert_data_set", "decodable", "missing", "package_failure",
]
