"""What becomes of each input: taken from what workers tell, told to the journal and the observers, once each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import Cancelled, DcmsendError, SessionFailed, StoreUnusable, UsageError
from dcmsend.index import FilteredInput, Instance, ReadMode, RejectedInput
from dcmsend.inputs import Source
from dcmsend.loggers import get_logger
from dcmsend.reasons import Reason, Rejection
from dcmsend.report import RunRecord
from dcmsend.transfer import (
    AssociationClosed,
    AssociationOpened,
    BytesSent,
    HostNews,
    Ledger,
    Observer,
    Result,
    StoreOutcome,
    Waiting,
    after_unanswered,
    not_attempted,
)

from .errors import SAME_EVERYWHERE, ClusterUnusable
from .heard import Heard
from .told import earlier_item, error_from, found_from, outcome_from, rejected_from
from .window import Attempt, Window

__all__ = ["Ends"]

_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)

_log = get_logger("dcmsend.app")


class Ends:
    """The ends of inputs; for one thread.

    Attributes:
        error: why the run ends early, None as long as it does not.
        in_vain: how many instances in a row were not stored.
        may_pass: whether one of these failures may pass by itself.
    """

    def __init__(
        self, window: Window[Source], record: RunRecord, observer: Observer | None, ledger: Ledger, folder: str,
        *, stays_here: bool,
    ) -> None:  # fmt: skip
        """``folder`` is the working directory, with which names were made absolute for the workers.

        ``stays_here``: whether the workers see the same devices as we do.
        """
        self._window = window
        self._record = record
        self._observer = observer
        self._ledger = ledger
        self._folder = os.path.join(folder, "")
        self._stays_here = stays_here
        self._heard: dict[int, Heard] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._sessions = 0
        self._open: set[int] = set()
        self._ready: deque[StoreOutcome | RejectedInput] = deque()
        self._index = 0
        self._bytes = self._sized = 0
        self.error: DcmsendError | None = None
        self.in_vain = 0
        self.may_pass = False

    def take(self) -> Iterator[StoreOutcome | RejectedInput]:
        """The ends that nobody has taken yet."""
        while self._ready:
            yield self._ready.popleft()

    @property
    def mean_size(self) -> int:
        """Mean size in bytes of the instances that were sent, 0 as long as none was."""
        return self._bytes // self._sized if self._sized else 0

    # -- attempts

    def begin(self, attempt: Attempt[Source]) -> None:
        """An attempt is on its way."""
        self._heard[attempt.number] = Heard(attempt)

    def is_complete(self, attempt: int) -> bool:
        """Whether all groups of an attempt have come in."""
        heard = self._heard.get(attempt)
        return heard is not None and heard.is_complete

    def was_left(self, attempt: int) -> bool:
        """Whether the worker of a complete attempt left the cluster before it had sent all of it."""
        return self._heard[attempt].has_left

    def end(self, attempt: int) -> DcmsendError | None:
        """An attempt is complete; return the error that has ended it early."""
        heard = self._forget(attempt)
        error = None if heard is None else heard.error
        if self.error is None:
            self.error = error
            if heard is not None and isinstance(error, SessionFailed) and not self._stays_here:
                _log.error("so it was for a worker on %s", heard.host)  # it may be otherwise for this host
        for item in self._window.end(attempt):
            if error is not None:
                self._give_up_one(item, may_be_there=heard is not None and heard.is_repeated)
            else:
                self._record.instances_found -= 1  # it held others, or none
        return error

    def die(self, attempt: int) -> None:
        """The worker of an attempt has died."""
        self._forget(attempt)
        for item in self._window.die(attempt):
            outcome = _blank(item, Result.FAILED, Reason.SENDER_DIED, "it has ended one process after the other")
            _log.error("not sent any more, because each process that was sending it has ended: %s", item.path)
            self._add(outcome)

    def put_back(self, attempt: int, *, was_told: bool = False) -> None:
        """An attempt is over through nobody's fault; ``was_told``: the worker has told all that it knew."""
        self._forget(attempt)
        self._window.put_back(attempt, was_told=was_told)

    def give_up_waiting(self) -> None:
        """Batches that wait are not sent any more."""
        for item, may_be_there in self._window.give_up_waiting():
            self._give_up_one(item, may_be_there=may_be_there)

    def give_up(self) -> None:
        """Workers that are still sending have not said what became of their batches, and nobody waits any longer."""
        for attempt in self._window.running:
            self._forget(attempt)
            for item in self._window.end(attempt):
                self._give_up_one(item, may_be_there=True)
        self.give_up_waiting()

    def _forget(self, attempt: int) -> Heard | None:
        heard = self._heard.pop(attempt, None)
        self._close_associations(attempt, heard)
        return heard

    def _close_associations(self, attempt: int, heard: Heard | None) -> None:
        for key in [each for each in self._numbers if each[0] == attempt]:
            number = self._numbers.pop(key)
            if self._observer is not None and number in self._open:
                self._observer.association_closed(AssociationClosed(number, "the worker has not told its end"))
                if heard is not None:
                    self._observer.host_news(HostNews(heard.host, -1, 0))
            self._open.discard(number)

    # -- what workers tell

    def take_group(self, group: dict[str, Any], *, is_told_again: bool = False) -> None:
        """A group of a batch of this run, which may come late or twice.

        ``is_told_again``: whether the scheduler tells all groups from the beginning.  Raises JournalError.
        """
        try:
            attempt = int(group["attempt"])
            heard = self._heard_of(attempt, group)
            if heard is None:
                attempt = -attempt  # none under way has this number: only what is stored counts
            elif group["number"] in heard.groups:
                return
            else:
                heard.groups.add(group["number"])
                heard.host = group["host"]
                self._window.hear(attempt)
                self._take_events(attempt, group)
            if heard is not None or not is_told_again:
                for name, level, text in group.get("log", ()):
                    get_logger(name).log(level, "%s", text)
            for end in group.get("ends", ()):
                self._take_end(attempt, heard, *end)
            if heard is not None and group.get("last"):
                self._take_last(heard, group)
            for told in group.get("unanswered", ()):
                self._note_earlier(*told)
        except _MALFORMED as error:
            _log.warning("ignoring what a worker has told: %s: %s", type(error).__name__, error)

    def _heard_of(self, attempt: int, group: dict[str, Any]) -> Heard | None:
        """What was heard of an attempt so far, with a group of it; None if it is over, or if this course of it is."""
        heard = self._heard.get(attempt)
        if heard is None:
            return None
        if heard.note_course(group):
            self._close_associations(attempt, heard)
            self._window.begin_anew(attempt)
        return None if heard.is_late(group) else heard

    def _take_last(self, heard: Heard, group: dict[str, Any]) -> None:
        heard.last = group["number"]
        sessions, contexts = group.get("counts", (0, 0))
        self._record.associations += sessions
        self._record.contexts += contexts
        heard.has_left = bool(group.get("left"))
        if group.get("unfit"):
            text = f"a worker on {group['host']} has {group['unfit']}, which differ from those here; {SAME_EVERYWHERE}"
            heard.error = ClusterUnusable(text, is_final=True)
        elif group.get("error") is not None:
            heard.error = _of_worker(error_from(group["error"]), group["host"])

    def _take_events(self, attempt: int, group: dict[str, Any]) -> None:
        before = len(self._open)
        for kind, *values in group.get("events", ()):
            if kind == "opened":
                number, *rest = values
                number = self._number(attempt, number)
                self._open.add(number)
                if self._observer is not None:
                    self._observer.association_opened(AssociationOpened(number, *rest))
            elif kind == "closed":
                number, how = values
                number = self._number(attempt, number)
                if number in self._open and self._observer is not None:
                    self._observer.association_closed(AssociationClosed(number, how))
                self._open.discard(number)
            elif self._observer is not None:
                self._observer.waiting(Waiting(*values) if values else None)
        if group.get("bytes") and self._observer is not None:
            self._observer.bytes_sent(BytesSent(0, group["bytes"]))
        if self._observer is not None:
            self._observer.host_news(HostNews(group["host"], len(self._open) - before, len(group.get("ends", ()))))

    def _number(self, attempt: int, number: int) -> int:
        """The number in this run of an association that has a number in its batch."""
        key = attempt, number
        if key not in self._numbers:
            self._sessions += 1
            self._numbers[key] = self._sessions
        return self._numbers[key]

    def _take_end(self, attempt: int, heard: Heard | None, kind: str, number: int | None, *told: Any) -> None:
        if kind == "rejected":
            self._take_rejected(attempt, heard, number, *told)
            return
        _, etag, found, values = told  # the name is for a later driver
        was_repeated = heard is not None and heard.is_repeated
        was_reached = heard is not None and self._window.was_reached(found[1] if number is None else number)
        if number is not None:
            item = self._window.settle(attempt, number, is_stored=values[0] == Result.STORED.name)
        elif heard is not None and self._window.settle_found(attempt, heard.numbered(found[0])):
            item = found_from(found[2:], heard.attempt.inputs[found[1]], self._own_name)
            self._record.instances_found += 1
        else:
            item = None
        if item is None:
            return
        outcome = outcome_from(values, item, 0)
        if number is not None and item.is_remote and item.etag != etag:
            _learn(item, etag, outcome)
        if outcome.association:
            outcome = outcome._replace(association=self._number(attempt, outcome.association))
        if was_reached or (outcome.is_duplicate and self._ledger.is_unanswered(outcome)):
            outcome = after_unanswered(outcome)
        if outcome.reason is Reason.CANCELLED and outcome.result is Result.NOT_ATTEMPTED and self.error is not None:
            self._give_up_one(item, outcome.instance, may_be_there=was_repeated)
            return
        if outcome.reason is Reason.FILE_UNREADABLE and self._ledger.was_moved(outcome.instance):
            self._record.already_stored += 1  # it was named twice, and moved meanwhile
            self._record.instances_found -= 1
            return
        self._add(outcome)

    def _take_rejected(
        self, attempt: int, heard: Heard | None, number: int | None, path: str, member: str | None, told: list[Any]
    ) -> None:
        item: Source | None = None
        if number is not None:
            item = self._window.settle(attempt, number, is_stored=False, was_sent=False)
        elif heard is not None and self._window.settle_found(attempt, heard.numbered(f"rejected {path}")):
            item = next(iter(heard.attempt.inputs.values()))
            self._record.instances_found += 1
        if item is None:
            return
        self._record.instances_found -= 1
        name = item.path if number is not None else self._own_name(path)
        if number is None and member is not None:
            name = f"{item.path}!/{member}"
        rejected = rejected_from(told, name)
        if rejected.dicomdir is not None:
            rejected = rejected._replace(dicomdir=self._own_name(rejected.dicomdir))
        if isinstance(rejected, FilteredInput):
            self._record.filtered = (self._record.filtered or 0) + 1
            self._ready.append(rejected)
            return
        if number is not None and rejected.why is Rejection.UNREADABLE and self._ledger.is_stored(item):
            self._record.already_stored += 1  # it was named twice, and moved meanwhile
            return
        self._ledger.reject(rejected)
        self._ready.append(rejected)

    def take_of_others(self, group: dict[str, Any]) -> None:
        """A group that an earlier driver with the same journal may not have heard: the journal gets what is news to it.

        Raises JournalError.
        """
        ends = [end[1:] for end in _listed(group, "ends") if isinstance(end, list) and end[:1] == ["outcome"]]
        for told in ends + _listed(group, "unanswered"):
            try:
                self._note_earlier(*told)
            except _MALFORMED as error:  # the others are not to blame
                _log.warning("ignoring what a worker has told: %s: %s", type(error).__name__, error)

    def _note_earlier(
        self, number: int | None, path: str, etag: str, found: list[Any] | None, values: list[Any]
    ) -> None:
        """The journal gets an outcome that is not, or not yet, one of this run."""
        item = earlier_item(path, etag, found if number is None else None, values[-1].get("file_stamp"))
        if item is not None:
            self._ledger.note_earlier(outcome_from(values, item, 0))

    # -- ends

    def _add(self, outcome: StoreOutcome, *, is_known: bool = True) -> None:
        """One instance has its outcome."""
        self._index += 1
        outcome = self._with_identity(outcome._replace(index=self._index))
        if outcome.data_set_length:
            self._sized += 1
            self._bytes += outcome.data_set_length
        if outcome.result is not Result.NOT_ATTEMPTED:
            is_stored = outcome.result is Result.STORED
            self.in_vain = 0 if is_stored else self.in_vain + 1
            self.may_pass = not is_stored and (self.may_pass or outcome.is_retryable)
        if is_known:
            self._ledger.note(outcome)
        if self._observer is not None:
            self._observer.outcome(outcome)
        self._ready.append(outcome)

    def _give_up_one(self, item: Source, instance: Instance | None = None, *, may_be_there: bool) -> None:
        """An input is not sent any more; ``may_be_there``: an attempt has begun of which not everything was heard."""
        if may_be_there:
            text = "the worker has not told what became of it"
            self._add(_blank(item, Result.UNCONFIRMED, Reason.CONNECTION_LOST, text), is_known=False)
            return
        for outcome in not_attempted([instance or _unread(item)], 0, self.error or Cancelled()):
            self._add(outcome)

    def _with_identity(self, outcome: StoreOutcome) -> StoreOutcome:
        """The outcome with this host's number of the device; for what moves files."""
        if self._stays_here or outcome.file_identity is None:
            return outcome
        with suppress(OSError, ValueError):
            status = os.stat(outcome.instance.input.path)
            if (status.st_size, status.st_mtime_ns) == outcome.file_stamp and status.st_ino == outcome.file_identity[1]:
                return outcome._replace(file_identity=(status.st_dev, status.st_ino))
        return outcome  # with the numbers of the other host, which no file has here

    def _own_name(self, path: str) -> str:
        """The name of a file as the user would write it: workers have names with the working directory before them."""
        return path.removeprefix(self._folder)


def _listed(group: dict[str, Any], name: str) -> list[Any]:
    """What a group has under a name, if it is a list."""
    told = group.get(name)
    return told if isinstance(told, list) else []


def _of_worker(error: DcmsendError, host: str) -> DcmsendError:
    """The error of a worker; names its host where what is missing there, as credentials, may well be here."""
    if isinstance(error, UsageError):
        return ClusterUnusable(f"a worker on {host}: {error}", is_final=True)
    if isinstance(error, StoreUnusable):
        return StoreUnusable(error.url, f"a worker on {host} says: {error.reason}", error.why)
    return error


def _learn(item: Source, etag: str, outcome: StoreOutcome) -> None:
    """Mark, size and time of an object of a web server, which are known when it is fetched, not when it is listed.

    What may be sent again gets no size: that of what is stored packed is not the number of bytes that come.
    """
    from dcmsend.inputs import StoredObject

    if isinstance(item, StoredObject) and not item.etag and outcome.file_stamp is not None:
        size, mtime_ns = outcome.file_stamp
        known = size if outcome.result is Result.STORED else item.entry.size
        item.entry = item.entry._replace(etag=etag, size=known, mtime_ns=mtime_ns or None)


def _unread(item: Source) -> Instance:
    return Instance(item, "", "", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_OR_DATA_SET)


def _blank(item: Source, result: Result, reason: Reason, message: str) -> StoreOutcome:
    return StoreOutcome(0, _unread(item), result, reason=reason, message=message)
