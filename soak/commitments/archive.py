"""The archive, a process of its own: stores, and reports on storage commitment as badly as a night wants.

    python -m soak.commitments.archive FOLDER PORT

All that it has is in FOLDER/log, so it may be killed and started again.  How it behaves is in FOLDER/settings.json,
which may be changed while it runs.  It shares no code with the package under test.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, StoragePresentationContexts, build_role, evt

from soak.commitments.record import Event, Log

__all__ = ["main"]

PUSH, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
BUSY, NO_SUCH_INSTANCE, PROCESSING_FAILURE = 0x0213, 0x0112, 0x0110


class Archive:
    """What it has, and what it does with a request."""

    def __init__(self, folder: Path) -> None:
        self._settings = folder / "settings.json"
        self._log = Log(folder / "log")
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, str]] = {}  # SOP Class UID and series by SOP Instance UID
        self._first: dict[str, str] = {}  # the first instance of a series is never lost, or the whole series might be
        self._denied: set[str] = set()
        self._reports = 0
        self._starts = 0
        self._pending: dict[str, list[str]] = {}
        self._turn = threading.Lock()  # for an association that is also the other side's
        self._reporting: Any = None
        self._has_crossed = False
        for event in self._log.new():
            self._replay(event)
        self._log.write("start")
        self._chance = random.Random(f"{self.settings['seed']}:{self._starts}")

    @property
    def settings(self) -> dict[str, Any]:
        """How it behaves now."""
        found: dict[str, Any] = json.loads(self._settings.read_text())
        return found

    def _replay(self, event: Event) -> None:
        if event.kind == "start":
            self._starts += 1
        elif event.kind == "store":
            self._keep(event.uids[0], event.what, event.series)
        elif event.kind == "lost":
            self._known.pop(event.uids[0], None)
        elif event.kind == "action" and event.status == 0:
            self._pending[event.transaction] = list(event.uids)
        elif event.kind == "report":
            self._reports = max(self._reports, event.number)
            self._denied.update(event.failed)
        elif event.kind == "answer" and event.status == 0:
            self._pending.pop(event.transaction, None)

    def _keep(self, uid: str, sop_class: str, series: str) -> None:
        self._known[uid] = sop_class, series
        self._first.setdefault(series, uid)

    def resume(self) -> None:
        """Report on what was asked for before the start, if it remembers that."""
        settings = self.settings
        if settings["remembers"]:
            for transaction, uids in self._pending.items():
                self._begin_report(transaction, uids, None, "")
        self._pending = {}

    # --- requests

    def on_store(self, event: Any) -> int:
        """C-STORE."""
        data_set = event.dataset
        uid, sop_class = str(event.request.AffectedSOPInstanceUID), str(event.request.AffectedSOPClassUID)
        series = str(data_set.SeriesInstanceUID)
        with self._lock:
            self._keep(uid, sop_class, series)
            self._log.write("store", uids=[uid], what=sop_class, series=series, status=0)
        return 0

    def on_find(self, event: Any) -> Iterator[tuple[int, Any]]:
        """C-FIND at IMAGE level."""
        if not self.settings["finds"]:
            yield 0xA900, None
            return
        series = str(event.identifier.get("SeriesInstanceUID", ""))
        with self._lock:
            found = [uid for uid, (_, of) in self._known.items() if of == series]
            self._log.write("find", uids=found)
        for uid in found:
            answer = Dataset()
            answer.QueryRetrieveLevel, answer.SOPInstanceUID = "IMAGE", uid
            answer.StudyInstanceUID, answer.SeriesInstanceUID = event.identifier.StudyInstanceUID, series
            yield 0xFF00, answer

    def on_action(self, event: Any) -> tuple[int, None]:
        """N-ACTION."""
        request = event.action_information
        transaction = str(request.TransactionUID)
        uids = [str(item.ReferencedSOPInstanceUID) for item in request.ReferencedSOPSequence]
        fate = self._draw()
        if fate == "overtake" and self.settings["how"] == "same":
            fate = "never"  # pynetdicom cannot report before it has answered
        status = BUSY if fate == "busy" else 0
        self._log.write("action", transaction=transaction, uids=uids, status=status, what=fate)
        if status or fate == "never":
            return status, None
        if fate == "overtake":
            self._report(transaction, uids, None, fate)
            return 0, None
        self._begin_report(transaction, uids, event.assoc, fate)
        if fate == "abort":
            event.assoc.abort()
        return 0, None

    def _draw(self) -> str:
        with self._lock:
            at = self._chance.random()
            for fate, share in self.settings["fates"].items():
                if at < share:
                    return str(fate)
                at -= share
        return ""

    # --- reports

    def _begin_report(self, transaction: str, uids: list[str], association: Any, fate: str) -> None:
        words = transaction, uids, association, fate
        threading.Thread(target=self._report, args=words, daemon=True).start()

    def _report(self, transaction: str, uids: list[str], association: Any, fate: str) -> None:
        if fate != "overtake":
            with self._lock:
                delay = self._chance.random() ** 2 * self.settings["delay"]
            time.sleep(delay)
        report = self._made(transaction, uids, fate)
        while not self._deliver(report, association, fate) and self.settings["insists"] and fate != "overtake":
            time.sleep(0.3)
        if fate == "repeat":
            self._deliver(report, association, fate)

    def _made(self, transaction: str, uids: list[str], fate: str) -> Dataset:
        report = Dataset()
        good: list[Dataset] = []
        bad: list[Dataset] = []
        report.TransactionUID = transaction
        with self._lock:
            for uid in uids:
                if fate == "partial" and self._chance.random() < 0.2:
                    continue
                item = Dataset()
                item.ReferencedSOPInstanceUID = uid
                reason = self._refusal(uid, fate)
                item.ReferencedSOPClassUID = self._known.get(uid, ("1.2.840.10008.5.1.4.1.1.2", ""))[0]
                if reason:
                    item.FailureReason = reason
                (bad if reason else good).append(item)
        if good:
            report.ReferencedSOPSequence = good
        if bad:
            report.FailedSOPSequence = bad
        return report

    def _refusal(self, uid: str, fate: str) -> int:
        """The reason not to commit to an instance, 0 for none; nothing is refused on a whim twice."""
        if uid not in self._known:
            return NO_SUCH_INSTANCE
        if fate != "deny" or uid in self._denied or self._chance.random() > 0.1:
            return 0
        self._denied.add(uid)
        if self._first[self._known[uid][1]] == uid or self._chance.random() < 0.5:
            return PROCESSING_FAILURE
        del self._known[uid]
        self._log.write("lost", uids=[uid])
        return NO_SUCH_INSTANCE

    def _deliver(self, report: Dataset, association: Any, fate: str) -> bool:
        how = self.settings["how"]
        is_there = association is not None and association.is_established
        if how != "new" and is_there and fate not in ("overtake", "abort"):
            return self._deliver_over(association, report)
        if how == "same":
            return True  # this archive knows no other way
        return self._deliver_anew(report, fate)

    def _deliver_over(self, association: Any, report: Dataset) -> bool:
        """Report over the association of the request.

        pynetdicom takes a request that crosses the report for its answer, and aborts: such a report is marked.
        """
        time.sleep(0.15)  # further requests, which follow at once, go first
        with self._turn:
            if not association.is_established:
                return False
            self._has_crossed, self._reporting = False, association
            try:
                return self._send(report, association)
            finally:
                self._reporting = None

    def on_message(self, event: Any) -> None:
        """A DIMSE message has come."""
        if event.assoc is self._reporting and type(event.message).__name__ == "N_ACTION_RQ":
            self._has_crossed = True

    def _deliver_anew(self, report: Dataset, fate: str) -> bool:
        entity = AE(ae_title="ARCHIVE")
        entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = entity.connection_timeout = 10
        entity.add_requested_context(PUSH)
        back = ("127.0.0.1", self.settings["back"])
        role = build_role(PUSH, scu_role=False, scp_role=True)
        association: Any = entity.associate(*back, ae_title="DCMSEND", ext_neg=[role])
        if not association.is_established:
            return False
        if fate == "strange":
            other = Dataset()
            other.update(report)
            other.TransactionUID = f"2.25.{self._chance.getrandbits(100)}"
            self._send(other, association)
        arrived = self._send(report, association)
        association.release()
        return arrived

    def _send(self, report: Dataset, association: Any) -> bool:
        """Send a report; return whether the other side has kept it."""
        failed = [str(item.ReferencedSOPInstanceUID) for item in report.get("FailedSOPSequence", [])]
        good = [str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])]
        transaction = str(report.TransactionUID)
        with self._lock:
            self._reports += 1
            number = self._reports
            self._log.write("report", number=number, transaction=transaction, uids=good, failed=failed)
        try:
            answer = association.send_n_event_report(report, 2 if failed else 1, PUSH, PUSH_INSTANCE)[0]
        except (RuntimeError, ValueError, OSError):  # the association is over
            answer = None
        status = int(answer.Status) if answer is not None and "Status" in answer else None
        crossed = "crossed" if association is self._reporting and self._has_crossed else ""
        self._log.write("answer", number=number, transaction=transaction, status=status, what=crossed)
        return status == 0

    def note(self, kind: str) -> None:
        """Note that an association begins or ends."""
        self._log.write(kind)


def main() -> None:
    """Serve until killed."""
    archive = Archive(Path(sys.argv[1]))
    entity = AE(ae_title="ARCHIVE")
    entity.maximum_associations = 50
    entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = 20
    entity.supported_contexts = StoragePresentationContexts
    for uid in ("1.2.840.10008.1.1", PUSH, STUDY_ROOT_FIND):
        entity.add_supported_context(uid)
    handlers = [
        (evt.EVT_CONN_OPEN, lambda event: archive.note("open")),
        (evt.EVT_CONN_CLOSE, lambda event: archive.note("close")), (evt.EVT_DIMSE_RECV, archive.on_message),
        (evt.EVT_C_STORE, archive.on_store), (evt.EVT_C_FIND, archive.on_find), (evt.EVT_N_ACTION, archive.on_action),
    ]  # fmt: skip
    entity.start_server(("127.0.0.1", int(sys.argv[2])), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
    archive.resume()
    threading.Event().wait()


if __name__ == "__main__":
    main()
