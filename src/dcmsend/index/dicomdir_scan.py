"""The instances that a DICOMDIR refers to; its files are not even looked for.  Source: DCMTK dcmsend, ``+rd``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, transfer_syntax
from dcmsend.errors import DataSetError
from dcmsend.inputs import DicomdirRecord, FileSource, InputFile, leads_outside, open_input, read_dicomdir

from .file_meta import read_file_meta
from .instance import Instance, RejectedInput
from .options import IndexOptions
from .uid_check import check_uids

if TYPE_CHECKING:
    from dcmsend.dicom.byte_source import ByteSource
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["scan_dicomdir"]

_log = logging.getLogger("dcmsend.network")

_OUTSIDE = "Referenced File ID leads outside the DICOMDIR's directory (--dicomdir-allow-outside permits it)"


def scan_dicomdir(
    item: InputFile, options: IndexOptions, dictionary: Callable[[], DataDictionary] | None
) -> Iterator[Instance | RejectedInput]:
    """One instance or one rejection for each record with a Referenced File ID, in document order.

    The DICOMDIR needs its meta header, whatever the read mode is.  Each rejection is logged.
    Raises DataSetError and FileUnreadable where the DICOMDIR itself cannot be read.
    """
    debug = _log.isEnabledFor(logging.DEBUG)
    if debug:
        _log.debug("adding DICOM files referenced from '%s'", item.path)
    descriptor = open_input(item.path)
    try:
        meta = read_file_meta(FileSource(descriptor))
        syntax = transfer_syntax(meta.transfer_syntax_uid)
        if not syntax.is_known:
            raise DataSetError("File meta information header missing", "the transfer syntax is unknown")
        source: ByteSource = FileSource(descriptor, meta.data_set_offset)
        if syntax.is_deflated:
            from dcmsend.transcode import InflatingSource

            source, syntax = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
        for found in read_dicomdir(item.path, source, syntax, dictionary):
            record = found.record
            assert record is not None
            if debug and record.file_id:
                _log.debug("adding DICOM file with Referenced File ID '%s'", record.file_id)
            reason = _reason_against(record, options)
            if reason:
                _log_bad_record(record, reason)
                yield RejectedInput(found.path, reason, is_dicom=True, dicomdir=item.path)
                continue
            if debug:
                _log.debug("successfully added SOP instance %s to the transfer list", record.sop_instance_uid)
            yield Instance(
                found,
                record.sop_class_uid,
                record.sop_instance_uid,
                transfer_syntax(record.transfer_syntax_uid),
                options.read_mode,
            )
    finally:
        os.close(descriptor)


def _reason_against(record: DicomdirRecord, options: IndexOptions) -> str:
    if not record.file_id:
        return "Invalid filename"
    reason = check_uids(
        record.sop_class_uid, record.sop_instance_uid, record.transfer_syntax_uid, thorough=options.check_uids
    )
    if reason:
        return reason
    return _OUTSIDE if not options.dicomdir_allow_outside and leads_outside(record.file_id) else ""


def _log_bad_record(record: DicomdirRecord, reason: str) -> None:
    if record.file_id:
        _log.error("cannot add DICOM file from DICOMDIR to the transfer list: %s: %s", record.file_id, reason)
    else:
        _log.error("cannot add DICOM file from DICOMDIR with empty filename")
