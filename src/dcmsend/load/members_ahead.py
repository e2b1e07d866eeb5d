"""Opens the members of archives ahead of their turn, on threads: they are inflated and checked there.

Inflating a member, or computing its CRC-32, takes longer than to send it, and would be done by the thread that sends.
Where there is one processor alone nothing is won by other threads, unless the archive lies where reading takes long.
An error with a member is raised when the member is asked for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from dcmsend.errors import FileUnreadable
from dcmsend.index import Instance
from dcmsend.inputs import (
    ArchiveMember,
    OpenFile,
    OpenWatch,
    Source,
    SpareFiles,
    Ticket,
    TicketWorkers,
    most_ahead,
)

from .checksum import check_range

__all__ = ["HEAD", "MOST_BYTES", "MOST_MEMBERS", "MembersAhead"]

HEAD = 16 * 1024
"""Bytes read when an input is opened: more than most headers, and the whole of a small instance."""

MOST_MEMBERS: Final = 8
MOST_BYTES: Final = 64 << 20
"""Members, and bytes of their contents, that are open ahead: each may be inflated in memory, or in a temporary file."""

_LEAST_EFFORT: Final = 64 << 10
"""Bytes of the smallest member that is worth another thread."""
_MOST_THREADS: Final = 4
_FARTHEST: Final = 64
"""Places in the list up to which members are looked for, between inputs of other kinds."""
_LATE: Final = 16
"""Places behind the last one asked for at which a member will hardly be asked for any more."""

_clock = time.perf_counter
_computed: Callable[[], float] = getattr(time, "thread_time", lambda: 0.0)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        with suppress(OSError):
            return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Ordered(NamedTuple):
    """A member that is being opened."""

    ticket: Ticket[OpenFile]
    size: int


class MembersAhead:
    """Opens the members of archives; shared by all associations of a transfer.

    Args:
        instances: the transfer list; may grow meanwhile.
        on_start: called once members are opened ahead, so that the list should be known farther ahead.
        make_room: called when the system has no descriptor left; returns whether it may have helped.
        lends: whether who sends lends the pages of files to the system (see ``FilesAhead``).
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        on_start: Callable[[], None] | None,
        make_room: Callable[[FileUnreadable], bool],
        *,
        lends: bool = False,
    ) -> None:
        self._instances = instances
        self._on_start = on_start
        self._make_room = make_room
        self._watch = OpenWatch()
        self._spares = None if lends else SpareFiles()
        self._lock = threading.Lock()
        self._workers: TicketWorkers[OpenFile] | None = None
        self._is_slow = False
        self._ordered: dict[int, _Ordered] = {}
        self._next = 0
        self._most = min(MOST_MEMBERS, most_ahead())
        count = processors()
        self._threads = min(count, _MOST_THREADS) if count > 1 else 0

    def open(self, index: int, source: Source, check: Callable[[], None] | None) -> OpenFile:
        """See ``FilesAhead``."""
        if self._workers is None and self._threads and _effort_of(source) >= _LEAST_EFFORT:
            self._start(self._threads)
        if self._workers is None:
            return self._watched(source)
        with self._lock:
            ordered = self._ordered.pop(index, None)
            self._order(index + 1)
        if ordered is not None:
            return ordered.ticket.result(check)
        return self._open(source) if self._is_slow else self._watched(source)

    def close(self) -> None:
        """End the threads, and close members that will not be used."""
        with self._lock:
            for ordered in self._ordered.values():
                ordered.ticket.drop()
            self._ordered.clear()
            if self._workers is not None:
                self._workers.close()
                self._workers = None
            self._threads = 0
        if self._spares is not None:
            self._spares.close()

    def _watched(self, source: Source) -> OpenFile:
        """Open a member on this thread, and see how long it has to wait for that, not how long it computes."""
        began, before = _clock(), _computed()
        try:
            return self._open(source)
        finally:
            if self._watch.note(_clock() - began - (_computed() - before)):
                self._is_slow = True
                self._start(MOST_MEMBERS)

    def _open(self, source: Source) -> OpenFile:
        try:
            return self._open_once(source)
        except FileUnreadable as error:
            if self._make_room(error):
                return self._open_once(source)
            raise

    def _open_once(self, source: Source) -> OpenFile:
        return source.open(HEAD, self._spares) if isinstance(source, ArchiveMember) else source.open(HEAD)

    def _open_and_check(self, source: Source) -> OpenFile:
        """Open a member on another thread, and compare its checksum there."""
        file = self._open(source)
        try:
            if file.crc is not None and file.descriptor >= 0:
                check_range(file.descriptor, file.start, file.size, file.crc)
                file.crc = None
        except BaseException:
            file.close()
            raise
        return file

    def _start(self, count: int) -> None:
        with self._lock:
            if self._workers is None:
                self._workers = TicketWorkers(count)
            else:
                self._workers.grow(count)
        if self._on_start is not None:
            self._on_start()

    def _order(self, index: int) -> None:
        """Order the opening of known members from ``index`` on, up to the limits."""
        if self._workers is None:
            return
        for passed in [number for number in self._ordered if number < index - _LATE]:
            self._ordered.pop(passed).ticket.drop()
        self._next = max(self._next, index)
        room = MOST_BYTES - sum(ordered.size for ordered in self._ordered.values())
        while len(self._ordered) < self._most and self._next < index + _FARTHEST:
            instance = self._known(self._next)
            if instance is None:
                return
            size = self._wanted(instance.input)
            if room < size <= MOST_BYTES:
                return
            if 0 <= size <= MOST_BYTES:
                ticket = Ticket(partial(self._open_and_check, instance.input), OpenFile.close)
                self._ordered[self._next] = _Ordered(ticket, size)
                self._workers.add(ticket)
                room -= size
            self._next += 1

    def _wanted(self, source: Source) -> int:
        """Bytes for which a source that should be opened ahead counts, -1 if it should not."""
        if source.container is None or not source.opens_ahead:
            return -1
        effort = _effort_of(source)
        return effort if self._is_slow or effort >= _LEAST_EFFORT else -1

    def _known(self, index: int) -> Instance | None:
        try:
            return self._instances[index]
        except (IndexError, KeyError):  # the list ends here for now, or the instance already has its outcome
            return None


def _effort_of(source: Source) -> int:
    return source.effort if isinstance(source, ArchiveMember) else 0
