"""A Storage SCP that keeps only the length and a checksum of what it receives, for objects of any size."""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from dataclasses import dataclass

from support import wire

__all__ = ["DiscardedObject", "DiscardingPeer"]


@dataclass
class DiscardedObject:
    """One received data set.

    Attributes:
        length: bytes.
        crc32: of all bytes.
    """

    sop_instance_uid: str
    length: int = 0
    crc32: int = 0


class DiscardingPeer:
    """Accepts everything and answers success; serves one connection after the other.

    Takes the transfer syntax ``preferred`` where it is proposed, else the first one.

    Attributes:
        stored: completely received instances.
        error: what broke the last connection, None if nothing.
    """

    def __init__(self, *, max_pdu_length: int = 131072, preferred: str = "") -> None:
        self._preferred = preferred
        self.stored: list[DiscardedObject] = []
        self.error: Exception | None = None
        self._max_pdu_length = max_pdu_length
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> DiscardingPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, self._connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            with self._connection:
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self._serve(self._connection)
                except (OSError, wire.WireError) as error:
                    self.error = error

    def _serve(self, connection: socket.socket) -> None:
        command: dict[int, bytes] = {}
        current = DiscardedObject("")
        while (message := wire.receive_pdu(connection)) is not None:
            if message.type == wire.ASSOCIATE_RQ:
                request = wire.parse_associate_request(message)
                results = [(context.id, 0, self._choose(context.transfer_syntaxes)) for context in request.contexts]
                connection.sendall(wire.associate_accept(request, results, self._max_pdu_length))
            elif message.type == wire.RELEASE_RQ:
                connection.sendall(wire.release_response())
            elif message.type == wire.ABORT:
                return
            elif message.type == wire.P_DATA:
                for context_id, flags, data in wire.presentation_data_values(message.body):
                    if flags & 1:
                        command = wire.parse_command(data)
                        current = DiscardedObject(wire.text_of(command, wire.AFFECTED_SOP_INSTANCE_UID) or "")
                        continue
                    current.length += len(data)
                    current.crc32 = zlib.crc32(data, current.crc32)
                    if flags & 2:
                        self.stored.append(current)
                        connection.sendall(wire.command_pdu(context_id, self._response(command)))

    def _choose(self, proposed: tuple[str, ...]) -> str:
        return self._preferred if self._preferred in proposed else proposed[0]

    @staticmethod
    def _response(command: dict[int, bytes]) -> bytes:
        return wire.encode_command(
            {
                wire.AFFECTED_SOP_CLASS_UID: command[wire.AFFECTED_SOP_CLASS_UID],
                wire.COMMAND_FIELD: wire.C_STORE_RSP,
                wire.MESSAGE_ID_RESPONDED_TO: command[wire.MESSAGE_ID],
                wire.DATA_SET_TYPE: wire.NO_DATA_SET,
                wire.STATUS: 0,
                wire.AFFECTED_SOP_INSTANCE_UID: command[wire.AFFECTED_SOP_INSTANCE_UID],
            }
        )
