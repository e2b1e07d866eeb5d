"""Carries inputs on this machine: looks for instances in them and sends these to a target."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import KeptFiles, Source
from dcmsend.transfer import Engine, StoreOutcome, not_attempted

from .abilities import abilities_of, choose_dictionary
from .receiver import make_target
from .search import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Feed, Target

    from .circumstances import Circumstances

__all__ = ["LocalCarrier"]


class LocalCarrier:
    """The scan and the engine of this process; see ``Carrier``."""

    def __init__(self, run: Circumstances) -> None:
        self._run = run
        self._dictionary, self._unusable = choose_dictionary(run.settings)
        self._kept = KeptFiles()

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """Look for instances and send them: after the whole search, or while it goes on."""
        try:
            yield from self._carry(inputs)
        finally:
            self._kept.close()

    def _carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        run = self._run
        search = Search(
            run.settings, run.record, run.interrupt, run.ledger, self._dictionary, run.share, self._kept, run.selection
        )
        streams, credit = run.settings.send_while_scanning, None
        inputs, is_remote = search.until_remote(inputs, only_first=streams)
        if is_remote and run.fetcher is not None:
            search.fetcher, credit = run.fetcher, run.fetcher().held
        if is_remote or streams:
            from dcmsend.transfer import Feed  # only needed where the scan goes on during the transfer

            yield from self._send(Feed(search.stream_instances(inputs), credit=credit), search)
            return
        try:
            instances = yield from search.list_instances(inputs)
        except DcmsendError as error:
            for outcome in not_attempted(search.found_before, 0, error):
                if run.observer is not None:
                    run.observer.outcome(outcome)
                yield outcome
            raise
        yield from self._send(instances, search)

    def _send(
        self, instances: Sequence[Instance] | Feed, search: Search
    ) -> Generator[StoreOutcome | RejectedInput, None, None]:
        run, target = self._run, self._target()
        engine = Engine(instances, target, run.settings.transfer, run.interrupt, run.observer, run.ledger)
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
            run.record.associations, run.record.contexts = counts.sessions, counts.contexts
            run.record.auto = engine.auto if counts.sessions else None
            run.record.waiting_share = engine.waiting_share
            target.close()

    def _target(self) -> Target:
        settings, ledger, record = self._run.settings, self._run.ledger, self._run.record
        was_moved: Callable[[Instance], bool] | None = None if ledger is None else ledger.was_moved
        with_facts = record.keeps_all or record.is_watched
        abilities = abilities_of(settings, self._dictionary, self._unusable, facts_of_all=with_facts)
        return make_target(settings, abilities, was_moved, self._kept)
