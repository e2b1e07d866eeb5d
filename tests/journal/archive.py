"""Archives that know what they have, and senders that can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.ports import free_port
from support.processes import is_listening, wait_until
from support.programs import dcmtk_program, installed_dcmsend
from support.scripted_peer import ScriptedPeer

__all__ = ["Sender", "Storescp", "uids_in", "uids_of"]


def uids_of(peer: ScriptedPeer) -> list[str]:
    """SOP Instance UIDs of all objects that came completely, in the order in which they came."""
    return [store.sop_instance_uid or "" for store in peer.stores if store.complete]


def uids_in(directory: Path) -> set[str]:
    """SOP Instance UIDs of the files that storescp has written: it names them ``modality.uid``."""
    return {path.name.partition(".")[2] for path in directory.iterdir()}


class Storescp:
    """DCMTK's storescp on a port and in a directory of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "archive"
        self.directory.mkdir()
        self.port = free_port()
        self._log = folder / "storescp.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = dcmtk_program("storescp")
        assert program is not None, "storescp is not installed; the test lacks its peer marker"
        argv = [program, "+B", "-od", str(self.directory), str(self.port)]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            argv = [setpriv, "--pdeathsig", "KILL", "--", *argv]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
            )
        process = self._process
        wait_until(lambda: process.poll() is not None or is_listening(self.port), 30, "storescp")
        assert process.poll() is None, self._log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    @contextmanager
    def running(self) -> Iterator[Storescp]:
        """Started, and gone at the end."""
        self.start()
        try:
            yield self
        finally:
            self.kill()


class Sender:
    """The installed command, running."""

    def __init__(self, folder: Path, port: int, *options: str | Path) -> None:
        """Sends ``folder / "in"`` with the journal ``folder / "journal"``."""
        argv: Sequence[str | Path] = [
            installed_dcmsend(), "--journal", folder / "journal", "--resume", "-to", "10", *options,
            "+sd", "+r", "127.0.0.1", str(port), folder / "in",
        ]  # fmt: skip
        self._stderr = folder / "stderr"
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
            )

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end."""
        return self._process.poll() is not None

    @property
    def stderr(self) -> str:
        """What it has said."""
        return self._stderr.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> bool:
        """SIGKILL; false if it was too late for that."""
        self._process.kill()
        return self._process.wait(30) == -signal.SIGKILL

    def wait(self, seconds: float = 0.0) -> int:
        """Wait for its own end; the exit code.  TimeoutExpired if that does not come within ``seconds``, if given."""
        if seconds:
            return self._process.wait(seconds)
        try:
            return self._process.wait(100)
        finally:
            self._process.kill()
