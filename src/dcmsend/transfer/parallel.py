"""Several associations at the same time, each on its own thread, fed from the same work."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.plan import AssociationPlan

from .outcome import StoreOutcome
from .runner import MAX_FRUITLESS, Runner
from .work import Work

__all__ = ["ParallelRunners"]

_MOST_WAITING = 1024
"""Outcomes that may wait to be taken before the associations wait for whoever takes them."""

_TOGETHER = 0.002
"""Seconds for which outcomes gather, so that nobody is woken for each of them."""

_app_log = logging.getLogger("dcmsend.app")


class _Outbox:
    """What the associations have to tell, in the order in which they tell it; one thread takes it."""

    def __init__(self) -> None:
        self._items: deque[StoreOutcome | _Line | BaseException] = deque()
        self._arrived = threading.Event()
        self._has_room = threading.Event()

    def put(self, item: StoreOutcome | _Line | BaseException) -> None:
        """Add something; waits while too much is there."""
        while len(self._items) >= _MOST_WAITING:
            self._has_room.clear()
            if len(self._items) >= _MOST_WAITING:  # else it was made just before
                self._has_room.wait()
        self._items.append(item)
        if not self._arrived.is_set():
            self._arrived.set()

    def take(self) -> Iterator[StoreOutcome | _Line | BaseException]:
        """Wait for something; all that is there then.  What the caller leaves is there the next time."""
        while not self._items:
            self._arrived.wait()
            self._arrived.clear()
        time.sleep(_TOGETHER)
        while self._items:
            item = self._items.popleft()
            if not self._has_room.is_set():
                self._has_room.set()
            yield item


class _Line:
    """One thread and its association, opened anew when it is lost."""

    def __init__(self, runner: Runner | None, interrupt: Interrupt) -> None:
        self.runner = runner
        self.interrupt = interrupt
        self.is_open = runner is not None
        self.answered = 0


class ParallelRunners:
    """Serves the work of a plan over up to ``count`` associations.

    A peer that refuses a further association, or leaves it waiting, gets the work over those it has accepted.

    Attributes:
        error: what ended the run early; None at its normal end.
        lost: what has ended one of the associations before its time, None if nothing has.

    Args:
        wait_after: waits before an association is opened in place of one that was lost, for the given number of
            failures in a row; None opens it at once.
    """

    def __init__(
        self,
        first: Runner,
        first_interrupt: Interrupt,
        count: int,
        plan: AssociationPlan,
        work: Work,
        interrupt: Interrupt,
        make_runner: Callable[[Interrupt], Runner],
        wait_after: Callable[[int, Interrupt], None] | None = None,
    ) -> None:
        self._plan = plan
        self._work = work
        self._make_runner = make_runner
        self._wait_after = wait_after
        self._lines = [_Line(first, first_interrupt)]
        self._lines += [_Line(None, Interrupt(parent=interrupt)) for _ in range(count - 1)]
        self._outbox = _Outbox()
        self.error: DcmsendError | None = None
        self.lost: DcmsendError | None = None

    @property
    def answered(self) -> int:
        """How many answers came over all associations."""
        return sum(line.answered for line in self._lines)

    def run(self) -> Generator[StoreOutcome, None, None]:
        """The outcomes as they come, in no particular order."""
        threads = [
            threading.Thread(target=self._serve, args=(line,), name=f"association-{number}", daemon=True)
            for number, line in enumerate(self._lines, start=1)
        ]
        running = set(self._lines)
        for thread in threads:
            thread.start()
        try:
            while running:
                for item in self._outbox.take():
                    if isinstance(item, StoreOutcome):
                        yield item
                    elif isinstance(item, _Line):
                        running.discard(item)
                        self._let_go(running)
                    else:
                        raise item
        finally:
            # The caller may have left early; the threads must not be stuck at the outbox.
            self._work.stop()
            for line in running:
                line.interrupt.abort()
            while running:
                running.difference_update(item for item in self._outbox.take() if isinstance(item, _Line))
            for thread in threads:
                thread.join()

    def _let_go(self, running: set[_Line]) -> None:
        """When no work is left nobody has to wait any longer for a peer that does not answer."""
        if self._work.is_empty and not any(line.is_open for line in running):
            for line in running:
                line.interrupt.abort()

    def _serve(self, line: _Line) -> None:
        fruitless = 0
        try:
            while fruitless < MAX_FRUITLESS and not line.interrupt.requested:
                runner = self._opened(line)
                if runner is None:
                    return
                for outcome in runner.run(self._work):
                    self._outbox.put(outcome)
                line.is_open = False
                line.runner = None
                line.answered += runner.answered
                if runner.error is None:
                    return
                self.lost = runner.error
                if runner.halted:
                    self.error = self.error or runner.error
                    self._work.stop()
                    return
                fruitless = 0 if runner.answered else fruitless + 1
                if self._work.is_empty:
                    return
                if self._wait_after is not None:
                    self._wait_after(max(1, fruitless), line.interrupt)
        except BaseException as error:  # a bug, or an observer that fails: told where the outcomes are taken
            line.is_open = False
            self._outbox.put(error)
        finally:
            self._work.leave()
            self._outbox.put(line)

    def _opened(self, line: _Line) -> Runner | None:
        if line.runner is not None:
            return line.runner
        if self._work.is_empty:
            return None
        runner = self._make_runner(line.interrupt)
        if not runner.open(self._plan.contexts):
            if not line.interrupt.requested:
                _app_log.warning("no further association: %s\ngoing on with those that are open", runner.error)
            return None
        if runner.association is not None and not runner.association.accepted:
            runner.release()
            runner.close()
            return None
        line.is_open = True
        return runner
