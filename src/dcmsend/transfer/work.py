"""The instances to be sent over one or several sessions, handed out one at a time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Container, Iterable, Sequence
from itertools import chain

from dcmsend.index import Instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .target import Stretch

__all__ = ["Task", "Work", "WorkTaker"]

Task = tuple[int, Instance]
"""Index in the transfer list, from 0, and instance."""

_MAX_AHEAD = 10_000
"""How far the front may run ahead of the slowest instance; so many outcomes may have to be held back."""

_MAX_AHEAD_OF_DEFERRED = 1_000
"""The same for an instance that waits for the next session, which should begin soon."""

_LONGEST_ASIDE = 5.0
"""Seconds that who is to leave waits for more of its groups: a peer closes an association that is idle for long."""


class Work:
    """The instances of one stretch in the order of the list; thread-safe.

    Instances are handed out to takers.  Who gets the first instance of a group gets the whole group; who is to leave,
    no more than the rest of its groups, and what is found of them later goes to another one.

    Args:
        stretch: the stretch that the sessions serve.
        instances: the transfer list.
        done: indices that have their outcome already, or are left out.
        deferred: indices that already wait for the next session.
        may_grow: whether the stretch may take in instances that are found later.
    """

    def __init__(
        self,
        stretch: Stretch,
        instances: Sequence[Instance],
        done: Container[int] = (),
        deferred: Iterable[int] = (),
        *,
        may_grow: bool = True,
    ) -> None:
        self._stretch = stretch
        self._instances = instances
        self._done = done
        self._is_fixed = not may_grow
        self._next = stretch.first
        self._returned: list[int] = []
        self._owners: dict[str, WorkTaker] = {}
        self._last: dict[str, int] | None = None
        self._oldest = stretch.first
        self._takers: list[WorkTaker] = []
        self._deferred = min(deferred, default=None)
        self._is_held_back = False
        self._stopped = False
        self._asking = 0
        self._handed_out = 0
        self._finished = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)

    def taker(self) -> WorkTaker:
        """A further taker: one for each session, kept by the session that replaces it."""
        taker = WorkTaker(self)
        with self._changed:
            self._takers.append(taker)
        return taker

    def take(self, taker: WorkTaker, *, may_wait: bool) -> Task | None:
        """See ``WorkTaker.take``."""
        with self._lock:  # entering the condition itself would be two Python calls for each instance
            self._asking += 1  # before anything else: from now on finished instances wake the waiting threads
            try:
                while not self._stopped:
                    leaves = self._leaves(taker)
                    index = self._next_own(taker) if leaves else self._next_for(taker)
                    if index is not None:
                        self._handed_out += 1
                        return index, self._instances[index]
                    if not self._has_more_of(taker) if leaves else self._is_over:
                        self._changed.notify_all()  # others wait for the same news
                        break
                    if not may_wait:
                        break
                    if not leaves:
                        self._changed.wait()
                    elif not self._wait_aside(taker):
                        break
                return None
            finally:
                self._asking -= 1

    def _leaves(self, taker: WorkTaker) -> bool:
        """Whether a taker is to leave the rest to others.  If nobody stays it does not."""
        return taker.leaves and any(not each.leaves for each in self._takers)

    def _wait_aside(self, taker: WorkTaker) -> bool:
        """Wait until those who stay have found more for one that is to leave; false if they have not for some time."""
        def is_woken() -> bool:
            if self._stopped or taker.kept or not (self._leaves(taker) and self._has_more_of(taker)):
                return True
            return self._next < min(self._stretch.end, self._oldest + _MAX_AHEAD)

        self._asking -= 1  # outcomes need not wake it
        taker.is_aside = True
        try:
            return self._changed.wait_for(is_woken, _LONGEST_ASIDE)
        finally:
            self._asking += 1
            taker.is_aside = False

    @property
    def _is_over(self) -> bool:
        """Whether waiting is useless, when no instance can be handed out."""
        if self._is_held_up or (self._next >= self._stretch.end and not self._is_held_back):
            return True
        return self._is_stuck

    @property
    def _is_stuck(self) -> bool:
        """Whether the work waits for deferred instances only, so that nothing under way can let it go on."""
        return self._handed_out == self._finished and not any(taker.kept for taker in self._takers)

    def _next_for(self, taker: WorkTaker) -> int | None:
        """The next index for a taker; on the way to it, what belongs to others is put aside for them."""
        if taker.kept:
            return heapq.heappop(taker.kept)
        while (index := self._next_index()) is not None:
            group = self._instances[index].group
            owner = self._owners.get(group) if group else taker
            if owner is None:
                self._own(group, taker)
                return index
            if owner is taker:
                return index
            heapq.heappush(owner.kept, index)
            self._changed.notify_all()
        return None

    def _own(self, group: str, taker: WorkTaker) -> None:
        """Give a group to a taker, with what was left of it on the way."""
        self._owners[group] = taker
        taker.groups.add(group)
        taker.last = None
        of_group = {index for index in self._returned if self._instances[index].group == group}
        if of_group:
            self._returned = [index for index in self._returned if index not in of_group]
            heapq.heapify(self._returned)
            for index in of_group:
                heapq.heappush(taker.kept, index)

    def _next_own(self, taker: WorkTaker) -> int | None:
        """The next index of a group that a taker has already; on the way to it, everything else is left for others.

        The list does not grow by it: that might take long, and those who stay would have to wait.
        """
        if taker.kept:
            return heapq.heappop(taker.kept)
        if not self._has_more_of(taker):
            return None
        self._skip_done()
        while self._next < min(self._stretch.end, self._oldest + _MAX_AHEAD) and not self._is_held_up:
            index = self._next
            self._next += 1
            owner = self._owners.get(self._instances[index].group)
            if owner is taker:
                return index
            heapq.heappush(self._returned if owner is None else owner.kept, index)
            self._changed.notify_all()
            self._skip_done()
        return None

    def _has_more_of(self, taker: WorkTaker) -> bool:
        """Whether something is left of the groups of a taker.  As long as the list grows, any group may go on."""
        if taker.kept:
            return True
        if not taker.groups:
            return False
        if not self._is_fixed and self._stretch.may_grow:
            return True
        if self._last is None:
            left = range(self._next, self._stretch.end)
            self._last = {self._instances[index].group: index for index in left if index not in self._done}
        if taker.last is None:
            taker.last = max(self._last.get(group, -1) for group in taker.groups)
        return taker.last >= self._next

    def _next_index(self) -> int | None:
        if self._returned:
            return heapq.heappop(self._returned)
        if not self._finds_more():
            return None
        self._next += 1
        return self._next - 1

    def _finds_more(self) -> bool:
        """Whether there is an index that is not done and not too far ahead; grows the list if necessary."""
        self._is_held_back = False
        self._skip_done()
        while self._deferred is None or not self._is_held_up:
            if self._next < self._stretch.end:
                return self._next < self._oldest + _MAX_AHEAD
            if not self._grow():
                return False
            self._skip_done()
        return False

    def give_back(self, taker: WorkTaker, index: int) -> None:
        """See ``WorkTaker.give_back``."""
        with self._changed:
            is_kept = self._owners.get(self._instances[index].group) is taker
            heapq.heappush(taker.kept if is_kept else self._returned, index)
            self._handed_out -= 1
            self._changed.notify_all()

    def defer(self, index: int) -> None:
        """Leave an instance that was handed out to another session, after this work.

        The work ends a bounded number of instances later, so that the deferred instance does not wait too long.
        """
        with self._changed:
            self._deferred = index if self._deferred is None else min(self._deferred, index)
            self._handed_out -= 1
            self._changed.notify_all()

    def retire(self, taker: WorkTaker) -> None:
        """See ``WorkTaker.retire``."""
        with self._changed:
            for index in taker.kept:
                heapq.heappush(self._returned, index)
            taker.kept.clear()
            for group in taker.groups:
                del self._owners[group]
            taker.groups.clear()
            if taker in self._takers:
                self._takers.remove(taker)
            self._changed.notify_all()

    def begin_to_leave(self, taker: WorkTaker) -> None:
        """See ``WorkTaker.begin_to_leave``."""
        with self._changed:
            taker.leaves = True
            self._changed.notify_all()

    def note_finished(self, next_index: int) -> None:
        """Note that an instance, and everything before ``next_index``, has its outcome and was taken by the caller.

        Only one thread may call this.
        """
        if next_index >= self._oldest + _MAX_AHEAD // 10:
            with self._changed:  # both at once: else all would seem to be finished, and nothing more allowed
                self._finished += 1
                self._oldest = next_index
                self._changed.notify_all()
            return
        self._finished += 1  # before it is asked who waits, see ``take``
        if self._asking:
            with self._changed:
                self._oldest = next_index
                self._changed.notify_all()

    def stop(self) -> None:
        """Hand out no more instances."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def is_stopped(self) -> bool:
        """Whether no more instances may be begun."""
        return self._stopped

    @property
    def is_empty(self) -> bool:
        """Whether no instance is left to be handed out."""
        with self._changed:
            self._skip_done()
            is_ahead = not self._is_held_up and (self._next < self._stretch.end or self._may_grow)
            return self._stopped or not (self._returned or any(taker.kept for taker in self._takers) or is_ahead)

    def has_for_another(self, *, known_only: bool) -> bool:
        """Whether a further taker would get something that those who have nothing yet leave to it.

        That is an instance of no group, or of a group that nobody has.  Looks as far ahead as instances are handed out.
        What a list that grows will bring counts for any number, but where there are groups: there it may all belong to
        one, and counts for one taker, unless ``known_only``.
        """
        with self._lock:
            if self._stopped or self._is_held_up:
                return False
            free = sum(not each.groups and not each.leaves for each in self._takers)
            ahead = range(self._next, min(self._stretch.end, self._next + _MAX_AHEAD))
            groups: set[str] = set()
            count = 0
            for index in chain(self._returned, ahead):
                if index in self._done or (group := self._instances[index].group) in self._owners or group in groups:
                    continue
                count += 1
                if count > free:
                    return True
                if group:
                    groups.add(group)
            is_grouped = bool(self._owners or groups)
            return self._may_grow and not (is_grouped and (free or known_only))

    def look(self) -> bool:
        """Whether an instance is there to be handed out; grows the list if necessary."""
        with self._changed:
            return self._finds_more()

    @property
    def end(self) -> int:
        """Index after the last instance of the work, as far as it is known."""
        return self._stretch.end

    @property
    def _is_held_up(self) -> bool:
        return self._deferred is not None and self._next >= self._deferred + _MAX_AHEAD_OF_DEFERRED

    def _skip_done(self) -> None:
        while self._next < self._stretch.end and self._next in self._done:
            self._next += 1

    @property
    def _may_grow(self) -> bool:
        return not self._is_fixed and self._stretch.may_grow and not (self._is_held_back and self._is_stuck)

    def _grow(self) -> bool:
        if self._is_fixed or not self._stretch.may_grow:
            return False
        from .growing_list import Pulled  # a list that is complete does not grow

        pulled = self._stretch.grow()
        self._is_held_back = pulled is Pulled.NOT_YET
        if pulled is Pulled.END:
            self._changed.notify_all()  # whoever is to leave may do so now
        return pulled is Pulled.ONE


class WorkTaker:
    """Takes instances of a work for one session, and for those that replace it.

    Attributes:
        kept: heap of the indices that are kept for this taker, because it has their groups.
        groups: the groups that it has.
        last: index of the last instance of these groups; None while that is not known.
        leaves: whether it is to leave.
        is_aside: whether it is to leave, and waits because its groups may go on.
    All of them are changed by ``Work`` alone.
    """

    __slots__ = ("_work", "groups", "is_aside", "kept", "last", "leaves")

    def __init__(self, work: Work) -> None:
        self._work = work
        self.kept: list[int] = []
        self.groups: set[str] = set()
        self.last: int | None = None
        self.leaves = False
        self.is_aside = False

    def take(self, *, may_wait: bool = True) -> Task | None:
        """The next instance; None when none is left, or after ``stop``.

        Waits while an instance handed out earlier is too far behind.  A session that has unanswered requests must not
        wait here, because the missing answer may be its own: with ``may_wait`` false the result is None instead.
        """
        return self._work.take(self, may_wait=may_wait)

    def give_back(self, index: int) -> None:
        """Return an instance of which nothing was sent."""
        self._work.give_back(self, index)

    def begin_to_leave(self) -> None:
        """Take no more than what is left of one's groups, as long as another taker stays."""
        self._work.begin_to_leave(self)

    def retire(self) -> None:
        """Take no more instances; those kept for this taker go to others."""
        self._work.retire(self)

    def stop(self) -> None:
        """Stop the whole work: no taker gets another instance."""
        self._work.stop()

    @property
    def is_stopped(self) -> bool:
        """Whether no more instances may be begun."""
        return self._work.is_stopped
