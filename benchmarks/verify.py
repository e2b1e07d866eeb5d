#!/usr/bin/env python3
"""How fast Orthanc is asked what it has: dcmsend --verify beside the same questions with pynetdicom, in turns.

    python benchmarks/verify.py --instances 10000 --per-series 100

Orthanc gets the instances once.  Then, each round, `dcmsend --journal J --resume --verify` proves all of them from a
copy of the journal, and a pynetdicom program asks one C-FIND a series and compares the same sets of UIDs.  Both are
whole processes.  Orthanc and pynetdicom must be installed; nothing leaves the machine.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from support.peers import orthanc  # noqa: E402
from support.programs import installed_dcmsend  # noqa: E402
from support.series_files import write_series  # noqa: E402

PYNETDICOM = """
import sys
from pydicom.dataset import Dataset
from pynetdicom import AE
model = "1.2.840.10008.5.1.4.1.2.2.1"
entity = AE("DCMSEND")
entity.add_requested_context(model)
wanted = {}
for line in open(sys.argv[2]):
    study, series, uid = line.split()
    wanted.setdefault((study, series), set()).add(uid)
association = entity.associate("127.0.0.1", int(sys.argv[1]), ae_title="ORTHANC")
for (study, series), uids in wanted.items():
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.SeriesInstanceUID = "IMAGE", study, series
    query.SOPInstanceUID = ""
    answers = association.send_c_find(query, model)
    found = {answer.SOPInstanceUID for status, answer in answers if answer is not None}
    assert uids <= found, uids - found
association.release()
"""


def timed(words: list[str]) -> float:
    """Seconds that a program takes, which must succeed."""
    began = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--per-series", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    program = installed_dcmsend()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = [("1.2.3", f"1.2.3.{number // arguments.per_series + 1}") for number in range(arguments.instances)]
        files = write_series(folder / "in", names)
        with orthanc(folder / "orthanc", DicomAlwaysAllowFind=True) as peer:
            journal = folder / "journal"
            address = ["-aec", "ORTHANC", "127.0.0.1", str(peer.port)]
            timed([program, "--journal", str(journal), "+sd", *address, str(folder / "in")])
            uids = peer.instances()
            assert len(uids) == len(files)
            from support.sending import instance_uid

            (folder / "wanted").write_text(
                "".join(f"{study} {series} {instance_uid(number)}\n" for number, (study, series) in enumerate(names, 1))
            )
            (folder / "asking.py").write_text(PYNETDICOM)
            copy = str(folder / "copy")
            commands = {
                "dcmsend": [program, "--journal", copy, "--resume", "--verify", *address],
                "pynetdicom": [sys.executable, str(folder / "asking.py"), str(peer.port), str(folder / "wanted")],
            }
            seconds: dict[str, list[float]] = {name: [] for name in commands}
            turns = random.Random(1)
            for _ in range(arguments.rounds):
                for name in turns.sample(list(commands), 2):
                    shutil.copy(journal, copy)
                    seconds[name].append(timed(commands[name]))
    for name, each in seconds.items():
        rate = arguments.instances / statistics.median(each)
        print(f"{name}: {statistics.median(each):.2f} s ({min(each):.2f} to {max(each):.2f}), {rate:.0f} instances/s")
    quotient = statistics.median(seconds["pynetdicom"]) / statistics.median(seconds["dcmsend"])
    print(f"pynetdicom takes {quotient:.1f} times as long; at least 3 is wanted")
    return 0 if quotient >= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
