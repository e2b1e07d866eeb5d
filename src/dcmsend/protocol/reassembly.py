"""Fragments of messages to events.  Source: PS3.8 Annex E."""

from __future__ import annotations

from struct import Struct
from typing import Final

from dcmsend.errors import RemoteProtocolError

from .command_set import decode_command
from .events import CommandReceived, DataReceived, Event
from .items import INVALID_PARAMETER_VALUE

__all__ = ["MAX_COMMAND_LENGTH", "Reassembly"]

MAX_COMMAND_LENGTH: Final = 65536
"""A command set longer than this is an attack; the longest legal ones stay below 1 KiB."""

_PDV_HEADER: Final = Struct(">IBB")
_COMMAND: Final = 1
_LAST: Final = 2


class Reassembly:
    """Puts command sets together, and passes data fragments on as they come."""

    __slots__ = ("_command", "_context_id")

    def __init__(self) -> None:
        self._command = bytearray()
        self._context_id = 0

    def receive(self, data: bytes, offset: int, end: int, events: list[Event]) -> None:
        """Appends the events of the P-DATA-TF body ``data[offset:end]``.

        Raises RemoteProtocolError for lengths that lie, for messages that are mixed up, and for endless commands.
        """
        while offset < end:
            if end - offset < _PDV_HEADER.size:
                raise RemoteProtocolError("presentation data value is cut off", INVALID_PARAMETER_VALUE)
            length, context_id, flags = _PDV_HEADER.unpack_from(data, offset)
            start = offset + _PDV_HEADER.size
            offset += 4 + length
            if length < 2 or offset > end:
                raise RemoteProtocolError(
                    f"presentation data value of {length} bytes does not fit its PDU", INVALID_PARAMETER_VALUE
                )
            if flags & _COMMAND:
                command = self._receive_command(data[start:offset], context_id, flags)
                if command is not None:
                    events.append(command)
            elif self._command:
                raise RemoteProtocolError("Unexpected PDV Type: data set within a command", INVALID_PARAMETER_VALUE)
            else:
                events.append(DataReceived(context_id, data[start:offset], bool(flags & _LAST)))

    def _receive_command(self, fragment: bytes, context_id: int, flags: int) -> CommandReceived | None:
        if self._command:
            if context_id != self._context_id:
                raise RemoteProtocolError(
                    f"Different PresIDs inside Command Set: {self._context_id} != {context_id}",
                    INVALID_PARAMETER_VALUE,
                )
            if len(self._command) + len(fragment) > MAX_COMMAND_LENGTH:
                raise RemoteProtocolError(
                    f"command set is longer than {MAX_COMMAND_LENGTH} bytes", INVALID_PARAMETER_VALUE
                )
            fragment = bytes(self._command + fragment) if flags & _LAST else fragment
        if flags & _LAST:
            self._command.clear()
            return CommandReceived(context_id, decode_command(fragment))
        self._context_id = context_id
        self._command += fragment
        return None
