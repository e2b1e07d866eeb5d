#!/usr/bin/env python3
"""Measures the decompression of large multi-frame files: dcmsend with one and two decoding threads, and DCMTK's.

    python benchmarks/decode.py [--rounds 3] [--megabytes 192] [--only TEXT] [--json FILE]

Each program sends the same file to the same receiver, DCMTK's storescp, which takes Explicit VR Little Endian only and
keeps nothing.  The programs take turns within each round; the fastest round counts, because whatever disturbs a run
only makes it slower.  Needs dcmsend with its codecs, DCMTK 3.6.7 (dcmsend, storescp, dcmcjpeg, dcmcjpls, dcmcrle) and a
C compiler.  Compressed files are kept in --cache for the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.encoding import element
from harness.machine import describe_machine
from harness.ports import free_port
from harness.programs import Programs, clean_environment

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

_OURS = """
import os, sys
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does
from dcmsend import Decompression, Peer, PlanOptions, TransferOptions, send
path, port, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
plan = PlanOptions(decompression=Decompression.LOSSY)
outcomes = send(path, Peer("127.0.0.1", port), plan=plan, transfer=TransferOptions(decode_workers=workers))
sys.exit([outcome.result.value for outcome in outcomes] != ["stored"])
"""


@dataclass(frozen=True)
class Picture:
    """What is compressed: a smooth picture with noise in its lowest bits, another one for each frame."""

    rows: int
    columns: int
    bits: int
    samples: int = 1

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.samples * (2 if self.bits > 8 else 1)

    def frame(self, number: int) -> np.ndarray:
        random = np.random.default_rng(number)
        y, x = np.mgrid[0 : self.rows, 0 : self.columns]
        base = np.sin(x / 97 + number) * 0.2 + np.cos(y / 61) * 0.2 + 0.5
        noise = random.normal(0, 0.003, (self.rows, self.columns, self.samples))
        values = (base[..., None] + noise) * (1 << self.bits)
        return np.clip(values, 0, (1 << self.bits) - 1).astype("<u2" if self.bits > 8 else "u1").squeeze()


GREY_8, GREY_12 = Picture(1024, 1024, 8), Picture(1024, 1024, 12)
GREY_16, COLOUR = Picture(1024, 1024, 16), Picture(480, 640, 8, 3)


@dataclass(frozen=True)
class Case:
    """One compressed file; ``encoder`` is a program of DCMTK with its options, or a function for one frame."""

    title: str
    transfer_syntax: str
    picture: Picture
    encoder: tuple[str, ...] | Callable[[np.ndarray], bytes]
    in_dcmtk: bool = True


def _jpeg_2000(**options: object) -> Callable[[np.ndarray], bytes]:
    def encode(frame: np.ndarray) -> bytes:
        import imagecodecs

        return imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True, level=0, **options)

    return encode


def _htj2k(frame: np.ndarray) -> bytes:
    import imagecodecs

    return imagecodecs.htj2k_encode(frame, reversible=True)


def _jpeg_xl(frame: np.ndarray) -> bytes:
    import imagecodecs

    return imagecodecs.jpegxl_encode(frame, lossless=True, effort=3)


_TS = "1.2.840.10008.1.2."
CASES = (
    Case("JPEG baseline, 8 bit", _TS + "4.50", GREY_8, ("dcmcjpeg", "+eb")),
    Case("JPEG baseline, colour 4:2:2", _TS + "4.50", COLOUR, ("dcmcjpeg", "+eb")),
    Case("JPEG extended, 12 bit", _TS + "4.51", GREY_12, ("dcmcjpeg", "+ee", "+bt")),
    Case("JPEG progressive, 12 bit", _TS + "4.55", GREY_12, ("dcmcjpeg", "+ep", "+bt")),
    Case("JPEG lossless SV6, 12 bit", _TS + "4.57", GREY_12, ("dcmcjpeg", "+el")),
    Case("JPEG lossless SV1, 12 bit", _TS + "4.70", GREY_12, ("dcmcjpeg", "+e1")),
    Case("JPEG lossless SV1, 16 bit", _TS + "4.70", GREY_16, ("dcmcjpeg", "+e1")),
    Case("JPEG lossless SV1, colour", _TS + "4.70", COLOUR, ("dcmcjpeg", "+e1")),
    Case("JPEG lossless SV1, YBR to RGB", _TS + "4.70", COLOUR, ("dcmcjpeg", "+e1", "ybr")),
    Case("JPEG-LS lossless, 12 bit", _TS + "4.80", GREY_12, ("dcmcjpls",)),
    Case("JPEG-LS lossless, colour", _TS + "4.80", COLOUR, ("dcmcjpls",)),
    Case("JPEG-LS near-lossless, 12 bit", _TS + "4.81", GREY_12, ("dcmcjpls", "+en")),
    Case("RLE, 12 bit", _TS + "5", GREY_12, ("dcmcrle",)),
    Case("RLE, colour", _TS + "5", COLOUR, ("dcmcrle",)),
    Case("JPEG 2000 lossless, 12 bit", _TS + "4.90", GREY_12, _jpeg_2000(bitspersample=12), in_dcmtk=False),
    Case("HTJ2K lossless, 12 bit", _TS + "4.201", GREY_12, _htj2k, in_dcmtk=False),
    Case("JPEG XL lossless, 12 bit", _TS + "4.110", GREY_12, _jpeg_xl, in_dcmtk=False),
)


@dataclass
class Figures:
    """What one program took, one entry a round: wall seconds, processor seconds, peak memory in bytes."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


# -- files


def compressed_file(case: Case, megabytes: int, cache: Path, programs: Programs) -> tuple[Path, int]:
    """The file of a case, made unless it is in the cache, and its native bytes."""
    frames = max(2, (megabytes << 20) // case.picture.frame_bytes)
    name = "-".join(part for part in case.title.replace(",", "").replace(":", "").split())
    path = cache / f"{name}-{frames}.dcm"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        if callable(case.encoder):
            parts = [case.encoder(case.picture.frame(number % 16)) for number in range(min(frames, 16))]
            value = encapsulated([parts[number % 16] for number in range(frames)])
            partial.write_bytes(head(case.picture, frames, case.transfer_syntax) + pixel_data(0xFFFFFFFF) + value)
        else:
            encode_with_dcmtk(case, frames, partial, programs)
        partial.replace(path)
    return path, frames * case.picture.frame_bytes


def encode_with_dcmtk(case: Case, frames: int, target: Path, programs: Programs) -> None:
    program, *options = case.encoder
    is_ybr = options[-1:] == ["ybr"]
    native = target.with_suffix(".native")
    pictures = [case.picture.frame(number).tobytes() for number in range(min(frames, 16))]
    with native.open("wb") as file:
        interpretation = "YBR_FULL" if is_ybr else ""
        file.write(head(case.picture, frames, EXPLICIT_LITTLE, interpretation))
        file.write(pixel_data(frames * case.picture.frame_bytes))
        for number in range(frames):
            file.write(pictures[number % 16])
    encoder = programs.find(program)
    if encoder is None:
        raise SystemExit(f"{program} is not installed")
    words = options[:-1] if is_ybr else options
    subprocess.run([encoder, "+un", *words, str(native), str(target)], check=True)
    native.unlink()


def head(picture: Picture, frames: int, transfer_syntax: str, interpretation: str = "") -> bytes:
    """A file up to its Pixel Data."""
    uid = "2.25.200000000000000000000000000000000001"
    grey = "MONOCHROME2"
    elements = [
        element(0x00080016, "UI", SECONDARY_CAPTURE.encode()), element(0x00080018, "UI", uid.encode()),
        element(0x00280002, "US", struct.pack("<H", picture.samples)),
        element(0x00280004, "CS", (interpretation or (grey if picture.samples == 1 else "RGB")).encode()),
    ]
    if picture.samples == 3:
        elements.append(element(0x00280006, "US", bytes(2)))
    elements.append(element(0x00280008, "IS", str(frames).encode()))
    allocated = 16 if picture.bits > 8 else 8
    for tag, number in (
        (0x00280010, picture.rows), (0x00280011, picture.columns), (0x00280100, allocated), (0x00280101, picture.bits),
        (0x00280102, picture.bits - 1), (0x00280103, 0),
    ):
        elements.append(element(tag, "US", struct.pack("<H", number)))
    meta = b"".join((
        element(0x00020001, "OB", b"\0\1"), element(0x00020002, "UI", SECONDARY_CAPTURE.encode()),
        element(0x00020003, "UI", uid.encode()), element(0x00020010, "UI", transfer_syntax.encode()),
        element(0x00020012, "UI", b"2.25.1"),
    ))
    start = bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(meta)))
    return start + meta + b"".join(elements)


def pixel_data(length: int) -> bytes:
    return struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, length)


def encapsulated(frames: list[bytes]) -> bytes:
    parts = [struct.pack("<HHL", 0xFFFE, 0xE000, 0)]
    for frame in frames:
        padded = frame + b"\0" * (len(frame) % 2)
        parts += [struct.pack("<HHL", 0xFFFE, 0xE000, len(padded)), padded]
    return b"".join([*parts, struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)])


# -- runs


@contextmanager
def receiver(programs: Programs) -> Iterator[int]:
    """The port of a storescp that takes Explicit VR Little Endian and keeps nothing."""
    port = free_port()
    command = [str(programs.find("storescp")), "--ignore", "-pm", "+xe", "-pdu", "131072", str(port)]
    server = subprocess.Popen(command, env=clean_environment(TCP_NODELAY="1"), stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def measured(programs: Programs, command: list[str], folder: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak bytes of a command, which has to succeed."""
    result = folder / "figures"
    subprocess.run(
        [programs.compiled("measure"), str(result), "600", "all", *command],
        env=clean_environment(TCP_NODELAY="1"), stdout=subprocess.DEVNULL, check=False,
    )
    wall, user, system, kibibytes, code = result.read_text().split()
    if int(code):
        raise SystemExit(f"exit code {code}: {' '.join(command)}")
    return float(wall), float(user) + float(system), int(kibibytes) * 1024


def run_case(case: Case, path: Path, rounds: int, programs: Programs, folder: Path) -> dict[str, Figures]:
    path.read_bytes()  # into the page cache, for whoever comes first
    with receiver(programs) as port:
        commands = {
            f"ours, {workers} thread{'s' * (workers > 1)}": [
                programs.interpreter, "-c", _OURS, str(path), str(port), str(workers)
            ]
            for workers in (1, 2)
        }
        if case.in_dcmtk:
            commands["DCMTK"] = [str(programs.find("dcmsend")), "+dly", "127.0.0.1", str(port), str(path)]
        figures = {name: Figures() for name in commands}
        for number in range(rounds):
            for name in sorted(commands, reverse=bool(number % 2)):
                wall, processor, peak = measured(programs, commands[name], folder)
                figures[name].wall.append(wall)
                figures[name].processor.append(processor)
                figures[name].peak.append(peak)
    return figures


# -- table

_HEADINGS = (
    "", "MB", "1 thread MB/s", "2 threads MB/s", "DCMTK MB/s", "1 : DCMTK", "2 : DCMTK", "2 : 1",
    "processor time DCMTK : 1", "peak MB 1 / 2 / DCMTK",
)


def row(case: Case, size: int, figures: dict[str, Figures]) -> tuple[str, ...]:
    best = [min(each.wall) for each in figures.values()]
    speeds = [size / 1e6 / seconds for seconds in best]
    peaks = " / ".join(f"{max(each.peak) / 1e6:.0f}" for each in figures.values())
    processor = [min(each.processor) for each in figures.values()]
    shown = [f"{speed:.0f}" for speed in speeds] + ([] if case.in_dcmtk else [""])
    ratios = [best[2] / best[0], best[2] / best[1]] if case.in_dcmtk else [0, 0]
    ratios += [best[0] / best[1], processor[2] / processor[0] if case.in_dcmtk else 0]
    return (case.title, f"{size / 1e6:.0f}", *shown, *(f"{ratio:.2f}" if ratio else "" for ratio in ratios), peaks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=192, help="native size of each file (default: 192)")
    parser.add_argument("--only", default="", help="cases whose title contains this text")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "dcmsend-benchmarks")
    arguments = parser.parse_args()
    programs = Programs(Path(sys.executable).with_name("dcmsend"), arguments.cache)
    results = []
    print("| " + " | ".join(_HEADINGS) + " |\n|" + " --- |" * len(_HEADINGS), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if arguments.only.lower() not in case.title.lower():
                continue
            path, size = compressed_file(case, arguments.megabytes, arguments.cache / "decode", programs)
            figures = run_case(case, path, arguments.rounds, programs, Path(folder))
            print("| " + " | ".join(row(case, size, figures)) + " |", flush=True)
            results.append({
                "title": case.title, "transfer_syntax": case.transfer_syntax, "native_bytes": size,
                "file_bytes": path.stat().st_size,
                "programs": {name: asdict(each) for name, each in figures.items()},
            })
    if arguments.json:
        content = {"machine": describe_machine(programs), "versions": programs.versions(), "cases": results}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
