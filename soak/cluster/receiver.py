"""A Storage SCP that counts what comes to it, and how many associations are open at the same time.

It shares no code with the package under test.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter

from support import wire
from support.messages import received_messages

__all__ = ["Receiver"]

_ESTABLISHED = 1  # tcpi_state of Linux's struct tcp_info


class Receiver:
    """Listens on 127.0.0.1 until it is closed; every instance is taken.

    Attributes:
        port: where.
        delay: seconds from the end of an instance to its answer.
        begun: how often each SOP Instance UID has come, completely.
        most: the most associations that were open at the same time since ``forget_most``.
    """

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.begun: Counter[str] = Counter()
        self.most = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._alive = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def messages(self) -> int:
        """How many instances have come, each as often as it came."""
        return self.begun.total()

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is connected."""
        with self._lock:
            return not self._alive

    def forget_most(self) -> None:
        """Count the associations that are open at the same time anew."""
        with self._lock:
            self.most = 0

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(300)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._alive += 1
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError, wire.WireError):
                request = wire.receive_pdu(connection)
                if request is None or request.type != wire.ASSOCIATE_RQ:
                    return
                asked = wire.parse_associate_request(request)
                self._begin(connection)
                results = [(context.id, 0, context.transfer_syntaxes[0]) for context in asked.contexts]
                connection.sendall(wire.associate_accept(asked, results, 16384))
                self._take_messages(connection)
        finally:
            with self._lock:
                self._open.discard(connection)
                self._alive -= 1

    def _begin(self, connection: socket.socket) -> None:
        """Count the associations.  One whose sender has died is open no more, also if nobody has read so far here."""
        with self._lock:
            self._open.add(connection)
            self.most = max(self.most, sum(_is_established(each) for each in self._open))

    def _take_messages(self, connection: socket.socket) -> None:
        def end() -> None:
            with self._lock:
                self._open.discard(connection)

        for message in received_messages(connection, on_release=end):
            with self._lock:
                self.begun[message.sop_instance_uid] += 1
            time.sleep(self.delay)
            connection.sendall(message.store_response(0))


def _is_established(connection: socket.socket) -> bool:
    """Whether neither side has closed the connection; asked of the kernel, which knows it at once."""
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False
