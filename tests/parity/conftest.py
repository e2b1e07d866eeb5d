"""Fixtures of the comparison with DCMTK's program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parity.comparison import Pair
from support import damaged_files, media_files  # noqa: F401  (they register their files)
from support.fixture_files import FixtureFiles
from support.peer_script import Script
from support.scripted_peer import ScriptedPeer
from support.senders import OURS, Program, Run, reference_program, run_program

HOST = "127.0.0.1"
PeerWanted = Script | tuple[Script, ...] | Callable[[], ScriptedPeer]


class Duel:
    """Runs both programs at the same time, each against a scripted peer of its own."""

    def __init__(self, reference: Program, directory: Path, own_directory: Path, *, ours: Program = OURS) -> None:
        self._programs = (reference, ours)
        self._directory = directory
        self._own_directory = own_directory
        self._runs = 0

    def __call__(
        self,
        *arguments: str,
        peer: PeerWanted = (),
        environment: dict[str, str] | None = None,
        directory: Path | None = None,
    ) -> Pair:
        """Run both with the peer's address, the arguments and a report file."""
        return self.verbatim(*_sending(arguments), peer=peer, environment=environment, directory=directory)

    def verbatim(
        self,
        *words: str,
        peer: PeerWanted = (),
        environment: dict[str, str] | None = None,
        directory: Path | None = None,
    ) -> Pair:
        """Run both with exactly these arguments (``{port}`` and ``{own}`` filled in)."""
        self._runs += 1

        def run(program: Program) -> Run:
            return self._run(program, words, peer, environment, directory)

        with ThreadPoolExecutor(2) as pool:
            theirs, ours = pool.map(run, self._programs)
        return Pair(theirs, ours)

    def ours(self, *arguments: str, peer: PeerWanted = ()) -> Run:
        """Run ours alone, for what DCMTK's program never comes to an end with, or has no option for."""
        self._runs += 1
        return self._run(self._programs[1], _sending(arguments), peer, None, None)

    def _run(
        self,
        program: Program,
        words: Sequence[str],
        peer: PeerWanted,
        environment: dict[str, str] | None,
        directory: Path | None,
    ) -> Run:
        return run_program(
            program,
            words,
            _make_peer(peer),
            working_directory=directory or self._directory,
            own_directory=self._own_directory / f"{self._runs}-{program.name}",
            environment=environment,
        )


def _make_peer(wanted: PeerWanted) -> ScriptedPeer:
    if isinstance(wanted, Script):
        return ScriptedPeer(wanted)
    return ScriptedPeer(*wanted) if isinstance(wanted, tuple) else wanted()


def _sending(arguments: Sequence[str]) -> list[str]:
    return [HOST, "{port}", *arguments, "+crf", "{own}/report.txt"]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> FixtureFiles:
    """The fixture files; both programs run in their directory and get relative names."""
    return FixtureFiles(tmp_path_factory.mktemp("fixtures"))


@pytest.fixture(scope="session")
def reference() -> Program:
    program = reference_program()
    if program is None:
        pytest.skip("PEER MISSING: dcmsend 3.6.7: the installed one is another release, nothing to compare with")
    return program


@pytest.fixture
def duel(reference: Program, files: FixtureFiles, tmp_path: Path) -> Duel:
    return Duel(reference, files.directory, tmp_path)
