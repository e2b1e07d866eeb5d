"""Carries inputs on this machine: looks for instances in them and sends these to a target."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import KeptFiles, Source
from dcmsend.interrupt import Interrupt
from dcmsend.report import RunRecord
from dcmsend.settings import Settings
from dcmsend.transfer import Engine, Observer, StoreOutcome, not_attempted

from .abilities import abilities_of, choose_dictionary
from .receiver import make_target
from .search import Search

if TYPE_CHECKING:
    from dcmsend.inputs import Fetcher, Selection, Share
    from dcmsend.transfer import Feed, Ledger, Target

__all__ = ["LocalCarrier"]


class LocalCarrier:
    """The scan and the engine of this process; see ``Carrier``."""

    def __init__(
        self,
        settings: Settings,
        record: RunRecord,
        interrupt: Interrupt,
        observer: Observer | None,
        ledger: Ledger | None,
        share: Share | None = None,
        fetcher: Callable[[], Fetcher] | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._selection = selection
        self._share = share
        self._fetcher = fetcher
        self._settings = settings
        self._record = record
        self._interrupt = interrupt
        self._observer = observer
        self._ledger = ledger
        self._dictionary, self._unusable = choose_dictionary(settings)
        self._kept = KeptFiles()

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """Look for instances and send them: after the whole search, or while it goes on."""
        try:
            yield from self._carry(inputs)
        finally:
            self._kept.close()

    def _carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        search = Search(
            self._settings, self._record, self._interrupt, self._ledger, self._dictionary, self._share, self._kept,
            self._selection,
        )  # fmt: skip
        streams, credit = self._settings.send_while_scanning, None
        inputs, is_remote = search.until_remote(inputs, only_first=streams)
        if is_remote and self._fetcher is not None:
            search.fetcher, credit = self._fetcher, self._fetcher().held
        if is_remote or streams:
            from dcmsend.transfer import Feed  # only needed where the scan goes on during the transfer

            yield from self._send(Feed(search.stream_instances(inputs), credit=credit), search)
            return
        try:
            instances = yield from search.list_instances(inputs)
        except DcmsendError as error:
            for outcome in not_attempted(search.found_before, 0, error):
                if self._observer is not None:
                    self._observer.outcome(outcome)
                yield outcome
            raise
        if self._ledger is not None:
            self._ledger.all_found()
        yield from self._send(instances, search)

    def _send(
        self, instances: Sequence[Instance] | Feed, search: Search
    ) -> Generator[StoreOutcome | RejectedInput, None, None]:
        target = self._target()
        engine = Engine(instances, target, self._settings.transfer, self._interrupt, self._observer, self._ledger)
        rejected = search.rejected
        try:
            for outcome in engine.run():
                while rejected:
                    yield rejected.popleft()
                yield outcome
            while rejected:
                yield rejected.popleft()
            if engine.error is not None:
                raise engine.error
        finally:
            counts = target.counts()
            self._record.associations, self._record.contexts = counts.sessions, counts.contexts
            self._record.auto, self._record.waiting_share = engine.auto, engine.waiting_share
            target.close()

    def _target(self) -> Target:
        settings, ledger = self._settings, self._ledger
        was_moved: Callable[[Instance], bool] | None = None if ledger is None else ledger.was_moved
        with_facts = self._record.keeps_all or self._record.is_watched
        abilities = abilities_of(settings, self._dictionary, self._unusable, facts_of_all=with_facts)
        return make_target(settings, abilities, was_moved, self._kept)
