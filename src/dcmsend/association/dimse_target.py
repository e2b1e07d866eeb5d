"""Sending by DIMSE: C-STORE over associations with one Storage SCP, as a target of the transfer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dcmsend.errors import DcmsendError, PlanError
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities, FilesAhead
from dcmsend.loggers import get_logger
from dcmsend.plan import AssociationPlan, PlanOptions, plan_association, plan_open_association
from dcmsend.transfer import Counter, Counts, Observer, PeerFacts, TransferOptions, log_end

from .association import Association
from .dimse_stretch import DimseStretch
from .peer import Peer
from .prepare import Preparer
from .session import DimseSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.inputs import KeptFiles
    from dcmsend.transfer import GrowingList, Pace, Stretch

__all__ = ["DimseTarget"]

_log = get_logger("dcmsend.network")
_app_log = get_logger("dcmsend.app")


class DimseTarget:
    """C-STORE to one Storage SCP (PS3.4 Annex B); see ``transfer.Target``.

    Attributes:
        facts: the peer's address and titles.
        one_session: whether all instances go over a single association (``-ma``).
    """

    def __init__(
        self,
        peer: Peer,
        options: TransferOptions,
        plan: PlanOptions,
        abilities: Abilities,
        was_moved: Callable[[Instance], bool] | None = None,
        kept: KeptFiles | None = None,
    ) -> None:
        """See ``DimseTarget``.

        Args:
            peer: the receiver.
            options: the options of the transfer.
            plan: how presentation contexts are chosen.
            abilities: what can be decoded and converted.
            was_moved: whether this run has stored a missing file and then moved it away.
            kept: files that the scan has left open; the caller closes it.
        """
        self._kept = kept
        self._was_moved = was_moved
        self._peer = peer
        self._options = options
        self._plan_options = plan
        self._abilities = abilities
        self._counter = Counter()
        self._files: FilesAhead | None = None
        self._last_plan: AssociationPlan | None = None
        self.facts: PeerFacts = peer.facts
        self.one_session = not plan.multiple_associations

    def stretch(self, instances: Sequence[Instance], first: int) -> DimseStretch:
        """The instances from index ``first`` on whose presentation contexts fit into one association."""
        growing = None if isinstance(instances, list) else _growing(instances)
        if self._files is None:
            self._files = FilesAhead(instances, None if growing is None else growing.run_ahead, self._kept)
        options, can_decode = self._plan_options, self._abilities.can_decode
        if growing is not None:
            from .growing_stretch import GrowingStretch  # only where the scan goes on meanwhile

            plan, table = plan_open_association(growing, first, options, can_decode, growing.kinds)
            return GrowingStretch(plan, self._tell(plan), growing, table)
        last = self._last_plan
        if self._options.retry.attempts and last is not None and last.first <= first < last.end:
            # Planning a million instances again for each of a thousand associations would take hours.
            again = last._replace(first=first, context_ids=last.context_ids[first - last.first :])
            return DimseStretch(again, self._error_of(again))
        plan = self._last_plan = plan_association(instances, first, options, can_decode)
        return DimseStretch(plan, self._tell(plan))

    def _tell(self, plan: AssociationPlan) -> PlanError | None:
        for warning in plan.warnings:
            _log.warning(warning)
        for refusal in plan.refusals:
            _log.error(refusal)
        return self._error_of(plan)

    def _error_of(self, plan: AssociationPlan) -> PlanError | None:
        if plan.refusals and self._plan_options.halt_on_refusal:
            return PlanError("Unsupported compression or encryption")
        return None

    def session(
        self, stretch: Stretch, interrupt: Interrupt, observer: Observer | None, pace: Pace | None
    ) -> DimseSession:
        """An association for instances of ``stretch``, not yet opened."""
        assert isinstance(stretch, DimseStretch)
        return DimseSession(
            self._peer, stretch, self._options, self._counter, interrupt, observer, pace,
            make_preparer=self._preparer, is_numbered=not self.one_session,
        )

    def _preparer(self, association: Association, interrupt: Interrupt) -> Preparer:
        assert self._files is not None
        return Preparer(association, self._options, self._abilities, self._files, interrupt, self._was_moved)

    def counts(self) -> Counts:
        """The number of negotiations the peer answered, and of contexts proposed in them."""
        return self._counter.counts

    def tell_end(self, error: DcmsendError) -> None:
        """Log the error that ends the run, and what to try next."""
        if isinstance(error, PlanError):
            _app_log.error("cannot add presentation contexts: %s", error.text)
        else:
            log_end(error, self.facts)

    def tell_nothing_taken(self) -> None:
        """Log that the peer has accepted no presentation context at all."""
        from dcmsend.advice import NOTHING_ACCEPTED

        _log.error("No Acceptable Presentation Contexts")
        text = "cannot negotiate network association: No acceptable Presentation Contexts"
        _app_log.error("%s\n%s", text, NOTHING_ACCEPTED)

    def close(self) -> None:
        """End the threads that open files, and close files that will not be used."""
        if self._files is not None:
            self._files.close()


def _growing(instances: Sequence[Instance]) -> GrowingList | None:
    """The list as one that is still being made; None if it is complete."""
    from dcmsend.transfer import GrowingList

    return instances if isinstance(instances, GrowingList) else None
