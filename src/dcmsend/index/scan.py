"""From inputs to instances: reads the identity of each input, checks it, and rejects those that cannot be sent."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain

from dcmsend.bases import Protocol
from dcmsend.dicom.sop_class import MEDIA_STORAGE_DIRECTORY
from dcmsend.dicom.tag import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError, FileUnreadable, InvalidInputFile
from dcmsend.inputs import InputFile, OpenWatch, Source, Stamp
from dcmsend.loggers import DEBUG, get_logger
from dcmsend.reasons import Rejection

from .file_meta import FIRST_READ
from .identify import Opened, identify, is_dicom
from .instance import Instance, ReadMode, RejectedInput
from .options import IndexOptions, KeepTogether
from .uid_check import CANNOT_CHOOSE, Fault, find_uid_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.inputs import Fetcher, KeptFiles, Share

    from .header import HeaderReader

__all__ = ["scan"]

_network_log = get_logger("dcmsend.network")
_app_log = get_logger("dcmsend.app")

_GROUPED_BY: Final = {
    KeepTogether.SERIES: frozenset((SERIES_INSTANCE_UID,)),
    KeepTogether.STUDY: frozenset((STUDY_INSTANCE_UID,)),
}
"""The UID by which instances are grouped."""


def scan(
    inputs: Iterable[Source],
    options: IndexOptions,
    on_rejected: Callable[[RejectedInput], None] | None = None,
    *,
    dictionary: Callable[[], DataDictionary] | None = None,
    skip: Callable[[Source], bool] | None = None,
    check: Callable[[], None] | None = None,
    share: Share | None = None,
    for_report: frozenset[int] | None = None,
    kept: KeptFiles | None = None,
    fetcher: Callable[[], Fetcher] | None = None,
    on_filtered: Callable[[Source], None] | None = None,
    keep_in_place: KeepInPlace | None = None,
) -> Generator[Instance, None, None]:
    """The instances of ``inputs``, lazily and in their order.

    A bad input is logged and given to ``on_rejected``; so is a bad record of a DICOMDIR (``RejectedInput.dicomdir``).

    Args:
        inputs: files in the order in which they are to be sent; read only as far as the caller asks for instances.
        options: how inputs are read and checked.
        on_rejected: called for each input that yields no instance.
        dictionary: makes the data dictionary when it is needed, None for the built-in one.
        skip: asked before a file is opened, also for files that a DICOMDIR refers to; true skips the file.
        check: called now and then while a file is waited for, or read far into for its values; may raise to end that.
        share: tells which instances belong to another run, if that is only known once a file is open.
        for_report: tags beside the UIDs for the ``facts`` of instances; rejections then get their ``stamp``; None if
            no report shows any.
        kept: takes over files that stay open for sending, while it has room; None to close all files.
        fetcher: admits objects of stores to be fetched as a whole; None to fetch their first bytes only.
        on_filtered: called for each input that ``options.value_rules`` leave out.
        keep_in_place: called with the name of each file that a DICOMDIR refers to, whatever becomes of its record, and
            with the directory of one that cannot be read to its end, of which ``all_below`` has to stay.

    Where files are slow to open (half a millisecond on average) some are opened ahead, on threads; ``inputs`` is then
    read on those threads, too, and up to 48 inputs further than the caller has asked for.

    Raises:
        InvalidInputFile: for the first bad input, with ``options.halt_on_invalid``.
    """
    headers, keep = None, options.keep_together
    wants_facts = for_report is not None or keep in _GROUPED_BY
    if wants_facts or options.value_rules:
        from .header import HeaderReader

        choice = None
        if options.value_rules:
            from .value_choice import ValueChoice

            choice = ValueChoice(options.value_rules)
        tags = for_report or frozenset()
        needs = _GROUPED_BY.get(keep, frozenset())
        headers = HeaderReader(
            tags, options.read_mode, dictionary, choice, keeps_facts=wants_facts, needs=needs, check=check
        )
    with_stamps = for_report is not None
    state = _Scan(
        options, on_rejected, dictionary, skip, check, share, headers, with_stamps, kept, fetcher, on_filtered,
        keep_in_place,
    )  # fmt: skip
    instances = state.run(inputs)
    if keep is KeepTogether.NONE:
        return instances
    from .grouping import with_groups  # only asked for with several associations

    return with_groups(instances, keep)


class KeepInPlace(Protocol):
    """Keeps a file where it is, or all that is below a directory."""

    def __call__(self, path: str, *, all_below: bool = False) -> None:
        """See above."""


class _Scan:
    """The state that the steps of one scan share."""

    def __init__(
        self,
        options: IndexOptions,
        on_rejected: Callable[[RejectedInput], None] | None,
        dictionary: Callable[[], DataDictionary] | None,
        skip: Callable[[Source], bool] | None,
        check: Callable[[], None] | None,
        share: Share | None,
        headers: HeaderReader | None,
        with_stamps: bool,
        kept: KeptFiles | None,
        fetcher: Callable[[], Fetcher] | None,
        on_filtered: Callable[[Source], None] | None,
        keep_in_place: KeepInPlace | None,
    ) -> None:
        self._keep_in_place = keep_in_place
        self._on_filtered = on_filtered
        self._kept = kept
        self._fetcher = fetcher
        self._first_read = FIRST_READ
        if headers is not None:
            from .header import HEADER_READ

            self._first_read = HEADER_READ
        self._share = share
        self._headers = headers
        self._with_stamps = with_stamps
        self._check = check
        self._options = options
        self._on_rejected = on_rejected
        self._dictionary = dictionary
        self._skip = skip
        self._is_debugging = _network_log.isEnabledFor(DEBUG)

    def run(self, inputs: Iterable[Source]) -> Generator[Instance, None, None]:
        options, dictionary, skip, headers = self._options, self._dictionary, self._skip, self._headers
        mode, thorough, kept, share = options.read_mode, options.check_uids, self._kept, self._share
        wanted = iter(inputs) if skip is None else _without_skipped(inputs, skip)
        for item, opened in self._opened(wanted):
            if self._is_debugging and item.path:
                _network_log.debug("adding DICOM file '%s'", item.path)
            descriptor = opened[0] if isinstance(opened, tuple) else -1
            error: DataSetError | FileUnreadable | None = None
            fault, is_kept = None, False
            try:
                sop_class, sop_instance, syntax, facts, chosen = identify(item, opened, mode, dictionary, headers)
                is_dicomdir = options.expand_dicomdir and sop_class == MEDIA_STORAGE_DIRECTORY
                is_left = share is not None and not is_dicomdir and share.leaves(item)
                is_filtered = chosen is False and not is_dicomdir
                if not is_dicomdir and not is_left and not is_filtered:
                    fault = find_uid_fault(sop_class, sop_instance, syntax, thorough=thorough)
                    if fault is None and chosen is None and options.value_rules:
                        fault = CANNOT_CHOOSE
                    is_kept = fault is None and kept is not None and kept.room > 0 and kept.add(item, descriptor)
            except (DataSetError, FileUnreadable) as failure:
                error = failure
            finally:
                if descriptor >= 0 and not is_kept:
                    os.close(descriptor)
            if error is not None:
                item.let_go()
                self._reject_file(item, opened, error.text, error.why, error.explanation)
                continue
            if is_dicomdir or is_left or is_filtered or fault is not None:
                item.let_go()
            if is_dicomdir:
                yield from self._expand(item)
                continue
            if is_left:
                continue
            if is_filtered:
                self._filter(item)
                continue
            if fault is not None:
                self._reject_file(item, opened, fault.condition, self._why_of(item, fault))
                continue
            if self._is_debugging:
                _network_log.debug("successfully added SOP instance %s to the transfer list", sop_instance)
            read_mode = ReadMode.FILE_ONLY if item.has_meta else mode
            yield Instance(item, sop_class, sop_instance, transfer_syntax(syntax), read_mode, "", facts)

    def _opened(self, items: Iterator[Source]) -> Iterator[tuple[Source, Opened]]:
        """Each input with its first bytes, or with the error of opening it."""
        clock, watch = time.perf_counter, OpenWatch()
        open_input = self._open
        while True:
            for item in items:
                if item.is_remote and self._fetcher is not None:
                    items = chain((item,), items)
                    break
                began = clock()
                opened = open_input(item)
                is_slow = watch.note(clock() - began)
                yield item, opened
                if is_slow:
                    break
            else:
                return
            if item.is_remote and self._fetcher is not None:
                yield from self._fetched(items, self._fetcher())
                return
            from dcmsend.inputs import in_order  # only where opens are slow

            for item, ticket in in_order(items, open_input, _discard, self._check):
                yield item, ticket.result(self._check)

    def _fetched(self, items: Iterator[Source], fetcher: Fetcher) -> Iterator[tuple[Source, Opened]]:
        """All further inputs with their first bytes; objects of stores are fetched ahead, as far as there is credit."""
        from dcmsend.inputs import in_order

        admitted = fetcher.admitted(items)
        for item, ticket in in_order(admitted, self._open, _discard, self._check, fetcher.parallel, sys.maxsize):
            opened = ticket.result(self._check)
            fetcher.hand_over(item)
            yield item, opened

    def _open(self, item: Source) -> Opened:
        if not item.path:
            return -1, b""
        try:
            try:
                return item.open_beginning(self._first_read)
            except FileUnreadable as error:
                if self._kept is None or not self._kept.give_way(error):
                    raise
                return item.open_beginning(self._first_read)
        except (DataSetError, FileUnreadable) as error:
            return error

    def _filter(self, item: Source) -> None:
        """Note an input that the rules for values leave out."""
        if self._is_debugging:
            _network_log.debug("leaving out SOP instance because of its values: %s", item.path)
        if self._on_filtered is not None:
            self._on_filtered(item)

    def _expand(self, item: Source) -> Iterator[Instance]:
        """The instances of a DICOMDIR.  The result for its last record is its own (as in DCMTK with ``--no-halt``)."""
        from .dicomdir_scan import scan_dicomdir

        share = self._share
        leaves = None if share is None or not share.is_for_all(item) else share.leaves
        count, reason, why, detail = 0, "", Rejection.BROKEN_DICOMDIR, ""
        try:
            for found in scan_dicomdir(
                item, self._options, self._dictionary, self._skip, leaves, self._headers, self._kept, self._filter,
                self._keep_in_place,
            ):
                if isinstance(found, Instance):
                    count, reason = count + 1, ""
                    yield found
                    continue
                reason, why = found.reason, found.why
                self._tell(found if not self._with_stamps else found._replace(stamp=InputFile(found.path).look()))
                if self._options.halt_on_invalid:
                    break
        except (DataSetError, FileUnreadable) as error:
            reason, why, detail = error.text, Rejection.BROKEN_DICOMDIR, error.explanation
            if error.why is Rejection.DICOMDIR_NOT_FOLLOWED:
                why = error.why
            self._keep_beside(item)
        if reason:
            _network_log.error("cannot add DICOM files from DICOMDIR to the transfer list: %s: %s", item.path, reason)
            self._reject(
                RejectedInput(item.path, reason, is_dicom=True, detail=detail, why=why, stamp=self._stamp_of(item))
            )
        elif count and self._is_debugging:
            _network_log.debug("successfully added %d SOP instances from DICOMDIR to the transfer list", count)

    def _keep_beside(self, dicomdir: Source) -> None:
        """Nobody knows what a broken DICOMDIR refers to: perhaps it is being written."""
        if self._keep_in_place is not None and dicomdir.container is None and not dicomdir.is_remote:
            self._keep_in_place(os.path.dirname(os.path.abspath(dicomdir.path)), all_below=True)

    def _why_of(self, item: Source, fault: Fault) -> Rejection:
        """The reason of a rejection; the data set may explain what the meta header alone does not."""
        is_meta = self._options.read_mode is ReadMode.FILE_ONLY and not item.has_meta
        return Rejection.UID_MISSING_IN_META_HEADER if is_meta and fault.why is Rejection.UID_MISSING else fault.why

    def _reject_file(
        self, item: Source, opened: Opened, reason: str, why: Rejection, detail: str = ""
    ) -> None:
        if self._options.expand_dicomdir:
            from dcmsend.inputs import is_dicomdir_name  # only where something is wrong

            if is_dicomdir_name(item.path):
                self._keep_beside(item)
        if self._options.tells_once and self._options.halt_on_invalid:
            pass  # the error that ends the run says it
        elif item.path:
            _network_log.error("cannot add DICOM file to the transfer list: %s: %s", item.path, reason)
        else:
            _network_log.error("cannot add DICOM file with empty filename")
        stamp = self._stamp_of(item)
        self._reject(RejectedInput(item.path, reason, is_dicom(item, opened), detail=detail, why=why, stamp=stamp))

    def _stamp_of(self, item: Source) -> Stamp | None:
        return item.look() if self._with_stamps else None

    def _reject(self, rejected: RejectedInput) -> None:
        self._tell(rejected)
        if self._options.halt_on_invalid:
            raise InvalidInputFile(rejected.path, rejected.reason, rejected.why)
        if self._options.tells_once:
            return
        _app_log.warning(
            "bad DICOM file: %s: %s, ignoring file", rejected.path or "<empty string>", rejected.reason
        )

    def _tell(self, rejected: RejectedInput) -> None:
        if self._on_rejected is not None:
            self._on_rejected(rejected)


def _discard(opened: Opened) -> None:
    if isinstance(opened, tuple) and opened[0] >= 0:
        os.close(opened[0])


def _without_skipped(inputs: Iterable[Source], skip: Callable[[Source], bool]) -> Iterator[Source]:
    for item in inputs:
        if skip(item):
            item.let_go()
        else:
            yield item
