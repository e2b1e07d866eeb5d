"""One run, from the names of its inputs to the end of its reports."""

from __future__ import annotations

from .carrier import Carrier
from .run import Run, log_end

__all__ = ["Carrier", "Run", "log_end"]
