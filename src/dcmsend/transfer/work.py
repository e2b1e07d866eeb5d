"""What is to be sent over one or several associations, handed out one instance at a time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Container, Iterable, Iterator, Sequence

from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan

from .outcome import StoreOutcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .feed import Growth

__all__ = ["OutcomesInOrder", "Task", "Work"]

Task = tuple[int, Instance, int]
"""Index in the transfer list from 0, instance, planned context id (0: nothing may be proposed for it)."""

_MAX_AHEAD = 10_000
"""How far the front may run ahead of the slowest instance: so many outcomes may have to be held back."""

_MAX_AHEAD_OF_DEFERRED = 1_000
"""The same for an instance that waits for the next association: the sooner that comes, the better."""


class Work:
    """The instances of one plan in the order of the list; safe to be shared by threads.

    Whoever gets the first instance of a group gets all of it.  A thread is taken for one association, with those that
    replace it.
    """

    def __init__(
        self,
        plan: AssociationPlan,
        instances: Sequence[Instance],
        done: Container[int] = (),
        growth: Growth | None = None,
        deferred: Iterable[int] = (),
    ) -> None:
        self._plan = plan
        self._growth = growth
        self._end = plan.end
        self._instances = instances
        self._done = done
        self._next = plan.first
        self._returned: list[int] = []
        self._owners: dict[str, int] = {}
        self._kept: dict[int, list[int]] = {}
        self._oldest = plan.first
        self._deferred = min(deferred, default=None)
        self._stopped = False
        self._changed = threading.Condition()

    def take(self, *, may_wait: bool = True) -> Task | None:
        """The next instance; None when there is none left, or after ``stop``.

        While the instances handed out before are too far behind it waits.  Who has requests without an answer must not
        wait here, because the answer that everybody waits for may be among his: with ``may_wait`` false None is given.
        """
        with self._changed:
            while not self._stopped:
                index = self._next_for(threading.get_ident())
                if index is not None:
                    return self._task(index)
                if self._next >= self._end or not may_wait or self._is_held_up:
                    break
                self._changed.wait()
            return None

    def _next_for(self, taker: int) -> int | None:
        """The next index for a thread; on the way to it, what belongs to others is put aside for them."""
        kept = self._kept.get(taker)
        if kept:
            return heapq.heappop(kept)
        while (index := self._next_index()) is not None:
            group = self._instances[index].group
            owner = self._owners.setdefault(group, taker) if group else taker
            if owner == taker:
                return index
            heapq.heappush(self._kept.setdefault(owner, []), index)
            self._changed.notify_all()
        return None

    def _next_index(self) -> int | None:
        if self._returned:
            return heapq.heappop(self._returned)
        self._skip_done()
        if self._is_held_up or (self._next >= self._end and not self._grow()):
            return None
        if self._next >= self._oldest + _MAX_AHEAD:
            return None
        self._next += 1
        return self._next - 1

    def give_back(self, index: int) -> None:
        """Return an instance of which nothing was sent."""
        taker = threading.get_ident()
        with self._changed:
            is_kept = self._owners.get(self._instances[index].group) == taker
            heapq.heappush(self._kept.setdefault(taker, []) if is_kept else self._returned, index)
            self._changed.notify_all()

    def defer(self, index: int) -> None:
        """An instance that was handed out will be sent over another association, when this work is done.

        So that it is not waited for too long, the work ends a bounded number of instances after it.
        """
        with self._changed:
            self._deferred = index if self._deferred is None else min(self._deferred, index)
            self._changed.notify_all()

    def leave(self) -> None:
        """The calling thread takes nothing more; what is kept for it goes to others."""
        taker = threading.get_ident()
        with self._changed:
            for index in self._kept.pop(taker, ()):
                heapq.heappush(self._returned, index)
            self._owners = {group: owner for group, owner in self._owners.items() if owner != taker}
            self._changed.notify_all()

    def finished_before(self, index: int) -> None:
        """Everything before ``index`` has its outcome."""
        if index >= self._oldest + _MAX_AHEAD // 10:  # now and then is enough
            with self._changed:
                self._oldest = index
                self._changed.notify_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._stopped

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be handed out."""
        with self._changed:
            self._skip_done()
            may_grow = self._growth is not None and not self._growth.is_over
            is_ahead = not self._is_held_up and (self._next < self._end or may_grow)
            return self._stopped or not (self._returned or any(self._kept.values()) or is_ahead)

    def look(self) -> bool:
        """Whether there is anything to be handed out; the scan goes on if it must."""
        with self._changed:
            self._skip_done()
            if self._is_held_up:
                return False
            return self._next < self._end or (self._growth is not None and self._growth.covers(self._end))

    @property
    def end(self) -> int:
        """Index after the last instance that belongs to the work, as far as it is known."""
        return self._end

    @property
    def _is_held_up(self) -> bool:
        return self._deferred is not None and self._next >= self._deferred + _MAX_AHEAD_OF_DEFERRED

    def _skip_done(self) -> None:
        while self._next < self._end and self._next in self._done:
            self._next += 1

    def _grow(self) -> bool:
        if self._growth is None or not self._growth.covers(self._end):
            return False
        self._end += 1
        return True

    def _task(self, index: int) -> Task:
        if index < self._plan.end:
            return index, self._instances[index], self._plan.context_ids[index - self._plan.first]
        assert self._growth is not None
        instance = self._instances[index]
        return index, instance, self._growth.context_id_of(instance)


class OutcomesInOrder:
    """Puts outcomes into the order of the list again.

    Attributes:
        next_index: the first instance without an outcome.
        held: outcomes by index that came before those of earlier instances.
    """

    def __init__(self) -> None:
        self.next_index = 0
        self.held: dict[int, StoreOutcome] = {}

    def add(self, outcome: StoreOutcome) -> Iterator[StoreOutcome]:
        """Take an outcome; yields what can go on now."""
        index = outcome.index - 1
        if index != self.next_index:
            self.held[index] = outcome
            return
        self.next_index += 1
        yield outcome
        while self.next_index in self.held:
            outcome = self.held.pop(self.next_index)
            self.next_index += 1
            yield outcome
