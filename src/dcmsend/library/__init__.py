"""The library: the same run as that of the command, as an iterator of outcomes."""

from __future__ import annotations

import logging

from .sending import send
from .transfer import Transfer

__all__ = ["Transfer", "send"]

# Log messages are only shown if the program that uses the library asks for them.
logging.getLogger("dcmsend").addHandler(logging.NullHandler())
