"""Carries bytes to a peer and back, with deadlines."""

from .connection import Connection
from .deadline import Deadline
from .interrupt import Interrupt
from .tcp import WAIT_SLICE, AddressFamily, TcpConnection, TcpOptions, connect

__all__ = [
    "WAIT_SLICE", "AddressFamily", "Connection", "Deadline", "Interrupt", "TcpConnection", "TcpOptions", "connect",
]
