"""One transfer with a proof, and what came of it."""

from __future__ import annotations

from pathlib import Path

from dcmsend import CommitOptions, InstanceProof, JournalOptions, Peer, ProofState, StoreOutcome, VerifyOptions, send
from dcmsend.cli.exit_code import ExitCode, exit_code_of_run
from dcmsend.library import Transfer
from dcmsend.transfer import TransferOptions
from dcmsend.transport import TlsClient
from support.archive import ArchiveInstance, CommitmentArchive
from support.sending import instance_uid

__all__ = ["LIMITS", "MISSING", "NO_ANSWER", "SOON", "STUDY", "VERIFIED", "Night", "forget", "names"]

STUDY = "1.2.3"
SOON = VerifyOptions(attempts=1, seconds=0.2)
VERIFIED, MISSING, NO_ANSWER = ProofState.VERIFIED, ProofState.MISSING, ProofState.NO_ANSWER
LIMITS = TransferOptions(acse_timeout=20, dimse_timeout=20, halt_on_failure=False)


class Night:
    """One transfer with a proof, and what came of it: by query, or with ``commit`` by commitment."""

    def __init__(
        self, archive: CommitmentArchive, folder: Path, journal: Path | None = None, moved: Path | None = None,
        commit: CommitOptions | None = None, tls: TlsClient | None = None,
    ) -> None:  # fmt: skip
        options = None
        if journal is not None:
            options = JournalOptions(str(journal), resume=journal.exists(), move_sent=str(moved or ""))
        peer = Peer("127.0.0.1", archive.port, "ARCHIVE", tls=tls)
        verify = SOON if commit is None else None
        self.transfer: Transfer = send(
            folder, peer, transfer=LIMITS, journal=options, verify=verify, commit=commit
        )
        self.outcomes: list[StoreOutcome] = []
        self.proofs: list[InstanceProof] = []

    def sends(self) -> list[str]:
        """Send; return the names of the files sent."""
        self.outcomes = list(self.transfer)
        assert all(outcome.result.value == "stored" for outcome in self.outcomes)
        return sorted(Path(outcome.instance.input.path).name for outcome in self.outcomes)

    def proves(self) -> dict[ProofState, list[str]]:
        """Ask the archive; return the names of the files by the answer."""
        self.proofs = list(self.transfer.proofs())
        found: dict[ProofState, list[str]] = {}
        for event in self.proofs:
            found.setdefault(event.proof.state, []).append(Path(event.path).name)
        return {state: sorted(names) for state, names in found.items()}

    @property
    def exit_code(self) -> ExitCode:
        record = self.transfer._record
        record.ended = True
        return exit_code_of_run(record, require_stored=True)


def forget(archive: CommitmentArchive, *numbers: int) -> list[ArchiveInstance]:
    """Take the instances of some files out of the archive."""
    return [archive.instances.pop(instance_uid(number)) for number in numbers]


def names(*numbers: int) -> list[str]:
    return [f"{number:04d}" for number in numbers]
