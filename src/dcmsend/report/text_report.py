"""DCMTK's report, line for line, because programs parse it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.index import RejectedInput
from dcmsend.loggers import get_logger
from dcmsend.protocol import status_text
from dcmsend.transfer import PeerFacts, Reason, StoreOutcome

from .base import Report
from .path_bytes import writable_path
from .replaceable import InputWatch
from .run_record import RunRecord
from .spool import Spool
from .text_file import (
    check_text_place,
    is_earlier_text_report,
    is_file_name,
    translated,
    try_text_place,
    write_text_report,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.inputs import Source

__all__ = ["TextReport", "format_outcome", "format_text_report"]

_log = get_logger("dcmsend.app")


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
        f"{_peer_lines(peer)}"
        f"Current Date/Time  : {written}\n"
        "\n\n"
    )
    yield from blocks
    yield f"\n{summary}"


def _peer_lines(peer: PeerFacts) -> str:
    if peer.url:
        return f"Communication Peer : {peer.url}\n"
    return (
        f"Communication Peer : {peer.host}:{peer.port}\n"
        f"AE Titles used     : {peer.calling_ae_title} -> {peer.called_ae_title}\n"
    )


def format_outcome(outcome: StoreOutcome) -> str:
    """The block of one instance, with the empty line after it."""
    instance = outcome.instance
    sent = outcome.sent_syntax
    return (
        f"Number        : {outcome.index}\n"
        f"Filename      : {writable_path(instance.input.path)}\n"
        f"SOP Instance  : {_as_it_stands(instance.sop_instance_uid)}\n"
        f"SOP Class     : {_as_it_stands(instance.sop_class_uid)} = {sop_class_name(instance.sop_class_uid)}\n"
        f"Original Xfer : {_syntax(instance.transfer_syntax)}\n"
        f"Dataset Size  : {outcome.data_set_length} bytes\n"
        f"Association   : {outcome.association}\n"
        f"Pres. Context : {outcome.context_id}\n"
        f"Network Xfer  : {'' if sent is None else _syntax(sent)}\n"
        f"DIMSE Status  : {_status(outcome)}\n"
        "\n"
    )


class TextReport(Report):
    """Written at the end, as in DCMTK: the time of the file says that the transfer is complete."""

    def __init__(
        self, path: str, peer: PeerFacts, names: Iterable[str] = (), *, is_needed: bool = False
    ) -> None:
        """``names``: what the user wants to send.  ``is_needed``: try at once whether the report can be written.

        Raises ReportError.
        """
        self._path = path
        self._partial = f"{path}.partial"
        self._peer = peer
        self._blocks = Spool()
        if is_needed:
            from .room import check_room  # slow to load

            try_text_place(path)
            check_room(path)
        self._watch = InputWatch((self._path, self._partial), is_earlier_text_report)
        for name in names:
            self._watch.see(name)

    def begin(self) -> None:
        check_text_place(self._path)

    def watched(self, inputs: Iterable[Source]) -> Iterable[Source]:
        return self._watch.watched(inputs)

    def rejected(self, rejected: RejectedInput) -> None:
        self._watch.see(rejected.path)

    def outcome(self, outcome: StoreOutcome) -> None:
        self._watch.see(outcome.instance.input.path)  # a DICOMDIR may have led to it
        with translated(self._path):
            self._blocks.add(format_outcome(outcome))

    def finish(self, record: RunRecord) -> None:
        """Write the report under its own name at a normal end only; scripts would take it for complete."""
        if not record.listed:
            return
        path = self._path
        if record.is_complete:
            _log.info("creating detailed report on the transfer ...")
            self._watch.check(path)
            if os.path.exists(path) and not os.path.isdir(path):
                _log.warning("file '%s' already exists, overwriting", path)
        elif not is_file_name(path):
            _log.warning("the transfer is not complete; no report is written to '%s'", path)
            return
        else:
            path = self._partial
            self._watch.check(path)
        pieces = format_text_report(self._peer, self._blocks, record.format_summary())
        write_text_report(path, pieces, only_over_reports=path == self._partial)
        if path == self._partial:
            _log.warning("the transfer is not complete; what became of each instance is in '%s'", path)


def _as_it_stands(uid: str) -> str:
    """A UID with the bytes it has in its file; an unchecked UID may hold any bytes."""
    return uid if uid.isascii() else uid.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _syntax(syntax: TransferSyntax) -> str:
    return f"{_as_it_stands(syntax.uid)} = {syntax.name}"


def _status(outcome: StoreOutcome) -> str:
    if outcome.status is not None:
        return f"0x{outcome.status:04x} ({status_text(outcome.status)})"
    if outcome.reason is Reason.NO_CONTEXT:
        return "<no acceptable presentation context>"
    return "<not sent>"
