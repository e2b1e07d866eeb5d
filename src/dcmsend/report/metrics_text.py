"""The progress of a run as metrics of Prometheus, in its text format.

Source: Prometheus, exposition formats, text-based format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from dcmsend.transfer import PeerFacts, Result
from dcmsend.version import VERSION

from .outcome_fields import clean, status_field
from .run_record import RunRecord

__all__ = ["Activity", "metrics_text"]

_Labels = Mapping[str, str]
_Rows = list[tuple[_Labels, float]]
_NONE: Final[_Labels] = {}


class Activity(NamedTuple):
    """What a run does, beside its record; times in seconds since the epoch.

    Attributes:
        run_id: a UUID.
        started: when the run began.
        ended: when it ended, None while it goes on.
        now: the time of these numbers.
        bytes_sent: data set bytes handed to the network, those of instances that are still being sent included.
        open_associations: how many are open now.
        associations: how many were opened.
        last_stored: when the peer has last stored an instance; None if it has stored none.
        is_waiting: whether nothing is sent for a while, because the peer cannot take it now.
    """

    run_id: str
    started: float
    ended: float | None
    now: float
    bytes_sent: int
    open_associations: int
    associations: int
    last_stored: float | None
    is_waiting: bool


def metrics_text(record: RunRecord, peer: PeerFacts, activity: Activity) -> str:
    """The whole file."""
    return "".join(_lines(record, peer, activity))


def _lines(record: RunRecord, peer: PeerFacts, activity: Activity) -> Iterator[str]:
    summary = record.summary
    info = {"version": VERSION, "run_id": activity.run_id, "peer": peer.label}
    yield from _metric("run_info", "gauge", "The run, with its labels.", [(info, 1)])  # the first: see earlier_report
    yield from _one("start_time_seconds", "gauge", "When the run began.", activity.started)
    yield from _one("update_time_seconds", "gauge", "When these numbers were written.", activity.now)
    yield from _one("running", "gauge", "1 while the run goes on, 0 at its end.", activity.ended is None)
    if activity.ended is not None:
        yield from _one("end_time_seconds", "gauge", "When the run ended.", activity.ended)
        if record.exit_code is not None:
            name = {"name": record.exit_code.name.lower()}
            yield from _metric("exit_code", "gauge", "Exit code of the run.", [(name, int(record.exit_code))])
    yield from _one("instances_found", "gauge", "Instances found so far.", record.instances_found)
    yield from _one("search_complete", "gauge", "1 when all inputs have been looked at.", record.all_found)
    rows: _Rows = [({"outcome": _word(result)}, count) for result, count in summary.results.items()]
    yield from _metric("instances_total", "counter", "Instances with their outcome.", rows)
    rows = [({"class": kind.name.lower()}, count) for kind, count in summary.answers.items()]
    yield from _metric("responses_total", "counter", "Answers of the peer by class of DIMSE status.", rows)
    rows = []
    for (result, why, is_retryable), count in tuple(summary.troubles.items()):  # another thread may add some
        reason = (status_field(why) or "") if isinstance(why, int) else "" if why is None else why.name.lower()
        labels = {"outcome": _word(result), "reason": reason, "retryable": "true" if is_retryable else "false"}
        rows.append((labels, count))
    yield from _metric("not_stored_total", "counter", "Instances that are not stored, by reason.", rows)
    yield from _one("already_stored_total", "counter", "Files stored by earlier runs.", record.already_stored)
    if record.filtered is not None:
        yield from _one("filtered_total", "counter", "Files left out by their values.", record.filtered)
    if record.names_left_out is not None:
        help_text = "Files and folders left out by their names."
        yield from _one("left_out_by_name_total", "counter", help_text, record.names_left_out())
    if record.leaves_young:
        help_text = "Files left for the next run, just modified."
        yield from _one("too_young_total", "counter", help_text, record.left_out.young)
    yield from _one("folders_unread_total", "counter", "Folders not read to their end.", record.left_out.folders)
    rows = [({"kind": "not_dicom"}, record.not_dicom), ({"kind": "invalid"}, record.broken_files),
            ({"kind": "not_now"}, record.not_now)]  # fmt: skip
    yield from _metric("ignored_files_total", "counter", "Files that are not sent.", rows)
    yield from _one("sent_bytes_total", "counter", "Bytes of data sets sent.", activity.bytes_sent)
    yield from _one("associations_total", "counter", "Associations opened.", activity.associations)
    yield from _one("associations_open", "gauge", "Associations open now.", activity.open_associations)
    yield from _one("waiting", "gauge", "1 while nothing is sent because the peer is in trouble.", activity.is_waiting)
    if activity.last_stored is not None:
        help_text = "When the peer has last stored an instance."
        yield from _one("last_stored_time_seconds", "gauge", help_text, activity.last_stored)
    if record.proofs is not None:
        states: _Rows = [
            ({"state": state.value.replace(" ", "_")}, count) for state, count in record.proofs.states.items()
        ]
        yield from _metric("proofs_total", "counter", "Stored instances the archive was asked for.", states)


def _one(name: str, kind: str, help_text: str, value: float) -> Iterator[str]:
    return _metric(name, kind, help_text, [(_NONE, value)])


def _metric(name: str, kind: str, help_text: str, rows: _Rows) -> Iterator[str]:
    yield f"# HELP dcmsend_{name} {help_text}\n# TYPE dcmsend_{name} {kind}\n"
    for labels, value in rows:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        number = f"{value:.3f}" if isinstance(value, float) else str(int(value))
        yield f"dcmsend_{name}{f'{{{inner}}}' if inner else ''} {number}\n"


def _escaped(text: str) -> str:
    return clean(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _word(result: Result) -> str:
    return result.value.replace(" ", "_")
