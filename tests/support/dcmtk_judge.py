"""Runs DCMTK's dcmsend on many data sets: which it refuses and why, and which bytes it sends."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.data_set_bytes import Element, Encoding, file_with
from support.part10 import read_part10
from support.peers import storescp
from support.programs import dcmtk_program

__all__ = ["ACCEPTING", "identified", "refusals", "sent_data_sets", "sent_files"]

_REFUSED = re.compile(r"E: cannot send SOP instance from file: .*?/(\d+)\.dcm: (.*)")
_AT_ONCE = 400

ACCEPTING = {
    "1.2.840.10008.1.2.1": ("+xe",),
    "1.2.840.10008.1.2.2": ("+xb",),
    "1.2.840.10008.1.2": ("+xi",),
    "1.2.840.10008.1.2.1.99": ("+xd",),
    "own": ("+xa",),
}
"""Options of storescp that make it take this transfer syntax, or the one a file has."""


def identified(encoding: Encoding, number: int, elements: Sequence[Element] = ()) -> bytes:
    """A data set that begins with its SOP Class UID and the SOP Instance UID 1.2.3.``number``."""
    uid = f"1.2.3.{number}".encode()
    return encoding.encode([
        (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", uid + b"\0" * (len(uid) & 1)), *elements,
    ])


def refusals(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """For each (transfer syntax UID, data set) the condition with which dcmsend refuses it, ``''`` if it does not."""
    answers = [""] * len(files)
    names = _write(folder, files)
    with storescp(folder, "--ignore", "-pm", "+xa") as peer:
        for start in range(0, len(names), _AT_ONCE):
            for line in _send(peer.port, names[start : start + _AT_ONCE]).splitlines():
                found = _REFUSED.match(line)
                if found:
                    answers[int(found[1])] = found[2]
    return answers


def sent_data_sets(
    folder: Path, files: Sequence[tuple[str, bytes]], accept: str, *options: str, at_once: int = _AT_ONCE
) -> list[tuple[str, bytes] | None]:
    """For each (transfer syntax UID, data set ``identified`` by its place) what went over the wire, None if nothing.

    Args:
        accept: key of ``ACCEPTING``.
        options: further options for dcmsend.
        at_once: files for each call; a failure spoils the later ones.
    """
    sent = sent_files(folder, _write(folder, files), accept, *options, at_once=at_once)
    return [sent.get(f"1.2.3.{number}") for number in range(len(files))]


def sent_files(
    folder: Path, names: Sequence[str], accept: str, *options: str, at_once: int = _AT_ONCE
) -> dict[str, tuple[str, bytes]]:
    """Transfer syntax UID and data set of everything that went over the wire, by SOP Instance UID."""
    answers = {}
    with storescp(folder, "+B", "-pm", "-pdu", "131072", *ACCEPTING[accept]) as peer:
        for start in range(0, len(names), at_once):
            _send(peer.port, names[start : start + at_once], *options)
        for path in peer.files:
            part10, content = read_part10(path), path.read_bytes()
            offset = 144 + int.from_bytes(content[140:144], "little")  # group 0002 may also be in the data set
            answers[part10.sop_instance_uid] = part10.transfer_syntax, content[offset:]
    return answers


def _write(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[str]:
    source = folder / "source"
    source.mkdir()
    names = []
    for number, (uid, data_set) in enumerate(files):
        path = source / f"{number}.dcm"
        path.write_bytes(file_with(data_set, uid))
        names.append(str(path))
    return names


def _send(port: int, names: Sequence[str], *options: str) -> str:
    program = dcmtk_program("dcmsend")
    assert program is not None, "dcmsend is not installed; the test lacks its peer marker"
    environment = {**os.environ, "TCP_NODELAY": "1"}
    done = subprocess.run(
        [program, "-nh", *options, "127.0.0.1", str(port), *names],
        capture_output=True, text=True, errors="replace", env=environment, timeout=100, check=False,
    )
    return done.stdout + done.stderr
