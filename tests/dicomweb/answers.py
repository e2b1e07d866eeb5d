"""Answers to store requests, laid out as real servers lay them out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["JSON", "XML", "json_answer", "xml_answer"]

JSON, XML = "application/dicom+json", "application/dicom+xml"


def _items(uids: Mapping[str, int | None], reason: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    for uid, code in uids.items():
        item: dict[str, object] = {
            "00081150": {"Value": ["1.2.840.10008.5.1.4.1.1.4"], "vr": "UI"},
            "00081155": {"Value": [uid], "vr": "UI"},
        }
        if code is not None:
            item[reason] = {"Value": [code], "vr": "US"}
        items.append(item)
    return items


def json_answer(referenced: Mapping[str, int | None], failed: Mapping[str, int | None]) -> bytes:
    """As Orthanc 1.10 writes it: an empty sequence has no ``Value``, and there are many tabs."""
    sequences = {"00081198": _items(failed, "00081197"), "00081199": _items(referenced, "00081196")}
    answer: dict[str, object] = {"00080005": {"Value": ["ISO_IR 100"], "vr": "CS"}}
    answer |= {tag: {"Value": items, "vr": "SQ"} if items else {"vr": "SQ"} for tag, items in sequences.items()}
    return json.dumps(answer, indent="\t", separators=(",", " : ")).encode() + b"\n"


def xml_answer(
    referenced: Mapping[str, int | None],
    failed: Mapping[str, int | None],
    namespace: str = ' xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"',
) -> bytes:
    """As Orthanc 1.10 writes it: behind each item stands an empty value."""

    def attribute(tag: str, values: Sequence[object]) -> str:
        return f'<DicomAttribute tag="{tag}" vr="UI">' + "".join(
            f'<Value number="{number}">{value}</Value>' for number, value in enumerate(values, 1)
        ) + "</DicomAttribute>"  # fmt: skip

    def sequence(tag: str, reason: str, uids: Mapping[str, int | None]) -> str:
        if not uids:
            return f'<DicomAttribute tag="{tag}" vr="SQ" keyword="X" />\n'
        items = "".join(
            f'<Item number="{number}">\n  {attribute("00081155", [uid])}'
            f"{attribute(reason, [code]) if code is not None else ''}\n</Item>\n<Value number=\"{number}\" />\n"
            for number, (uid, code) in enumerate(uids.items(), 1)
        )
        return f'<DicomAttribute tag="{tag}" vr="SQ" keyword="X">\n{items}</DicomAttribute>\n'

    lists = sequence("00081198", "00081197", failed) + sequence("00081199", "00081196", referenced)
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{declaration}\n<NativeDicomModel{namespace}>\n{lists}</NativeDicomModel>\n".encode()
