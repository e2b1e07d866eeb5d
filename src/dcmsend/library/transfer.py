"""A transfer: it runs while it is iterated."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dcmsend.errors import Cancelled, DcmsendError
from dcmsend.fork import keep_for_ever, own
from dcmsend.index import RejectedInput
from dcmsend.report import Reports, Summary, open_reports
from dcmsend.run import LocalCarrier, Run
from dcmsend.settings import Settings
from dcmsend.transfer import CallerFailed, Observer, StoreOutcome

from .guarded import GuardedObserver
from .items import inputs_of, is_name
from .program_end import end_with_program

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.cluster import ClusterOptions
    from dcmsend.run import CarrierMaker
    from dcmsend.transfer import InstanceProof

__all__ = ["Transfer"]


class Transfer:
    """A transfer that runs while it is iterated; may be iterated once.

    As a context manager it releases the association even if the loop is left early.  It belongs to the process that
    iterates it: a forked child cannot continue it (RuntimeError), and its end in the child has no effect.  At the end
    of the program it is ended.
    """

    def __init__(
        self,
        settings: Settings,
        items: Iterable[Any],
        observer: Observer | None = None,
        cluster: ClusterOptions | Client | None = None,
    ) -> None:
        self._process = os.getpid()
        self._sends_here = cluster is None
        make_carrier = LocalCarrier if cluster is None else _carried_by(settings, cluster)
        self._run = Run(settings, keeps_all=True, make_carrier=make_carrier)
        self._record = self._run.record
        self._interrupt = self._run.interrupt
        self._observer = observer
        self._has_begun = self._has_ended = False
        self._proofs: Generator[InstanceProof, None, None] | None = None
        self._are_proven = False
        self._reports: Reports | None = None
        self._outcomes = self._send(items)

    def __iter__(self) -> Iterator[StoreOutcome]:
        process = self._process = os.getpid()
        own(self)
        end_with_program(self)
        self._has_begun = True
        thrown: Exception | None = None
        try:
            for outcome in self._outcomes:  # not "yield from", which would close them in a forked child, too
                yield outcome
                if os.getpid() != process:
                    raise RuntimeError("a transfer can go on only in the process that began it")
            self._record.ended = True
        except GeneratorExit:  # the loop was left
            self._record.ended, self._record.error = True, Cancelled()
            raise
        except DcmsendError as error:
            self._record.ended = True
            if not isinstance(error, Cancelled) or error.by != "caller":
                raise
        except CallerFailed as failed:
            self._record.was_thrown = True
            thrown = failed.error
        except BaseException:  # of an observer, or of what makes the items
            self._record.was_thrown = True
            raise
        finally:
            self._has_ended = True
            self._close()
            if not self._run.settings.wants_proof:
                self._finish_reports()
        if thrown is not None:
            raise thrown
        if self._record.report_error is not None:
            raise self._record.report_error

    def _send(self, items: Iterable[Any]) -> Generator[StoreOutcome, None, None]:
        """Begin the reports, then send.  Raises ReportError for one that cannot be begun."""
        run = self._run
        if self._observer is not None:
            self._observer = GuardedObserver(self._observer, sends_here=self._sends_here)
        observer: Observer | None = self._observer
        options, watched = run.settings.report, None
        if options.written:
            named = [os.fsdecode(item) for item in items if is_name(item)] if isinstance(items, list | tuple) else []
            reports = open_reports(options, run.settings.peer.facts, self._record, observer, named)
            if reports.refusal is not None:
                self._record.error = reports.refusal
                reports.finish(self._record, None)
                raise reports.refusal
            self._reports = reports
            self._record.on_rejected = reports.rejected
            self._record.on_filtered = reports.filtered if options.for_programs else None
            observer, watched = reports.observer, reports.watched
        yield from run.send(inputs_of(items, run, watched), observer)

    def _finish_reports(self) -> None:
        reports, self._reports = self._reports, None
        if reports is not None and os.getpid() == self._process:
            reports.finish(self._record, None)

    def proofs(self) -> Iterator[InstanceProof]:
        """After the last outcome: ask the archive for what is stored; yields each instance with its proof, once.

        Empty unless ``verify`` or ``commit`` was given to ``send``.  With a journal the archive is asked for what
        earlier transfers have stored, too.  Raises as the transfer itself, e.g. JournalError; an archive that does not
        answer is no error but ``ProofState.NO_ANSWER`` for each instance.  Raises RuntimeError before the end of the
        transfer.
        """
        if not self._run.settings.wants_proof or self._are_proven:
            return
        if not self._has_ended:
            raise RuntimeError("a transfer is proven after its last outcome: iterate the transfer first")
        process = os.getpid()
        own(self)
        proofs = self._proofs = self._run.prove(self._observer if self._reports is None else self._reports.observer)
        thrown: Exception | None = None
        try:
            for event in proofs:  # not "yield from", see above
                yield event
                if os.getpid() != process:
                    raise RuntimeError("a proof can go on only in the process that began it")
            self._are_proven = self._proofs is proofs  # unless they were closed
        except Cancelled as error:
            if error.by != "caller":
                raise
        except (DcmsendError, GeneratorExit):
            raise
        except CallerFailed as failed:
            self._record.ended, self._record.was_thrown = False, True
            thrown = failed.error
        except BaseException:  # of an observer
            self._record.ended, self._record.was_thrown = False, True
            raise
        finally:
            if os.getpid() == process:
                _end(proofs)
                if self._proofs is proofs:  # and not those of a later call
                    self._proofs = None
                self._finish_reports()
        if thrown is not None:
            raise thrown
        if self._record.report_error is not None:
            raise self._record.report_error

    def give_up(self) -> None:
        """Called in a forked child: the transfer of the parent is not ended."""
        keep_for_ever(self._outcomes)
        keep_for_ever(self._proofs)

    def program_ends(self) -> None:
        """Called when the program ends, and everything can still be ended in order."""
        if os.getpid() != self._process:
            return
        all_events = self._outcomes, self._proofs
        try:
            self.__exit__(None, None, None)
        except ValueError:
            self.abort()
            if not any(getattr(events, "gi_running", False) for events in all_events):
                raise
            # A daemon's thread is in the midst of it; it ends as far as it comes.

    def _close(self) -> None:
        if os.getpid() == self._process:
            self._close_proofs()
            _end(self._outcomes)

    def _close_proofs(self) -> None:
        proofs, self._proofs = self._proofs, None
        if proofs is not None:
            _end(proofs)

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        if os.getpid() == self._process:
            if self._has_begun and not self._has_ended:  # the iterator is kept somewhere
                self._record.ended, self._record.error = True, Cancelled()
            self._run.close()
            self._finish_reports()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {result.value}" for result, count in self.summary.results.items() if count)
        return f"<Transfer: {counts or 'nothing yet'}>"

    @property
    def summary(self) -> Summary:
        """Counts of the outcomes so far."""
        return self._record.summary

    @property
    def rejected(self) -> tuple[RejectedInput, ...]:
        """Inputs that hold no instance to send, with the reason."""
        return tuple(self._record.rejected)

    @property
    def already_stored(self) -> int:
        """The number of files that were skipped because the journal says that they are stored."""
        return self._record.already_stored

    @property
    def filtered(self) -> int:
        """The number of files left out because of the values of their elements (``IndexOptions.value_rules``)."""
        return self._record.filtered or 0

    @property
    def error(self) -> DcmsendError | None:
        """Why the transfer ended early; None while it runs and after a normal end."""
        return self._record.error

    def cancel(self) -> None:
        """Ask for the end, from any thread: requests in flight are finished, the rest is not attempted."""
        self._interrupt.request()

    def abort(self) -> None:
        """Ask for the end at once, from any thread: the association is aborted."""
        self._interrupt.abort()


def _end(events: Generator[object, None, None]) -> None:
    if not sys.is_finalizing():
        events.close()
    elif getattr(events, "gi_frame", None) is not None:  # threads that it would wait for cannot run any more
        keep_for_ever(events)


def _carried_by(settings: Settings, cluster: ClusterOptions | Client) -> CarrierMaker:
    from dcmsend.cluster import CarriedBy, check_cluster_package, check_settings  # only where there is a cluster

    check_settings(settings)
    check_cluster_package()
    maker = CarriedBy(cluster)
    maker.check(settings)
    return maker
