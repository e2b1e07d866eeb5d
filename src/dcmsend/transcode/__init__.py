"""Rewrites one encoded data set in another transfer syntax."""

from __future__ import annotations

from .convert import ConvertedDataSet, can_convert, can_decode, convert_data_set
from .deflate import InflatingSource

__all__ = ["ConvertedDataSet", "InflatingSource", "can_convert", "can_decode", "convert_data_set"]
