"""From inputs to instances: reads what each input is, checks it, and says which ones cannot be sent."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError, FileUnreadable, InvalidInputFile
from dcmsend.inputs import FileSource, InputFile, open_input

from .file_meta import read_file_meta
from .instance import Instance, RejectedInput
from .options import IndexOptions
from .uid_check import check_uids

__all__ = ["scan"]

_network_log = logging.getLogger("dcmsend.network")
_app_log = logging.getLogger("dcmsend.app")
_NOT_DICOM = ("End of stream", "File meta information header missing")


def scan(
    inputs: Iterable[InputFile],
    options: IndexOptions,
    on_rejected: Callable[[RejectedInput], None] | None = None,
) -> Iterator[Instance]:
    """The instances of ``inputs``, lazily and in their order.

    A bad input is logged and given to ``on_rejected``.

    Raises:
        InvalidInputFile: for the first bad input, with ``options.halt_on_invalid``.
    """
    debug = _network_log.isEnabledFor(logging.DEBUG)
    for item in inputs:
        if debug and item.path:
            _network_log.debug("adding DICOM file '%s'", item.path)
        try:
            instance = _read_instance(item, options)
        except (DataSetError, FileUnreadable) as error:
            _reject(item.path, str(error), options, on_rejected, is_dicom=_is_dicom(error))
        else:
            if debug:
                _network_log.debug(
                    "successfully added SOP instance %s to the transfer list", instance.sop_instance_uid
                )
            yield instance


def _read_instance(item: InputFile, options: IndexOptions) -> Instance:
    if not item.path:
        raise DataSetError("Illegal parameter")
    descriptor = open_input(item.path)
    try:
        meta = read_file_meta(FileSource(descriptor))
    finally:
        os.close(descriptor)
    sop_class, sop_instance, syntax = meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid
    reason = check_uids(sop_class, sop_instance, syntax, thorough=options.check_uids)
    if reason:
        raise DataSetError(reason)
    return Instance(item, sop_class, sop_instance, transfer_syntax(syntax), options.read_mode)


def _is_dicom(error: DataSetError | FileUnreadable) -> bool:
    return isinstance(error, DataSetError) and error.condition not in _NOT_DICOM


def _reject(
    path: str,
    reason: str,
    options: IndexOptions,
    on_rejected: Callable[[RejectedInput], None] | None,
    *,
    is_dicom: bool,
) -> None:
    if path:
        _network_log.error("cannot add DICOM file to the transfer list: %s: %s", path, reason)
    else:
        _network_log.error("cannot add DICOM file with empty filename")
    if on_rejected is not None:
        on_rejected(RejectedInput(path, reason, is_dicom))
    if options.halt_on_invalid:
        raise InvalidInputFile(path, reason)
    _app_log.warning("bad DICOM file: %s: %s, ignoring file", path or "<empty string>", reason)
