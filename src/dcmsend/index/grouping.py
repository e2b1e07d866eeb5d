"""Groups instances that have to stay together: by directory, series or study."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from .instance import Instance
from .options import KeepTogether

__all__ = ["with_groups"]


def with_groups(instances: Generator[Instance, None, None], keep: KeepTogether) -> Generator[Instance, None, None]:
    """The instances with their ``group``; for series and study they need their ``facts``.

    An instance whose group is unknown gets none; sending it reports what is wrong with it.
    """
    names: dict[str, str] = {}  # one string object for each group, however many instances it has
    with closing(instances):
        for instance in instances:
            group = _group_of(instance, keep)
            yield instance._replace(group=names.setdefault(group, group))


def _group_of(instance: Instance, keep: KeepTogether) -> str:
    if keep is KeepTogether.DIRECTORY:
        return instance.input.directory
    if instance.facts is None:
        return ""
    return instance.facts.series_uid if keep is KeepTogether.SERIES else instance.facts.study_uid
