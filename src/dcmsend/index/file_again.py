"""Reads what stands in a file again, after a run: its SOP Instance UIDs, or what tells of its study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.inputs import FileSource, InputFile

from .facts import HeaderFacts
from .file_meta import read_file_meta
from .instance import ReadMode

__all__ = ["facts_in_file", "instance_uids"]


def instance_uids(descriptor: int) -> Iterator[str]:
    """The UID in the meta header, then that in the data set, as far as they can be read; ``''`` where one is missing.

    The data set is only walked when the second one is asked for.  The caller closes ``descriptor``.
    """
    source = FileSource(descriptor)
    with suppress(DataSetError, FileUnreadable):
        yield read_file_meta(source).sop_instance_uid
    from .bare_data_set import guess_transfer_syntax, read_data_set_uids
    from .locate import locate_data_set

    with suppress(DataSetError, FileUnreadable):
        location = locate_data_set(source, ReadMode.FILE_OR_DATA_SET)
        syntax = location.transfer_syntax
        if not syntax.is_known:
            syntax = guess_transfer_syntax(source.read_at(location.offset, 6))
        _, uid = read_data_set_uids(FileSource(descriptor, location.offset), syntax, None, location.offset)
        yield uid.partition("\\")[0].partition("\0")[0]  # as it stands in a request


def facts_in_file(path: str, others: frozenset[int]) -> HeaderFacts | None:
    """The facts of the file ``path``, with the elements ``others``; None if it cannot be read (any longer)."""
    from .header import HeaderReader

    return HeaderReader(others, ReadMode.FILE_OR_DATA_SET, None).read(InputFile(path), -1).facts
