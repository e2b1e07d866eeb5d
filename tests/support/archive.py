"""An archive of pynetdicom in this process: it stores, answers C-FIND, and reports on storage commitment as told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ArchiveInstance", "CommitmentArchive", "commitment_archive"]

PUSH, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@dataclass(frozen=True)
class ArchiveInstance:
    """An instance in the archive; ``availability`` is sent in answers, None leaves it out."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    availability: str | None = None


@dataclass
class CommitmentArchive:
    """A running archive and how it behaves; everything but the ports may be changed while it runs.

    Attributes:
        port: where it listens.
        back: host and port where it reports; port 0 for nowhere.
        how: ``same``, ``new`` or ``same-then-new`` association.
        role: whether it proposes itself as SCP on a new association, as the standard wants it.
        delay: seconds between the answer to a request and the report.
        held: no report leaves before this is set; None for nothing to wait for.
        status: of the N-ACTION-RSP; others than 0 give no report.
        find_status: the end of every query.
        forget: how many instances at the end of each request are left out of the report.
        times: how often each report is sent.
        stores: SOP Instance UIDs in the order in which they were sent.
        instances: instances in the archive, by SOP Instance UID; stored ones are added.
        requests: data sets of the N-ACTION requests.
        queries: Identifiers of the C-FIND requests.
        answers: statuses of the answers to its reports, None for one that did not come.
        associations: how many were accepted.
        refusals: what ended an association in which it wanted to report.
    """

    port: int = 0
    back: tuple[str, int] = ("127.0.0.1", 0)
    how: str = "new"
    role: bool = True
    delay: float = 0.05
    held: threading.Event | None = None
    status: int = 0
    find_status: int = 0
    forget: int = 0
    times: int = 1
    change: Callable[[Any], None] = lambda report: None
    client_tls: ssl.SSLContext | None = None
    stores: list[str] = field(default_factory=list)
    instances: dict[str, ArchiveInstance] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    queries: list[Any] = field(default_factory=list)
    answers: list[int | None] = field(default_factory=list)
    associations: int = 0
    refusals: list[str] = field(default_factory=list)

    def report_on(self, request: Any) -> Any:
        """The report that the archive's instances give for a request."""
        from pydicom.dataset import Dataset

        made, good, bad = Dataset(), [], []
        made.TransactionUID = request.TransactionUID
        asked = list(request.get("ReferencedSOPSequence", []))
        for item in asked[: len(asked) - self.forget]:
            found = Dataset()
            found.ReferencedSOPClassUID = item.ReferencedSOPClassUID
            found.ReferencedSOPInstanceUID = item.ReferencedSOPInstanceUID
            known = self.instances.get(str(item.ReferencedSOPInstanceUID))
            if known is None or known.sop_class_uid != item.ReferencedSOPClassUID:
                found.FailureReason = 0x0112 if known is None else 0x0119
                bad.append(found)
            else:
                good.append(found)
        if good:
            made.ReferencedSOPSequence = good
        if bad:
            made.FailedSOPSequence = bad
        made.RetrieveAETitle = "ARCHIVE"
        self.change(made)
        return made


def _answers_to(archive: CommitmentArchive, query: Any) -> Iterable[Any]:
    """The Identifiers of what matches at IMAGE level."""
    from pydicom.dataset import Dataset
    from pydicom.multival import MultiValue

    asked = query.get("SOPInstanceUID")
    uids = {str(uid) for uid in (asked if isinstance(asked, MultiValue) else [asked] if asked else [])}
    for known in archive.instances.values():
        if query.get("StudyInstanceUID") not in (None, "", known.study_instance_uid):
            continue
        if query.get("SeriesInstanceUID") not in (None, "", known.series_instance_uid):
            continue
        if uids and known.sop_instance_uid not in uids:
            continue
        answer = Dataset()
        answer.SOPInstanceUID = known.sop_instance_uid
        answer.QueryRetrieveLevel = "IMAGE"
        answer.RetrieveAETitle = "ARCHIVE"
        if known.availability is not None:
            answer.InstanceAvailability = known.availability
        answer.StudyInstanceUID = known.study_instance_uid
        answer.SeriesInstanceUID = known.series_instance_uid
        yield answer


def _keep_messages_whole(dimse: Any) -> None:
    """Let an answer and a report of two threads overtake each other, but not mix, which pynetdicom permits."""
    lock, send_message = threading.Lock(), dimse.send_msg

    def send_whole(*values: Any) -> None:
        with lock:
            send_message(*values)

    dimse.send_msg = send_whole


@contextmanager
def commitment_archive(
    archive: CommitmentArchive | None = None, *, server_tls: ssl.SSLContext | None = None
) -> Iterator[CommitmentArchive]:
    """Runs an archive; its AE title is ARCHIVE. Reports are sent by threads, which have ended when it has."""
    from pynetdicom import AE, StoragePresentationContexts, evt

    archive = archive or CommitmentArchive()
    threads: list[threading.Thread] = []
    ending = threading.Event()

    def on_store(event: Any) -> int:
        request, data_set = event.request, event.dataset
        archive.stores.append(str(request.AffectedSOPInstanceUID))
        archive.instances[str(request.AffectedSOPInstanceUID)] = ArchiveInstance(
            str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID),
            str(data_set.get("StudyInstanceUID", "")), str(data_set.get("SeriesInstanceUID", "")),
        )  # fmt: skip
        return 0

    def on_accepted(event: Any) -> None:
        archive.associations += 1
        _keep_messages_whole(event.assoc.dimse)

    def on_find(event: Any) -> Iterator[tuple[int, Any]]:
        archive.queries.append(event.identifier)
        for answer in _answers_to(archive, event.identifier):
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield 0xFF00, answer
        if archive.find_status:
            yield archive.find_status, None

    def on_action(event: Any) -> tuple[int, None]:
        archive.requests.append(event.action_information)
        if not archive.status:
            thread = threading.Thread(target=deliver, args=(event.action_information, event.assoc), daemon=True)
            threads.append(thread)
            thread.start()
        return archive.status, None

    def send(association: Any, report: Any) -> None:
        kind = 2 if report.get("FailedSOPSequence") else 1
        for _ in range(archive.times):
            status = association.send_n_event_report(report, kind, PUSH, PUSH_INSTANCE)[0]
            archive.answers.append(status.get("Status") if status else None)

    def deliver(request: Any, association: Any) -> None:
        if archive.held is not None:
            archive.held.wait(60)
        ending.wait(archive.delay)
        report = archive.report_on(request)
        if archive.how.startswith("same"):
            if association.is_established:
                send(association, report)
                return
            if archive.how == "same":
                archive.refusals.append("the association is gone")
                return
        if archive.back[1]:
            deliver_anew(report, str(association.requestor.ae_title))

    def deliver_anew(report: Any, called: str) -> None:
        from pynetdicom import build_role

        entity = AE(ae_title="ARCHIVE")
        entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = 30
        entity.add_requested_context(PUSH)
        roles = [build_role(PUSH, scu_role=False, scp_role=True)] if archive.role else []
        tls = (archive.client_tls, None) if archive.client_tls is not None else None
        received: list[str] = []
        handlers = [(evt.EVT_PDU_RECV, lambda event: received.append(type(event.pdu).__name__))]
        association: Any = entity.associate(  # type: ignore[arg-type]
            *archive.back, ae_title=called, ext_neg=roles, tls_args=tls, evt_handlers=handlers
        )
        if not association.is_established:  # a rejection followed by a close at once makes pynetdicom say "aborted"
            is_rejected = association.is_rejected or "A_ASSOCIATE_RJ" in received
            state = "rejected" if is_rejected else "aborted" if association.is_aborted else "no connection"
            archive.refusals.append(state)
            return
        try:
            send(association, report)
        except (ValueError, RuntimeError) as error:  # the role was not agreed, or it is over
            archive.refusals.append(str(error))
        association.release()

    entity = AE(ae_title="ARCHIVE")
    entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = 60
    entity.supported_contexts = StoragePresentationContexts
    for uid in ("1.2.840.10008.1.1", PUSH, STUDY_ROOT_FIND):
        entity.add_supported_context(uid)
    handlers = [
        (evt.EVT_ACCEPTED, on_accepted), (evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find),
        (evt.EVT_N_ACTION, on_action),
    ]  # fmt: skip
    server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=server_tls)  # type: ignore[arg-type]
    archive.port = server.socket.getsockname()[1]
    try:
        yield archive
    finally:
        ending.set()
        if archive.held is not None:
            archive.held.set()
        for thread in threads:
            thread.join(30)
        entity.shutdown()  # afterwards: it aborts every association of this process, those that report included
