"""Opens the files of the transfer list one by one, or ahead of their turn where opening takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from dcmsend.errors import FileUnreadable
from dcmsend.index import Instance
from dcmsend.inputs import OpenFile, OpenWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.inputs import KeptFiles, Source, Ticket, TicketWorkers

    from .members_ahead import MembersAhead

__all__ = ["FilesAhead"]

HEAD = 16 * 1024
"""Bytes read when a file is opened: more than most headers, and the whole of a small instance."""

_MOST_OBJECTS = 8
"""Most objects of stores that are open ahead: each may be in memory, in up to 8 MiB."""

_clock = time.perf_counter


class FilesAhead:
    """Opens the files of instances; shared by all associations of a transfer.

    If opens turn out to be slow, threads open the next files of the list.  That changes no order: an error with a file
    is raised when the file is asked for.  Members of archives are left to ``MembersAhead``.

    Args:
        instances: the transfer list; may grow meanwhile.
        on_slow: called when files begin to be opened ahead, on the thread that opened the last file.
        kept: files that the scan has left open; None if there are none.
        lends: whether who sends lends the pages of files to the system (sendfile), which may send them after the file
            was closed: then no anonymous file is written to again for another instance.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        on_slow: Callable[[], None] | None = None,
        kept: KeptFiles | None = None,
        *,
        lends: bool = False,
    ) -> None:
        self._lends = lends
        self._kept = kept
        self._instances = instances
        self._on_slow = on_slow
        self._watch = OpenWatch()
        self._lock = threading.Lock()
        self._members: MembersAhead | None = None
        self._workers: TicketWorkers[OpenFile] | None = None
        self._tickets: dict[int, Ticket[OpenFile]] = {}
        self._next = 0
        self._left = 0
        self._most = 0

    def open(self, index: int, instance: Instance, check: Callable[[], None] | None = None) -> OpenFile:
        """Return the open input of an instance.

        ``check`` is called now and then during a wait and may raise.  Raises FileUnreadable and DataSetError, too.
        """
        source = instance.input
        if not source.opens_ahead:
            return source.open(HEAD)
        if source.container is not None:
            return (self._members or self._start_members()).open(index, source, check)
        if self._workers is None:
            began = _clock()
            try:
                return self._open(source)
            finally:
                if self._watch.note(_clock() - began):
                    self._start()
        with self._lock:
            ticket = self._tickets.pop(index, None)
            self._order(index + 1)
        return self._open(source) if ticket is None else ticket.result(check)

    def _open(self, source: Source) -> OpenFile:
        kept = self._kept
        if kept is None:
            return source.open(HEAD)
        if kept.count and (file := kept.take(source.path, HEAD)) is not None:
            return file
        try:
            return source.open(HEAD)
        except FileUnreadable as error:
            if self._make_room(error):
                return source.open(HEAD)
            raise

    def _make_room(self, error: FileUnreadable) -> bool:
        return self._kept is not None and self._kept.give_way(error)

    def close(self) -> None:
        """End the threads, and close files that will not be used."""
        with self._lock:
            self._stop()
        if self._members is not None:
            self._members.close()

    def _start_members(self) -> MembersAhead:
        from .members_ahead import MembersAhead  # only where there are archives

        with self._lock:
            if self._members is None:
                self._members = MembersAhead(self._instances, self._on_slow, self._make_room, lends=self._lends)
            return self._members

    def _start(self) -> None:
        from dcmsend.inputs import STRETCH, TicketWorkers, most_ahead  # only where opens are slow

        with self._lock:
            if self._workers is None:
                self._workers = TicketWorkers()
                self._most = most_ahead()
                self._left = STRETCH
        if self._on_slow is not None:
            self._on_slow()

    def _stop(self) -> None:
        for ticket in self._tickets.values():
            ticket.drop()
        self._tickets.clear()
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _order(self, index: int) -> None:
        """Order the opening of known files from ``index`` on, up to the limit."""
        from dcmsend.inputs import Ticket

        if self._workers is None:
            return
        self._next = max(self._next, index)
        while self._left and self._next < index + self._most and (instance := self._known(self._next)) is not None:
            item = instance.input
            if item.is_remote and self._next >= index + _MOST_OBJECTS:
                break
            if item.opens_ahead and item.container is None:
                ticket = Ticket(partial(self._open, item), OpenFile.close)
                self._tickets[self._next] = ticket
                self._workers.add(ticket)
                self._left -= 1
            self._next += 1
        while len(self._tickets) > self._most:  # some of these files may never be sent
            self._tickets.pop(next(iter(self._tickets))).drop()
        if not self._left and index >= self._next:
            self._stop()  # to see whether opens are still slow

    def _known(self, index: int) -> Instance | None:
        try:
            return self._instances[index]
        except (IndexError, KeyError):  # the list ends here for now, or the instance already has its outcome
            return None
