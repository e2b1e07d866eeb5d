"""The messages of an association on the side of an SCP: requests with a data set, taken apart, and the answers."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import wire

__all__ = ["Message", "received_messages"]


@dataclass(frozen=True)
class Message:
    """A request that has come completely, with its data set.

    Attributes:
        command: its elements of group 0000.
        digest: SHA-256 of its data set, in hexadecimal; ``""`` where nobody wants it.
    """

    context_id: int
    command: dict[int, bytes]
    digest: str

    @property
    def sop_instance_uid(self) -> str:
        """Affected SOP Instance UID; ``""`` if there is none."""
        return wire.text_of(self.command, wire.AFFECTED_SOP_INSTANCE_UID) or ""

    @property
    def message_id(self) -> int:
        """Message ID; 0 if there is none."""
        return wire.number_of(self.command, wire.MESSAGE_ID) or 0

    def store_response(self, status: int) -> bytes:
        """The response to a C-STORE, as it goes over the line."""
        return wire.command_pdu(self.context_id, wire.encode_command({
            wire.COMMAND_FIELD: wire.C_STORE_RSP,
            wire.MESSAGE_ID_RESPONDED_TO: self.message_id,
            wire.DATA_SET_TYPE: wire.NO_DATA_SET,
            wire.STATUS: status,
        }))  # fmt: skip


def received_messages(
    connection: socket.socket, *, with_digest: bool = False, on_release: Callable[[], None] | None = None
) -> Iterator[Message]:
    """What comes over an accepted association, until it is over; a request to release it is answered.

    ``on_release`` is called before that answer goes out.  Raises OSError and ``wire.WireError``.
    """
    command = bytearray()
    elements: dict[int, bytes] = {}
    data_set = hashlib.sha256()
    while (message := wire.receive_pdu(connection)) is not None:
        if message.type == wire.RELEASE_RQ:
            if on_release is not None:
                on_release()
            connection.sendall(wire.release_response())
            continue
        if message.type != wire.P_DATA:
            return
        for context_id, flags, value in wire.presentation_data_values(message.body):
            if flags & 1:
                command += value
                if flags & 2:
                    elements = wire.parse_command(bytes(command))
                    command.clear()
                    data_set = hashlib.sha256()
                continue
            if with_digest:
                data_set.update(value)
            if flags & 2:
                yield Message(context_id, elements, data_set.hexdigest() if with_digest else "")
