"""Data sets in the DICOM JSON Model.  Source: PS3.18 Annex F, RFC 8259."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Container
from typing import Final, NoReturn

from .data_set import MAX_DEPTH, MAX_PARTS, DataSet
from .response_unreadable import ResponseUnreadable

__all__ = ["read_json_data_sets"]

_is_tag: Final = re.compile(r"[0-9A-Fa-f]{8}").fullmatch


def read_json_data_sets(body: bytes, tags: Container[int]) -> list[DataSet]:
    """The data sets of an array, or the only one where there is no array; only elements with these ``tags``.

    Raises ResponseUnreadable for what is no JSON in UTF-8, names a member twice, or is no DICOM JSON where it is read.
    The caller bounds the length of ``body``.
    """
    if body.count(b",") + body.count(b"{") + body.count(b"[") > MAX_PARTS:
        raise ResponseUnreadable("the JSON of the answer has too many parts")
    try:
        found = json.loads(
            body.removeprefix(codecs.BOM_UTF8).decode(),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_int=_integer,
        )
    except RecursionError:
        raise ResponseUnreadable("the JSON of the answer is nested too deeply") from None
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are such
        raise ResponseUnreadable("the answer is no JSON in UTF-8") from None
    return [_data_set(each, tags, 0) for each in (found if isinstance(found, list) else [found])]


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(members)
    if len(made) != len(members):
        raise ResponseUnreadable("the JSON of the answer names a member twice")
    return made


def _no_number(_: str) -> NoReturn:
    raise ResponseUnreadable("the JSON of the answer holds NaN or Infinity")


def _integer(digits: str) -> float | int:
    """An integer; one that is longer than any value of DICOM is not computed, which takes its time."""
    return int(digits) if len(digits) <= 20 else float("inf")


def _data_set(found: object, tags: Container[int], depth: int) -> DataSet:
    if not isinstance(found, dict):
        raise ResponseUnreadable("the JSON of the answer has something else where a data set belongs")
    data_set: DataSet = {}
    for name, element in found.items():
        tag = int(name, 16) if _is_tag(name) else None
        if tag is None or tag not in tags:
            continue
        if tag in data_set:
            raise ResponseUnreadable("the JSON of the answer names an element twice")
        data_set[tag] = _values(element, tags, depth)
    return data_set


def _values(element: object, tags: Container[int], depth: int) -> list[object]:
    values = element.get("Value", []) if isinstance(element, dict) else None
    if values is None or not isinstance(values, list):
        raise ResponseUnreadable("the JSON of the answer has an element without a list of values")
    if not any(isinstance(value, dict) for value in values):
        return [value for value in values if value is not None]
    if depth == MAX_DEPTH:
        raise ResponseUnreadable("the JSON of the answer is nested too deeply")
    return [
        _data_set(value, tags, depth + 1) if isinstance(value, dict) else value for value in values if value is not None
    ]
