"""Assembles messages (command and data set) from the events of an UpperLayer.  Source: PS3.7 §6.3, PS3.8 E."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from typing import Final

from dcmsend.dicom.value import Value
from dcmsend.errors import RemoteProtocolError

from .command_set import COMMAND_DATA_SET_TYPE, NO_DATA_SET, number_of
from .dimse import Command, CommandParseError, UnknownCommand
from .events import CommandReceived, DataReceived
from .items import INVALID_PARAMETER_VALUE
from .reassembly import MOST_EMPTY_FRAGMENTS

__all__ = ["MAX_DATA_SET_LENGTH", "Message", "MessageAssembly"]

MAX_DATA_SET_LENGTH: Final = 16 << 20
"""Longest data set kept in memory, in bytes; a report of 20,000 instances has 3 MB."""


class Message(Value):
    """A complete message.

    Attributes:
        context_id: as received; perhaps none of the accepted ones.
        command: the command, or its fault.
        data_set: the data set as received, None if the command announces none.
    """

    __slots__ = ("context_id", "command", "data_set")

    def __init__(self, context_id: int, command: Command | CommandParseError, data_set: bytes | None = None) -> None:
        self.context_id: Final = context_id
        self.command: Final = command
        self.data_set: Final = data_set


class MessageAssembly:
    """Assembles messages one after the other, in bounded memory."""

    __slots__ = ("_command", "_data", "_empty", "_max_length")

    def __init__(self, max_length: int = MAX_DATA_SET_LENGTH) -> None:
        """Accept messages whose data sets have at most ``max_length`` bytes."""
        self._max_length = max_length
        self._command: CommandReceived | None = None  # the command of the data set that is not complete yet
        self._data = bytearray()
        self._empty = 0  # empty fragments of this data set

    def receive(self, event: CommandReceived | DataReceived) -> Message | None:
        """The message that ends with this event, None if it goes on.

        Raises RemoteProtocolError for a data set without a command, for a command or another context in the middle of
        a data set, and for a data set that is too long, in bytes or in fragments that have none.
        """
        if isinstance(event, CommandReceived):
            if self._command is not None:
                raise _mixed_up("a command inside a data set")
            if not _announces_data_set(event.command):
                return Message(event.context_id, event.command)
            self._command = event
            return None
        if self._command is None:
            raise _mixed_up("a data set without a command")
        if event.context_id != self._command.context_id:
            raise _mixed_up(f"different PresIDs inside a message: {self._command.context_id} != {event.context_id}")
        if len(self._data) + len(event.data) > self._max_length:
            text = f"data set is longer than {self._max_length} bytes"
            raise RemoteProtocolError(text, INVALID_PARAMETER_VALUE)
        self._data += event.data
        if not event.is_last:
            self._empty += not event.data
            if self._empty > MOST_EMPTY_FRAGMENTS:
                raise RemoteProtocolError("a data set without end: its fragments are empty", INVALID_PARAMETER_VALUE)
            return None
        message = Message(event.context_id, self._command.command, bytes(self._data))
        self._command = None
        self._empty = 0
        self._data = bytearray()  # not clear(), which would keep the memory of the longest data set
        return message


def _mixed_up(detail: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"DIMSE: {detail}", INVALID_PARAMETER_VALUE)


def _announces_data_set(command: Command | CommandParseError) -> bool:
    if isinstance(command, UnknownCommand):
        elements = dict(command.elements)
        kind = elements.get(COMMAND_DATA_SET_TYPE)
        return bool(kind) and number_of(elements, COMMAND_DATA_SET_TYPE, "CommandDataSetType") != NO_DATA_SET
    return bool(getattr(command, "has_data_set", False))
