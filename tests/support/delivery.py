"""The data sets that either program delivers to a peer that accepts one transfer syntax only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from support.dcmtk_judge import ACCEPTING
from support.part10 import read_part10
from support.peers import storescp
from support.programs import dcmtk_program

__all__ = ["Delivery", "dcmtk_dcmsend", "deliver"]


class Delivery(NamedTuple):
    """One run.

    Attributes:
        data_sets: transfer syntax UID and data set of everything that went over the wire, by SOP Instance UID.
        exit_code, stderr: of the program.
    """

    data_sets: dict[str, tuple[str, bytes]]
    exit_code: int
    stderr: str


def dcmtk_dcmsend() -> str:
    """DCMTK's program."""
    program = dcmtk_program("dcmsend")
    assert program is not None, "dcmsend is not installed; the test lacks its peer marker"
    return program


def deliver(
    program: str, folder: Path, files: Sequence[Path], accept: str, *options: str, received: str = "received"
) -> Delivery:
    """Send ``files`` with lossy decompression and ``-nh`` to a storescp that takes what ``ACCEPTING[accept]`` says.

    ``folder`` gets the received files, in ``received``.
    """
    data_sets = {}
    environment = {**os.environ, "TCP_NODELAY": "1"}
    with storescp(folder, "+B", "-pm", "-pdu", "131072", *ACCEPTING[accept], received=received) as peer:
        done = subprocess.run(
            [program, "-nh", "+dly", *options, "127.0.0.1", str(peer.port), *map(str, files)],
            capture_output=True, text=True, errors="replace", env=environment, timeout=110, check=False,
        )
        for path in peer.files:
            part10, content = read_part10(path), path.read_bytes()
            offset = 144 + int.from_bytes(content[140:144], "little")
            data_sets[part10.sop_instance_uid] = part10.transfer_syntax, content[offset:]
    return Delivery(data_sets, done.returncode, done.stderr)
