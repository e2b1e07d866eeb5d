"""Ports for receivers that have to be told one, chosen as the tests choose them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from support.ports import free_port

__all__ = ["free_port"]
