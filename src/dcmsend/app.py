"""Joins the stages: inputs -> index -> plan -> transfer -> report."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from enum import IntEnum
from functools import partial
from itertools import filterfalse
from typing import TYPE_CHECKING

from dcmsend.abilities import abilities_of, choose_dictionary
from dcmsend.association import DimseTarget
from dcmsend.errors import (
    DcmsendError,
    InputError,
    JournalError,
    NoInputFiles,
    NoValidInputFiles,
)
from dcmsend.index import Instance, RejectedInput, scan
from dcmsend.inputs import Source, find_inputs
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities
from dcmsend.report import Reports, RunRecord, open_reports, refusal_lines
from dcmsend.settings import Settings
from dcmsend.transfer import Engine, Observer, StoreOutcome, limit_time, not_attempted

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.journal import Journal, JournalView

__all__ = ["list_instances", "log_end", "run", "transfer"]

_log = logging.getLogger("dcmsend.app")


def run(
    settings: Settings,
    names: Sequence[str],
    *,
    interrupt: Interrupt | None = None,
    watch: Callable[[RunRecord], Observer | None] | None = None,
    judge: Callable[[RunRecord], IntEnum] | None = None,
) -> RunRecord:
    """Send what ``names`` mean and report on it, as the command does.

    Nothing is raised: how the run ended is in the record, and in the log.  ``judge`` gives its exit code, for reports.
    ``watch`` is given the record as it begins, and gives an observer.
    """
    record = RunRecord()
    record.journal = None if settings.journal is None else settings.journal.path
    observer = None if watch is None else watch(record)
    reports = open_reports(settings.report, settings.peer.facts, record, observer, names)
    if reports.refusal is not None:
        record.error, record.ended = reports.refusal, True
        _conclude(record, reports, judge)
        return record
    record.on_rejected = reports.rejected
    interrupt = interrupt or Interrupt(settings.transfer.drain_seconds)
    inputs = _find_inputs(settings, names, interrupt)
    if settings.inputs.scan_directories:
        _log.info("determining input files ...")
    try:
        for _ in transfer(settings, inputs, record, interrupt, reports.observer):
            pass
        record.ended = True
    except DcmsendError as error:
        record.ended = True
        if isinstance(error, InputError | JournalError):
            log_end(error, settings)
    finally:
        _conclude(record, reports, judge)
    return record


def log_end(error: DcmsendError, settings: Settings) -> None:
    """Log what ended a run before anything was sent, and the next thing to try."""
    from dcmsend.advice import with_explanation  # only what fails needs it

    situation = settings.peer.facts.situation._replace(
        scans_directories=settings.inputs.scan_directories, has_pattern=bool(settings.inputs.scan_pattern)
    )
    _log.critical("%s", with_explanation(error, situation))


def _find_inputs(settings: Settings, names: Sequence[str], interrupt: Interrupt) -> Iterator[Source]:
    inputs = find_inputs(_all_names(settings, names, interrupt), settings.inputs, interrupt.check_request)
    if not settings.report.for_programs:
        return inputs
    from dcmsend.report import OwnReports

    return filterfalse(OwnReports(settings.report).hold, inputs)


def _all_names(settings: Settings, names: Sequence[str], interrupt: Interrupt) -> Iterator[str]:
    yield from names
    if settings.file_lists:
        from dcmsend.inputs import read_file_list  # seldom needed

        for file_list in settings.file_lists:
            yield from read_file_list(file_list, interrupt.check_request)


def transfer(
    settings: Settings,
    inputs: Iterable[Source],
    record: RunRecord,
    interrupt: Interrupt | None = None,
    observer: Observer | None = None,
) -> Generator[StoreOutcome, None, None]:
    """Send ``inputs``: yields each outcome in list order while ``record`` is kept, then raises what ended it early."""
    interrupt = interrupt or Interrupt(settings.transfer.drain_seconds)
    limit_time(settings.transfer, interrupt)
    if settings.journal is None:
        yield from _transfer(settings, inputs, record, interrupt, observer)
        return
    from dcmsend.journal import Journal  # SQLite is loaded only for it

    error: DcmsendError | None = None
    try:
        reads = settings.index.expand_dicomdir
        journal = Journal(settings.journal, settings.peer.facts, interrupt, reads_dicomdir=reads)
    except DcmsendError as failure:
        record.error = failure
        raise
    try:
        yield from _transfer(settings, filterfalse(journal.leaves_out, inputs), record, interrupt, observer, journal)
    except DcmsendError as failure:
        error = failure
    finally:
        journal.close()
    error = journal.error or error  # the run was ended because of the journal: that is the reason, not the end
    if error is not None:
        record.error = error
        raise error


def _transfer(
    settings: Settings,
    inputs: Iterable[Source],
    record: RunRecord,
    interrupt: Interrupt,
    observer: Observer | None,
    journal: Journal | None = None,
) -> Generator[StoreOutcome, None, None]:
    instances: list[Instance] = []
    skip = None if journal is None else partial(_is_done, journal, record)
    dictionary, unusable = choose_dictionary(settings)
    if settings.send_while_scanning:
        rejected: deque[RejectedInput] = deque()
        on_rejected = _also(rejected.append, journal)
        found = _find_instances(settings, inputs, record, on_rejected, interrupt, dictionary, skip)
        yield from _send(settings, found, record, interrupt, observer, dictionary, unusable, journal, rejected)
        return
    try:
        _list_instances(
            settings, inputs, record, interrupt, dictionary, instances, skip, _also(record.reject, journal)
        )
    except DcmsendError as error:
        record.error = error
        for outcome in not_attempted(instances, 0, error):
            if observer is not None:
                observer.outcome(outcome)
            record.add(outcome)
            yield outcome
        raise
    if journal is not None:
        journal.all_found()
    yield from _send(settings, instances, record, interrupt, observer, dictionary, unusable, journal)


def list_instances(
    settings: Settings, names: Sequence[str], record: RunRecord, interrupt: Interrupt
) -> tuple[Sequence[Instance], Abilities]:
    """What a run would send, and what it would do it with.  Raises what ends the search early."""
    instances: list[Instance] = []
    dictionary, unusable = choose_dictionary(settings)
    inputs = _find_inputs(settings, names, interrupt)
    journal = None
    if settings.journal is not None:
        from dcmsend.journal import JournalView

        journal = JournalView(settings.journal, settings.peer.facts)
        inputs = filterfalse(journal.leaves_out, inputs)
    skip = None if journal is None else partial(_is_done, journal, record)
    try:
        _list_instances(settings, inputs, record, interrupt, dictionary, instances, skip)
    finally:
        if journal is not None:
            journal.close()
    return instances, abilities_of(settings, dictionary, unusable)


def _is_done(journal: Journal | JournalView, record: RunRecord, item: Source) -> bool:
    """Whether an input is stored already; those are counted."""
    if not journal.is_stored(item):
        return False
    record.already_stored += 1
    return True


def _also(
    on_rejected: Callable[[RejectedInput], None], journal: Journal | None
) -> Callable[[RejectedInput], None]:
    """What to do with an input that is not sent, told to the journal too."""
    if journal is None:
        return on_rejected

    def reject(rejected: RejectedInput) -> None:
        journal.reject(rejected)
        on_rejected(rejected)

    return reject


def _send(
    settings: Settings,
    instances: Sequence[Instance] | Iterator[Instance],
    record: RunRecord,
    interrupt: Interrupt,
    observer: Observer | None,
    dictionary: Callable[[], DataDictionary],
    unusable: DcmsendError | None,
    journal: Journal | None = None,
    rejected: deque[RejectedInput] | None = None,
) -> Generator[StoreOutcome, None, None]:
    """``rejected`` is filled meanwhile, on whatever thread; who hears of it hears of everything on this one."""
    abilities = abilities_of(settings, dictionary, unusable)
    was_moved = None if journal is None else journal.was_moved
    target = DimseTarget(settings.peer, settings.transfer, settings.plan, abilities, was_moved)
    if not isinstance(instances, Sequence):
        from dcmsend.transfer import Feed  # only where the scan goes on meanwhile

        instances = Feed(instances)
    engine = Engine(instances, target, settings.transfer, interrupt, observer, journal)
    try:
        for outcome in engine.run():
            _note(rejected, record)
            record.add(outcome)
            record.associations, record.contexts = target.counts()
            yield outcome
        _note(rejected, record)
        record.associations, record.contexts = target.counts()
        if engine.error is not None:
            raise engine.error
    except DcmsendError as error:
        record.error = error
        raise
    finally:
        target.close()


def _until(interrupt: Interrupt, inputs: Iterable[Source]) -> Iterator[Source]:
    """The inputs while nobody asks for the end; then Cancelled is raised."""
    for item in inputs:
        interrupt.check_request()
        yield item


def _note(rejected: deque[RejectedInput] | None, record: RunRecord) -> None:
    while rejected:
        record.reject(rejected.popleft())


def _find_instances(
    settings: Settings,
    inputs: Iterable[Source],
    record: RunRecord,
    on_rejected: Callable[[RejectedInput], None],
    interrupt: Interrupt,
    dictionary: Callable[[], DataDictionary],
    skip: Callable[[Source], bool] | None = None,
) -> Iterator[Instance]:
    """The instances of ``inputs``, looked for only as they are asked for."""

    def noted() -> Iterator[Source]:
        for item in _until(interrupt, inputs):
            if not record.listed:
                record.listed = True
                _log.info("checking input files ...")
            yield item

    check = interrupt.check_request
    instances = scan(noted(), settings.index, on_rejected, dictionary=dictionary, skip=skip, check=check)
    with closing(instances):
        for instance in instances:
            record.instances_found += 1
            yield instance
    record.all_found = True
    count = record.instances_found
    if not record.listed:
        raise NoInputFiles
    _log.debug("in total, there were %d SOP instances to be sent", count)
    if not count and not record.already_stored:
        raise NoValidInputFiles


def _list_instances(
    settings: Settings,
    inputs: Iterable[Source],
    record: RunRecord,
    interrupt: Interrupt,
    dictionary: Callable[[], DataDictionary],
    instances: list[Instance],
    skip: Callable[[Source], bool] | None = None,
    on_rejected: Callable[[RejectedInput], None] | None = None,
) -> None:
    """Fill ``instances``; those found before an error are in it too."""
    # DCMTK remarks on all directories before it reads the first file: the list is made first.
    found = list(_until(interrupt, inputs))
    if not found:
        raise NoInputFiles
    record.listed = True
    _log.info("checking input files ...")
    check = interrupt.check_request
    inputs = _until(interrupt, found)
    scanned = scan(
        inputs, settings.index, on_rejected or record.reject, dictionary=dictionary, skip=skip, check=check
    )
    with closing(scanned):
        for instance in scanned:
            check()  # one DICOMDIR may stand for any number of them
            instances.append(instance)
            record.instances_found += 1
    record.all_found = True
    _log.debug(
        "in total, there are %d SOP instances to be sent, %d invalid files are ignored",
        len(instances), record.invalid_files,
    )
    if not instances and not record.already_stored:
        raise NoValidInputFiles


def _conclude(record: RunRecord, reports: Reports, judge: Callable[[RunRecord], IntEnum] | None) -> None:
    """Complete the reports and log the summary, as far as the end of the run calls for it."""
    if record.listed and record.summary.not_stored:
        lines = [f"{record.summary.not_stored} of {record.summary.total} SOP instances were not stored"]
        _log.error("%s", "\n".join(lines + refusal_lines(record.summary)))
    if record.already_stored:
        _log.info("%d files are already stored according to the journal", record.already_stored)
    reports.finish(record, judge)
    if record.is_complete and record.report_error is None:
        _log.info("\n%s", record.format_summary())
