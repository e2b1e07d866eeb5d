"""Reads DCMTK's dictionary files, which ``DCMDICTPATH`` names.

One entry a line, fields separated by tabs: tag, VR, name, and two that are ignored: value multiplicity and version::

    (0010,0010)                 PN  PatientName     1   DICOM
    (6000-60FF,0010)            US  OverlayRows     1   DICOM      only even groups
    (0009-o-FFFF,0010-u-00FF)   LO  PrivateCreator  1   PRIVATE    only odd groups, all elements
    (0029,"SIEMENS CSA",08)     CS  ImageType       1   PrivateTag low byte of the element, or all of it

Lines that start with ``#`` are comments.  Source: DCMTK, head of dicom.dic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dcmsend.loggers import get_logger

from .data_dictionary import DataDictionary, DictionaryEntry, TagRange, default_dictionary
from .vr import AMBIGUOUS_VRS, LONG_VRS, SHORT_VRS

__all__ = ["load_dictionary_files", "parse_dictionary"]

_logger = get_logger("dcmsend.data")

_VRS = frozenset((*SHORT_VRS, *LONG_VRS, *AMBIGUOUS_VRS, "na"))

_PARITY = {"e": 0, "o": 1, "u": None}

_match_tag = re.compile(r'\(([^,"]*),(?:\s*"([^"]*)"\s*,)?([^,")]*)\)').fullmatch

_match_range = re.compile(r"([0-9A-Fa-f]{1,4})(?:-(?:([A-Za-z])-)?([0-9A-Fa-f]{1,4}))?").fullmatch

_match_multiplicity = re.compile(r"(?:(?:[0-9]+|[nN])(?:-(?:[0-9]+[nN]?|[nN]))?)?").fullmatch


class _BadField(Exception):
    """A line has an invalid field, which is named."""


def parse_dictionary(text: str, name: str) -> list[DictionaryEntry]:
    """The entries of one file, in order.

    Unreadable lines are logged as errors (``name`` and line number) and skipped; there is always a result.
    """
    entries: list[DictionaryEntry] = []
    if "DICM" in text[:200] and "\0" in text[:200]:  # its lines would be logged, with patient data
        _logger.error("DcmDataDictionary: %s: it is a DICOM file, and no data dictionary", name)
        return entries
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            entries.append(_parse_line(line))
        except _BadField as error:
            problem, _, value = str(error).partition(": ")
            _logger.error("DcmDataDictionary: %s: %s (line %d)%s", name, problem, number, f": {value}" if value else "")
    return entries


def load_dictionary_files(text_by_name: Iterable[tuple[str, str]]) -> DataDictionary:
    """The built-in dictionary, extended by files; each is (name for messages, text), and later ones win."""
    return default_dictionary().extended(
        entry for name, text in text_by_name for entry in parse_dictionary(text, name)
    )


def _parse_line(line: str) -> DictionaryEntry:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) < 3:
        raise _BadField("too few fields")
    if len(fields) > 5:
        raise _BadField("too many fields")
    if not _match_multiplicity(fields[3] if len(fields) > 3 else ""):
        raise _BadField(f"bad VM field: {fields[3]}")
    if fields[1] not in _VRS:
        raise _BadField(f"bad VR field: {fields[1]}")
    groups, elements, creator = _parse_tag(fields)
    return DictionaryEntry(groups, elements, fields[1], fields[2], creator)


def _parse_tag(fields: Sequence[str]) -> tuple[TagRange, TagRange, str | None]:
    match = _match_tag(fields[0])
    if match is None:
        raise _BadField(f"bad Tag field: {fields[0]}")
    ranges = []
    for part in (match[1], match[3]):
        numbers = _match_range(part.strip())
        restriction = (numbers[2] or "e").lower() if numbers is not None and numbers[3] else "u"
        if numbers is None or restriction not in _PARITY:
            raise _BadField(f"bad Tag field: {fields[0]}")
        ranges.append(TagRange(int(numbers[1], 16), int(numbers[3] or numbers[1], 16), _PARITY[restriction]))
    return ranges[0], ranges[1], match[2] or None
