"""The kinds of instances that trees are made of.  All patients, UIDs and pixels are invented."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from .encoding import element, meta_header, sequence, short_text
from .functional_groups import functional_groups

__all__ = ["KINDS", "LARGEST_PIXEL_DATA", "Kind", "instance_uid"]

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
MULTI_FRAME_WORD_SC = "1.2.840.10008.5.1.4.1.1.7.3"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
LARGEST_PIXEL_DATA = 4095 << 20
"""Longest value of native Pixel Data: its length has 32 bits, and the largest of them has another meaning."""

_STUDY, _SERIES, _FRAME_OF_REFERENCE = (f"2.25.{10**38 + number}" for number in (1, 2, 3))


def instance_uid(number: int) -> str:
    """SOP Instance UID of file ``number``; all have 44 characters, so that one can replace another."""
    return f"2.25.{10**38 + 10**20 + number}"


@dataclass(frozen=True)
class Kind:
    """One kind of instance.

    Attributes:
        title: for tables.
        head: the file up to the value of its Pixel Data (or to its end), with ``instance_uid(0)`` where its UID goes.
        body: the value of Pixel Data, the same for each file.
        data_set_offset: length of preamble and meta header.
        elements: data elements in the data set, at all depths.
        hole: bytes that follow ``body`` as a hole in the file.
    """

    title: str
    head: bytes
    body: bytes
    data_set_offset: int
    elements: int
    hole: int = 0

    def file(self, number: int) -> bytes:
        """The content of file ``number``."""
        return self.head.replace(instance_uid(0).encode(), instance_uid(number).encode()) + self.body


def _image_head(modality: str, sop_class_uid: str, referenced: bytes = b"") -> bytes:
    """What every instance says of itself, its study and its patient: 26 elements and ``referenced``."""
    before = short_text(
        (0x00080005, "CS", "ISO_IR 100"), (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        (0x00080012, "DA", "20200101"), (0x00080013, "TM", "120000"), (0x00080016, "UI", sop_class_uid),
        (0x00080018, "UI", instance_uid(0)), (0x00080020, "DA", "20200101"), (0x00080021, "DA", "20200101"),
        (0x00080023, "DA", "20200101"), (0x00080030, "TM", "120000"), (0x00080031, "TM", "120001"),
        (0x00080033, "TM", "120002.5"), (0x00080050, "SH", "A000001"), (0x00080060, "CS", modality),
        (0x00080070, "LO", "Benchmark"), (0x00080080, "LO", "Hospital"), (0x00080090, "PN", "Referring^Doctor"),
        (0x00081010, "SH", "STATION1"), (0x00081030, "LO", "Thorax"), (0x0008103E, "LO", "Thorax 1.0 B30f"),
        (0x00081090, "LO", "Model 1"),
    )  # fmt: skip
    return before + referenced + short_text(
        (0x00100010, "PN", "Bench^Mark"), (0x00100020, "LO", "BENCH-0000000001"), (0x00100030, "DA", "19500101"),
        (0x00100040, "CS", "O"), (0x00101010, "AS", "070Y"),
    )  # fmt: skip


def _pixel_module(rows: int, columns: int, frames: int = 1) -> bytes:
    number = element(0x00280008, "IS", frames) if frames > 1 else b""
    return short_text((0x00280002, "US", 1), (0x00280004, "CS", "MONOCHROME2")) + number + short_text(
        (0x00280010, "US", rows), (0x00280011, "US", columns), (0x00280100, "US", 16), (0x00280101, "US", 12),
        (0x00280102, "US", 11), (0x00280103, "US", 0),
    )  # fmt: skip


def _pixel_data_header(length: int) -> bytes:
    return b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little")


def _pixels(length: int) -> bytes:
    return random.Random(1).randbytes(length)


def _ct(rows: int, columns: int, title: str) -> Kind:
    """A CT image with 59 elements, as scanners write them."""
    meta = meta_header(CT_IMAGE, instance_uid(0))
    referenced = short_text((0x00081150, "UI", CT_IMAGE), (0x00081155, "UI", _FRAME_OF_REFERENCE))
    acquisition = short_text(
        (0x00180015, "CS", "CHEST"), (0x00180050, "DS", "1.0"), (0x00180060, "DS", "120"),
        (0x00181030, "LO", "Thorax routine"), (0x00181120, "DS", "0"), (0x00181151, "IS", "250"),
        (0x00181210, "SH", "B30f"), (0x00185100, "CS", "HFS"), (0x0020000D, "UI", _STUDY),
        (0x0020000E, "UI", _SERIES), (0x00200010, "SH", "1"), (0x00200011, "IS", "2"), (0x00200012, "IS", "1"),
        (0x00200013, "IS", "1"), (0x00200032, "DS", "-150.0\\-150.0\\100.0"),
        (0x00200037, "DS", "1\\0\\0\\0\\1\\0"), (0x00200052, "UI", _FRAME_OF_REFERENCE), (0x00201040, "LO", ""),
    )  # fmt: skip
    head = (
        _image_head("CT", CT_IMAGE, sequence(0x00081140, [referenced]))
        + acquisition
        + _pixel_module(rows, columns)
        + short_text((0x00281050, "DS", "40"), (0x00281051, "DS", "400"), (0x00281052, "DS", "-1024"))
        + _pixel_data_header(rows * columns * 2)
    )
    return Kind(title, meta + head, _pixels(rows * columns * 2), len(meta), 26 + 3 + 18 + 8 + 3 + 1)


def _functional_mr(title: str) -> Kind:
    """An Enhanced MR of 64 x 64 with as many frames as make 10,000 elements."""
    _example, per_frame = functional_groups(0)
    frames = (10_000 - 44) // per_frame
    meta = meta_header(ENHANCED_MR_IMAGE, instance_uid(0))
    before = _image_head("MR", ENHANCED_MR_IMAGE) + short_text(
        (0x00180023, "CS", "2D"), (0x00180087, "DS", "3"), (0x0020000D, "UI", _STUDY), (0x0020000E, "UI", _SERIES),
        (0x00200011, "IS", "5"), (0x00200013, "IS", "1"), (0x00200052, "UI", _FRAME_OF_REFERENCE),
    )  # fmt: skip
    groups = sequence(0x52009230, [functional_groups(frame)[0] for frame in range(frames)])
    length = frames * 64 * 64 * 2
    head = before + _pixel_module(64, 64, frames) + groups + _pixel_data_header(length)
    return Kind(title, meta + head, _pixels(length), len(meta), 26 + 7 + 9 + 1 + frames * per_frame + 1)


def _coded(tag: int, value: str, meaning: str) -> bytes:
    code = short_text((0x00080100, "SH", value), (0x00080102, "SH", "DCM"), (0x00080104, "LO", meaning))
    return sequence(tag, [code], defined_length=True)


def _measurement(number: int) -> tuple[bytes, int]:
    """A content item with a number, and how many elements it is."""
    measured = _coded(0x004008EA, "mm", "millimeter") + element(0x0040A30A, "DS", f"{number}.5")
    item = (
        element(0x0040A010, "CS", "CONTAINS")
        + element(0x0040A040, "CS", "NUM")
        + _coded(0x0040A043, f"12{number:04d}", "Diameter of the lesion")
        + sequence(0x0040A300, [measured], defined_length=True)
    )
    return item, 12


def _structured_report(title: str) -> Kind:
    """A Comprehensive SR with measurements in nested containers, 500 elements in all."""
    meta = meta_header(COMPREHENSIVE_SR, instance_uid(0))
    elements, containers = 26 + 9, []
    for group in range(8):
        items = []
        for number in range(5 if group < 3 else 4):
            item, count = _measurement(group * 10 + number)
            items.append(item)
            elements += count
        containers.append(
            element(0x0040A010, "CS", "CONTAINS")
            + element(0x0040A040, "CS", "CONTAINER")
            + _coded(0x0040A043, f"1260{group}0", "Measurement group")
            + element(0x0040A050, "CS", "SEPARATE")
            + sequence(0x0040A730, items, defined_length=True)
        )
        elements += 8
    body = (
        _image_head("SR", COMPREHENSIVE_SR)
        + short_text((0x0020000D, "UI", _STUDY), (0x0020000E, "UI", _SERIES), (0x00200011, "IS", "9"))
        + element(0x0040A040, "CS", "CONTAINER")
        + _coded(0x0040A043, "126000", "Imaging Measurement Report")
        + element(0x0040A491, "CS", "COMPLETE")
        + sequence(0x0040A730, containers, defined_length=True)
    )
    return Kind(title, meta + body, b"", len(meta), elements + 1)


def _multi_frame(length: int, title: str) -> Kind:
    """A secondary capture whose Pixel Data is a hole in the file: it is read like data, and needs no disk."""
    meta = meta_header(MULTI_FRAME_WORD_SC, instance_uid(0))
    head = (
        _image_head("OT", MULTI_FRAME_WORD_SC)
        + short_text((0x0020000D, "UI", _STUDY), (0x0020000E, "UI", _SERIES), (0x00200013, "IS", "1"))
        + _pixel_module(512, 512, length // (512 * 512 * 2))
        + _pixel_data_header(length)
    )
    return Kind(title, meta + head, b"", len(meta), 26 + 3 + 9 + 1, hole=length)


KINDS: dict[str, Callable[[], Kind]] = {
    "ct": lambda: _ct(512, 512, "CT, 0.5 MB"),
    "medium": lambda: _ct(160, 160, "CT, 50 kB"),
    "small": lambda: _ct(32, 32, "CT, 3 kB"),
    "functional-mr": lambda: _functional_mr("functional MR, 10,000 elements"),
    "sr": lambda: _structured_report("structured report, 500 elements"),
    "multi-frame-4000": lambda: _multi_frame(4000 << 20, "multi-frame, 4000 MiB"),
    "multi-frame-64": lambda: _multi_frame(64 << 20, "multi-frame, 64 MiB"),
}
