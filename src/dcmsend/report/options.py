"""Which reports the user wants."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ReportOptions"]


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Where reports go.

    Attributes:
        text_report: file for DCMTK's report, ``""`` for none (``+crf``).
    """

    text_report: str = ""
