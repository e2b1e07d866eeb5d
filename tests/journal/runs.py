"""Runs of the installed command with a journal, and what the journal says afterwards."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

__all__ = ["outcomes", "run_with_journal", "send", "stored_names", "stored_uids"]


def run_with_journal(
    folder: Path, port: int, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Run:
    """Send ``folder / "in"`` with the journal ``folder / "journal"``."""
    return run(
        installed_dcmsend(), "-v", "--journal", folder / "journal", *arguments, "+sd", "+r", "127.0.0.1", port,
        folder / "in", environment=environment,
    )  # fmt: skip


def send(folder: Path, peer: ScriptedPeer, *arguments: str | Path) -> tuple[Run, list[str | None]]:
    """The run, and the UIDs that the peer was asked to store in it, sorted."""
    before = len(peer.stores)
    done = run_with_journal(folder, peer.port, *arguments)
    return done, sorted(store.sop_instance_uid or "" for store in peer.stores[before:])


def outcomes(journal: Path) -> dict[str, tuple[int, int | None, str | None, int]]:
    """Outcome, status, reason and attempts by name of the file; read without our code."""
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT name, outcome, status, reason, attempts FROM instance").fetchall()
    finally:
        connection.close()
    return {name.decode(errors="surrogateescape"): tuple(rest) for name, *rest in rows}


def stored_names(journal: Path) -> set[str]:
    """Names of the files that the journal calls stored."""
    return {name for name, row in outcomes(journal).items() if row[0] == 0}


def stored_uids(journal: Path) -> set[str]:
    """SOP Instance UIDs that the journal calls stored, read without our code, from a copy.

    SQLite mends what a killed process has left, and here the program shall do that.
    """
    with tempfile.TemporaryDirectory() as copy:
        for suffix in ("", "-wal", "-journal"):
            with contextlib.suppress(FileNotFoundError):  # a run that goes on may end meanwhile
                shutil.copy(f"{journal}{suffix}", f"{copy}/j{suffix}")
        connection = sqlite3.connect(f"{copy}/j")
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
                return set()  # killed while it was made
            rows = connection.execute("SELECT sop_instance_uid FROM instance WHERE outcome = 0").fetchall()
        finally:
            connection.close()
    return {uid for (uid,) in rows}
