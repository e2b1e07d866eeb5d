"""Turns fragments of messages into events.  Source: PS3.8 Annex E."""

from __future__ import annotations

from dcmsend.errors import RemoteProtocolError

from .command_set import decode_command
from .events import CommandReceived, DataReceived, Event
from .items import INVALID_PARAMETER_VALUE
from .pdu_decode import iter_data_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_COMMAND_LENGTH", "MOST_EMPTY_FRAGMENTS", "Reassembly"]

MAX_COMMAND_LENGTH: Final = 65536
"""Longest command set accepted; legal ones stay far below 1 KiB, so a longer one is an attack."""

MOST_EMPTY_FRAGMENTS: Final = 1024
"""How many fragments of a command, or data set, may be empty and not the last one: they could come for ever."""

_COMMAND: Final = 1
_LAST: Final = 2


class Reassembly:
    """Assembles command sets, and passes data fragments on at once."""

    __slots__ = ("_command", "_context_id", "_empty")

    def __init__(self) -> None:
        self._command = bytearray()
        self._context_id: int | None = None  # of the incomplete command
        self._empty = 0  # empty fragments of it

    @property
    def is_empty(self) -> bool:
        """Whether no command set is incomplete."""
        return self._context_id is None

    def receive(self, data: bytes, offset: int, end: int, events: list[Event]) -> None:
        """Append the events of the P-DATA-TF body ``data[offset:end]``.

        Raises RemoteProtocolError for inconsistent lengths, mixed messages, and endless commands.
        """
        for context_id, flags, start, stop in iter_data_values(data, offset, end):
            if not flags & _COMMAND:
                if self._context_id is not None:
                    raise RemoteProtocolError("DIMSE: Command PDV Expected", INVALID_PARAMETER_VALUE)
                events.append(DataReceived(context_id, data[start:stop], bool(flags & _LAST)))
                continue
            if self._context_id is not None and context_id != self._context_id:
                text = f"DIMSE: Different PresIDs inside Command Set: {self._context_id} != {context_id}"
                raise RemoteProtocolError(text, INVALID_PARAMETER_VALUE)
            if len(self._command) + stop - start > MAX_COMMAND_LENGTH:
                text = f"command set is longer than {MAX_COMMAND_LENGTH} bytes"
                raise RemoteProtocolError(text, INVALID_PARAMETER_VALUE)
            if flags & _LAST:
                events.append(CommandReceived(context_id, decode_command(bytes(self._command) + data[start:stop])))
                self._command.clear()
                self._context_id = None
                self._empty = 0
            else:
                self._empty += start == stop
                if self._empty > MOST_EMPTY_FRAGMENTS:
                    text = "a command set without end: its fragments are empty"
                    raise RemoteProtocolError(text, INVALID_PARAMETER_VALUE)
                self._command += data[start:stop]
                self._context_id = context_id
