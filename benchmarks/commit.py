#!/usr/bin/env python3
"""How long a commitment takes: dcmsend --commit beside the time that the archive (Orthanc) needs itself, in turns.

    python benchmarks/commit.py --instances 2000

Orthanc gets the instances once.  Then, each round, `dcmsend --journal J --resume --commit --commit-port P` has all of
them committed from a copy of the journal, in requests of 250 of which at most four wait for their reports.  The
archive's own time is that of the least program that makes the same requests over a socket and takes the reports
(benchmarks/harness/commit_client.py).  The phase is the time from the first request to the last report: dcmsend's
journal has both moments.  Orthanc must be installed; nothing leaves the machine.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.peers import orthanc  # noqa: E402
from support.processes import free_port  # noqa: E402
from support.programs import installed_dcmsend  # noqa: E402
from support.sending import instance_uid  # noqa: E402
from support.series_files import write_series  # noqa: E402

LARGEST_REQUEST = 250
WANTED = 1.2


def timed(words: list[str]) -> tuple[float, str]:
    """Seconds that a program takes, which must succeed, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return time.perf_counter() - began, done.stdout


def phase_of(journal: Path, instances: int) -> float:
    """Seconds from the first request to the last report; all must be committed."""
    connection = sqlite3.connect(journal)
    try:
        (count,) = connection.execute(
            "SELECT count(*) FROM instance JOIN proof ON proof.id = instance.proof WHERE state = 0"
        ).fetchone()
        assert count == instances, f"{count} are committed"
        first, last, requests = connection.execute(
            "SELECT min(requested), max(answered), count(*) FROM commitment"
        ).fetchone()
    finally:
        connection.close()
    assert requests == -(-instances // LARGEST_REQUEST), f"{requests} requests"
    return float(last - first) / 1000


def show(name: str, seconds: list[float]) -> float:
    median = statistics.median(seconds)
    print(f"{name}: {median:.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    program, back = installed_dcmsend(), free_port()
    entry = {"AET": "DCMSEND", "Host": "127.0.0.1", "Port": back, "AllowStorageCommitment": True}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        series = [("1.2.3", f"1.2.3.{number // 100 + 1}") for number in range(arguments.instances)]
        write_series(folder / "in", series)
        uids = [instance_uid(number) for number in range(1, arguments.instances + 1)]
        pieces = [uids[at : at + LARGEST_REQUEST] for at in range(0, len(uids), LARGEST_REQUEST)]
        (folder / "requests").write_text("".join(" ".join(piece) + "\n" for piece in pieces))
        with orthanc(folder / "orthanc", DicomModalities={"dcmsend": entry}) as peer:
            journal, copy = folder / "journal", folder / "copy"
            address = ["-aec", "ORTHANC", "127.0.0.1", str(peer.port)]
            timed([program, "--journal", str(journal), "+sd", *address, str(folder / "in")])
            assert len(peer.instances()) == arguments.instances
            ours = [program, "--journal", str(copy), "--resume", "--commit", "--commit-port", f"127.0.0.1:{back}"]
            least = [sys.executable, str(HERE / "harness" / "commit_client.py"), str(peer.port), str(back)]
            whole: dict[str, list[float]] = {"dcmsend": [], "archive": []}
            phase: dict[str, list[float]] = {"dcmsend": [], "archive": []}
            turns = random.Random(1)
            for _ in range(arguments.rounds):
                for who in turns.sample(list(whole), 2):
                    if who == "dcmsend":
                        shutil.copy(journal, copy)
                        whole[who].append(timed([*ours, *address])[0])
                        phase[who].append(phase_of(copy, arguments.instances))
                    else:
                        seconds, printed = timed([*least, str(folder / "requests")])
                        whole[who].append(seconds)
                        phase[who].append(float(printed))
    print(f"{arguments.instances} instances in {len(pieces)} requests, {arguments.rounds} rounds")
    for kind, values in (("whole process", whole), ("first request to last report", phase)):
        ratio = show(f"dcmsend, {kind}", values["dcmsend"]) / show(f"least program, {kind}", values["archive"])
        worst = max(one / other for one, other in zip(values["dcmsend"], values["archive"], strict=True))
        print(f"dcmsend takes {ratio:.2f} times as long ({kind}; {worst:.2f} in the worst round)")
    print(f"at most {WANTED} is wanted, from the first request to the last report")
    return 0 if ratio <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
