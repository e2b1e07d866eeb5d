"""Joins the stages: inputs -> index -> plan -> transfer -> report."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import (
    Cancelled,
    DataSetError,
    DcmsendError,
    InputError,
    NoInputFiles,
    NoValidInputFiles,
    ReportError,
)
from dcmsend.index import Instance, scan
from dcmsend.inputs import InputFile, find_inputs
from dcmsend.plan import Decompression
from dcmsend.report import RunRecord, format_summary, format_text_report, write_text_report
from dcmsend.settings import Settings
from dcmsend.transfer import Engine, Observer, StoreOutcome, Tools, not_attempted
from dcmsend.transport import Interrupt

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["run", "transfer"]

_log = logging.getLogger("dcmsend.app")


def run(
    settings: Settings, names: Sequence[str], *, interrupt: Interrupt | None = None, observer: Observer | None = None
) -> RunRecord:
    """Send what ``names`` mean and report on it, as the command does.

    Nothing is raised: how the run ended is in the record, and in the log.
    """
    record = RunRecord()
    keep = bool(settings.report.text_report)
    if settings.inputs.scan_directories:
        _log.info("determining input files ...")
    try:
        for outcome in transfer(settings, find_inputs(names, settings.inputs), record, interrupt, observer):
            if keep:
                record.outcomes.append(outcome)
    except DcmsendError as error:
        if isinstance(error, InputError):
            _log.critical("%s", error)
    _report(settings, record)
    return record


def transfer(
    settings: Settings,
    inputs: Iterable[InputFile],
    record: RunRecord,
    interrupt: Interrupt | None = None,
    observer: Observer | None = None,
) -> Generator[StoreOutcome, None, None]:
    """Send ``inputs``: yields each outcome in list order while ``record`` is kept, then raises what ended it early."""
    interrupt = interrupt or Interrupt(settings.transfer.drain_seconds)
    instances: list[Instance] = []
    dictionary, unusable = _dictionary(settings)
    try:
        _list_instances(settings, inputs, record, interrupt, dictionary, instances)
    except DcmsendError as error:
        record.error = error
        for outcome in not_attempted(instances, 0, error):
            if observer is not None:
                observer.outcome(outcome)
            record.add(outcome)
            yield outcome
        raise
    try:
        tools = Tools(_can_decode, partial(_can_convert, settings.plan.decompression), dictionary, unusable)
        engine = Engine(instances, settings.peer, settings.transfer, settings.plan, tools, interrupt, observer)
        for outcome in engine.run():
            record.add(outcome)
            record.associations, record.contexts = engine.associations, engine.contexts
            yield outcome
        record.associations, record.contexts = engine.associations, engine.contexts
        if engine.error is not None:
            raise engine.error
    except DcmsendError as error:
        record.error = error
        raise


def _until(interrupt: Interrupt, inputs: Iterable[InputFile]) -> Iterator[InputFile]:
    """The inputs while nobody asks for the end; then Cancelled is raised."""
    for item in inputs:
        if interrupt.requested:
            raise Cancelled(interrupt.by)
        yield item


def _list_instances(
    settings: Settings,
    inputs: Iterable[InputFile],
    record: RunRecord,
    interrupt: Interrupt,
    dictionary: Callable[[], DataDictionary],
    instances: list[Instance],
) -> None:
    """Fill ``instances``; those found before an error are in it too."""
    # DCMTK remarks on all directories before it reads the first file: the list is made first.
    found = list(_until(interrupt, inputs))
    if not found:
        raise NoInputFiles
    record.listed = True
    _log.info("checking input files ...")
    instances.extend(scan(_until(interrupt, found), settings.index, record.reject, dictionary=dictionary))
    _log.debug(
        "in total, there are %d SOP instances to be sent, %d invalid files are ignored",
        len(instances), record.invalid_files,
    )
    if not instances:
        raise NoValidInputFiles


def _dictionary(settings: Settings) -> tuple[Callable[[], DataDictionary], DcmsendError | None]:
    """The data dictionary, loaded when it is first asked for; files named by the user are read at once."""
    if not settings.dictionary_files:
        return _default_dictionary, None
    from dcmsend.dicom.dictionary_file import load_dictionary_files

    texts = []
    for path in settings.dictionary_files:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append((path, file.read()))
        except OSError as error:
            _log.error("DcmDataDictionary: Cannot open file: %s\n%s", path, error.strerror)
    if not texts:
        _log.warning("no data dictionary loaded, check environment variable: DCMDICTPATH")
        return _default_dictionary, DataSetError("Data dictionary missing")
    dictionary = load_dictionary_files(texts)
    return lambda: dictionary, None


def _default_dictionary() -> DataDictionary:
    from dcmsend.dicom.data_dictionary import default_dictionary  # most files are sent without it

    return default_dictionary()


def _can_decode(syntax: TransferSyntax) -> bool:
    from dcmsend.transcode import can_decode

    return can_decode(syntax)


def _can_convert(allowed: Decompression, source: TransferSyntax, target: TransferSyntax) -> bool:
    from dcmsend.transcode import can_convert

    if source.is_lossy and source is not target and allowed is not Decompression.LOSSY:
        return False
    return can_convert(source, target)


def _report(settings: Settings, record: RunRecord) -> None:
    """Write the report and log the summary, as far as the end of the run calls for them."""
    if not record.listed:
        return
    if record.summary.not_stored:
        _log.error("%d of %d SOP instances were not stored", record.summary.not_stored, record.summary.total)
    summary = format_summary(record.summary, record.associations, record.contexts)
    if settings.report.text_report:
        try:
            _write_report(settings, record, settings.report.text_report, summary)
        except ReportError as error:
            _log.error("%s\n%s", error, error.reason)
            record.report_error = error
            return
    if record.error is None:
        _log.info("\n%s", summary)


def _write_report(settings: Settings, record: RunRecord, path: str, summary: str) -> None:
    """The report gets its own name only at the normal end; under it scripts would take it for complete."""
    if record.error is None:
        _log.info("creating detailed report on the transfer ...")
        if os.path.exists(path) and not os.path.isdir(path):
            _log.warning("file '%s' already exists, overwriting", path)
    elif os.path.exists(path) and not os.path.isfile(path):
        _log.warning("the transfer is not complete; no report is written to '%s'", path)  # a device, a pipe
        return
    else:
        path += ".partial"
        _log.warning("the transfer is not complete; what became of each instance is in '%s'", path)
    write_text_report(path, format_text_report(settings.peer, record.outcomes, summary))
