"""Eight associations against a receiver that refuses, stalls and drops at random.

    LOAD_SECONDS=600 python -m pytest tests/faults/test_load.py -s

is the soak test (``scripts/soak_load``); ordinary test runs take some seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from support import load_sender, unreliable_peer
from support.sending import write_instances
from support.unreliable_peer import is_refused_for_good

SECONDS = float(os.environ.get("LOAD_SECONDS", "1"))
FILES = 4000
LEAST = 11_500
"""Instances that are sent in any case: over some 300 associations, enough to see what each of them would leave."""
DESCRIPTORS = 3
"""Of one association: its socket, the file that is sent, and the one that is opened ahead."""
MOST_GROWTH = 16 << 20
"""Bytes; eight associations have up to 1 MiB of buffers each, and a list of 10,000 instances comes and goes."""


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_nothing_is_lost_and_nothing_grows(tmp_path: Path) -> None:
    for first in range(1, FILES, 1000):
        write_instances(tmp_path / "files", 1000, first=first)
    receiver = subprocess.Popen(
        [sys.executable, unreliable_peer.__file__, "7"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert receiver.stdout is not None
        port = receiver.stdout.readline().strip()
        argv = [sys.executable, load_sender.__file__, port, str(tmp_path / "files"), str(SECONDS), str(LEAST)]
        sender = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS + 200, check=False)
        assert sender.returncode == 0, sender.stderr[-4000:]
        there = json.loads(receiver.communicate(timeout=60)[0])
    finally:
        receiver.kill()
        receiver.wait(10)
    said = json.loads(sender.stdout)
    stored, refused = Counter(said["stored"]), Counter(said["refused"])
    assert stored.total() + refused.total() == said["drawn"]
    assert said["others"] == {}
    assert stored.total() > 100
    assert not stored - Counter(there["stored"]), "called stored, but not answered so"
    assert all(is_refused_for_good(uid) for uid in refused)
    assert not any(is_refused_for_good(uid) for uid in stored)
    check_growth(said["samples"])
    print(f"\n{said['drawn']} instances, {said['attempts']} attempts; {there['fates']}")
    sizes = [size >> 20 for _, size in said["samples"]]
    numbers = [number for number, _ in said["samples"]]
    print(f"MiB resident: {sizes}\ndescriptors: {numbers}")


def check_growth(samples: list[tuple[int, int]]) -> None:
    """The last third needs no more than the one before it."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    assert middle
    in_use = samples[0][0] + 8 * DESCRIPTORS  # between two attempts there may be no association at all
    assert max(number for number, _ in last) <= max(in_use, *(number for number, _ in middle))
    assert max(size for _, size in last) <= max(size for _, size in middle) + MOST_GROWTH
