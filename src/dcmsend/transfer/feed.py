"""The transfer list while the scan is still running: instances are added when needed and forgotten when done.

The scan runs on the thread that needs the next instance, between a request and its answer, so it uses the time in which
the peer works.  If files are slow to open the scan gets a thread of its own: by measurement that halves the time there,
but costs a sixth elsewhere.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Protocol, overload

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.inputs import InputFile

from .growing_list import GrowingList, Pulled

__all__ = ["Credit", "Feed"]

_LONGEST_LOOK_AHEAD = 10_000
_LONGEST_LOOK = 1.0
"""Instances and seconds of looking ahead when an association is planned."""

_FEWEST_JUDGED = 32
_SLOW = 0.0005
"""Seconds for each instance in a slow scan, and the number of instances needed to judge."""


class Credit(Protocol):
    """Limits how much the inputs of a list may hold open at the same time."""

    @property
    def is_spent(self) -> bool:
        """Whether the next input would have to wait until earlier ones are done."""
        ...


class Feed(GrowingList):
    """A list that grows at its end on demand, and forgets its beginning.

    ``len`` counts all instances ever added.  Only one thread at a time may let the list grow.

    Args:
        instances: the instances that the scan finds.
        clock: seconds, never going backwards.
        credit: limits what the inputs hold open; None for no limit.  One instance is always admitted.

    Attributes:
        error: the error that ended the scan early; it counts once everything before it has its outcome.
        is_complete: whether no more instances will be added.
    """

    def __init__(
        self,
        instances: Iterator[Instance],
        clock: Callable[[], float] = time.monotonic,
        credit: Credit | None = None,
    ) -> None:
        self._instances = instances
        self._credit = credit
        self._clock = clock
        self._known: dict[int, Instance] = {}
        self._first = 0
        self._end = 0
        self._kinds: dict[tuple[str, TransferSyntax], Instance] = {}
        self._ahead: _Ahead | None = None
        self._wants_thread = False
        self.error: DcmsendError | None = None
        self.is_complete = False

    def __len__(self) -> int:
        return self._end

    @overload
    def __getitem__(self, index: int) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> list[Instance]: ...
    def __getitem__(self, index: int | slice) -> Instance | list[Instance]:
        if isinstance(index, slice):
            return [self._known[each] for each in range(*index.indices(self._end))]
        return self._known[index]

    @property
    def kinds(self) -> list[Instance]:
        """One example of each kind of instance so far, in order."""
        return list(self._kinds.values())

    def pull(self) -> Pulled:
        """Add one more instance from the scan."""
        if self.is_complete:
            return Pulled.END
        if self._credit is not None and self._end > self._first and self._credit.is_spent:
            return Pulled.NOT_YET
        try:
            instance = next(self._instances, None)
        except DcmsendError as error:
            self.error, instance = error, None
        if instance is None:
            self.is_complete = True
            return Pulled.END
        key = (instance.sop_class_uid, instance.transfer_syntax)
        if key not in self._kinds:
            self._kinds[key] = _example_of(instance)
        self._known[self._end] = instance
        self._end += 1
        return Pulled.ONE

    def look_ahead(self, index: int) -> bool:
        """Add instances after ``index``, so that one plan serves many; return False if there is none at ``index``.

        Stops after 10,000 instances or one second.
        """
        begin, known = self._clock(), self._end
        while self._end < index + _LONGEST_LOOK_AHEAD and (
            self._end <= index or self._clock() < begin + _LONGEST_LOOK
        ):
            if self.pull() is not Pulled.ONE:
                break
        self._judge(self._end - known, self._clock() - begin)
        return self._end > index

    def _judge(self, count: int, seconds: float) -> None:
        """Give a slow scan a thread."""
        if self._ahead is not None or self._credit is not None or self.is_complete:
            return
        if count >= _FEWEST_JUDGED and seconds > count * _SLOW:
            self._start_thread()

    def run_ahead(self) -> None:
        """Let the scan run ahead on a thread of its own; may be called by any thread."""
        self._wants_thread = self._credit is None

    def pull_what_is_there(self, end: int) -> None:
        """Add instances that the scan's thread has already found, up to index ``end``; does not wait."""
        if self._ahead is None:
            if not self._wants_thread or self.is_complete:
                return
            self._start_thread()
            if self._ahead is None:
                return
        while self._end < end and self._ahead.has_some and self.pull() is Pulled.ONE:
            pass

    def _start_thread(self) -> None:
        """Have the scan run on a thread of its own, if the system permits one."""
        try:
            self._ahead = _Ahead(self._instances)
        except RuntimeError:  # a limit of processes
            self._wants_thread = False
        else:
            self._instances = iter(self._ahead)

    def close(self) -> None:
        """End the scan."""
        self.is_complete = True
        if self._ahead is not None:
            self._ahead.close()
        else:
            _close(self._instances)

    def forget_before(self, index: int) -> None:
        """Forget the instances before ``index``: all of them have their outcome."""
        while self._first < index:
            instance = self._known.pop(self._first, None)
            if instance is not None and self._credit is not None:
                instance.input.let_go()
            self._first += 1


class _Ahead:
    """Runs an iterator on a thread of its own, a bounded number of instances ahead."""

    def __init__(self, instances: Iterator[Instance]) -> None:
        self._instances = instances
        self._queue: queue.Queue[Instance | BaseException | None] = queue.Queue(_LONGEST_LOOK_AHEAD)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Instance]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    @property
    def has_some(self) -> bool:
        """Whether the next instance, or the end, can be had without a wait."""
        return not self._queue.empty()

    def _run(self) -> None:
        try:
            for instance in self._instances:
                if self._stopped:
                    return
                self._queue.put(instance)
            self._queue.put(None)
        except BaseException as error:  # raised in the thread that takes the instances
            self._queue.put(error)
        finally:
            _close(self._instances)

    def close(self) -> None:
        """End the thread once it has read its current file."""
        self._stopped = True
        while self._thread.is_alive():
            with suppress(queue.Empty):  # the thread may be waiting for room in the queue
                self._queue.get_nowait()
            self._thread.join(0.01)


def _close(instances: Iterator[Instance]) -> None:
    """Close a generator, so that it closes its files."""
    if isinstance(instances, Generator):
        instances.close()


def _example_of(instance: Instance) -> Instance:
    """An instance that counts the same for planning, and holds nothing open."""
    return instance._replace(input=InputFile(""), group="", facts=None)
