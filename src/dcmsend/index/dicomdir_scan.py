"""The instances that a DICOMDIR refers to.  Source: DCMTK dcmsend, ``+rd``.

The records are checked and reported, not the files; a missing file is noticed when it is sent.  Only the transfer
syntax is read from the file if possible, because the file could not be sent if a wrong one was proposed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax, transfer_syntax
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import DicomdirRecord, FileSource, InputFile, Source, leads_outside, open_input, read_dicomdir
from dcmsend.loggers import DEBUG, get_logger
from dcmsend.reasons import Rejection

from .facts import HeaderFacts
from .file_meta import FileMeta, read_file_meta, read_regular_meta
from .instance import Instance, RejectedInput
from .options import IndexOptions
from .uid_check import CANNOT_CHOOSE, Fault, find_uid_fault

if TYPE_CHECKING:
    from dcmsend.dicom.byte_source import ByteSource
    from dcmsend.dicom.data_dictionary import DataDictionary
    from dcmsend.inputs import KeptFiles

    from .header import HeaderReader

__all__ = ["scan_dicomdir"]

_log = get_logger("dcmsend.network")

_FEW = 3
_OUTSIDE = Fault("Referenced File ID leads outside the DICOMDIR's directory", Rejection.OUTSIDE)
_IN_ARCHIVE = "a DICOMDIR in an archive is not followed"
_IN_STORE = "a DICOMDIR in a store is not followed"
_NO_FILE = Fault("Invalid filename", Rejection.RECORD_WITHOUT_FILE)


def scan_dicomdir(
    item: Source,
    options: IndexOptions,
    dictionary: Callable[[], DataDictionary] | None,
    skip: Callable[[Source], bool] | None = None,
    leaves: Callable[[Source], bool] | None = None,
    headers: HeaderReader | None = None,
    kept: KeptFiles | None = None,
    on_filtered: Callable[[Source], None] | None = None,
    keep_in_place: Callable[[str], None] | None = None,
) -> Iterator[Instance | RejectedInput]:
    """One instance or one rejection for each record with a Referenced File ID, in document order.

    The DICOMDIR needs its meta header, whatever the read mode is.  Inputs for which ``skip`` is true are skipped,
    also with a bad record.  So are those for which ``leaves`` is true, because another run reports them.  Each
    rejection is logged.  With ``headers`` the instances get their facts; ``kept`` takes over files that stay open for
    sending.  Files that ``headers`` leaves out by their values go to ``on_filtered``.  ``keep_in_place`` gets the name
    of each file before anything else is decided: it stays, whatever becomes of the record.
    Raises DataSetError and FileUnreadable if the DICOMDIR itself cannot be read.
    """
    debug = _log.isEnabledFor(DEBUG)
    if debug:
        _log.debug("adding DICOM files referenced from '%s'", item.path)
    if item.container is not None:
        raise DataSetError(_IN_ARCHIVE, "", Rejection.DICOMDIR_NOT_FOLLOWED)
    if item.is_remote:
        raise DataSetError(_IN_STORE, "", Rejection.DICOMDIR_NOT_FOLLOWED)
    descriptor = _open(item.path, kept)
    try:
        meta = read_file_meta(FileSource(descriptor))
        syntax = transfer_syntax(meta.transfer_syntax_uid)
        if not syntax.is_known:
            text = "File meta information header missing"
            raise DataSetError(text, "the transfer syntax is unknown")
        source: ByteSource = FileSource(descriptor, meta.data_set_offset)
        if syntax.is_deflated:
            from dcmsend.transcode import InflatingSource

            source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
        names: _Names | None = None
        for found in read_dicomdir(item.path, source, syntax, dictionary, meta.data_set_offset):
            record = found.record
            assert record is not None
            if keep_in_place is not None and record.file_id:
                names = names or _Names()
                for name in names.of(found, record.file_id):
                    keep_in_place(name)
            if leaves is not None and leaves(found):
                continue
            if debug and record.file_id:
                _log.debug("adding DICOM file with Referenced File ID '%s'", record.file_id)
            if skip is not None and found.path and skip(found):
                continue
            fault = _fault_of(record, options)
            if fault is not None:
                yield _rejected(item, found, record, fault)
                continue
            if not os.path.lexists(found.path):
                names = names or _Names()
                named, found = found, names.meant(found, record.file_id)
                if skip is not None and found.path != named.path and skip(found):
                    continue
            error: DataSetError | FileUnreadable | None = None
            try:
                syntax_of_file, facts, is_chosen = _look_into(found, record, headers, kept)
            except (DataSetError, FileUnreadable) as failure:
                error = failure
            if error is not None and options.value_rules:  # sent later, it would be sent whatever its values are
                yield _rejected(item, found, record, Fault(error.text, error.why), error.explanation)
                continue
            if error is not None:  # it cannot be sent, and sending it tells why
                syntax_of_file, facts, is_chosen = transfer_syntax(record.transfer_syntax_uid), None, True
            if is_chosen is False:
                if on_filtered is not None:
                    on_filtered(found)
                continue
            if is_chosen is None and options.value_rules:
                yield _rejected(item, found, record, CANNOT_CHOOSE)
                continue
            if debug:
                _log.debug("successfully added SOP instance %s to the transfer list", record.sop_instance_uid)
            yield Instance(
                found, record.sop_class_uid, record.sop_instance_uid, syntax_of_file, options.read_mode, facts=facts
            )
    finally:
        os.close(descriptor)


class _Names:
    """Names of files that are not there as the DICOMDIR has them."""

    def __init__(self) -> None:
        from dcmsend.inputs import SimilarNames  # only where a file is missing

        self._similar = SimilarNames()
        self._has_hinted = False

    def of(self, found: InputFile, file_id: str) -> list[str]:
        """All names that the file of a record may have, without a word; none if there is no such file."""
        return [found.path] if os.path.lexists(found.path) else self._like(found, file_id)

    def _like(self, missing: InputFile, file_id: str) -> list[str]:
        parts = file_id.replace("\\", "/").split("/")
        return self._similar.find(missing.path.removesuffix("/".join(parts)), parts)

    def meant(self, missing: InputFile, file_id: str) -> InputFile:
        """The only file that is meant instead of a missing one, with a warning; the same if none or several may be."""
        found = self._like(missing, file_id)
        if len(found) == 1:
            _log.warning("file of the DICOMDIR has another name, using it instead of %s: %s", missing.path, found[0])
            return missing._replace(path=found[0])
        if found:
            several = ", ".join(sorted(found)[:_FEW])
            _log.warning("file of the DICOMDIR is not there, and several may be meant: %s: %s", missing.path, several)
        elif not self._has_hinted:
            from dcmsend.advice import MISSING_OF_DICOMDIR

            self._has_hinted = True  # of an incomplete medium thousands may be missing, and the hint is the same
            text = "file of the DICOMDIR is not there, nor one with a similar name: %s\n%s"
            _log.warning(text, missing.path, MISSING_OF_DICOMDIR)
        return missing


def _rejected(
    dicomdir: Source, found: InputFile, record: DicomdirRecord, fault: Fault, detail: str = ""
) -> RejectedInput:
    """Log a record, or its file, that yields no instance."""
    _log_bad_record(record, fault)
    return RejectedInput(
        found.path, fault.condition, is_dicom=True, dicomdir=dicomdir.path, detail=detail, why=fault.why
    )


def _look_into(
    found: InputFile, record: DicomdirRecord, headers: HeaderReader | None, kept: KeptFiles | None
) -> tuple[TransferSyntax, HeaderFacts | None, bool | None]:
    """The transfer syntax of the file's meta header if that can be read, else of the record; and what the header tells.

    Raises DataSetError and FileUnreadable if the file cannot be opened or read, which ``headers`` may need to its end.
    """
    descriptor = _open(found.path, kept)
    facts, is_kept = None, False
    is_chosen: bool | None = True
    try:
        meta = _meta_of(FileSource(descriptor))
        if headers is not None:
            facts, is_chosen = headers.read(found, descriptor)
        is_kept = is_chosen is True and kept is not None and kept.room > 0 and kept.add(found, descriptor)
    finally:
        if not is_kept:
            os.close(descriptor)
    return _syntax_of(found.path, meta, transfer_syntax(record.transfer_syntax_uid)), facts, is_chosen


def _meta_of(source: ByteSource) -> FileMeta | None:
    meta = read_regular_meta(source)
    if meta is None:
        with suppress(DataSetError):  # sending the file tells what is wrong with it
            return read_file_meta(source, needs_preamble=False)
    return meta


def _open(path: str, kept: KeptFiles | None) -> int:
    """Open a file; those that are kept open give way to it when no descriptor is left."""
    try:
        return open_input(path)
    except FileUnreadable as error:
        if kept is None or not kept.give_way(error):
            raise
        return open_input(path)


def _syntax_of(path: str, meta: FileMeta | None, recorded: TransferSyntax) -> TransferSyntax:
    if meta is None or meta.transfer_syntax_uid == recorded.uid:
        return recorded
    actual = transfer_syntax(meta.transfer_syntax_uid)
    if not actual.is_known:
        return recorded
    _log.warning(
        "transfer syntax in DICOMDIR record (%s) differs from that in file (%s), using the latter: %s",
        recorded.name, actual.name, path,
    )  # fmt: skip
    return actual


def _fault_of(record: DicomdirRecord, options: IndexOptions) -> Fault | None:
    if not record.file_id:
        return _NO_FILE
    fault = find_uid_fault(
        record.sop_class_uid, record.sop_instance_uid, record.transfer_syntax_uid, thorough=options.check_uids
    )
    if fault is not None:
        is_missing = fault.why is Rejection.UID_MISSING
        return Fault(fault.condition, Rejection.RECORD_LACKS_UID) if is_missing else fault
    return _OUTSIDE if not options.dicomdir_allow_outside and leads_outside(record.file_id) else None


def _log_bad_record(record: DicomdirRecord, fault: Fault) -> None:
    from dcmsend.advice import for_rejection  # only where something is wrong

    if record.file_id:
        hint = f" ({for_rejection(fault.why)})" if fault.why is Rejection.OUTSIDE else ""
        text = "cannot add DICOM file from DICOMDIR to the transfer list: %s: %s%s"
        _log.error(text, record.file_id, fault.condition, hint)
    else:
        _log.error("cannot add DICOM file from DICOMDIR with empty filename")
