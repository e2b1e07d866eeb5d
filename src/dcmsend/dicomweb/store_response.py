"""What became of the instances of a store request: the Store Instances Response.  Source: PS3.18 section 10.5.3, I.2.

The status of the HTTP response tells little: real servers answer 200 with nothing stored and 400 with some stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from .data_set import DataSet, code_of, items_of, uid_of
from .json_data_set import read_json_data_sets
from .response_unreadable import ResponseUnreadable
from .xml_data_set import read_xml_data_set

__all__ = ["StoreResponse", "is_json", "parse_store_response"]

REFERENCED_SOP_INSTANCE_UID: Final = 0x00081155
WARNING_REASON: Final = 0x00081196
FAILURE_REASON: Final = 0x00081197
FAILED_SOP_SEQUENCE: Final = 0x00081198
REFERENCED_SOP_SEQUENCE: Final = 0x00081199
OTHER_FAILURES_SEQUENCE: Final = 0x0008119A

_LISTS: Final = (FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE, OTHER_FAILURES_SEQUENCE)
_TAGS: Final = frozenset((REFERENCED_SOP_INSTANCE_UID, WARNING_REASON, FAILURE_REASON, *_LISTS))
_JSON: Final = ("application/dicom+json", "application/json")
_XML: Final = ("application/dicom+xml", "application/xml", "text/xml")


class StoreResponse(NamedTuple):
    """The instances that a server names, by SOP Instance UID; those that it does not name are not stored.

    Attributes:
        referenced: stored ones, with the Warning Reason; None for most.
        failed: those that are not stored, with the Failure Reason; None where the server gives none.
        others: Failure Reasons of parts whose UID the server does not tell.
        ambiguous: those that the server names both as stored and as failed; they are in neither of the lists.
    """

    referenced: Mapping[str, int | None]
    failed: Mapping[str, int | None]
    others: tuple[int | None, ...] = ()
    ambiguous: frozenset[str] = frozenset()


def parse_store_response(body: bytes, content_type: str | None) -> StoreResponse:
    """The lists in the body of an answer; ``content_type`` is the value of its header, None where it has none.

    Raises ResponseUnreadable for a body that holds none of the lists, not even an empty one.  The caller bounds the
    length of ``body``.
    """
    data_set = _read(body, content_type)
    if not any(tag in data_set for tag in _LISTS):
        raise ResponseUnreadable("the answer names no instances, neither stored nor failed")
    referenced: dict[str, int | None] = {}
    for item in items_of(data_set, REFERENCED_SOP_SEQUENCE):
        _note(referenced, item, code_of(item, WARNING_REASON))
    failed: dict[str, int | None] = {}
    refused = [(item, code_of(item, FAILURE_REASON)) for item in items_of(data_set, FAILED_SOP_SEQUENCE)]
    others = [code for item, code in refused if not _note(failed, item, code)]
    others += [code_of(item, FAILURE_REASON) for item in items_of(data_set, OTHER_FAILURES_SEQUENCE)]
    ambiguous = frozenset(referenced.keys() & failed.keys())
    for uid in ambiguous:
        del referenced[uid], failed[uid]
    return StoreResponse(referenced, failed, tuple(others), ambiguous)


def is_json(body: bytes, content_type: str | None) -> bool:
    """Whether an answer is JSON, else XML: its header decides; where that tells neither, the first character.

    Raises ResponseUnreadable when it looks like neither.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in _JSON or media_type in _XML:
        return media_type in _JSON
    first = body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first not in (b"{", b"[", b"<"):
        raise ResponseUnreadable("the answer is neither JSON nor XML")
    return first != b"<"


def _read(body: bytes, content_type: str | None) -> DataSet:
    if not is_json(body, content_type):
        return read_xml_data_set(body, _TAGS)
    data_sets = read_json_data_sets(body, _TAGS)
    if len(data_sets) != 1:
        raise ResponseUnreadable(f"the answer holds {len(data_sets)} data sets, not one")
    return data_sets[0]


def _note(found: dict[str, int | None], item: DataSet, code: int | None) -> bool:
    """Enter an item under its UID, which an item without one has not; the first code that is given counts."""
    uid = uid_of(item, REFERENCED_SOP_INSTANCE_UID)
    if uid and found.get(uid) is None:
        found[uid] = code
    return bool(uid)
