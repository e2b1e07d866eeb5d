"""DCMTK's report, line for line: programs parse it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import ReportError
from dcmsend.protocol import status_text
from dcmsend.transfer import PeerFacts, Reason, StoreOutcome

from .base import Report
from .own_reports import check_place
from .run_record import RunRecord
from .spool import Spool

__all__ = ["TextReport", "format_outcome", "format_text_report", "write_text_report"]

_log = logging.getLogger("dcmsend.app")


def format_text_report(
    peer: PeerFacts, blocks: Iterable[str], summary: str, now: float | None = None
) -> Iterator[str]:
    """The report in pieces, with the ``blocks`` of the instances (``format_outcome``).

    ``now`` is in seconds since the epoch and shown in local time.
    """
    written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    yield (
        "Detailed Report on the Transfer of Instances\n"
        "============================================\n"
        "\n"
        f"Communication Peer : {peer.host}:{peer.port}\n"
        f"AE Titles used     : {peer.calling_ae_title} -> {peer.called_ae_title}\n"
        f"Current Date/Time  : {written}\n"
        "\n\n"
    )
    yield from blocks
    yield f"\n{summary}"


def format_outcome(outcome: StoreOutcome) -> str:
    """The block of one instance, with the empty line after it."""
    instance = outcome.instance
    sent = outcome.sent_syntax
    return (
        f"Number        : {outcome.index}\n"
        f"Filename      : {instance.input.path}\n"
        f"SOP Instance  : {instance.sop_instance_uid}\n"
        f"SOP Class     : {instance.sop_class_uid} = {sop_class_name(instance.sop_class_uid)}\n"
        f"Original Xfer : {_syntax(instance.transfer_syntax)}\n"
        f"Dataset Size  : {outcome.data_set_length} bytes\n"
        f"Association   : {outcome.association}\n"
        f"Pres. Context : {outcome.context_id}\n"
        f"Network Xfer  : {'' if sent is None else _syntax(sent)}\n"
        f"DIMSE Status  : {_status(outcome)}\n"
        "\n"
    )


def write_text_report(path: str, pieces: Iterable[str]) -> None:
    """Write the report to ``path``, replacing what is there; names that are not UTF-8 keep their bytes.

    A report that cannot be written to its end is removed: scripts would take it for complete.  Raises ReportError.
    """
    with _translated(path), open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        try:
            file.writelines(pieces)
            file.flush()
        except BaseException:
            if os.path.isfile(path):
                os.unlink(path)
            raise


class TextReport(Report):
    """Written at the end, as DCMTK does: its file tells the time, and that the transfer is complete."""

    def __init__(self, path: str, peer: PeerFacts) -> None:
        self._path = path
        self._peer = peer
        self._blocks = Spool()

    def begin(self) -> None:
        check_place(self._path)

    def outcome(self, outcome: StoreOutcome) -> None:
        with _translated(self._path):
            self._blocks.add(format_outcome(outcome))

    def finish(self, record: RunRecord) -> None:
        """The report gets its own name only at the normal end; under it scripts would take it for complete."""
        if not record.listed:
            return
        path = self._path
        if record.is_complete:
            _log.info("creating detailed report on the transfer ...")
            if os.path.exists(path) and not os.path.isdir(path):
                _log.warning("file '%s' already exists, overwriting", path)
        elif os.path.exists(path) and not os.path.isfile(path):
            _log.warning("the transfer is not complete; no report is written to '%s'", path)  # a device, a pipe
            return
        else:
            path += ".partial"
        write_text_report(path, format_text_report(self._peer, self._blocks, record.format_summary()))
        if path != self._path:
            _log.warning("the transfer is not complete; what became of each instance is in '%s'", path)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportError(path, error.strerror or os.strerror(error.errno or 0)) from error
    except ValueError as error:  # a NUL in the name, characters that have no bytes
        raise ReportError(path, str(error)) from error


def _syntax(syntax: TransferSyntax) -> str:
    return f"{syntax.uid} = {syntax.name}"


def _status(outcome: StoreOutcome) -> str:
    if outcome.status is not None:
        return f"0x{outcome.status:04x} ({status_text(outcome.status)})"
    if outcome.reason is Reason.NO_CONTEXT:
        return "<no acceptable presentation context>"
    return "<not sent>"
