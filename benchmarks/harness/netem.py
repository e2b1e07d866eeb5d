"""A line that loses packets: a network namespace in which netem of the kernel works on the loopback device."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from .case import Receiver
from .senders import MissingProgram

__all__ = ["lossy_line"]

_MTU = "1500"


@contextlib.contextmanager
def lossy_line(receiver: Receiver) -> Iterator[tuple[str, ...]]:
    """The words that bring a program into the namespace, where sender and receiver both run.

    Raises MissingProgram where the kernel has no netem, or we may not use it.
    """
    name = f"dcmsend-line-{os.getpid()}"
    inside = ("ip", "netns", "exec", name)
    words = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "limit", "100000", "loss", f"{100 * receiver.loss:g}%"]
    words += ["delay", f"{receiver.round_trip * 500_000:.0f}us", f"{receiver.jitter * 1_000_000:.0f}us"]
    words += ["rate", f"{receiver.bandwidth}bit"] if receiver.bandwidth else []
    _do("ip", "netns", "add", name)
    try:
        _do("ip", "-n", name, "link", "set", "lo", "mtu", _MTU, "up")
        if shutil.which("ethtool"):  # else a packet is as large as the kernel likes, and a loss costs as much
            off = [word for feature in ("tso", "gso", "gro") for word in (feature, "off")]
            subprocess.run([*inside, "ethtool", "-K", "lo", *off], capture_output=True)
        _do(*inside, *words)
        yield inside
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def _do(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except OSError as error:
        raise MissingProgram(f"no line with losses: {words[0]}: {error.strerror}") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise MissingProgram(f"no line with losses: the system has no netem, or it is not ours to use ({reason})")
