#!/usr/bin/env python3
"""How fast the members of archives are sent, beside plain files and beside what inflates them, in turns.

    python benchmarks/archives.py --instances 500 --rounds 9

The same CT images of 0.5 MB lie in a directory, in a stored and a deflated zip, in a tar and in a tar.gz; their pixels
compress about 2 : 1.  Each run is a whole `dcmsend` process that sends all of them to the null sink, which has a
processor of its own; with `--shared` both may use all of them, so that a machine with two processors shows what threads
are worth.  Beside the compressed ones stands the time that zlib takes to inflate the same bytes on one thread, read
from memory.  Everything stays in a temporary folder of this machine.

All inputs are written in pieces of one size: the system keeps what was written in smaller pieces in smaller pieces of
memory, and takes twice as long to read it, which would be no difference between archives and files.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.programs import Programs, clean_environment

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from support.fixture_files import CT_CLASS, EI, meta_header  # noqa: E402
from support.programs import installed_dcmsend  # noqa: E402
from support.sending import instance_uid, tiny_data_set  # noqa: E402

PIXELS = 512 * 512 * 2


class Measured(NamedTuple):
    """One run: seconds, seconds of the processor, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def image(number: int, noise: bytes) -> bytes:
    """A CT image whose pixels are noise in the low byte."""
    start = number * 977 % (len(noise) - PIXELS // 2)
    pixels = bytearray(PIXELS)
    pixels[::2] = noise[start : start + PIXELS // 2]
    pixels[1::2] = b"\x04" * (PIXELS // 2)
    head = meta_header(CT_CLASS, instance_uid(number), EI) + tiny_data_set(number)
    return head + b"\xe0\x7f\x10\0OW\0\0" + PIXELS.to_bytes(4, "little") + pixels


def write(folder: Path, count: int) -> dict[str, Path]:
    """The inputs, by name."""
    noise = random.Random(1).randbytes(2 * PIXELS)
    found = {name: folder / name for name in ("files", "stored.zip", "deflated.zip", "plain.tar", "small.tar.gz")}
    found["files"].mkdir()
    with (
        zipfile.ZipFile(found["stored.zip"], "w") as stored,
        zipfile.ZipFile(found["deflated.zip"], "w", zipfile.ZIP_DEFLATED) as deflated,
        tarfile.open(found["plain.tar"], "w") as tar,
        tarfile.open(found["small.tar.gz"], "w:gz") as packed,
    ):
        for number in range(1, count + 1):
            path = found["files"] / f"{number:06}.dcm"
            path.write_bytes(image(number, noise))
            for archive in (stored, deflated):
                archive.write(path, path.name)
            for each in (tar, packed):
                each.add(path, path.name)
    for name in ("stored.zip", "deflated.zip", "plain.tar", "small.tar.gz"):
        write_anew(found[name])
    return found


def write_anew(path: Path) -> None:
    """Write a file in pieces as large as the images."""
    other = path.with_name("anew")
    with path.open("rb") as old, other.open("wb", buffering=0) as new:
        while piece := old.read(PIXELS):
            new.write(piece)
    other.replace(path)


def send(programs: Programs, port: str, path: Path) -> Measured:
    """Send one input with a whole process, on the sender's processors."""
    result = path.with_name("result")
    words = ["--archives", "+sd", "127.0.0.1", port, str(path)]
    argv = [programs.compiled("measure"), str(result), "600", programs.sender_processors, str(programs.dcmsend), *words]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
    wall, user, system, peak, code = result.read_text().split()
    if code != "0":
        raise RuntimeError(f"sending {path.name} ended with exit code {code}")
    return Measured(float(wall), float(user) + float(system), int(peak) / 1024)


def inflate(pieces: list[bytes], bits: int) -> Callable[[], Measured]:
    """What zlib takes for the same bytes, in pieces of 1 MiB of content."""

    def run() -> Measured:
        began, before = time.perf_counter(), time.process_time()
        for piece in pieces:
            stream = zlib.decompressobj(bits)
            for start in range(0, len(piece), 1 << 16):  # what is not consumed is copied, so little is fed at once
                left = piece[start : start + (1 << 16)]
                while left and not stream.eof:
                    stream.decompress(left, 1 << 20)
                    left = stream.unconsumed_tail
        return Measured(time.perf_counter() - began, time.process_time() - before, 0.0)

    return run


def compressed_members(path: Path) -> list[bytes]:
    """The compressed bytes of each member of a zip."""
    data, found = path.read_bytes(), []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            at = info.header_offset
            start = at + 30 + int.from_bytes(data[at + 26 : at + 28], "little")
            start += int.from_bytes(data[at + 28 : at + 30], "little")
            found.append(data[start : start + info.compress_size])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--shared", action="store_true", help="sender and sink share all processors")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dcmsend-archives-") as name:
        folder = Path(name)
        programs = Programs(Path(installed_dcmsend()), folder / "cache", pin=not options.shared)
        paths = write(folder, options.instances)
        sink = subprocess.Popen(
            [programs.compiled("measure"), "--serve", programs.receiver_processors, programs.compiled("null_sink")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert sink.stdout is not None
            port = sink.stdout.readline().split()[1]
            text, is_reached = report(measure(programs, port, paths, options.rounds), options.instances)
            print(text)
        finally:
            sink.kill()
            sink.wait()
    return 0 if is_reached else 1


def measure(programs: Programs, port: str, paths: dict[str, Path], rounds: int) -> dict[str, list[Measured]]:
    """All programs in turns, in an order by chance."""
    runs: dict[str, Callable[[], Measured]] = {
        name: (lambda path=path: send(programs, port, path)) for name, path in paths.items()
    }  # fmt: skip
    runs["zlib, deflated.zip"] = inflate(compressed_members(paths["deflated.zip"]), -15)
    runs["zlib, small.tar.gz"] = inflate([paths["small.tar.gz"].read_bytes()], 31)
    for each in runs.values():
        each()
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    chance = random.Random(1)
    for _ in range(rounds):
        for name in chance.sample(list(runs), len(runs)):
            found[name].append(runs[name]())
    return found


def report(found: dict[str, list[Measured]], count: int) -> tuple[str, bool]:
    """Medians, and the quotients that count; whether they are as wanted."""
    is_reached = True
    megabytes = count * PIXELS / 1e6
    lines = [f"{count} images, {megabytes:.0f} MB"]
    for name, runs in found.items():
        wall, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
        memory = max(run.memory for run in runs)
        shown = f", {memory:.0f} MB of memory" if memory else ""
        lines.append(f"{name:20} {wall:7.3f} s, {megabytes / wall:6.0f} MB/s, {cpu:.3f} s of the processor{shown}")
    for name, other, wanted in (
        ("stored.zip", "files", 0.8), ("plain.tar", "files", 0.8), ("deflated.zip", "zlib, deflated.zip", 0.8),
        ("small.tar.gz", "zlib, small.tar.gz", 0.0),
    ):  # fmt: skip
        each = [theirs.wall / ours.wall for ours, theirs in zip(found[name], found[other], strict=True)]
        is_reached = is_reached and statistics.median(each) >= wanted
        limit = f", at least {wanted} is wanted" if wanted else ""
        lines.append(f"{name} has {statistics.median(each):.2f} of the speed of {other}{limit}")
    return "\n".join(lines), is_reached


if __name__ == "__main__":
    raise SystemExit(main())
