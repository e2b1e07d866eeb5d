"""Prepares one instance for sending: checks the file, chooses the context, frames the first bytes."""

from __future__ import annotations

from collections.abc import Callable, Container

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.errors import (
    Cancelled,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    ProtocolError,
    RemoteProtocolError,
    TranscodeError,
)
from dcmsend.index import Instance
from dcmsend.inputs import FileChanged
from dcmsend.interrupt import Interrupt
from dcmsend.load import (
    Abilities,
    Failure,
    FilesAhead,
    LoadedInstance,
    Loader,
    Payload,
    Prepared,
    field_of,
    file_failure,
    first_value,
    uid_failure,
)
from dcmsend.protocol import CStoreRQ
from dcmsend.transfer import Reason, TransferOptions

from .association import Association

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["PreparedStore", "Preparer"]

_MAX_MESSAGE_ID: Final = 65535


class PreparedStore(Prepared):
    """One C-STORE that is ready to be sent, or the reason why it cannot be sent.

    Attributes:
        planned_context_id: the context id of the plan, for the report.
        context_id: the context id that is used.
        message_id: 0 if none was taken, because the file could not be loaded.
    """

    __slots__ = ("context_id", "message_id", "planned_context_id", "request")

    def __init__(self, index: int, instance: Instance, planned_context_id: int) -> None:
        super().__init__(index, instance)
        self.planned_context_id = planned_context_id
        self.context_id = planned_context_id
        self.message_id = 0
        self.request: CStoreRQ | None = None


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
        self._loader = Loader(abilities, files, interrupt or Interrupt(), options, was_moved)
        self._association = association
        self._options = options
        self._abilities = abilities
        self._accepted = {row[0]: row for row in association.accepted}
        self._last_message_id = 0

    @property
    def most_outstanding(self) -> int:
        """How many requests may wait for an answer: one message id stays free for the one that is prepared."""
        return _MAX_MESSAGE_ID - 1

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
        loaded = self._loader.load(store)
        if loaded is None:
            return store
        try:
            store.message_id = self._next_message_id(outstanding)
            store.failure = (
                self._check_uids(store, loaded) or self._choose_context(store, loaded) or self._stage(store, loaded)
            )
        finally:
            loaded.close()
        return store

    def _next_message_id(self, outstanding: Container[int]) -> int:
        message_id = self._last_message_id
        while True:
            message_id = message_id % _MAX_MESSAGE_ID + 1
            if message_id not in outstanding:
                self._last_message_id = message_id
                return message_id

    def _check_uids(self, store: PreparedStore, loaded: LoadedInstance) -> Failure | None:
        sop_class, sop_instance = first_value(loaded.sop_class_uid), first_value(loaded.sop_instance_uid)
        if not sop_class or not sop_instance:
            return uid_failure(loaded, f"  Pres. Context ID : {store.planned_context_id}")
        store.request = CStoreRQ(store.message_id, field_of(sop_class), field_of(sop_instance))
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
        from dcmsend.advice import for_untaken  # seldom needed

        name = sop_class_name(loaded.sop_class_uid)
        if name == "unknown":
            name = loaded.sop_class_uid
        return Failure(
            Reason.NO_CONTEXT,
            ProtocolError("DIMSE No valid Presentation Context ID"),
            "No presentation context found for sending C-STORE with SOP Class / Transfer Syntax: "
            f"{name} / {loaded.syntax.name}\n"
            f"{store.instance.input.path}: the peer does not take this kind of object, or not in this encoding; "
            f"{for_untaken(stays_lossy=self._stays_lossy(loaded.syntax))}",
        )

    def _stays_lossy(self, syntax: TransferSyntax) -> bool:
        """Whether an image is not decompressed only because it is compressed with loss."""
        abilities = self._abilities
        return (
            syntax.is_lossy
            and abilities.can_decode(syntax)
            and not abilities.can_convert(syntax, EXPLICIT_VR_LITTLE_ENDIAN)
        )

    def _stage(self, store: PreparedStore, loaded: LoadedInstance) -> Failure | None:
        _id, abstract_syntax, target = self._accepted[store.context_id]
        if self._options.convert and field_of(abstract_syntax) != first_value(loaded.sop_class_uid):
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
        if target.uid == loaded.syntax.uid and not self._loader.must_be_encoded(loaded):
            return loaded.as_it_stands()
        return self._loader.encoded(store, loaded, target)

    def _conversion_failure(
        self, error: DcmsendError, source: TransferSyntax, target: TransferSyntax, store: PreparedStore
    ) -> Failure:
        if isinstance(error, FileUnreadable | FileChanged) or not isinstance(error, TranscodeError):
            return file_failure(store.instance, error)
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
