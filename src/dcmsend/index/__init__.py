"""Reads just enough of each input to know what it is, and checks its UIDs."""

from .instance import Instance, ReadMode, RejectedInput
from .options import IndexOptions

__all__ = ["IndexOptions", "Instance", "ReadMode", "RejectedInput"]
