"""The data dictionary tables of `generate_tables.py`: packs pydicom's dictionaries with `dictionary_corrections.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import dcmtk_elements_table as dcmtk
import dictionary_corrections as corrections
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries


def two_letters(vr: str) -> str:
    return corrections.AMBIGUOUS_VRS.get(vr, vr)


def standard_elements() -> dict[int, tuple[str, str]]:
    """tag -> (VR, DCMTK's name); elements without a keyword are placeholders of PS3.6 and left out."""
    elements = {
        tag: (two_letters(vr), ("RETIRED_" if retired else "") + keyword)
        for tag, (vr, _, _, retired, keyword) in DicomDictionary.items()
        if keyword
    }
    elements |= corrections.ELEMENTS
    return dict(sorted(elements.items()))


def row(key: str, parts: Iterable[str], separator: str) -> str:
    """A row of a dict literal whose value is one string, over as many lines as needed."""
    lines: list[str] = [""]
    for part in parts:
        if len(lines[-1]) + len(part) > 100:
            lines.append("")
        lines[-1] += part + separator
    lines[-1] = lines[-1].removesuffix(separator)
    if len(lines) == 1 and len(key) + len(lines[0]) < 110:
        return f'    {key}: "{lines[0]}",\n'
    return f"    {key}: (\n" + "".join(f'        "{line}"\n' for line in lines) + "    ),\n"


def by_group(elements: dict[int, tuple[str, str]]) -> dict[int, list[tuple[int, str, str]]]:
    groups: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    for tag, (vr, keyword) in elements.items():
        groups[tag >> 16].append((tag & 0xFFFF, vr, keyword))
    return groups


def packed_elements() -> str:
    """Group -> ``eeeeVReeeeVR...``."""
    lines = [
        row(f"0x{group:04X}", (f"{element:04X}{vr}" for element, vr, _ in rows), "")
        for group, rows in by_group(standard_elements()).items()
    ]
    return "DATA_ELEMENTS: Final[dict[int, str]] = {\n" + "".join(lines) + "}\n"


def packed_keywords() -> str:
    """Group -> names in the order of DATA_ELEMENTS."""
    lines = [
        row(f"0x{group:04X}", (keyword for _, _, keyword in rows), " ")
        for group, rows in by_group(standard_elements()).items()
    ]
    return "ELEMENT_NAMES: Final[dict[int, str]] = {\n" + "".join(lines) + "}\n"


def repeating_elements() -> str:
    """mask -> masked tag -> (VR, name)."""
    masks: dict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
    for pattern, (vr, _, _, retired, keyword) in RepeatersDictionary.items():
        mask = int("".join("0" if digit == "x" else "F" for digit in pattern), 16)
        masks[mask][int(pattern.replace("x", "0"), 16)] = (two_letters(vr), ("RETIRED_" if retired else "") + keyword)
    lines = []
    for mask, rows in masks.items():
        lines.append(f"    0x{mask:08X}: {{\n")
        lines += [f'        0x{tag:08X}: ("{vr}", "{name}"),\n' for tag, (vr, name) in rows.items()]
        lines.append("    },\n")
    return "REPEATING_ELEMENTS: Final[dict[int, dict[int, tuple[str, str]]]] = {\n" + "".join(lines) + "}\n"


def younger_elements() -> str:
    """Group -> ``eeeeeeee...`` of the elements that DCMTK's dictionary lacks."""
    known = {group: {element for element, _, _ in rows} for group, rows in by_group(standard_elements()).items()}
    lines = []
    for group, packed in dcmtk.YOUNGER_ELEMENTS.items():
        elements = [packed[start : start + 4] for start in range(0, len(packed), 4)]
        if not known[group].issuperset(int(element, 16) for element in elements):
            raise SystemExit(f"group {group:04X}: an element that DCMTK does not have is not in the dictionary")
        lines.append(row(f"0x{group:04X}", elements, ""))
    return "YOUNGER_ELEMENTS: Final[dict[int, str]] = {\n" + "".join(lines) + "}\n"


def dcmtk_private_vrs() -> dict[tuple[str, int, int], str]:
    """(creator, group, low byte of the element) -> VR in DCMTK's dictionary."""
    vrs = {}
    for creator, packed in dcmtk.PRIVATE_ELEMENTS.items():
        for part in packed.split(","):
            for start in range(5, len(part), 4):
                vrs[creator, int(part[:4], 16), int(part[start : start + 2], 16)] = part[start + 2 : start + 4]
    return vrs


def private_vrs() -> dict[str, dict[int, dict[int, str]]]:
    """creator -> group -> low byte of the element -> VR, without those that are UN anyway.

    Some entries name the block (`00E11021`) or write it as 00.  Only the low byte counts, because a block may lie
    anywhere.  As in pydicom an entry with a fixed block overrides one with a free block.  Group 0x6000 stands for
    6001..60FF.
    """
    vrs: dict[str, dict[int, dict[int, str]]] = {}
    for creator, rows in private_dictionaries.items():
        groups: dict[int, dict[int, str]] = defaultdict(dict)
        for pattern, (vr, *_) in sorted(rows.items(), key=lambda item: "x" not in item[0]):
            if pattern.endswith("xx"):  # the private creator element itself
                continue
            groups[int(pattern[:4].replace("x", "0"), 16)][int(pattern[6:], 16)] = two_letters(vr)
        vrs[creator] = groups
    for (creator, group), (low_bytes, vr) in corrections.PRIVATE_ELEMENTS.items():
        for low_byte in low_bytes:
            if low_byte not in vrs[creator][group]:
                raise SystemExit(f"nothing to correct: {creator!r} ({group:04X},xx{low_byte:02X})")
            vrs[creator][group][low_byte] = vr
    for alias, creator in corrections.PRIVATE_CREATOR_ALIASES.items():
        vrs[alias] = vrs[creator]
    return vrs


def packed_private_groups(groups: dict[int, dict[int, str]]) -> Iterator[str]:
    comma = ""
    for group, rows in sorted(groups.items()):
        known = [f"{low_byte:02X}{vr}" for low_byte, vr in sorted(rows.items()) if vr != "UN"]
        if known:
            yield f"{comma}{group:04X}:{known[0]}"
            yield from known[1:]
            comma = ","


def private_elements() -> str:
    """Creator -> ``gggg:eeVReeVR,gggg:eeVR``."""
    lines = []
    for creator, groups in sorted(private_vrs().items()):
        parts = list(packed_private_groups(groups))
        if parts:
            lines.append(row(f'"{creator}"', parts, ""))
    return "PRIVATE_ELEMENTS: Final[dict[str, str]] = {\n" + "".join(lines) + "}\n"


def confirmed_private_elements() -> str:
    """Creator -> ``gggg:eeee,gggg:ee`` of those that have the same VR in DCMTK's dictionary."""
    theirs = dcmtk_private_vrs()
    lines = []
    for creator, groups in sorted(private_vrs().items()):
        parts: list[str] = []
        for group, rows in sorted(groups.items()):
            same = [f"{low:02X}" for low, vr in sorted(rows.items()) if vr == theirs.get((creator, group, low)) != "UN"]
            if same:
                parts += [f"{',' if parts else ''}{group:04X}:{same[0]}", *same[1:]]
        if parts:
            lines.append(row(f'"{creator}"', parts, ""))
    return "CONFIRMED_ELEMENTS: Final[dict[str, str]] = {\n" + "".join(lines) + "}\n"
