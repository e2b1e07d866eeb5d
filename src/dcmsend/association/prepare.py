"""Prepares one instance for sending: checks the file, chooses the context, frames the first bytes."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Container, Iterator
from typing import Final

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import (
    Cancelled,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    ProtocolError,
    RemoteProtocolError,
    TranscodeError,
)
from dcmsend.index import HeaderFacts, Instance
from dcmsend.inputs import FileChanged
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities, FilesAhead, LoadedInstance, Payload, Recoding, load_instance
from dcmsend.protocol import CStoreRQ
from dcmsend.reasons import Rejection
from dcmsend.transfer import Reason, TransferOptions

from .association import Association

__all__ = ["Failure", "PreparedStore", "Preparer"]

MAX_MESSAGE_ID: Final = 65535
_DEFAULT_DEFLATE_LEVEL: Final = 6


class Failure:
    """Why an instance cannot be sent.

    Attributes:
        reason: the reason that reports show.
        error: the error; its text is DCMTK's condition.
        log: messages to log as errors, in order, when it is the instance's turn.
    """

    __slots__ = ("error", "log", "reason")

    def __init__(self, reason: Reason, error: DcmsendError, *log: str) -> None:
        self.reason = reason
        self.error = error
        self.log = log


class PreparedStore:
    """One C-STORE that is ready to be sent, or the reason why it cannot be sent.

    Attributes:
        index: place in the transfer list, from 0.
        planned_context_id: the context id of the plan, for the report.
        context_id: the context id that is used.
        message_id: 0 if none was taken, because the file could not be loaded.
        length: bytes of the data set in the file, 0 if the file could not be loaded.
        stamp: size and time of modification of the file when it was opened, None if it could not be opened.
        identity: device and inode of the file, None where they are not known.
        facts: what reports show of the data set beside its UIDs; None if nobody asks, or the data set could not be
            walked.
        is_done: whether this run has already stored the same file and moved it away.
        sent_syntax: the transfer syntax on the wire, or the file's own if nothing was sent; None if never loaded.
        notes: (level, text) to log when it is the instance's turn.
    """

    __slots__ = (
        "context_id", "facts", "failure", "identity", "index", "instance", "is_done", "length", "message_id", "notes",
        "payload", "planned_context_id", "request", "sent_syntax", "stamp", "started",
    )

    def __init__(self, index: int, instance: Instance, planned_context_id: int) -> None:
        self.index = index
        self.instance = instance
        self.planned_context_id = planned_context_id
        self.context_id = planned_context_id
        self.facts: HeaderFacts | None = None
        self.is_done = False
        self.message_id = 0
        self.length = 0
        self.stamp: tuple[int, int] | None = None
        self.identity: tuple[int, int] | None = None
        self.sent_syntax: TransferSyntax | None = None
        self.request: CStoreRQ | None = None
        self.payload: Payload | None = None
        self.failure: Failure | None = None
        self.notes: list[tuple[str, str]] = []
        self.started = time.time()

    def close(self) -> None:
        """Close the file."""
        if self.payload is not None:
            self.payload.close()


class Preparer:
    """Prepares the instances of one association, and assigns message ids."""

    def __init__(
        self,
        association: Association,
        options: TransferOptions,
        abilities: Abilities,
        files: FilesAhead,
        interrupt: Interrupt | None = None,
        was_moved: Callable[[Instance], bool] | None = None,
    ) -> None:
        self._was_moved = was_moved
        self._files = files
        self._interrupt = interrupt or Interrupt()
        self._association = association
        self._options = options
        self._abilities = abilities
        self._accepted = {row[0]: row for row in association.accepted}
        self._last_message_id = 0

    def prepare(self, index: int, instance: Instance, context_id: int, outstanding: Container[int]) -> PreparedStore:
        """Load, check and stage one instance; a problem with it becomes its ``failure``.

        ``outstanding`` holds the message ids that still wait for an answer.
        """
        store = PreparedStore(index, instance, context_id)
        if self._abilities.unusable is not None:
            unusable = self._abilities.unusable
            store.failure = Failure(
                Reason.NO_DICTIONARY, unusable, f"Failed sending C-STORE request: 0006:0213 {unusable}"
            )
            return store
        try:
            check = self._interrupt.check_request
            file = self._files.open(index, instance, check)
            store.stamp, store.identity = file.stamp, file.identity
            loaded = load_instance(instance, file, self._abilities.dictionary, check, self._abilities.noted)
        except Cancelled:  # the run was asked to end: this instance is not started
            return store
        except (FileUnreadable, DataSetError) as error:
            if self._is_done(instance, error):
                store.is_done = True
                return store
            text = f"cannot send SOP instance from file: {instance.input.path}: {_explain(error)}"
            store.failure = Failure(_reason_of(error), error, text)
            return store
        try:
            store.message_id = self._next_message_id(outstanding)
            store.length = loaded.length
            store.stamp = loaded.stamp
            store.facts = loaded.facts
            store.sent_syntax = loaded.syntax
            self._note_oddities(store, loaded)
            store.failure = (
                self._check_uids(store, loaded) or self._choose_context(store, loaded) or self._stage(store, loaded)
            )
        finally:
            loaded.close()
        return store

    def _is_done(self, instance: Instance, error: DcmsendError) -> bool:
        """Whether a missing file was named twice: this run has stored it and moved it away."""
        is_gone = isinstance(error, FileUnreadable) and error.errno == errno.ENOENT
        return is_gone and self._was_moved is not None and self._was_moved(instance)

    def _next_message_id(self, outstanding: Container[int]) -> int:
        message_id = self._last_message_id
        while True:
            message_id = message_id % MAX_MESSAGE_ID + 1
            if message_id not in outstanding:
                self._last_message_id = message_id
                return message_id

    def _note_oddities(self, store: PreparedStore, loaded: LoadedInstance) -> None:
        notes = store.notes
        for warning in loaded.warnings:
            notes.append(("W", warning))
        instance = store.instance
        for name, in_data_set, in_list in (
            ("SOP Class UID", loaded.sop_class_uid, instance.sop_class_uid),
            ("SOP Instance UID", loaded.sop_instance_uid, instance.sop_instance_uid),
        ):
            if in_data_set != in_list:
                text = f"{name} in dataset differs from the one in the transfer list\n"
                text += f"- {name} in DICOM dataset: {in_data_set}\n- {name} in transfer list: {in_list}"
                notes.append(("W", text))

    def _check_uids(self, store: PreparedStore, loaded: LoadedInstance) -> Failure | None:
        sop_class, sop_instance = _first(loaded.sop_class_uid), _first(loaded.sop_instance_uid)
        if not sop_class or not sop_instance:
            missing = [] if sop_class else [("SOP Class UID", "Invalid SOP Class UID")]
            missing += [] if sop_instance else [("SOP Instance UID", "Invalid SOP Instance UID")]
            names = " and ".join(name for name, _condition in missing)
            error = DataSetError(missing[0][1], f"the data set has no {names}")
            return Failure(
                Reason.MISSING_UID,
                error,
                "Cannot send SOP instance, missing information:\n"
                f"  SOP Class UID    : {sop_class}\n"
                f"  SOP Instance UID : {sop_instance}\n"
                f"  Transfer Syntax  : {loaded.syntax.name}\n"
                f"  Pres. Context ID : {store.planned_context_id}",
            )
        store.request = CStoreRQ(store.message_id, _field(sop_class), _field(sop_instance))
        return None

    def _choose_context(self, store: PreparedStore, loaded: LoadedInstance) -> Failure | None:
        if store.planned_context_id in self._accepted:
            return None
        if not self._options.convert:
            return Failure(
                Reason.CONTEXT_REFUSED,
                ProtocolError("ASC Bad presentation context ID"),
                "Failed sending C-STORE request: 0006:0101 ASC Bad presentation context ID",
            )
        from dcmsend.plan import choose_other_context  # only where the peer has refused a context

        instance = store.instance
        other = choose_other_context(
            instance.sop_class_uid, loaded.syntax, self._association.accepted, self._abilities.can_convert
        )
        if other:
            store.context_id = other
            return None
        from dcmsend.advice import SEE_ANSWERS  # seldom needed

        name = sop_class_name(loaded.sop_class_uid)
        if name == "unknown":
            name = loaded.sop_class_uid
        return Failure(
            Reason.NO_CONTEXT,
            ProtocolError("DIMSE No valid Presentation Context ID"),
            "No presentation context found for sending C-STORE with SOP Class / Transfer Syntax: "
            f"{name} / {loaded.syntax.name}\n"
            f"{store.instance.input.path}: the peer does not take this kind of object, or not in this encoding; "
            f"{SEE_ANSWERS}",
        )

    def _stage(self, store: PreparedStore, loaded: LoadedInstance) -> Failure | None:
        _id, abstract_syntax, target = self._accepted[store.context_id]
        if self._options.convert and _field(abstract_syntax) != _first(loaded.sop_class_uid):
            text = f"Inappropriate presentation context with ID {store.context_id}: "
            store.notes.append(("W", text + "abstract syntax does not match SOP class UID"))
        if not target.is_known and target.uid != loaded.syntax.uid:
            unsupported = RemoteProtocolError(
                f"DIMSE Failed to receive message\n0006:0212 DIMSE Unsupported transfer syntax: {target.uid}"
            )
            return Failure(
                Reason.NOT_CONVERTIBLE, unsupported, f"Failed sending C-STORE request: 0006:020d {unsupported}"
            )
        unusable = self._association.unusable
        if unusable is not None:
            return Failure(
                Reason.PROTOCOL_ERROR, unusable, f"Failed sending C-STORE request: 0006:020e {unusable}"
            )
        try:
            store.payload = self._payload(store, loaded, target)
            store.sent_syntax = target
            assert store.request is not None
            self._association.stage(store.context_id, store.request, store.payload)
        except (FileUnreadable, DataSetError, TranscodeError) as error:
            store.close()
            return self._conversion_failure(error, loaded.syntax, target, store)
        except Cancelled:  # the run was asked to end while pixels were decoded: the instance is not started
            store.close()
        return None

    def _payload(self, store: PreparedStore, loaded: LoadedInstance, target: TransferSyntax) -> Payload:
        options = self._options
        level = _DEFAULT_DEFLATE_LEVEL if options.deflate_level is None else options.deflate_level
        if target.uid == loaded.syntax.uid:
            deflate_anew = loaded.syntax.is_deflated and options.deflate_level is not None
            wanted = loaded.must_be_encoded or deflate_anew or options.normalize
            if not wanted or not loaded.syntax.is_known:
                return loaded.as_it_stands()
        elif options.convert:
            store.notes.append(("I", f"Converting transfer syntax: {loaded.syntax.name} -> {target.name}"))
        recoding = Recoding(self._abilities.dictionary, level, options.convert, options.keep_ybr, self._run_jobs)
        try:
            return loaded.encoded(target, recoding)
        finally:
            store.notes.extend(loaded.notes)

    def _run_jobs(self, jobs: Iterator[Callable[[], None]], memory: int) -> None:
        from dcmsend.load import DecodeWorkers  # only needed where pixels are decoded

        DecodeWorkers(self._options.decode_workers, self._interrupt)(jobs, memory)

    def _conversion_failure(
        self, error: DcmsendError, source: TransferSyntax, target: TransferSyntax, store: PreparedStore
    ) -> Failure:
        if isinstance(error, FileUnreadable | FileChanged) or not isinstance(error, TranscodeError):
            path = store.instance.input.path
            return Failure(_reason_of(error), error, f"cannot send SOP instance from file: {path}: {_explain(error)}")
        if not self._options.convert:
            store.notes.append((
                "W", f"unable to convert dataset from '{source.name}' transfer syntax to '{target.name}'"
            ))
            failed = ProtocolError("DIMSE Failed to send message")
            return Failure(
                Reason.NOT_CONVERTIBLE, failed, f"Failed sending C-STORE request: 0006:020e {failed}"
            )
        text = f"No conversion to transfer syntax {target.name} possible!"
        remarks = (error.remark,) if error.remark else ()
        return Failure(Reason.NOT_CONVERTIBLE, error, *remarks, f"{text}\n{error.detail}" if error.detail else text)


def _reason_of(error: DcmsendError) -> Reason:
    if isinstance(error, FileUnreadable):
        return Reason.STORE_BUSY if error.why is Rejection.NOT_NOW else Reason.FILE_UNREADABLE
    return Reason.FILE_CHANGED if isinstance(error, FileChanged) else Reason.DATA_SET_BROKEN


def _explain(error: DcmsendError) -> str:
    """DCMTK's condition on the first line, the exact fault on a second one."""
    detail = getattr(error, "detail", "")
    return f"{error}\n{detail}" if detail else str(error)


def _first(uid: str) -> str:
    return uid.partition("\\")[0] if "\\" in uid else uid


def _field(uid: str) -> str:
    """A UID as DCMTK puts it in a request: cut before a NUL and at 64 characters."""
    return uid.partition("\0")[0][:64] if len(uid) > 64 or "\0" in uid else uid
