"""The fields that describe a run as a whole, collected while it goes on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import Cancelled
from dcmsend.explanations import one_line
from dcmsend.index import RejectedInput
from dcmsend.transfer import AssociationClosed, AssociationOpened, PeerFacts, Result, StoreOutcome
from dcmsend.version import VERSION

from .base import Report
from .field_source import FieldSource
from .outcome_fields import clean, format_time, state_name, status_field
from .run_record import RunRecord
from .summary import Summary

__all__ = ["SCHEMA_VERSION", "RunFields"]

SCHEMA_VERSION: Final = "1.1"
"""The first number changes when a reader of an older version would misread a report."""
_WITH_PROOF: Final = "1.2"
"""The version of reports that show proofs; the other reports have ``SCHEMA_VERSION``."""

_WITH_CHOICE: Final = "1.3"
"""The version of reports that tell how many associations were chosen, with or without proofs."""

_WITH_LEFT_OUT: Final = "1.4"
"""The version of reports that tell how much was left out by name, values or age, whatever else they have."""

_MOST_STUDIES: Final = 10_000
"""Most studies counted one by one; instances of further ones are counted under the empty UID."""

_Counts = dict[str, dict[str, Any]]


class RunFields(Report):
    """Writes nothing itself, but describes the run to the reports that do.

    Its size grows with the number of classes, syntaxes and associations, not of files.

    Args:
        peer: the receiver.
        record: the record of the run.
        source: knows the study of an instance; None if no report needs it.
        command_line: the arguments, secrets already masked.
        run_id: a UUID; ``""`` to have one made.
    """

    def __init__(
        self,
        peer: PeerFacts,
        record: RunRecord,
        source: FieldSource | None = None,
        command_line: Sequence[str] = (),
        run_id: str = "",
    ) -> None:
        self._source = source
        self._has_proofs = source is not None and source.proofs is not None
        self._by_study: _Counts = {}
        self.peer = peer
        self._record = record
        self._command_line = command_line
        self._run_id = run_id or str(uuid.uuid4())
        self._started = time.time()
        self._clock = time.monotonic()
        self._summary = Summary()
        self._with_warning = 0
        self._not_dicom = 0
        self._invalid = 0
        self._not_now = 0
        self._bytes = 0
        self._by_status: _Counts = {}
        self._by_class: _Counts = {}
        self._by_syntax: _Counts = {}
        self._associations: dict[int, dict[str, Any]] = {}

    def start(self) -> dict[str, Any]:
        """The fields that are known before the run has begun."""
        peer = self.peer
        return {
            "schema_version": self._version,
            "program": f"dcmsend {VERSION}",
            "argv": [clean(argument) for argument in self._command_line],
            "run_id": self._run_id,
            "started": format_time(self._started),
            "peer": {
                "host": clean(peer.host),
                "port": peer.port,
                "called": clean(peer.called_ae_title),
                "calling": clean(peer.calling_ae_title),
                "tls": peer.is_secured,
                **({"url": clean(peer.url)} if peer.url else {}),
            },
            "journal": None if self._record.journal is None else clean(self._record.journal),
        }

    @property
    def _version(self) -> str:
        record = self._record
        if record.leaves_young or record.names_left_out is not None or record.filtered is not None:
            return _WITH_LEFT_OUT
        if record.chooses_sessions:
            return _WITH_CHOICE
        return _WITH_PROOF if self._has_proofs else SCHEMA_VERSION

    def end(self, record: RunRecord) -> dict[str, Any]:
        """The fields that are known at the end."""
        return {
            "ended": format_time(time.time()),
            "complete": record.is_complete,
            "ended_by": _ended_by(record),
            "exit": _exit(record),
            "totals": self.totals(),
            "by_status": self._by_status,
            "by_sop_class": self._by_class,
            "by_syntax": self._by_syntax,
            "by_study": self._by_study,
            "associations": list(self._associations.values()),
            **({"parallel_associations": _choice(record)} if record.chooses_sessions else {}),
        }

    def totals(self) -> dict[str, Any]:
        """The counts so far."""
        results = {result.value.replace(" ", "_"): count for result, count in self._summary.results.items()}
        totals: dict[str, Any] = {
            "found": (
                self._summary.total + self._not_dicom + self._invalid + self._record.already_stored
                + (self._record.filtered or 0)
            ),
            "not_dicom": self._not_dicom,
            "invalid": self._invalid,
            "already_stored": self._record.already_stored,
            "stored": results["stored"],
            "stored_with_warning": self._with_warning,
            "refused": results["refused"],
            "failed": results["failed"],
            "unconfirmed": results["unconfirmed"],
            "not_attempted": results["not_attempted"],
            "retryable": self._summary.retryable + self._not_now,
            "bytes": self._bytes,
            "seconds": round(time.monotonic() - self._clock, 3),
        }
        if self._record.filtered is not None:
            totals["filtered"] = self._record.filtered
        if self._record.names_left_out is not None:
            totals["left_out_by_name"] = self._record.names_left_out()
        if self._record.leaves_young:
            totals["too_young"] = self._record.left_out.young
        if self._record.left_out.folders:
            totals["folders_unread"] = self._record.left_out.folders
        if self._has_proofs:
            totals["proofs"] = self._proof_totals()
        return totals

    def _proof_totals(self) -> dict[str, int]:
        from dcmsend.transfer import ProofState  # seldom needed

        proofs = self._record.proofs
        counts = {state_name(state): 0 if proofs is None else proofs.states[state] for state in ProofState}
        return {**counts, "of_earlier": 0 if proofs is None else proofs.earlier}

    def rejected(self, rejected: RejectedInput) -> None:
        """Count a rejected input."""
        self._not_now += not rejected.why.is_permanent
        if rejected.is_dicom:
            self._invalid += 1
        else:
            self._not_dicom += 1

    def outcome(self, outcome: StoreOutcome) -> None:
        """Count an outcome."""
        self._summary.add(outcome)
        self._bytes += outcome.bytes_sent
        is_stored = outcome.result is Result.STORED
        self._with_warning += is_stored and outcome.status != 0
        instance = outcome.instance
        status = status_field(outcome.status)
        if status is not None:
            self._by_status[status] = counts = self._by_status.get(status) or {"instances": 0}
            counts["instances"] += 1
        tables: list[tuple[_Counts, str, Callable[[str], str]]] = [
            (self._by_class, outcome.sop_class_uid or instance.sop_class_uid, sop_class_name),
            (self._by_syntax, instance.transfer_syntax.uid, _syntax_name),
        ]
        if self._source is not None:
            study = self._source.outcome(outcome)["study_uid"] or ""
            is_counted = study in self._by_study or len(self._by_study) < _MOST_STUDIES
            tables.append((self._by_study, study if is_counted else "", _no_name))
        for table, key, name in tables:
            key = clean(key)
            counts = table.get(key) or table.setdefault(
                key, {"name": name(key), "instances": 0, "stored": 0, "bytes": 0}
            )
            counts["instances"] += 1
            counts["stored"] += is_stored
            counts["bytes"] += outcome.bytes_sent
        association = self._associations.get(outcome.association)
        if association is not None and (outcome.message_id or (self.peer.url and outcome.bytes_sent)):
            association["instances"] += 1
            association["bytes"] += outcome.bytes_sent

    def association_opened(self, event: AssociationOpened) -> None:
        """Note an association."""
        self._associations[event.number] = {
            "n": event.number, "started": format_time(time.time()), "ended": None, "end": None,
            "contexts": event.accepted, "contexts_proposed": event.proposed,
            "max_pdu": 0 if self.peer.url else event.fragment_length + _PDU_OVERHEAD,
            "window": event.window, "instances": 0, "bytes": 0,
        }  # fmt: skip

    def association_closed(self, event: AssociationClosed) -> None:
        """Note how an association ended."""
        association = self._associations.get(event.number)
        if association is not None:
            association["ended"] = format_time(time.time())
            association["end"] = clean(event.how)


_PDU_OVERHEAD: Final = 12
"""Bytes of headers in a P-DATA-TF PDU with one value."""


def _ended_by(record: RunRecord) -> str:
    if not record.ended:
        return "exception" if record.was_thrown else "internal error"
    if record.error is None:
        return "end"
    return record.error.by if isinstance(record.error, Cancelled) else "error"


def _choice(record: RunRecord) -> dict[str, Any] | None:
    """How many associations the run has chosen to have at the same time; None if it has sent nothing."""
    auto = record.auto
    if auto is None:
        return None
    chosen, why = auto.result
    return {
        "most": auto.most,
        "chosen": chosen,
        "why": _name(why),
        "highest": auto.highest,
        "changes": [
            {"after": round(change.after, 3), "chosen": change.sessions, "why": _name(change.why)}
            for change in auto.changes
        ],
    }


def _name(why: Enum) -> str:
    return why.name.lower()


def _exit(record: RunRecord) -> dict[str, Any] | None:
    if record.exit_code is None:
        return None
    error = record.error or record.report_error
    return {
        "code": int(record.exit_code),
        "name": record.exit_code.name.lower(),
        "retryable": record.may_store_more,
        "message": "" if error is None else clean(one_line(error)),
    }


def _no_name(uid: str) -> str:
    return ""


def _syntax_name(uid: str) -> str:
    return transfer_syntax(uid).name
