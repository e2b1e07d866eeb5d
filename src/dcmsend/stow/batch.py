"""Gathers instances for one request: opened and walked, before anything of it is sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import Cancelled, DataSetError, DcmsendError, FileUnreadable, TranscodeError
from dcmsend.index import Instance
from dcmsend.inputs import NO_DESCRIPTOR, UNLIMITED, most_descriptors
from dcmsend.load import (
    Abilities,
    BytesPayload,
    ChunkPayload,
    Failure,
    LoadedInstance,
    Loader,
    field_of,
    file_failure,
    first_value,
    uid_failure,
)
from dcmsend.reasons import Reason

from .part import Part

if TYPE_CHECKING:
    from dcmsend.transfer import Taker

__all__ = ["Batch", "BatchLimits", "Gatherer"]

_FIRST: Final = 5
"""Instances in the first request of each of several connections: while the server stores them, more arrive on the other
connections.  Each request that follows may be twice as large."""
_ENOUGH: Final = 4 << 20
"""Bytes after which a request over one of several connections ends: a larger one saves no time on the line, and a
server begins to store when it has all of it."""
_MANY: Final = 1000
_OTHERS: Final = 12
"""Descriptors that every run needs, however few there are."""


class Batch:
    """The instances of one request, and those that cannot be sent, in the order of the list.

    Attributes:
        entries: all instances.
        parts: those that are sent; each has another SOP Instance UID.
        size: bytes of all parts of known size.
        open_files: how many of the parts hold a file open.
    """

    def __init__(self) -> None:
        self.entries: list[Part] = []
        self.parts: list[Part] = []
        self.size = 0
        self.open_files = 0
        self._uids: set[str] = set()

    def add(self, part: Part) -> None:
        """Add an instance."""
        self.entries.append(part)
        if part.is_sendable:
            self.parts.append(part)
            self.size += part.size or 0
            self.open_files += not isinstance(part.payload, BytesPayload)
            self._uids.add(part.sop_instance_uid)

    def has(self, sop_instance_uid: str) -> bool:
        """Whether an instance with this UID is in the request: an answer could not tell the two apart."""
        return sop_instance_uid in self._uids

    @property
    def is_streamed(self) -> bool:
        """Whether its length is not known before it is sent."""
        return any(part.size is None for part in self.parts)

    def close(self) -> None:
        """Close all files."""
        for part in self.entries:
            part.close()


class BatchLimits:
    """How large requests may be; shared by all connections of a transfer.

    Attributes:
        count: most instances.
        size: most bytes; one larger instance goes alone.
        open_files: most instances that hold a file open.
        first_count: most instances of the first request of a connection.
        enough: bytes after which nothing more is added.
        alone: indices of instances that go alone, because a request with others has failed.
    """

    def __init__(self, count: int, size: int, connections: int = 1) -> None:
        self.count = count
        self.size = size
        self.open_files = _most_open_files(connections)
        self.first_count = min(count, _FIRST) if connections > 1 else count
        self.enough = _ENOUGH if connections > 1 else size
        self.alone: set[int] = set()

    def shrink(self, size: int) -> None:
        """Note that a request of ``size`` bytes was too large."""
        self.size = max(1, min(self.size, size // 2))


class Gatherer:
    """Takes instances of a work and makes batches of them; used by one thread.

    Args:
        work: gives the instances, and takes back those that are not sent.
        loader: loads them.
        abilities: what can be converted.
        limits: how large batches may be.
        decompress: whether compressed pixels are decompressed where that is possible.
        stops_at_failure: whether nothing follows an instance that cannot be sent.
    """

    def __init__(
        self,
        work: Taker,
        loader: Loader,
        abilities: Abilities,
        limits: BatchLimits,
        *,
        decompress: bool,
        stops_at_failure: bool,
    ) -> None:
        self._work = work
        self._loader = loader
        self._abilities = abilities
        self._limits = limits
        self._decompress = decompress
        self._stops_at_failure = stops_at_failure
        self._count = limits.first_count
        self._again: deque[tuple[int, Instance]] = deque()
        self._over: Part | None = None
        self._is_over = False

    def next(self, *, may_wait: bool) -> Batch | None:
        """The next batch; None when no instance is left, or the run has to end.

        Waits for an instance if ``may_wait``, but never once it holds one.  Otherwise a request is on its way, whose
        files may still be open.
        """
        batch = Batch()
        while not self._is_full(batch):
            part, self._over = self._over, None
            if part is None:
                task = self._take(may_wait=may_wait and not batch.entries)
                if task is None:
                    break
                part = self._load(*task, has_others=bool(batch.parts) or not may_wait)
                if part is None:
                    break
            if batch.entries and not self._fits(batch, part):
                self._over = part
                break
            batch.add(part)
            if part.failure is not None and self._stops_at_failure:
                break
        self._count = min(2 * self._count, self._limits.count)
        return batch if batch.entries else None

    def send_again(self, parts: list[Part]) -> None:
        """Let these instances come again, before all others, in new batches."""
        self._again.extendleft((part.index, part.instance) for part in reversed(parts))

    def give_back(self, batch: Batch | None = None) -> None:
        """Give back to the work the instances of a batch, or all that are held here."""
        if batch is not None:
            batch.close()
            for part in batch.entries:
                self._work.give_back(part.index)
            return
        self._is_over = True
        if self._over is not None:
            self._over.close()
            self._work.give_back(self._over.index)
            self._over = None
        while self._again:
            self._work.give_back(self._again.popleft()[0])

    def _take(self, *, may_wait: bool) -> tuple[int, Instance] | None:
        if self._is_over or self._work.is_stopped:
            return None
        return self._again.popleft() if self._again else self._work.take(may_wait=may_wait)

    def _is_full(self, batch: Batch) -> bool:
        limits = self._limits
        if not batch.entries:
            return False
        if len(batch.entries) >= self._count or batch.open_files >= limits.open_files:
            return True
        if batch.size >= min(limits.size, limits.enough):
            return True
        return bool(batch.parts) and self._goes_alone(batch.parts[0])

    def _fits(self, batch: Batch, part: Part) -> bool:
        if not part.is_sendable or not batch.parts:
            return True
        if self._goes_alone(part) or batch.has(part.sop_instance_uid):
            return False
        if part.instance.group != batch.parts[0].instance.group:
            return False
        return batch.size + (part.size or 0) <= self._limits.size

    def _goes_alone(self, part: Part) -> bool:
        return part.size is None or part.index in self._limits.alone

    def _load(self, index: int, instance: Instance, *, has_others: bool) -> Part | None:
        """Load an instance; None, and the instance is given back, if the run has to end or no file can be opened."""
        part = Part(index, instance)
        unusable = self._abilities.unusable
        if unusable is not None:
            part.failure = Failure(Reason.NO_DICTIONARY, unusable, f"cannot send SOP instance: {unusable}")
            return part
        loaded = self._loader.load(part)
        if loaded is None:
            if part.is_done or (part.failure is not None and not (has_others and _has_no_descriptor(part.failure))):
                return part
            self._put_off(index, instance, is_over=part.failure is None)
            return None
        try:
            part.failure = uid_failure(loaded)
            if part.failure is None:
                self._prepare(part, loaded)
        except Cancelled:  # the run was asked to end while pixels were decoded
            self._put_off(index, instance, is_over=True)
            return None
        finally:
            loaded.close()
        return part

    def _put_off(self, index: int, instance: Instance, *, is_over: bool) -> None:
        self._is_over = self._is_over or is_over
        self._again.appendleft((index, instance))

    def _prepare(self, part: Part, loaded: LoadedInstance) -> None:
        part.sop_class_uid = field_of(first_value(loaded.sop_class_uid))
        part.sop_instance_uid = field_of(first_value(loaded.sop_instance_uid))
        target = loaded.syntax
        if self._decompress and target.is_encapsulated and target.is_known:
            native = EXPLICIT_VR_LITTLE_ENDIAN
            target = native if self._abilities.can_convert(target, native) else target
        try:
            if target is not loaded.syntax or self._loader.must_be_encoded(loaded):
                part.payload = self._loader.encoded(part, loaded, target)
            elif loaded.is_a_file:
                part.payload = loaded.as_a_file()
                part.size = _size_of(part)
                return
            else:
                part.payload = loaded.as_it_stands()
        except (FileUnreadable, DataSetError, TranscodeError) as error:
            part.failure = _conversion_failure(part, error)
            return
        from dcmsend.dicom.part10 import file_meta_header  # only needed where the file has none that is true

        part.sent_syntax = target
        part.before = file_meta_header(part.sop_class_uid, part.sop_instance_uid, target.uid)
        part.size = _size_of(part)


def _most_open_files(connections: int) -> int:
    """How many files one batch may hold open: each connection has up to two batches.

    Half of the descriptors that the system allows are for what a run opens besides: connections, reports, files of the
    scan, late modules.
    """
    allowed = most_descriptors()
    if allowed is None or allowed == UNLIMITED:
        return _MANY
    return max(1, (allowed - _OTHERS) // (4 * connections))


def _size_of(part: Part) -> int | None:
    payload = part.payload
    if payload is None or isinstance(payload, ChunkPayload):
        return None
    size = len(payload.data) if isinstance(payload, BytesPayload) else payload.length
    return len(part.before) + size


def _has_no_descriptor(failure: Failure) -> bool:
    """Whether too many files are open; once the others are sent, there is room for one more."""
    return isinstance(failure.error, FileUnreadable) and failure.error.errno in NO_DESCRIPTOR


def _conversion_failure(part: Part, error: DcmsendError) -> Failure:
    if not isinstance(error, TranscodeError):
        return file_failure(part.instance, error)
    text = f"cannot convert SOP instance from file: {part.instance.input.path}: {error}"
    remarks = (error.remark,) if error.remark else ()
    return Failure(Reason.NOT_CONVERTIBLE, error, *remarks, f"{text}\n{error.detail}" if error.detail else text)
