"""Opens files ahead of their turn, on threads, where opening takes long: a network file system, a tape library.

Where files open quickly nothing of this is used, because handing small files between threads costs more than it saves.
``OpenWatch`` measures, at first and then now and again, whether opens are slow.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from dcmsend.errors import FileUnreadable
from dcmsend.interrupt import WAIT_SLICE
from dcmsend.threads import start_threads

from .file_source import NO_DESCRIPTOR, most_descriptors

__all__ = ["MOST_AHEAD", "STRETCH", "Ticket", "TicketWorkers", "in_order", "most_ahead"]

THREADS: Final = 16
MOST_AHEAD: Final = 48
"""Most files that are open, or being opened, ahead of their turn; each may hold a descriptor."""

STRETCH: Final = 4096
"""Number of files after which the speed of opening is measured again."""

_LONGEST_WAIT: Final = 1.0

Item = TypeVar("Item")
Opened = TypeVar("Opened")


def most_ahead(most: int = MOST_AHEAD) -> int:
    """How many files may be open ahead: ``most``, or a quarter of the descriptors that the system allows.

    The rest is for what a run opens besides, late modules among it.
    """
    allowed = most_descriptors()
    return most if allowed is None else max(1, min(most, allowed // 4))


class Ticket(Generic[Opened]):
    """A file that is being opened on another thread."""

    __slots__ = ("_discard", "_done", "_error", "_is_dropped", "_is_left", "_lock", "_open", "_opened")

    def __init__(self, open_: Callable[[], Opened], discard: Callable[[Opened], None]) -> None:
        self._open = open_
        self._discard = discard
        self._done = threading.Lock()  # an Event would cost as much as the open of a fast file
        self._done.acquire()
        self._lock = threading.Lock()
        self._is_dropped = False
        self._is_left = False
        self._opened: Opened | None = None
        self._error: BaseException | None = None

    def leave(self) -> None:
        """Have the file opened by who asks for it: there is no other thread."""
        self._is_left = True

    def work(self) -> None:
        """Open the file; never raises."""
        with self._lock:
            if self._is_dropped:
                return
        try:
            opened = self._open()
        except BaseException as error:  # raised where the file is asked for
            self._error = error
        else:
            with self._lock:
                is_wanted = not self._is_dropped
                if is_wanted:
                    self._opened = opened
            if not is_wanted:  # whoever drops it later closes it
                self._discard(opened)
        self._done.release()

    def result(self, check: Callable[[], None] | None) -> Opened:
        """Wait for the file.  Raises the error of opening it; ``check`` is called now and then, and may raise."""
        if self._is_left:
            return self._open()
        try:
            while not self._done.acquire(timeout=WAIT_SLICE):
                if check is not None:
                    check()
        except BaseException:
            self.drop()
            raise
        found = self._opened if self._error is None else self._error
        if isinstance(found, FileUnreadable) and found.errno in NO_DESCRIPTOR:
            return self._open()  # tried again, now that earlier files are closed
        if self._error is not None:
            raise self._error
        assert self._opened is not None
        return self._opened

    def drop(self) -> None:
        """Close the file, now or when it is open: it is not needed any more."""
        with self._lock:
            self._is_dropped = True
            opened, self._opened = self._opened, None
        if opened is not None:
            self._discard(opened)


class TicketWorkers(Generic[Opened]):
    """Threads that open the files of tickets in the order in which they are added; fewer if the system has no more."""

    def __init__(self, count: int = THREADS) -> None:
        self._queue: SimpleQueue[Ticket[Opened] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.grow(count)

    def grow(self, count: int) -> None:
        """Have at least this many threads."""
        self._threads += start_threads(self._run, _names("open", count - len(self._threads)))

    def add(self, ticket: Ticket[Opened]) -> None:
        """Queue a file to be opened."""
        if self._threads:
            self._queue.put(ticket)
        else:
            ticket.leave()

    def close(self) -> None:
        """End the threads when the tickets are done."""
        for _ in self._threads:
            self._queue.put(None)
        _wait_for(self._threads)

    def _run(self) -> None:
        while (ticket := self._queue.get()) is not None:
            ticket.work()


def _names(beginning: str, count: int) -> list[str]:
    return [f"{beginning}-{number + 1}" for number in range(count)]


def _wait_for(threads: list[threading.Thread]) -> None:
    """Wait until threads have closed the files they were opening, but not for threads that hang in the system."""
    end = time.monotonic() + _LONGEST_WAIT
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


class _End:
    """The exception that ended the iteration of the items."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def in_order(
    items: Iterator[Item],
    open_: Callable[[Item], Opened],
    discard: Callable[[Opened], None],
    check: Callable[[], None] | None = None,
    threads: int = THREADS,
    stretch: int | None = None,
) -> Iterator[tuple[Item, Ticket[Opened]]]:
    """The next ``stretch`` (4096) items in order, each with the ticket for its file; opened ahead, on ``threads``.

    The threads advance ``items``, one at a time, so items already found are not held up while the next one is sought.
    An exception of ``items`` is raised after everything before it.
    """
    run = _InOrder(items, open_, discard, threads, STRETCH if stretch is None else stretch)
    try:
        while True:
            entry = run.next(check)
            if entry is None:
                return
            yield entry
    finally:
        run.close()


class _InOrder(Generic[Item, Opened]):
    """The threads of ``in_order``."""

    def __init__(
        self,
        items: Iterator[Item],
        open_: Callable[[Item], Opened],
        discard: Callable[[Opened], None],
        threads: int,
        stretch: int,
    ) -> None:
        self._items = items
        self._open = open_
        self._discard = discard
        self._left = stretch
        self._most = most_ahead(max(MOST_AHEAD, threads))
        self._pull_lock = threading.Lock()
        self._changed = threading.Condition()
        self._entries: deque[tuple[Item, Ticket[Opened]] | _End] = deque()
        self._closed = False
        self._threads = start_threads(self._run, _names("scan", threads))

    def next(self, check: Callable[[], None] | None) -> tuple[Item, Ticket[Opened]] | None:
        """The next entry; None after the last one of the stretch.  Raises an exception of the items."""
        if not self._threads and (ticket := self._pull()) is not None:
            ticket.work()
        with self._changed:
            while not self._entries:
                if not self._changed.wait(WAIT_SLICE) and check is not None:
                    check()
            entry = self._entries.popleft()
            self._changed.notify()
        if not isinstance(entry, _End):
            return entry
        if isinstance(entry.error, StopIteration):
            return None
        raise entry.error

    def close(self) -> None:
        """End the threads; a thread that is just opening a file finishes that and closes the file."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            entries = list(self._entries)
        for entry in entries:
            if not isinstance(entry, _End):
                entry[1].drop()
        _wait_for(self._threads)

    def _run(self) -> None:
        while (ticket := self._pull()) is not None:
            ticket.work()

    def _pull(self) -> Ticket[Opened] | None:
        """A ticket for the next item, once there is room for it; None when nothing is left to do."""
        with self._pull_lock:
            with self._changed:
                while len(self._entries) >= self._most and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return None
            if self._left < 0:
                return None
            self._left -= 1
            entry: tuple[Item, Ticket[Opened]] | _End
            try:
                if self._left < 0:
                    raise StopIteration
                item = next(self._items)
            except BaseException as error:
                self._left = -1
                entry = _End(error)
            else:
                entry = (item, Ticket(lambda: self._open(item), self._discard))
            with self._changed:
                self._entries.append(entry)
                self._changed.notify_all()
                return None if isinstance(entry, _End) or self._closed else entry[1]
