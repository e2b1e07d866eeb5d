"""Opens and checks instances for any way to send, and makes payloads of them; a problem becomes a failure."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from dcmsend.bases import Protocol
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import Cancelled, DataSetError, DcmsendError, FileUnreadable
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.reasons import Reason

from .abilities import Abilities
from .files_ahead import FilesAhead
from .loaded_instance import LoadedInstance, Recoding, load_instance
from .payload import Payload
from .prepared import Failure, Prepared, explain, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["EncodingOptions", "Loader", "field_of", "file_failure", "first_value", "uid_failure"]

_DEFAULT_DEFLATE_LEVEL: Final = 6


class EncodingOptions(Protocol):
    """How data sets are encoded anew; see ``transfer.TransferOptions``, which has these attributes."""

    @property
    def convert(self) -> bool: ...

    @property
    def deflate_level(self) -> int | None: ...

    @property
    def normalize(self) -> bool: ...

    @property
    def keep_ybr(self) -> bool: ...

    @property
    def decode_workers(self) -> int: ...


class Loader:
    """Loads the instances of one session.

    Args:
        abilities: what can be decoded and converted.
        files: opens the files; shared by all sessions.
        interrupt: ends a wait for a file, and the decoding of pixels.
        options: how data sets are encoded anew.
        was_moved: whether this run has stored a missing file and then moved it away.
    """

    def __init__(
        self,
        abilities: Abilities,
        files: FilesAhead,
        interrupt: Interrupt,
        options: EncodingOptions,
        was_moved: Callable[[Instance], bool] | None = None,
    ) -> None:
        self._abilities = abilities
        self._files = files
        self._interrupt = interrupt
        self._options = options
        self._was_moved = was_moved

    def load(self, prepared: Prepared) -> LoadedInstance | None:
        """Open an instance and walk it to its end; its facts are noted in ``prepared``.

        None if it cannot be sent: ``failure`` says why, or ``is_done`` is set; neither if the run was asked to end.
        """
        abilities, instance = self._abilities, prepared.instance
        try:
            check = self._interrupt.check_request
            file = self._files.open(prepared.index, instance, check)
            prepared.stamp, prepared.identity = file.stamp, file.identity
            loaded = load_instance(instance, file, abilities.dictionary, check, abilities.noted)
        except Cancelled:  # the run was asked to end: this instance is not started
            return None
        except (FileUnreadable, DataSetError) as error:
            if self._is_done(instance, error):
                prepared.is_done = True
            else:
                prepared.failure = file_failure(instance, error)
            return None
        prepared.length = loaded.length
        prepared.stamp = loaded.stamp
        prepared.facts = loaded.facts
        prepared.sent_syntax = loaded.syntax
        _note_oddities(prepared, loaded)
        return loaded

    def _is_done(self, instance: Instance, error: DcmsendError) -> bool:
        """Whether a missing file was named twice: this run has stored it and moved it away."""
        is_gone = isinstance(error, FileUnreadable) and error.errno == errno.ENOENT
        return is_gone and self._was_moved is not None and self._was_moved(instance)

    def must_be_encoded(self, loaded: LoadedInstance) -> bool:
        """Whether the data set is encoded anew, though it keeps its transfer syntax."""
        options = self._options
        deflate_anew = loaded.syntax.is_deflated and options.deflate_level is not None
        wanted = loaded.must_be_encoded or deflate_anew or options.normalize
        return bool(wanted) and loaded.syntax.is_known

    def encoded(self, prepared: Prepared, loaded: LoadedInstance, target: TransferSyntax) -> Payload:
        """The data set, encoded anew; remarks are added to the notes.  Raises as ``LoadedInstance.encoded`` does."""
        options = self._options
        if options.convert and target.uid != loaded.syntax.uid:
            prepared.notes.append(("I", f"Converting transfer syntax: {loaded.syntax.name} -> {target.name}"))
        level = _DEFAULT_DEFLATE_LEVEL if options.deflate_level is None else options.deflate_level
        recoding = Recoding(self._abilities.dictionary, level, options.convert, options.keep_ybr, self._run_jobs)
        try:
            return loaded.encoded(target, recoding)
        finally:
            prepared.notes.extend(loaded.notes)

    def _run_jobs(self, jobs: Iterator[Callable[[], None]], memory: int) -> None:
        from .decode_workers import DecodeWorkers  # only needed where pixels are decoded

        DecodeWorkers(self._options.decode_workers, self._interrupt)(jobs, memory)


def file_failure(instance: Instance, error: DcmsendError) -> Failure:
    """The failure of an input that cannot be read, or whose data set is broken."""
    text = f"cannot send SOP instance from file: {instance.input.path}: {explain(error)}"
    return Failure(reason_of(error), error, text)


def uid_failure(loaded: LoadedInstance, *further_lines: str) -> Failure | None:
    """The failure of a data set without SOP Class UID or SOP Instance UID; None if it has both."""
    sop_class, sop_instance = first_value(loaded.sop_class_uid), first_value(loaded.sop_instance_uid)
    if sop_class and sop_instance:
        return None
    missing = [] if sop_class else [("SOP Class UID", "Invalid SOP Class UID")]
    missing += [] if sop_instance else [("SOP Instance UID", "Invalid SOP Instance UID")]
    names = " and ".join(name for name, _condition in missing)
    lines = (
        "Cannot send SOP instance, missing information:",
        f"  SOP Class UID    : {sop_class}",
        f"  SOP Instance UID : {sop_instance}",
        f"  Transfer Syntax  : {loaded.syntax.name}",
        *further_lines,
    )
    error = DataSetError(missing[0][1], f"the data set has no {names}")
    return Failure(Reason.MISSING_UID, error, "\n".join(lines))


def first_value(uid: str) -> str:
    """The first of several values."""
    return uid.partition("\\")[0] if "\\" in uid else uid


def field_of(uid: str) -> str:
    """A UID as DCMTK puts it in a request: cut before a NUL and at 64 characters."""
    return uid.partition("\0")[0][:64] if len(uid) > 64 or "\0" in uid else uid


def _note_oddities(prepared: Prepared, loaded: LoadedInstance) -> None:
    notes = prepared.notes
    for warning in loaded.warnings:
        notes.append(("W", warning))
    instance = prepared.instance
    for name, in_data_set, in_list in (
        ("SOP Class UID", loaded.sop_class_uid, instance.sop_class_uid),
        ("SOP Instance UID", loaded.sop_instance_uid, instance.sop_instance_uid),
    ):
        if in_data_set != in_list:
            text = f"{name} in dataset differs from the one in the transfer list\n"
            text += f"- {name} in DICOM dataset: {in_data_set}\n- {name} in transfer list: {in_list}"
            notes.append(("W", text))
