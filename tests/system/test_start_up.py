"""A run that sends one file loads nothing it does not use."""

from __future__ import annotations

import sys

import pytest

from support.corpus import DATA
from support.discarding_peer import DiscardingPeer
from support.programs import installed_dcmsend
from support.run import run

UNUSED = (
    "logging", "traceback", "typing", "pydicom", "numpy", "ssl", "asyncio", "argparse", "json", "sqlite3",
    "tempfile", "subprocess", "weakref", "dcmsend.reasons.end_reasons",
)  # fmt: skip
FOR_PROOF = [
    f"dcmsend.protocol.{name}"
    for name in (
        "acceptance", "commitment", "data_set_values", "further_command_set", "further_commands", "general_status",
        "image_query", "message_assembly", "report_acceptor",
    )
] + [
    "dcmsend.association.report_listener", "dcmsend.transport.accepted", "dcmsend.transport.listener",
    "dcmsend.transport.tls_context", "dcmsend.transport.tls_server",
]  # fmt: skip

FOR_THE_WEB = ("dcmsend.dicomweb", "dcmsend.stow", "dcmsend.dicom.part10", "urllib3", "http.", "xml.")


def test_modules_of_a_plain_send() -> None:
    file = DATA / "pydicom" / "CT_small.dcm"
    with DiscardingPeer() as peer:
        done = run(sys.executable, "-X", "importtime", "-m", "dcmsend", "127.0.0.1", peer.port, file)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "dcmsend" in loaded
    assert loaded.isdisjoint(UNUSED), loaded & set(UNUSED)
    assert "dcmsend.protocol.command_set" in loaded
    assert loaded.isdisjoint(FOR_PROOF), loaded & set(FOR_PROOF)
    assert not {name for name in loaded if name.startswith(FOR_THE_WEB)}


@pytest.mark.parametrize("name", ["dcmsend", "dcmsend-py"])
def test_both_commands_are_installed(name: str) -> None:
    command = installed_dcmsend().removesuffix("dcmsend") + name
    done = run(command, "--version")
    assert done.exit_code == 0
    assert done.stdout.startswith("$dcmsend: ")
    assert done.stderr == ""
