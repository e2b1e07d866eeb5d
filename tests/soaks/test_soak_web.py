"""A short run of ``scripts/soak_web``, and that its checks find what they are there to find."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from soak.web.night import Done, Night
from soak.web.promises import broken_after_night, broken_at_the_end

from support.cheating import cheating_program

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak_web"
A, B = "1.2.1", "1.2.2"
STORED = {A: "stored", B: "stored"}


def soak(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, errors="replace", timeout=380, check=False
    )


@pytest.mark.slow
@pytest.mark.peer("orthanc-dicomweb")
@pytest.mark.timeout(400)
def test_no_promise_is_broken() -> None:
    done = soak("2", "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 7" in done.stdout
    assert "network: " in done.stdout


CHEATS = {
    ("", "UPDATE instance SET sop_instance_uid = '1.2.3'"): (
        "calls stored what the archive does not", ", the journal stored: ", ", in the journal None",
    ),
    ("UPDATE instance SET outcome = 3", ""): ("stored by an earlier night, but sent", "and is unconfirmed"),
    ("", "DELETE FROM instance"): ("was stored in the journal, and is None", ", in the journal None"),
}  # fmt: skip
"""What is done to the journal, before and after, and the promises that it breaks: which one comes first is chance."""


@pytest.mark.slow
@pytest.mark.peer("orthanc-dicomweb")
@pytest.mark.timeout(400)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path) -> None:
    """One that calls stored what it has never sent, one that sends everything again, and one that forgets.

    Each has a round.  None is killed: that may come between the end of our program and that of the one that cheats.
    """
    other = cheating_program(tmp_path / "other", *CHEATS)
    done = soak(str(len(CHEATS)), "--seed", "7", "--no-kills", "--dcmsend", other)
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.split(r"^round \d BREAKS A PROMISE", done.stdout, flags=re.MULTILINE)[1:]
    assert len(found) == len(CHEATS), done.stdout
    for told, promises in zip(found, CHEATS.values(), strict=True):
        assert any(promise in told for promise in promises), done.stdout


# --- forged nights


def night(
    words: Mapping[str, str] = STORED,
    code: int = 0,
    *,
    lines: Mapping[str, str] | None = None,
    begun: Mapping[str, int] | None = None,
    fates: Mapping[str, int] | None = None,
    options: tuple[str, ...] = (),
    ending: str = "",
    told: int | None = None,
    attempts: Mapping[str, list[str]] | None = None,
) -> Done:
    """A night whose reports say ``words``; by default each instance was sent once."""
    rows = [
        {
            "sop_instance_uid": uid, "outcome": word,
            "attempts": [{"outcome": each} for each in (attempts or {}).get(uid, [word])],
        }
        for uid, word in words.items()
    ]  # fmt: skip
    document: dict[str, Any] = {"exit": {"code": code if told is None else told}, "instances": rows}
    sent = Counter(dict.fromkeys(words, 1) if begun is None else begun)
    return Done(
        Night(1, options, signal=ending), code, "", document, dict(words if lines is None else lines), sent,
        sent.total(), Counter(fates or {}),
    )  # fmt: skip


def broken(
    done: Done, after: Mapping[str, str] = STORED, there: tuple[str, ...] = (A, B), *,
    before: Mapping[str, str] | None = None, there_before: tuple[str, ...] = (),
) -> list[str]:  # fmt: skip
    return broken_after_night(done, before or {}, after, there_before, there)


def test_good_nights_break_nothing() -> None:
    assert broken(night()) == []
    half = {A: "stored", B: "unconfirmed"}
    assert broken(night(half, 101), half) == []
    assert broken(night(half, 101), half, (A,)) == []
    assert broken(night(half, 101, begun={A: 3, B: 2}, options=("--retry", "2")), half) == []
    assert broken(night(begun={A: 2, B: 2}, fates={"early 413": 1})) == []
    refused = {A: "stored", B: "refused"}
    assert broken(night(refused, 102, attempts={B: ["unconfirmed", "refused"]}), refused) == []
    killed = replace(night(ending="KILL"), document=None, exit_code=-9)
    assert broken(killed, {A: "stored"}) == []
    idle = night({}, begun={})
    assert broken_at_the_end(idle, STORED, (A, B), (A, B)) == []


@pytest.mark.parametrize(
    ("done", "states", "promise"),
    [
        (night(), {"there": (A,)}, "the journal calls stored what the archive does not have: 1.2.2"),
        (night(), {"there": (A,), "after": {A: "stored"}}, "a JSON line calls stored what the archive does not have"),
        (night(lines={}), {"there": (A,), "after": {A: "stored"}}, "reported as stored, not in the archive: 1.2.2"),
        (night(), {"before": {A: "stored"}}, "stored by an earlier night, but sent: 1.2.1"),
        (night(begun={A: 2, B: 1}), {}, "sent 2 times without --retry: 1.2.1"),
        (night({}, begun={}), {"before": STORED, "after": {A: "stored"}}, "was stored in the journal, and is None"),
        (night(lines={A: "stored", B: "failed"}), {}, "a JSON line says failed, the journal stored: 1.2.2"),
        (night(lines={A: "stored"}), {}, "JSON and JSON lines differ: ['1.2.2']"),
        (night({A: "stored", B: "failed"}, 101), {}, "reported as failed, but the archive has it since this night"),
        (night({A: "stored", B: "refused"}, 102), {}, "reported as refused, but the archive has it since this night"),
        (night(), {"after": {A: "stored"}}, "reported as stored, in the journal None: 1.2.2"),
        (night({A: "stored"}, begun={A: 1, B: 1}), {}, "sent, but not in the report: ['1.2.2']"),
        (night(told=101), {}, "the report says exit code 101, it was 0"),
        (night(code=101), {}, "exit code 101, but {'stored': 2}"),
        (night({A: "stored", B: "unconfirmed"}), {}, "exit code 0, but {"),
        (replace(night(), document=None), {}, "there is no JSON report"),
        (night(code=70), {}, "exit code 70"),
        (replace(night(), stderr="Traceback (most recent call last)"), {}, "a bug: Traceback"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_found(done: Done, states: dict[str, Any], promise: str) -> None:
    found = broken(done, **states)
    assert any(promise in each for each in found), found


def test_what_is_never_done_is_found() -> None:
    found = broken_at_the_end(night({A: "stored"}, 101), {A: "stored"}, (A, "1.9"), (A, B))
    assert [each.partition(":")[0] for each in found] == [
        "never stored", "never in the journal", "an instance that nobody has sent", "a night that had nothing to do",
        "the last exit code is 101",
    ]  # fmt: skip
