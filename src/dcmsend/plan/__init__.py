"""Decides which presentation contexts to propose, cuts the work into associations, and matches instances to contexts."""

from .options import Decompression, PlanOptions

__all__ = ["Decompression", "PlanOptions"]
