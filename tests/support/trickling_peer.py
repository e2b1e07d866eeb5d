"""A Storage SCP at the end of a slow line: it takes and gives a little at a time, but never stands still."""

from __future__ import annotations

import contextlib
import socket
import threading

from support import wire

__all__ = ["TricklingPeer"]


class TricklingPeer:
    """Serves one connection; use it as a context manager.

    Args:
        step: bytes it reads at a time.
        pause: seconds between two reads, and between two bytes of an answer.
        stop_after: bytes after which it reads no more, None for none.

    Attributes:
        port: where it listens.
        received: bytes of P-DATA-TF PDUs, headers included.
    """

    def __init__(self, step: int, pause: float, stop_after: int | None = None) -> None:
        self.received = 0
        self._step = step
        self._pause = pause
        self._stop_after = stop_after
        self._over = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # inherited by the connection
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> TricklingPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            message = wire.receive_pdu(connection)
            assert message is not None
            request = wire.parse_associate_request(message)
            results = [(context.id, 0, context.transfer_syntaxes[0]) for context in request.contexts]
            connection.sendall(wire.associate_accept(request, results, 16384))
            self._take_instances(connection)

    def _take_instances(self, connection: socket.socket) -> None:
        stream, command = bytearray(), bytearray()
        while not self._over.wait(self._pause):
            if self._stop_after is not None and self.received >= self._stop_after:
                self._over.wait(60)
                return
            data = connection.recv(self._step)
            if not data:
                return
            self.received += len(data)
            stream += data
            while len(stream) >= 6 and len(stream) >= (end := 6 + int.from_bytes(stream[2:6], "big")):
                kind, body = stream[0], bytes(stream[6:end])
                del stream[:end]
                if kind == wire.RELEASE_RQ:
                    connection.sendall(wire.release_response())
                for context_id, flags, value in wire.presentation_data_values(body) if kind == wire.P_DATA else ():
                    if flags & 1:
                        command += value
                    elif flags & 2:
                        self._answer(connection, context_id, wire.parse_command(bytes(command)))
                        command.clear()

    def _answer(self, connection: socket.socket, context_id: int, request: dict[int, bytes]) -> None:
        answer = wire.command_pdu(context_id, wire.encode_command({
            wire.COMMAND_FIELD: wire.C_STORE_RSP,
            wire.MESSAGE_ID_RESPONDED_TO: wire.number_of(request, wire.MESSAGE_ID) or 0,
            wire.DATA_SET_TYPE: wire.NO_DATA_SET,
            wire.STATUS: 0,
        }))  # fmt: skip
        for place in range(len(answer)):
            connection.sendall(answer[place : place + 1])
            if self._over.wait(self._pause):
                return
