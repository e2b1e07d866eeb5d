"""The fields of journals as programs read them; names and meanings are those of ``docs/report-schema.md``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from dcmsend.journal import JournalGroup, JournalReader, JournalRow
from dcmsend.report import CsvRows, file_fields, format_time, status_field
from dcmsend.transfer import Proof, ProofState, Result

__all__ = [
    "JOURNAL_FIELDS", "csv_lines", "flat_fields", "group_fields", "peer_fields", "proof_name", "result_name",
    "row_fields",
]  # fmt: skip

JOURNAL_FIELDS: Final = (
    "path", "path_base64", "size", "mtime", "sop_class_uid", "sop_instance_uid", "outcome", "status", "reason",
    "attempts", "time", "study_uid", "series_uid", "etag", "options", "proof", "proof_reason", "proof_transaction",
    "proof_time", "sent_again",
)  # fmt: skip



def row_fields(row: JournalRow) -> dict[str, Any]:
    """The fields of a row; names and meanings are those of reports, see ``docs/report-schema.md``."""
    further = {
        "study_uid": row.study_uid,
        "series_uid": row.series_uid,
        "etag": row.etag,
        "options": row.options,
        "proof": None if row.proof is None else _proof_fields(row.proof),
        "sent_again": row.sent_again,
    }
    return {
        **file_fields(row.path, row.size, row.mtime_ns),
        "sop_class_uid": row.sop_class_uid,
        "sop_instance_uid": row.sop_instance_uid,
        "outcome": result_name(row.result),
        "status": status_field(row.status),
        "reason": row.reason,
        "attempts": row.attempts,
        "time": format_time(row.time),
        **{name: value for name, value in further.items() if value},
    }


def _proof_fields(proof: Proof) -> dict[str, Any]:
    return {
        "state": proof_name(proof.state),
        "reason": status_field(proof.reason) if isinstance(proof.reason, int) else proof.reason,
        "transaction": proof.transaction_uid or None,
        "time": format_time(proof.time),
    }


def proof_name(state: ProofState | None) -> str:
    return "not_asked" if state is None else state.value.replace(" ", "_")


def result_name(result: Result) -> str:
    return result.value.replace(" ", "_")


def flat_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Split a proof into one column for each of its fields, for a table."""
    proof = fields.get("proof")
    if proof is None:
        return fields
    return {**fields, "proof": proof["state"], **{f"proof_{name}": proof[name] for name in proof if name != "state"}}


def csv_lines(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    lines: list[str] = []
    table = CsvRows(lines.append)
    for row in chain((names,), rows):
        table.add(row)
        yield lines.pop()


def peer_fields(reader: JournalReader) -> dict[str, Any]:
    binding = reader.binding
    if binding.url:
        return {"url": binding.url}
    return {"host": binding.host, "port": binding.port, "called": binding.called_ae_title}


def group_fields(group: JournalGroup) -> dict[str, Any]:
    return {
        "outcome": result_name(group.result), "status": status_field(group.status), "reason": group.reason,
        "instances": group.instances,
    }  # fmt: skip
