"""Shows what a run would do without sending (``--dry-run``), and what the peer would accept (``--probe-peer``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dcmsend.association import Peer
from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import (
    Cancelled,
    CannotListen,
    DcmsendError,
    InputError,
    JournalError,
    NegotiationFailed,
    PlanError,
    SessionFailed,
    UsageError,
)
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities
from dcmsend.loggers import get_logger
from dcmsend.plan import AssociationPlan, plan_association
from dcmsend.protocol import PresentationContext, status_text
from dcmsend.report import RunRecord, look_at_reports
from dcmsend.run import Run, log_end
from dcmsend.settings import Settings
from dcmsend.transfer import Reason, Result, StoreOutcome, not_attempted

if TYPE_CHECKING:
    from dcmsend.association import ProbeAnswer
    from dcmsend.stow import WebPeer

__all__ = ["preview"]

_log = get_logger("dcmsend.app")
_network_log = get_logger("dcmsend.network")


def preview(
    settings: Settings, names: Sequence[str], write: Callable[[str], None], *, interrupt: Interrupt, ask_peer: bool
) -> RunRecord:
    """Find, check and plan the inputs that ``names`` stand for; ``write`` gets the lines of the proposal.

    With ``ask_peer`` the peer gets a C-ECHO, and is then asked for exactly the contexts of the plan; nothing is stored.
    Raises nothing: the record tells whether a run would start, and counts the instances that could not be sent.
    """
    run = Run(settings, interrupt)
    record = run.record
    record.error = look_at_reports(settings.report, names)
    if record.error is None:
        try:
            instances, abilities = run.look(names)
            _Preview(settings, instances, abilities, record, interrupt, write).run(ask_peer=ask_peer)
        except DcmsendError as error:
            record.error = error
            if isinstance(error, InputError | JournalError | SessionFailed | CannotListen | UsageError):
                log_end(error, settings, record)
    record.ended = True
    return record


class _Preview:
    """The state of one preview."""

    def __init__(
        self,
        settings: Settings,
        instances: Sequence[Instance],
        abilities: Abilities,
        record: RunRecord,
        interrupt: Interrupt,
        write: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._instances = instances
        self._abilities = abilities
        self._record = record
        self._interrupt = interrupt
        self._write = write
        self._refused = False

    def run(self, *, ask_peer: bool) -> None:
        count, ignored = len(self._instances), self._record.invalid_files
        done = f", {self._record.already_stored} stored already" if self._settings.journal is not None else ""
        if self._record.filtered is not None:
            done += f", {self._record.filtered} left out by values"
        self._tell(f"{count} SOP instances to be sent, {ignored} files ignored{done}; nothing is sent now")
        peer = self._settings.peer
        if not isinstance(peer, Peer):
            self._tell_requests(peer, ask_peer=ask_peer)
            return
        if ask_peer:
            self._echo()
            if self._settings.verify is not None:
                self._ask_archive()
            if self._settings.commit is not None:
                self._ask_for_commitment()
        first = number = 0
        while first < count:
            self._interrupt.check_request()
            plan = plan_association(self._instances, first, self._settings.plan, self._abilities.can_decode)
            number += 1
            self._tell_plan(number, plan, ask_peer=ask_peer)
            first = plan.end
            if not self._settings.plan.multiple_associations:
                break
        if first < count:
            self._tell(f"{count - first} SOP instances do not fit into a single association")
            if self._settings.journal is None:  # the next run with a journal sends them
                for outcome in not_attempted(self._instances, first, None, is_full=True):
                    self._record.add(outcome)
        if self._refused:
            raise PlanError("the peer does not take all SOP instances")

    def _tell_requests(self, peer: WebPeer, *, ask_peer: bool) -> None:
        """The plan for a web service, which takes what it takes: nothing is negotiated."""
        self._tell(
            f"requests to {peer.address.url} hold up to {peer.batch} instances, and {peer.batch_bytes} bytes unless an "
            "instance is larger"
        )
        if not ask_peer:
            return
        from dcmsend.advice import cannot_be_asked, for_error
        from dcmsend.run import WebProbe

        probe = WebProbe(peer, self._settings.transfer, self._interrupt)
        probe.run()
        if probe.answers_queries:
            self._tell("the web service lets us in and answers queries (QIDO-RS)")
            return
        why, hint = "the service is busy or in trouble", ""
        if probe.error is not None:
            why, hint = str(probe.error), for_error(SessionFailed(probe.error), peer.facts.situation)
        _log.warning("%s", "\n".join(filter(None, (f"no answer to a query (QIDO-RS): {why}", hint))))
        if self._settings.verify is not None:
            self._note_unprovable()
            _log.warning("the archive cannot be asked what it has\n%s", cannot_be_asked(by_web=True))

    def _tell_plan(self, number: int, plan: AssociationPlan, *, ask_peer: bool) -> None:
        for refusal in plan.refusals:
            _network_log.error(refusal)
        for warning in plan.warnings:
            _network_log.warning(warning)
        if plan.refusals and self._settings.plan.halt_on_refusal:
            error = PlanError("Unsupported compression or encryption")
            for outcome in not_attempted(self._instances, plan.first, error):
                self._record.add(outcome)
            raise error
        self._tell(f"association {number}: {len(plan.contexts)} presentation contexts")
        options = self._settings.transfer
        answer: ProbeAnswer | None = None
        if ask_peer and plan.contexts:
            from dcmsend.association import probe

            answer = probe(self._settings.dimse_peer, plan.contexts, options, self._interrupt)
        counts = Counter(plan.context_ids)
        for context in plan.contexts:
            self._tell(*_context_lines(context, counts[context.id], answer))
        impossible = self._note_impossible(plan, answer)
        if impossible:
            self._tell(f"  cannot be sent: {impossible} SOP instances")

    def _note_impossible(self, plan: AssociationPlan, answer: ProbeAnswer | None) -> int:
        """Count the instances of a plan for which there is no context."""
        count = 0
        for offset, context_id in enumerate(plan.context_ids):
            instance = self._instances[plan.first + offset]
            if self._can_be_sent(instance, context_id, answer):
                continue
            count += 1
            self._refused = self._refused or context_id != 0
            self._record.add(
                StoreOutcome(plan.first + offset + 1, instance, Result.FAILED, reason=Reason.NO_CONTEXT)
            )
        return count

    def _can_be_sent(self, instance: Instance, context_id: int, answer: ProbeAnswer | None) -> bool:
        if answer is None or context_id == 0:
            return context_id != 0
        from dcmsend.plan import choose_other_context  # only where the peer was asked

        syntax, convert = instance.transfer_syntax, self._settings.transfer.convert
        encodes = convert or not syntax.is_encapsulated  # -dn leaves images alone, not what is around them
        for id_, _, target in answer.accepted:
            if id_ == context_id:
                return target.uid == syntax.uid or (encodes and self._abilities.can_convert(syntax, target))
        return convert and bool(
            choose_other_context(instance.sop_class_uid, syntax, answer.accepted, self._abilities.can_convert)
        )

    def _echo(self) -> None:
        """Send C-ECHO; its status does not matter, because a storage peer need not answer it."""
        from dcmsend.association import echo

        try:
            status = echo(self._settings.dimse_peer, self._settings.transfer, self._interrupt)
        except (NegotiationFailed, Cancelled):
            raise
        except DcmsendError as error:
            _log.warning("no answer to C-ECHO: %s", error)
            return
        if status:
            _log.warning("the peer refuses C-ECHO: 0x%04x (%s)", status, status_text(status))
        else:
            self._tell("the peer answers C-ECHO")

    def _ask_archive(self) -> None:
        """See whether the archive takes the questions of ``--verify``."""
        from dcmsend.advice import cannot_be_asked
        from dcmsend.association import ImageFinder

        archive = self._settings.archive or self._settings.peer
        assert isinstance(archive, Peer)
        finder = ImageFinder(archive, self._settings.transfer, self._interrupt)
        try:
            finder.open()
        except Cancelled:
            raise
        except DcmsendError as error:
            self._note_unprovable()
            _log.warning("the archive cannot be asked what it has: %s\n%s", error, cannot_be_asked(by_web=False))
        else:
            self._tell("the archive takes questions about what it has (C-FIND, Study Root)")
        finally:
            finder.close()

    def _ask_for_commitment(self) -> None:
        """See whether the peer takes requests for commitment, and whether it can report on them."""
        from dcmsend.advice import CANNOT_COMMIT, for_silence
        from dcmsend.protocol import general_status_text
        from dcmsend.report import visible_lines
        from dcmsend.run import CommitmentProbe

        probe = CommitmentProbe(self._settings, self._interrupt)
        try:
            probe.run()
        except (Cancelled, CannotListen, UsageError):
            raise
        except DcmsendError as error:
            self._note_unprovable()
            _log.warning("the archive takes no requests for commitment: %s\n%s", error, CANNOT_COMMIT)
            return
        if probe.status:
            self._note_unprovable()
            answer = f"0x{probe.status:04X}, {general_status_text(probe.status)}"
            _log.warning("the archive answers a request for commitment with status %s\n%s", answer, CANNOT_COMMIT)
            return
        self._tell("the archive takes requests for commitment (Storage Commitment Push Model)")
        if probe.report is None:
            self._note_unprovable()
            peer, commit = self._settings.dimse_peer, self._settings.commit
            advice = for_silence(peer.calling_ae_title, commit.port if commit else None)
            _log.warning("the archive has not reported on it within %g s\n%s", probe.seconds, advice)
        elif title := probe.report.calling_ae_title:
            self._tell("... and reports on an association of its own, as " + visible_lines(title))
        else:
            self._tell("... and reports on our association")

    def _note_unprovable(self) -> None:
        """Note that nothing would be proven, for the exit code."""
        if self._record.proofs is not None:
            self._record.proofs.expected = max(1, len(self._instances))

    def _tell(self, *lines: str) -> None:
        self._write("".join(f"{line}\n" for line in lines))


def _context_lines(context: PresentationContext, count: int, answer: ProbeAnswer | None) -> Iterator[str]:
    name = sop_class_name(context.abstract_syntax)
    yield f"  {context.id}: {context.abstract_syntax} = {name}, {count} SOP instances"
    yield f"    proposed: {', '.join(_syntax_name(uid) for uid in context.transfer_syntaxes)}"
    if answer is None:
        return
    accepted = next((target for id_, _, target in answer.accepted if id_ == context.id), None)
    yield f"    {answer.refusals[context.id]}" if accepted is None else f"    accepted: {_syntax_name(accepted.uid)}"


def _syntax_name(uid: str) -> str:
    syntax = transfer_syntax(uid)
    return syntax.name if syntax.is_known else uid
