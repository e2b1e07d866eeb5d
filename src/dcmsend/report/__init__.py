"""Tells people and programs what happened."""

from .options import ReportOptions

__all__ = ["ReportOptions"]
