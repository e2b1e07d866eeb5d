"""The promises that are fuzzed hold for the seeds and for what is made of them; ``fuzz/run.py`` looks further."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[2] / "fuzz"
sys.path.insert(0, str(FUZZ))

import run  # noqa: E402
from targets import TARGETS  # noqa: E402

from support.examples import examples  # noqa: E402

SEEDS = {name: [path.read_bytes() for path in sorted((FUZZ / "seeds" / name).iterdir())] for name in TARGETS}


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    assert SEEDS[name]
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds(name: str) -> None:
    @settings(max_examples=examples(150))
    @given(st.sampled_from(SEEDS[name]), st.data())
    def check(seed: bytes, choice: st.DataObject) -> None:
        data = bytearray(seed)
        for _ in range(choice.draw(st.integers(1, 4))):
            place = choice.draw(st.integers(0, len(data)))
            data[place : place + choice.draw(st.integers(0, 8))] = choice.draw(st.binary(max_size=8))
        TARGETS[name](bytes(data))

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str) -> None:
    settings(max_examples=examples(100))(given(st.binary(max_size=300))(TARGETS[name]))()


def test_the_fuzzer_knows_all_targets() -> None:
    assert sorted(run.NAMES) == sorted(TARGETS)


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed (extra fuzz)")
def test_short_run_of_the_fuzzer() -> None:
    words = [sys.executable, FUZZ / "run.py", "--seconds", "1", "--target", "meta_header", "--target", "terminal_text"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as promised") == 2
