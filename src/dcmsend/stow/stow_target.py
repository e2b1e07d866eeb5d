"""Sending by STOW-RS: requests that store, to one web service, as a target of the transfer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities, FilesAhead, Loader
from dcmsend.transfer import Counter, Counts, Observer, PeerFacts, TransferOptions, log_end

from .batch import BatchLimits, Gatherer
from .stow_session import StowSession
from .stow_stretch import StowStretch
from .web_peer import WebPeer

if TYPE_CHECKING:
    from dcmsend.inputs import KeptFiles
    from dcmsend.transfer import Pace, Stretch, Taker

__all__ = ["StowTarget"]


class StowTarget:
    """STOW-RS to one web service (PS3.18 10.5); see ``transfer.Target``.

    Attributes:
        facts: the service's address.
        one_session: false: connections may follow each other.
    """

    one_session = False

    def __init__(
        self,
        peer: WebPeer,
        options: TransferOptions,
        abilities: Abilities,
        was_moved: Callable[[Instance], bool] | None = None,
        kept: KeptFiles | None = None,
        *,
        decompress: bool = False,
    ) -> None:
        """See ``StowTarget``.

        Args:
            peer: the receiver.
            options: the options of the transfer; those of associations have no meaning here.
            abilities: what can be decoded and converted.
            was_moved: whether this run has stored a missing file and then moved it away.
            kept: files that the scan has left open; the caller closes it.
            decompress: whether instances are decompressed, as far as ``abilities`` can; otherwise they are sent as they
                are, because a web service takes every transfer syntax or refuses the instance.
        """
        self._peer = peer
        self._options = options
        self._abilities = abilities
        self._was_moved = was_moved
        self._kept = kept
        self._decompress = decompress
        self._counter = Counter()
        self._limits = BatchLimits(peer.batch, peer.batch_bytes, options.most_associations)
        self._files: FilesAhead | None = None
        self.facts: PeerFacts = peer.facts

    def stretch(self, instances: Sequence[Instance], first: int) -> StowStretch:
        """All instances from index ``first`` on."""
        if self._files is None:
            run_ahead = None
            if not isinstance(instances, list):
                from dcmsend.transfer import GrowingList  # only where the scan goes on meanwhile

                run_ahead = instances.run_ahead if isinstance(instances, GrowingList) else None
            self._files = FilesAhead(instances, run_ahead, self._kept, lends=True)
        return StowStretch(instances, first)

    def session(
        self, _stretch: Stretch, interrupt: Interrupt, observer: Observer | None, pace: Pace | None
    ) -> StowSession:
        """A connection, not yet opened."""
        return StowSession(
            self._peer, self._options, self._counter, self._limits, interrupt, observer, pace,
            make_gatherer=self._gatherer,
        )  # fmt: skip

    def _gatherer(self, work: Taker, interrupt: Interrupt) -> Gatherer:
        assert self._files is not None
        options = self._options
        return Gatherer(
            work, Loader(self._abilities, self._files, interrupt, options, self._was_moved), self._abilities,
            self._limits, decompress=self._decompress,
            stops_at_failure=options.halt_on_failure and not options.retry.attempts,
        )  # fmt: skip

    def counts(self) -> Counts:
        """The number of sessions; there are no presentation contexts."""
        return self._counter.counts

    def tell_end(self, error: DcmsendError) -> None:
        """Log the error that ends the run, and what to try next."""
        log_end(error, self.facts)

    def tell_nothing_taken(self) -> None:
        """Never called: a session of this kind takes everything."""

    def close(self) -> None:
        """End the threads that open files, and close files that will not be used."""
        if self._files is not None:
            self._files.close()
