"""Reads just enough of each input to know what it is, and checks its UIDs."""

from .instance import Instance, ReadMode, RejectedInput

__all__ = ["Instance", "ReadMode", "RejectedInput"]
