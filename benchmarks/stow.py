#!/usr/bin/env python3
"""How fast and how cheap instances go to a web service, beside C-STORE and plain Python programs, in turns.

    python benchmarks/stow.py --instances 200 --rounds 7

The same CT images of 0.5 MB go to Orthanc, which is emptied before each run: over four associations, over four
connections with STOW-RS, and by the program that people write with pydicom, requests and dicomweb-client
(benchmarks/harness/dicomweb_client_program.py; left out where dicomweb-client is not installed).  Then they go to a
sink that throws them away, by dcmsend over one connection and by a program that has urllib3 make the same requests with
all bytes in memory (benchmarks/harness/urllib3_client.py).  There the time of the processor counts, that of the whole
process with start-up and reading; a sink that is slow costs the sender none.  Everything stays on this machine.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from archives import PIXELS, image
from harness.programs import Programs, clean_environment

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.fixture_files import explicit_element  # noqa: E402
from support.http_sink import http_sink  # noqa: E402
from support.programs import installed_dcmsend  # noqa: E402
from support.web_peers import WebOrthanc, web_orthanc  # noqa: E402

BATCH = 50
CONNECTIONS = 4
LEAST_RATE = 0.9
MOST_CPU = 1.3


class Measured(NamedTuple):
    """One run: seconds, seconds of the processor, peak memory in MB, and what was printed."""

    wall: float
    cpu: float
    memory: float
    printed: str


def write(folder: Path, count: int) -> list[str]:
    """The images, of one series: Orthanc wants to know of which."""
    folder.mkdir()
    noise = random.Random(1).randbytes(2 * PIXELS)
    uids = [(0x000D, b"1.2.3.4"), (0x000E, b"1.2.3.4.5")]
    series = b"".join(explicit_element(0x0020, element, "UI", uid, pad=b"\0") for element, uid in uids)
    paths = []
    for number in range(1, count + 1):
        data = image(number, noise)
        pixels = len(data) - PIXELS - 12
        path = folder / f"{number:06}.dcm"
        path.write_bytes(data[:pixels] + series + data[pixels:])
        paths.append(str(path))
    return paths


def measured(programs: Programs, folder: Path, processors: str, words: list[str]) -> Measured:
    """Run a whole process, which must succeed."""
    result = folder / "result"
    argv = [programs.compiled("measure"), str(result), "600", processors, *words]
    done = subprocess.run(
        argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment(), text=True
    )
    wall, user, system, peak, code = result.read_text().split()
    if code != "0":
        raise RuntimeError(f"{words[:4]} ended with exit code {code}")
    return Measured(float(wall), float(user) + float(system), int(peak) / 1024, done.stdout)


def in_turns(runs: dict[str, Callable[[], Measured]], rounds: int) -> dict[str, list[Measured]]:
    """All programs in an order by chance, after one run of each that does not count."""
    for each in runs.values():
        each()
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    chance = random.Random(1)
    for _ in range(rounds):
        for name in chance.sample(list(runs), len(runs)):
            found[name].append(runs[name]())
    return found


def to_orthanc(programs: Programs, folder: Path, paths: list[str], rounds: int) -> dict[str, list[Measured]]:
    """Real receivers are not confined to a processor, and their senders neither."""
    with web_orthanc(folder / "orthanc", wants_password=False) as archive:
        four = ["--parallel-associations", str(CONNECTIONS), "+sd"]
        peer = ["--require-stored", "-aec", "ORTHANC", "127.0.0.1", str(archive.port)]
        words = {
            "C-STORE, 4 associations": [str(programs.dcmsend), *four, *peer, str(folder / "in")],
            "STOW-RS, 4 connections": [str(programs.dcmsend), "--stow", archive.url, *four, str(folder / "in")],
            "C-STORE, 1 association": [str(programs.dcmsend), "+sd", *peer, str(folder / "in")],
            "STOW-RS, 1 connection": [str(programs.dcmsend), "--stow", archive.url, "+sd", str(folder / "in")],
        }
        interpreter = programs.python_module("dicomweb_client")
        if interpreter is not None:
            program = str(HERE / "harness" / "dicomweb_client_program.py")
            words["dicomweb-client"] = [interpreter, program, archive.url, str(BATCH), *paths]
        else:
            print("dicomweb-client is not installed")

        def run(line: list[str]) -> Measured:
            archive.forget_all()
            result = measured(programs, folder, "all", line)
            check_arrival(archive, len(paths))
            return result

        return in_turns({name: (lambda line=line: run(line)) for name, line in words.items()}, rounds)


def check_arrival(archive: WebOrthanc, count: int) -> None:
    """The archive says how many it has."""
    has = archive.get("/statistics")["CountInstances"]
    if has != count:
        raise RuntimeError(f"{has} of {count} instances have arrived")


def to_sink(programs: Programs, folder: Path, paths: list[str], rounds: int) -> dict[str, list[Measured]]:
    """Over one connection, with the same number of instances in each request."""
    with http_sink(folder) as sink:
        program = str(HERE / "harness" / "urllib3_client.py")
        inputs = ["--stow-batch", str(BATCH), "+sd", str(folder / "in")]
        words = {
            "dcmsend": [str(programs.dcmsend), "--stow", sink.url, *inputs],
            "urllib3": [str(programs.interpreter), program, sink.url, "1", str(BATCH), *paths],
        }

        def run(line: list[str]) -> Measured:
            before = sink.counts()
            result = measured(programs, folder, programs.sender_processors, line)
            after = sink.counts()
            arrived = {name: after[name] - before[name] for name in ("requests", "instances")}
            if arrived != {"requests": -(-len(paths) // BATCH), "instances": len(paths)}:
                raise RuntimeError(f"what has arrived: {arrived}")
            return result

        return in_turns({name: (lambda line=line: run(line)) for name, line in words.items()}, rounds)


def show(found: dict[str, list[Measured]], megabytes: float) -> None:
    """Medians."""
    for name, runs in found.items():
        wall, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
        memory = max(run.memory for run in runs)
        print(f"{name:24} {wall:7.3f} s, {megabytes / wall:6.0f} MB/s, {cpu:.3f} s of the processor, {memory:.0f} MB")


def quotients(ours: list[Measured], theirs: list[Measured], field: str) -> list[float]:
    """Of the same rounds."""
    return [getattr(one, field) / getattr(other, field) for one, other in zip(ours, theirs, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dcmsend-stow-") as name:
        folder = Path(name)
        programs = Programs(Path(installed_dcmsend()), folder / "cache")
        paths = write(folder / "in", arguments.instances)
        archive = to_orthanc(programs, folder, paths, arguments.rounds)
        sink = to_sink(programs, folder, paths, arguments.rounds)
    megabytes = arguments.instances * PIXELS / 1e6
    print(f"{arguments.instances} images, {megabytes:.0f} MB, {arguments.rounds} rounds; to Orthanc:")
    show(archive, megabytes)
    each = quotients(archive["C-STORE, 4 associations"], archive["STOW-RS, 4 connections"], "wall")
    rate = statistics.median(each)
    print(f"STOW-RS has {rate:.2f} of the rate of C-STORE ({min(each):.2f} to {max(each):.2f}), {LEAST_RATE} is wanted")
    if "dicomweb-client" in archive:
        slower = statistics.median(quotients(archive["dicomweb-client"], archive["STOW-RS, 4 connections"], "wall"))
        print(f"dicomweb-client takes {slower:.1f} times as long as STOW-RS over 4 connections")
    print("to a sink, over one connection:")
    show(sink, megabytes)
    each = quotients(sink["dcmsend"], sink["urllib3"], "cpu")
    cost = statistics.median(each)
    alone = statistics.median(float(run.printed) for run in sink["urllib3"])
    print(f"urllib3's requests alone: {alone:.3f} s of the processor")
    span = f"{min(each):.2f} to {max(each):.2f}"
    print(f"dcmsend takes {cost:.2f} times the processor's time of urllib3 ({span}), at most {MOST_CPU} is wanted")
    return 0 if rate >= LEAST_RATE and cost <= MOST_CPU else 1


if __name__ == "__main__":
    sys.exit(main())
