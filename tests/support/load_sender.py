"""Sends the files of a folder again and again for some seconds, and reports the resources it used.

    python load_sender.py PORT FOLDER SECONDS LEAST

LEAST is how many files it draws at least, also where that takes longer.

It prints JSON: how often each SOP Instance UID was stored and refused, all other outcomes, and from time to time the
number of open descriptors and the resident memory.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dcmsend import Peer, Result, RetryOptions, TransferOptions, send

ASSOCIATIONS = 8


def main() -> None:
    port, folder, seconds, least = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    files = sorted(folder.iterdir())
    end = time.monotonic() + seconds
    drawn = 0

    def again_and_again() -> Iterator[Path]:
        nonlocal drawn
        while True:
            for path in files:
                if drawn >= least and time.monotonic() > end:
                    return
                drawn += 1
                yield path

    samples: list[tuple[int, int]] = []
    over = threading.Event()
    sampler = threading.Thread(target=_sample, args=(samples, over, max(seconds, 2.0) / 40))
    sampler.start()
    stored: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    others: Counter[str] = Counter()
    attempts = 0
    outcomes = send(
        again_and_again(),
        Peer("127.0.0.1", port),
        transfer=TransferOptions(
            halt_on_failure=False, parallel_associations=ASSOCIATIONS, idle_timeout=0.25, acse_timeout=5.0,
            retry=RetryOptions(attempts=1000, delay=0.02, longest_delay=0.1),
        ),
        send_while_scanning=True,
    )  # fmt: skip
    for number, outcome in enumerate(outcomes, 1):
        assert outcome.index == number, "an outcome is missing, or comes twice"
        attempts += len(outcome.attempts)
        uid = outcome.instance.sop_instance_uid
        if outcome.result is Result.STORED:
            stored[uid] += 1
        elif outcome.result is Result.REFUSED:
            refused[uid] += 1
        else:
            others[outcome.result.value] += 1
    over.set()
    sampler.join()
    print(json.dumps({
        "drawn": drawn, "attempts": attempts, "stored": stored, "refused": refused, "others": others,
        "samples": samples,
    }))  # fmt: skip


def _sample(samples: list[tuple[int, int]], over: threading.Event, pause: float) -> None:
    page = os.sysconf("SC_PAGESIZE")
    while not over.wait(pause):
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
        samples.append((len(os.listdir("/proc/self/fd")), resident))


if __name__ == "__main__":
    main()
