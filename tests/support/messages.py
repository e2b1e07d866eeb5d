"""The messages of an association on the side of a Storage SCP: what comes, taken apart, and the answers."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import wire

__all__ = ["StoreMessage", "store_messages"]


@dataclass(frozen=True)
class StoreMessage:
    """A C-STORE request that has come completely.

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

    def answer(self, status: int) -> bytes:
        """The response, as it goes over the line."""
        return wire.command_pdu(self.context_id, wire.encode_command({
            wire.COMMAND_FIELD: wire.C_STORE_RSP,
            wire.MESSAGE_ID_RESPONDED_TO: wire.number_of(self.command, wire.MESSAGE_ID) or 0,
            wire.DATA_SET_TYPE: wire.NO_DATA_SET,
            wire.STATUS: status,
        }))  # fmt: skip


def store_messages(
    connection: socket.socket, *, with_digest: bool = False, on_release: Callable[[], None] | None = None
) -> Iterator[StoreMessage]:
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
                yield StoreMessage(context_id, elements, data_set.hexdigest() if with_digest else "")
