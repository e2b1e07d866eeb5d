"""What instances are kept together by: their directory, their series or their study."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from .header import SERIES_UID, STUDY_UID, read_header
from .instance import Instance
from .options import KeepTogether

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["with_groups"]

_TAGS: Final = {KeepTogether.SERIES: SERIES_UID, KeepTogether.STUDY: STUDY_UID}
_LONGEST_UID: Final = 64


def with_groups(
    instances: Generator[Instance, None, None], keep: KeepTogether, dictionary: Callable[[], DataDictionary] | None
) -> Generator[Instance, None, None]:
    """The instances with their ``group``; for series and study each file is opened once more and read up to the UID.

    An instance whose group cannot be read has none; what is wrong with it is told when it is sent.
    """
    names: dict[str, str] = {}  # one string for each group, however many instances it has
    with closing(instances):
        for instance in instances:
            group = _group_of(instance, keep, dictionary)
            yield instance._replace(group=names.setdefault(group, group))


def _group_of(
    instance: Instance, keep: KeepTogether, dictionary: Callable[[], DataDictionary] | None
) -> str:
    if keep is KeepTogether.DIRECTORY:
        return instance.input.directory
    tag = _TAGS[keep]
    uid = read_header(instance, (tag,), dictionary).get(tag, b"")
    return uid.decode("latin-1") if len(uid) <= _LONGEST_UID else ""
