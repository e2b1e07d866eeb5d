"""The first half of a run: finds the inputs that the names stand for, and the instances in them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain, filterfalse

from dcmsend.errors import DcmsendError, InputError, NoInputFiles, NoValidInputFiles
from dcmsend.index import FilteredInput, Instance, KeepTogether, RejectedInput, scan
from dcmsend.inputs import Source, find_inputs
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.report import RunRecord
from dcmsend.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.inputs import Fetcher, KeptFiles, LeftOut, Selection, Share, Stores
    from dcmsend.transfer import Recall

__all__ = ["Search", "find_sources", "own_files_of", "selection_of", "share_of"]

_log = get_logger("dcmsend.app")


def share_of(settings: Settings) -> Share | None:
    """Tells which inputs belong to this run; None if all do."""
    if settings.inputs.shard is None:
        return None
    from dcmsend.inputs import Share

    return Share(
        settings.inputs.shard,
        whole_directories=settings.index.keep_together is KeepTogether.DIRECTORY,
        expands_dicomdir=settings.index.expand_dicomdir,
    )


def selection_of(settings: Settings) -> Selection | None:
    """Tells which inputs are left out by their names; None if none are."""
    if not settings.inputs.name_rules:
        return None
    from dcmsend.inputs import Selection, is_archive

    return Selection(
        settings.inputs.name_rules,
        expands_dicomdir=settings.index.expand_dicomdir,
        is_archive=is_archive if settings.inputs.archives else None,
        scans_directories=settings.inputs.scan_directories,
    )


def find_sources(
    settings: Settings,
    names: Iterable[str],
    interrupt: Interrupt,
    share: Share | None = None,
    stores: Callable[[], Stores] | None = None,
    selection: Selection | None = None,
    left_out: LeftOut | None = None,
    watched: Callable[[Iterable[Source]], Iterable[Source]] | None = None,
) -> Iterator[Source]:
    """The inputs that names of files and directories stand for, those in file lists included; skips our own files.

    ``left_out`` gets the counts of what is met and not taken.  Raises Cancelled.
    """
    all_names = _all_names(settings, names, interrupt, left_out)
    check, is_own = interrupt.check_request, own_files_of(settings)
    return find_inputs(all_names, settings.inputs, check, share, stores, selection, left_out, is_own, watched)


def own_files_of(settings: Settings) -> Callable[[Source], bool] | None:
    """Tells which files found are written by the run itself, before anybody counts them; None if none can be.

    The open journal knows its own files, too, and leaves them out of what is sent; but it is asked late.
    """
    own: list[Callable[[Source], bool]] = []
    if settings.report.own_files or (settings.report.partial_report and settings.inputs.scan_directories):
        from dcmsend.report import OwnReports

        own.append(OwnReports(settings.report).hold)
    if settings.journal is not None and (settings.inputs.shard is not None or settings.inputs.min_age):
        from dcmsend.journal import own_inputs

        own.append(own_inputs(settings.journal.path))
    if len(own) < 2:
        return own[0] if own else None
    return lambda item: any(hold(item) for hold in own)


def _all_names(
    settings: Settings, names: Iterable[str], interrupt: Interrupt, left_out: LeftOut | None
) -> Iterator[str]:
    if settings.file_lists:
        from dcmsend.inputs import check_file_list  # seldom needed

        for file_list in settings.file_lists:
            check_file_list(file_list)  # before anything else may be sent
    yield from names
    if settings.file_lists:
        from dcmsend.inputs import read_file_list

        for file_list in settings.file_lists:
            yield from read_file_list(file_list, interrupt.check_request, left_out)


class Search:
    """Looks for the instances that a run is to send.

    Attributes:
        found_before: the instances that ``list_instances`` had found when it ended early.
        rejected: the inputs found to hold no instance; the caller removes those it has reported.  Filled on the thread
            that looks for inputs, whichever it is.
        fetcher: admits objects of stores to be fetched as a whole; None to fetch their first bytes only.

    Args:
        settings: which inputs are taken, and how they are read and checked.
        record: counts the inputs found.
        interrupt: ends the search early; Cancelled is raised then.
        recall: tells which inputs are stored already; None if there is no journal.
        dictionary: makes the data dictionary when it is needed.
        share: tells which inputs belong to other runs; None if none do.
        kept: takes over files that stay open for sending; None to close all files.
        selection: tells which inputs are left out by their names; None if none are.
    """

    def __init__(
        self,
        settings: Settings,
        record: RunRecord,
        interrupt: Interrupt,
        recall: Recall | None,
        dictionary: Callable[[], DataDictionary],
        share: Share | None = None,
        kept: KeptFiles | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._selection = selection
        self._kept = kept
        self.fetcher: Callable[[], Fetcher] | None = None
        self._share = share
        self._settings = settings
        self._record = record
        self._interrupt = interrupt
        self._recall = recall
        self._dictionary = dictionary
        self.rejected: deque[RejectedInput] = deque()
        self.found_before: list[Instance] = []

    def until_remote(self, inputs: Iterable[Source], *, only_first: bool) -> tuple[Iterable[Source], bool]:
        """The same inputs, and whether one of them, or the first one, is remote.

        Inputs are drawn until one is remote, which are all inputs if none is.
        """
        drawn: list[Source] = []
        rest = iter(inputs)
        for item in self._until_asked_to_end(rest):
            drawn.append(item)
            if item.is_remote or only_first:
                return chain(drawn, rest), item.is_remote
        return drawn, False

    def list_instances(self, inputs: Iterable[Source]) -> Generator[RejectedInput, None, list[Instance]]:
        """Yield each input that holds no instance; return the list of all instances.

        Raises NoInputFiles, NoValidInputFiles, InvalidInputFile, Cancelled.
        """
        # DCMTK reports on all directories before it reads the first file, so the list of inputs is made first.
        listed = list(self._until_asked_to_end(self._wanted(inputs)))
        record = self._record
        if not listed and not self._is_for_others:
            raise NoInputFiles
        record.listed = True
        _log.info("checking input files ...")
        check = self._interrupt.check_request
        instances = self.found_before
        try:
            with closing(self._scan(self._until_asked_to_end(listed))) as found:
                for instance in found:
                    if self.rejected:
                        yield from self._take_rejected()
                    check()  # one DICOMDIR may refer to any number of files
                    instances.append(instance)
                    self._count(instance)
        except DcmsendError:
            yield from self._take_rejected()
            raise
        yield from self._take_rejected()
        self._note_all_found()
        self._tell_of_others()
        _log.debug(
            "in total, there are %d SOP instances to be sent, %d invalid files are ignored",
            len(instances), record.invalid_files,
        )
        if not instances and not record.already_stored and not record.filtered and not self._is_for_others:
            raise self._nothing_to_send()
        return instances

    def stream_instances(self, inputs: Iterable[Source]) -> Iterator[Instance]:
        """The instances, searched for on demand; inputs that hold none are added to ``rejected``."""
        with closing(self._scan(self._noted(self._wanted(inputs)))) as found:
            for instance in found:
                self._count(instance)
                yield instance
        self._note_all_found()
        record = self._record
        if not record.listed and not self._is_for_others:
            raise NoInputFiles
        record.listed = True
        self._tell_of_others()
        _log.debug("in total, there were %d SOP instances to be sent", record.instances_found)
        is_left = record.already_stored or record.filtered or self._is_for_others
        if not record.instances_found and not is_left:
            raise self._nothing_to_send()

    def _note_all_found(self) -> None:
        self._record.all_found = True
        if self._recall is not None:
            if self._settings.index.expand_dicomdir:
                for path in self._record.left_out.dicomdirs:
                    self._recall.keep(os.path.dirname(os.path.abspath(path)), all_below=True)
            self._recall.all_found()

    @property
    def _moves(self) -> bool:
        return self._settings.journal is not None and bool(self._settings.journal.move_sent)

    def _nothing_to_send(self) -> InputError:
        """The error of a search that has found inputs, but no instance."""
        is_chosen = self._selection is not None and self._selection.left_out > 0
        return NoInputFiles() if is_chosen and not self._record.invalid_files else NoValidInputFiles()

    def _count(self, instance: Instance) -> None:
        record = self._record
        record.instances_found += 1
        if record.is_watched and record.bytes_found is not None:
            length = instance.input.length()
            record.bytes_found = None if length is None else record.bytes_found + length

    def _take_rejected(self) -> Iterator[RejectedInput]:
        while self.rejected:
            yield self.rejected.popleft()

    @property
    def _is_for_others(self) -> bool:
        """Whether inputs were found that belong to other runs: an empty share is then no error."""
        return self._share is not None and self._share.others > 0

    def _tell_of_others(self) -> None:
        if self._selection is not None:
            _log.info("%d names are left out by patterns", self._selection.left_out)
        if self._share is not None:
            shard, others = self._share.shard, self._share.others
            self._record.other_shards = others
            _log.info("shard %d of %d: %d files are left to the others", shard.number, shard.count, others)

    def _wanted(self, inputs: Iterable[Source]) -> Iterable[Source]:
        """The inputs without the journal's own files, which nobody else may open; archives then give their members."""
        if self._recall is not None:
            inputs = filterfalse(self._recall.leaves_out, inputs)
        if not self._settings.inputs.archives:
            return inputs
        from dcmsend.inputs import expand_archives

        return expand_archives(inputs, self._interrupt.check_request, self.fetcher)

    def _scan(self, inputs: Iterable[Source]) -> Generator[Instance, None, None]:
        skip = None if self._recall is None and self._selection is None else self._is_skipped
        return scan(
            inputs, self._settings.index, self._reject,
            dictionary=self._dictionary, skip=skip, check=self._interrupt.check_request,
            share=self._share,
            for_report=self._settings.report.wanted_tags,
            kept=self._kept,
            fetcher=self.fetcher,
            on_filtered=self._filter,
            keep_in_place=self._recall.keep if self._recall is not None and self._moves else None,
        )  # fmt: skip

    def _is_skipped(self, item: Source) -> bool:
        """Whether an input is left out by its name, or stored already; the latter are counted."""
        if self._selection is not None and self._selection.leaves_inner(item):
            return True
        if self._recall is None or not self._recall.is_stored(item):
            return False
        self._record.already_stored += 1
        return True

    def _filter(self, item: Source) -> None:
        """Count an input that was left out because of its values; it is neither rejected nor noted in the journal."""
        self._record.filtered = (self._record.filtered or 0) + 1
        if self._record.on_filtered is not None:
            stamp = None if item.is_remote else item.look()
            self.rejected.append(FilteredInput(item.path, "left out by its values", is_dicom=True, stamp=stamp))

    def _reject(self, rejected: RejectedInput) -> None:
        if self._recall is not None:
            self._recall.reject(rejected)
        self.rejected.append(rejected)

    def _noted(self, inputs: Iterable[Source]) -> Iterator[Source]:
        for item in self._until_asked_to_end(inputs):
            if not self._record.listed:
                self._record.listed = True
                _log.info("checking input files ...")
            yield item

    def _until_asked_to_end(self, inputs: Iterable[Source]) -> Iterator[Source]:
        """The inputs; raises Cancelled once the run is asked to end."""
        for item in inputs:
            self._interrupt.check_request()
            yield item
