"""A port at which TCP connects never complete: the listener's queue is full and never emptied."""

from __future__ import annotations

import socket

from support.scripted_peer import ScriptedPeer


class FullBacklogPeer(ScriptedPeer):
    """Looks like a scripted peer that no connection reaches.  The queue arithmetic is Linux's."""

    def __enter__(self) -> FullBacklogPeer:
        self._listener.listen(0)
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)
        return self

    def stop(self) -> None:
        for each in (*self._fillers, self._listener, self._wake_reader, self._wake_writer):
            each.close()
