"""Asks which instances of a series a server has: QIDO-RS.  Source: PS3.18 section 10.6."""

from __future__ import annotations

from typing import Final

from .data_set import text_of, uid_of
from .json_data_set import read_json_data_sets
from .response_unreadable import ResponseUnreadable
from .store_response import is_json

__all__ = ["instances_query", "parse_instances"]

SOP_INSTANCE_UID: Final = 0x00080018
INSTANCE_AVAILABILITY: Final = 0x00080056

_TAGS: Final = frozenset((SOP_INSTANCE_UID, INSTANCE_AVAILABILITY))


def instances_query(
    study_uid: str, series_uid: str, *, limit: int, offset: int
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The parts of the path and the query of a search for all instances of a series, for ``WebAddress.path_of``.

    At most ``limit`` instances are wanted, after the first ``offset``.
    """
    parts = ("studies", study_uid, "series", series_uid, "instances")
    return parts, {"includefield": f"{SOP_INSTANCE_UID:08X}", "limit": str(limit), "offset": str(offset)}


def parse_instances(body: bytes, content_type: str | None) -> list[tuple[str, str]]:
    """SOP Instance UID and Instance Availability of each instance in an answer; the latter is ``''`` from many servers.

    Raises ResponseUnreadable for what is no JSON, or names no SOP Instance UID.  An answer without a body (204) is for
    the caller to see, who bounds the length of ``body``, too.
    """
    if not is_json(body, content_type):
        raise ResponseUnreadable("the answer is XML, not JSON as it was asked for")
    found: list[tuple[str, str]] = []
    for data_set in read_json_data_sets(body, _TAGS):
        uid = uid_of(data_set, SOP_INSTANCE_UID)
        if not uid:
            raise ResponseUnreadable("the answer holds an instance without SOP Instance UID (0008,0018)")
        found.append((uid, text_of(data_set, INSTANCE_AVAILABILITY)))
    return found
