"""Compressed DICOM files made by DCMTK's encoders from native ones, and changes to their fragments."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from support.data_set_bytes import EXPLICIT_LITTLE, Element, Fragments, meta_header
from support.programs import dcmtk_program

__all__ = [
    "CATALOGUE", "Native", "Stream", "encapsulated_data_set", "encoded_file", "native_file", "with_attribute",
    "with_fragments",
]

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
HARDCOPY_COLOUR = "1.2.840.10008.5.1.1.30"


@dataclass(frozen=True)
class Native:
    """A native image: smooth waves with a little noise, so that every predictor and every table is used."""

    rows: int = 33
    columns: int = 47
    samples: int = 1
    allocated: int = 8
    stored: int = 8
    signed: bool = False
    interpretation: str = ""
    planar: int = 0
    frames: int = 0
    """0: no Number of Frames."""
    sop_class: str = SECONDARY_CAPTURE
    nested: dict[int, Native] = field(default_factory=dict)
    """Images in sequences, by the tag of the sequence."""

    def pixels(self) -> np.ndarray:
        """Frames x samples x rows x columns."""
        random = np.random.default_rng(1)
        y, x = np.mgrid[0 : self.rows, 0 : self.columns]
        low = -(1 << (self.stored - 1)) if self.signed else 0
        high = low + (1 << self.stored) - 1
        planes = [
            np.sin(x / (7 + sample) + frame) * 0.3 + np.cos(y / (5 + sample)) * 0.3
            + random.normal(0.5, 0.02, x.shape)
            for frame in range(self.frames or 1)
            for sample in range(self.samples)
        ]
        values = np.clip(low + np.stack(planes) * (high - low), low, high)
        values[:, :4, :4] = low  # the extremes too, side by side
        values[:, :4, 4:8] = high
        shape = (self.frames or 1, self.samples, self.rows, self.columns)
        return values.reshape(shape).astype(f"<{'i' if self.signed else 'u'}{self.allocated // 8}")

    def elements(self, uid: str) -> list[Element]:
        """The data set."""
        pixels = self.pixels()
        if not self.planar:
            pixels = np.moveaxis(pixels, 1, -1)
        value = np.ascontiguousarray(pixels).tobytes()
        interpretation = self.interpretation or ("RGB" if self.samples == 3 else "MONOCHROME2")
        elements: list[Element] = []
        if uid:
            elements += [
                (0x00080008, "CS", b"ORIGINAL\\PRIMARY"), (0x00080016, "UI", padded(self.sop_class, "\0")),
                (0x00080018, "UI", padded(uid, "\0")), (0x00100010, "PN", b"A^B "),
            ]
        elements += [(0x00280002, "US", ("H", self.samples)), (0x00280004, "CS", padded(interpretation))]
        if self.samples > 1:
            elements.append((0x00280006, "US", ("H", self.planar)))
        if self.frames:
            elements.append((0x00280008, "IS", padded(str(self.frames))))
        elements += [
            (0x00280010, "US", ("H", self.rows)), (0x00280011, "US", ("H", self.columns)),
            (0x00280100, "US", ("H", self.allocated)), (0x00280101, "US", ("H", self.stored)),
            (0x00280102, "US", ("H", self.stored - 1)), (0x00280103, "US", ("H", int(self.signed))),
        ]
        if interpretation == "PALETTE COLOR":
            for tag in (0x00281101, 0x00281102, 0x00281103):
                elements.append((tag, "US", ("HHH", 256, 0, 16)))
            for tag in (0x00281201, 0x00281202, 0x00281203):
                elements.append((tag, "OW", np.arange(256, dtype="<u2").tobytes()))
        for tag, image in self.nested.items():
            elements.append((tag, "SQ", [image.elements("")]))
        elements.append((0x7FE00010, "OW" if self.allocated > 8 else "OB", value + b"\0" * (len(value) % 2)))
        if uid:
            elements.append((0xFFFCFFFC, "OB", bytes(4)))
        return sorted(elements, key=lambda element: element[0])


def padded(text: str, pad: str = " ") -> bytes:
    return (text + pad * (len(text) % 2)).encode()


def encapsulated_data_set(
    native: Native, items: Sequence[bytes], changes: Mapping[int, tuple[str, Any] | None] | None = None
) -> bytes:
    """A data set with compressed frames (the Basic Offset Table first) instead of the native ones.

    ``changes`` are (VR, value) of other elements by tag; None leaves one out.
    """
    elements = {element[0]: element for element in native.elements("1.2.3")}
    elements.pop(0xFFFCFFFC)
    elements[0x7FE00010] = (0x7FE00010, "OB", Fragments([part + b"\0" * (len(part) % 2) for part in items]))
    for tag, change in (changes or {}).items():
        elements.pop(tag, None)
        if change is not None:
            elements[tag] = (tag, *change)
    return EXPLICIT_LITTLE.encode(sorted(elements.values(), key=lambda element: element[0]))


def native_file(path: Path, native: Native, uid: str) -> Path:
    """Write a native image in Explicit VR Little Endian."""
    data_set = EXPLICIT_LITTLE.encode(native.elements(uid))
    path.write_bytes(meta_header(EXPLICIT_LITTLE.uid, native.sop_class, uid) + data_set)
    return path


Change = Callable[[list[bytes]], list[bytes]]
"""From the items of encapsulated pixel data (the Basic Offset Table first) to others."""


@dataclass(frozen=True)
class Stream:
    """A compressed file: what is compressed, by which program with which options, and what is done to its items."""

    name: str
    native: Native
    encoder: tuple[str, ...]
    change: Change | None = None
    attributes: dict[int, bytes] = field(default_factory=dict)
    """Values to overwrite, of the same length, by tag."""


def encoded_file(folder: Path, stream: Stream, uid: str) -> Path:
    """Make the file; its SOP Instance UID is ``uid`` also where the encoder would give it another one."""
    source = native_file(folder / f"{uid}.native", stream.native, uid)
    path = folder / f"{uid}.dcm"
    program = dcmtk_program(stream.encoder[0])
    assert program is not None, f"{stream.encoder[0]} is not installed; the test lacks its peer marker"
    subprocess.run(
        [program, "+un", *stream.encoder[1:], str(source), str(path)], check=True, capture_output=True, timeout=60
    )
    source.unlink()
    content = path.read_bytes()
    for tag, value in stream.attributes.items():
        content = with_attribute(content, tag, value)
    if stream.change is not None:
        content = with_fragments(content, stream.change)
    path.write_bytes(content)
    return path


def with_attribute(content: bytes, tag: int, value: bytes) -> bytes:
    """Overwrite the value of a short element of the same length."""
    start = content.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 144) + 8
    return content[:start] + value + content[start + len(value) :]


_PIXEL_DATA = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def with_fragments(content: bytes, change: Change) -> bytes:
    """The file with other items in its Pixel Data; odd ones are made even with a zero byte."""
    position = content.rindex(_PIXEL_DATA) + len(_PIXEL_DATA)
    head, items = content[:position], []
    while content[position : position + 4] == _ITEM:
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        items.append(content[position + 8 : position + 8 + length])
        position += 8 + length
    assert content[position : position + 8] == _END
    return head + encapsulated(change(items)) + content[position + 8 :]


def encapsulated(items: Sequence[bytes]) -> bytes:
    """Items and delimiter."""
    parts = [item + b"\0" * (len(item) % 2) for item in items]
    return b"".join(_ITEM + struct.pack("<L", len(part)) + part for part in parts) + _END


# -- what is done to fragments


def split(sizes: int, *, table: bool = False) -> Change:
    """Cut every frame into ``sizes`` fragments, with or without a Basic Offset Table."""

    def change(items: list[bytes]) -> list[bytes]:
        parts, offsets, offset = [], [], 0
        for frame in items[1:]:
            step = -(-len(frame) // sizes) + 1 & ~1
            pieces = [frame[start : start + step] for start in range(0, len(frame), step)]
            offsets.append(offset)
            offset += sum(len(piece) + 8 for piece in pieces)
            parts += pieces
        return [struct.pack(f"<{len(offsets)}L", *offsets) if table else b"", *parts]

    return change


def table(*offsets: int) -> Change:
    """Another Basic Offset Table."""
    return lambda items: [struct.pack(f"<{len(offsets)}L", *offsets), *items[1:]]


def followed_by(*items: bytes) -> Change:
    return lambda found: [*found, *items]


GREY = Native()
GREY_12 = Native(allocated=16, stored=12)
GREY_16 = Native(allocated=16, stored=16)
COLOUR = Native(samples=3)
COLOUR_16 = Native(samples=3, allocated=16, stored=16)
PALETTE = Native(interpretation="PALETTE COLOR")
DEPTHS = {
    "8": GREY, "8 inverted": replace(GREY, interpretation="MONOCHROME1"), "10": Native(allocated=16, stored=10),
    "12": GREY_12, "16": GREY_16, "8 signed": replace(GREY, signed=True), "12 signed": replace(GREY_12, signed=True),
    "16 signed": replace(GREY_16, signed=True), "palette": PALETTE, "8 in 16": Native(allocated=16, stored=8),
    "tiny": Native(rows=1, columns=1), "row": Native(rows=1, columns=64), "column": Native(rows=65, columns=1),
}
COLOURS = {
    "colour": COLOUR, "colour 16": COLOUR_16, "colour 10": Native(samples=3, allocated=16, stored=10),
    "planes": replace(COLOUR, planar=1), "planes 16": replace(COLOUR_16, planar=1),
    "ybr": replace(COLOUR, interpretation="YBR_FULL"), "ybr 16": replace(COLOUR_16, interpretation="YBR_FULL"),
    "ybr 12": Native(samples=3, allocated=16, stored=12, interpretation="YBR_FULL"),
    "ybr planes": replace(COLOUR, interpretation="YBR_FULL", planar=1),
    "ultrasound": replace(COLOUR, sop_class=ULTRASOUND),
    "ultrasound ybr": replace(COLOUR, interpretation="YBR_FULL", sop_class=ULTRASOUND),
    "ultrasound ybr planes": replace(COLOUR, interpretation="YBR_FULL", planar=1, sop_class=ULTRASOUND),
    "hardcopy": replace(COLOUR, sop_class=HARDCOPY_COLOUR),
    "hardcopy planes": replace(COLOUR, planar=1, sop_class=HARDCOPY_COLOUR),
}
ICON, REFERENCED = 0x00880200, 0x00082112
_SMALL = Native(rows=7, columns=9)
NESTED = {
    "icon": replace(GREY, nested={ICON: _SMALL}),
    "colour icon": replace(COLOUR, nested={ICON: replace(_SMALL, samples=3)}),
    "icon with frames": replace(GREY, frames=2, nested={ICON: replace(_SMALL, frames=3)}),
    "image in a sequence": replace(GREY, nested={REFERENCED: _SMALL}),
    "icon of an image in a sequence": replace(GREY, nested={REFERENCED: replace(_SMALL, nested={ICON: _SMALL})}),
}
FRAMES = {
    "5 frames": replace(GREY_12, frames=5), "3 odd frames": replace(GREY, frames=3),
    "1 frame": replace(GREY, frames=1),
}


def _of(family: str, natives: dict[str, Native], *encoder: str, **more: object) -> list[Stream]:
    return [
        Stream(f"{family}, {name}", native, encoder, **more)  # type: ignore[arg-type]
        for name, native in natives.items()
    ]


def _fragmented(family: str, *encoder: str) -> list[Stream]:
    """One image of five frames in every division that occurs."""
    frames, one = replace(GREY_12, frames=5), GREY_12
    changes: dict[str, Change] = {
        "two fragments a frame": split(2), "two fragments a frame and a table": split(2, table=True),
        "five fragments a frame": split(5), "wrong table": table(0, 100, 50, 7, 1 << 31), "short table": table(0),
        "empty table": table(), "empty item at the end": followed_by(b""),
    }
    streams = [Stream(f"{family}, {name}", frames, encoder, change) for name, change in changes.items()]
    streams.append(Stream(f"{family}, one frame in 7 fragments", one, encoder, split(7)))
    streams.append(Stream(f"{family}, no table", frames, (*encoder, "-ot")))
    for text, native in ((b"0 ", 1), (b" 3", 3), (b"03", 3)):
        name = f"{family}, Number of Frames {text.decode()!r}"
        streams.append(Stream(name, replace(GREY, frames=native), encoder, None, {0x00280008: text}))
    return streams


def _jpeg_lossy() -> list[Stream]:
    streams = []
    eight = {name: native for name, native in DEPTHS.items() if native.allocated == 8 and name != "palette"}
    for process in ("+eb", "+ee", "+es", "+ep"):
        streams += _of(f"dcmcjpeg {process}", eight, "dcmcjpeg", process)
        streams += _of(f"dcmcjpeg {process} +s2", {"colour": COLOUR, "planes": COLOURS["planes"]}, "dcmcjpeg", process)
        for sampling in ("+s4", "+n1", "+n2", "+np"):
            streams += _of(f"dcmcjpeg {process} {sampling}", {"colour": COLOUR}, "dcmcjpeg", process, sampling)
        streams += _of(
            f"dcmcjpeg {process} +cr",
            {name: COLOURS[name] for name in ("colour", "ultrasound", "hardcopy")},
            "dcmcjpeg", process, "+cr",
        )
        streams += _of(f"dcmcjpeg {process}", FRAMES, "dcmcjpeg", process)
        if process != "+eb":
            words = ("dcmcjpeg", process, "+bt")
            streams += _of(" ".join(words), {"12": GREY_12, "12 signed": DEPTHS["12 signed"]}, *words)
            streams += _of(" ".join(words), {"colour 12": COLOURS["colour 10"]}, *words, "+cr")
    streams += _of("dcmcjpeg +eb", NESTED, "dcmcjpeg", "+eb")
    streams += _of("dcmcjpeg +q 20", {"8": GREY, "colour": COLOUR}, "dcmcjpeg", "+eb", "+q", "20")
    planar_classes = {name: COLOURS[name] for name in ("ultrasound", "hardcopy")}
    streams += _of("dcmcjpeg +eb +s4", planar_classes, "dcmcjpeg", "+eb", "+s4")
    return streams + _fragmented("dcmcjpeg +ee", "dcmcjpeg", "+ee")


def _jpeg_lossless() -> list[Stream]:
    streams = _of("dcmcjpeg +e1", {**DEPTHS, **COLOURS, **FRAMES, **NESTED}, "dcmcjpeg", "+e1")
    for selection in range(1, 8):
        natives = {name: {**DEPTHS, **COLOURS}[name] for name in ("8", "12", "16", "16 signed", "colour", "ybr")}
        streams += _of(f"dcmcjpeg +el +sv {selection}", natives, "dcmcjpeg", "+el", "+sv", str(selection))
    streams += _of("dcmcjpeg +el +pt 2", {"8": GREY, "12": GREY_12, "colour": COLOUR}, "dcmcjpeg", "+el", "+pt", "2")
    return streams + _fragmented("dcmcjpeg +e1", "dcmcjpeg", "+e1")


def _jpeg_ls() -> list[Stream]:
    streams = []
    colours = {name: native for name, native in COLOURS.items() if name != "colour 10"}
    for interleave in ("+il", "+is", "+in"):
        streams += _of(f"dcmcjpls {interleave}", colours, "dcmcjpls", interleave)
        streams += _of(f"dcmcjpls +en {interleave}", {"colour": COLOUR}, "dcmcjpls", "+en", interleave)
    depths = {name: native for name, native in DEPTHS.items() if name != "8 in 16"}
    streams += _of("dcmcjpls", {**depths, **FRAMES, **NESTED}, "dcmcjpls")
    streams += _of("dcmcjpls +en", {"8": GREY, "12": GREY_12, "16": GREY_16}, "dcmcjpls", "+en")
    streams += _of("dcmcjpls +pz", {"8": GREY, "5 frames": FRAMES["5 frames"]}, "dcmcjpls", "+pz")
    return streams + _fragmented("dcmcjpls", "dcmcjpls")


def _rle() -> list[Stream]:
    wide = {"32": Native(allocated=32, stored=32), "32 signed": Native(allocated=32, stored=32, signed=True)}
    streams = _of("dcmcrle", {**DEPTHS, **COLOURS, **FRAMES, **NESTED, **wide}, "dcmcrle")
    return streams + _fragmented("dcmcrle", "dcmcrle")


CATALOGUE = {"JPEG lossy": _jpeg_lossy, "JPEG lossless": _jpeg_lossless, "JPEG-LS": _jpeg_ls, "RLE": _rle}
"""Streams by family; a function each, because making a list costs nothing and encoding does."""
