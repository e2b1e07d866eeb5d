"""Proofs of a run over a cluster: the driver asks the archive, whoever has sent, and whatever has died meanwhile."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask.distributed import Client

from dcmsend import (
    CommitOptions,
    InputOptions,
    JournalOptions,
    Peer,
    ProofState,
    Transfer,
    TransferOptions,
    VerifyOptions,
    send,
)
from dcmsend.transfer import InstanceProof
from support.archive import CommitmentArchive, commitment_archive
from support.clusters import kill_a_worker
from support.ports import free_port
from support.sending import instance_uid
from support.series_files import write_series
from support.store_servers import web_place

pytestmark = pytest.mark.peer("pynetdicom")

STUDY = "1.2.3"
VERIFIED, MISSING, COMMITTED, DENIED = (
    ProofState.VERIFIED, ProofState.MISSING, ProofState.COMMITTED, ProofState.DENIED,
)  # fmt: skip
QUERY = VerifyOptions(attempts=1, seconds=0.2)


@pytest.fixture
def archive() -> Iterator[CommitmentArchive]:
    with commitment_archive() as archive:
        yield archive


class Place:
    """Three series of four files, a journal, and a folder for what is proven."""

    def __init__(self, folder: Path, client: Client, archive: CommitmentArchive) -> None:
        self.files = folder / "in"
        write_series(self.files, [(STUDY, f"{STUDY}.{number % 3 + 1}") for number in range(12)])
        self.moved = folder / "moved"
        self.moved.mkdir()
        self._journal = folder / "journal"
        self._client = client
        self._archive = archive

    def transfer(self, **proof: VerifyOptions | CommitOptions) -> Transfer:
        options = JournalOptions(str(self._journal), resume=self._journal.exists(), move_sent=str(self.moved))
        return send(
            self.files, Peer("127.0.0.1", self._archive.port, "ARCHIVE"), cluster=self._client, journal=options,
            transfer=TransferOptions(halt_on_failure=False), **proof,  # type: ignore[arg-type]
        )  # fmt: skip

    def left(self) -> list[str]:
        """The names of the files that were not moved."""
        return sorted(path.name for path in self.files.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path, client: Client, archive: CommitmentArchive) -> Place:
    return Place(tmp_path, client, archive)


def sent(transfer: Transfer) -> list[str]:
    """The names of the files that a run sends, all of them to be stored."""
    outcomes = list(transfer)
    assert {outcome.result.value for outcome in outcomes} <= {"stored"}
    return sorted(Path(outcome.instance.input.path).name for outcome in outcomes)


def by_state(proofs: Iterator[InstanceProof]) -> dict[ProofState, list[str]]:
    """The names of the files by what the archive says."""
    found: dict[ProofState, list[str]] = {}
    for each in proofs:
        found.setdefault(each.proof.state, []).append(Path(each.path).name)
    return {state: sorted(names) for state, names in found.items()}


def names(*numbers: int) -> list[str]:
    return [f"{number:04d}" for number in numbers]


ALL = names(*range(1, 13))


def test_what_the_archive_lacks_is_sent_again_and_only_the_rest_is_moved(
    place: Place, archive: CommitmentArchive
) -> None:
    night = place.transfer(verify=QUERY)
    assert sent(night) == ALL == place.left(), "nothing is moved before the proof"
    for number in (1, 6):
        del archive.instances[instance_uid(number)]
    proofs = list(night.proofs())
    assert by_state(iter(proofs)) == {MISSING: names(1, 6), VERIFIED: names(2, 3, 4, 5, 7, 8, 9, 10, 11, 12)}
    assert sorted(each.index for each in proofs) == list(range(1, 13))
    assert {(each.study_uid, each.series_uid) for each in proofs} == {(STUDY, f"{STUDY}.{n}") for n in (1, 2, 3)}
    assert place.left() == names(1, 6)
    second = place.transfer(verify=QUERY)
    assert sent(second) == names(1, 6)
    assert by_state(second.proofs()) == {VERIFIED: names(1, 6)}
    assert place.left() == []


@pytest.mark.slow
def test_a_driver_that_dies_before_the_proof_and_a_worker_that_dies_before_it(
    place: Place, archive: CommitmentArchive, client: Client
) -> None:
    first = place.transfer(verify=QUERY)
    for count, _ in enumerate(first):
        if not count:
            kill_a_worker(client)
    assert set(archive.stores) == {instance_uid(number) for number in range(1, 13)}
    del archive.instances[instance_uid(3)]
    stores = len(archive.stores)
    second = place.transfer(verify=QUERY)  # the first has never asked
    assert sent(second) == []
    assert by_state(second.proofs()) == {MISSING: names(3), VERIFIED: [name for name in ALL if name != "0003"]}
    assert len(archive.stores) == stores
    third = place.transfer(verify=QUERY)
    assert sent(third) == names(3)
    assert by_state(third.proofs()) == {VERIFIED: names(3)}
    assert place.left() == []


def test_members_of_archives_and_objects_are_known_again_by_their_proofs(
    client: Client, archive: CommitmentArchive, tmp_path: Path
) -> None:
    """The driver has names for them, the workers open them, and the journal has a third name."""
    paths = write_series(tmp_path / "files", [(STUDY, f"{STUDY}.1")] * 4)
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as file:
        for path in paths[:2]:
            file.write(path, path.name)
    journal = tmp_path / "journal"
    with web_place() as web:
        web.put("0003", paths[2].read_bytes())

        def night(*losses: int) -> tuple[list[str], dict[ProofState, list[str]]]:
            transfer = send(
                [tmp_path / "some.zip", f"{web.url}0003", paths[3]], Peer("127.0.0.1", archive.port, "ARCHIVE"),
                cluster=client, inputs=InputOptions(archives=True), verify=QUERY,
                journal=JournalOptions(str(journal), resume=journal.exists()),
            )  # fmt: skip
            outcomes = {outcome.index: outcome.instance.input.path for outcome in transfer}
            for number in losses:
                del archive.instances[instance_uid(number)]
            proofs = list(transfer.proofs())
            assert {each.index: each.path for each in proofs if each.index} == outcomes
            return sorted(path[-4:] for path in outcomes.values()), by_state(iter(proofs))

        assert night(2, 3) == (names(1, 2, 3, 4), {VERIFIED: names(1, 4), MISSING: names(2, 3)})
        assert night() == (names(2, 3), {VERIFIED: names(2, 3)})
        assert night() == ([], {})


@pytest.mark.parametrize("how", ["same", "new"])
def test_commitments(place: Place, archive: CommitmentArchive, how: str) -> None:
    archive.how = how
    options = CommitOptions(instances=5, outstanding=1)  # the archive reports in as many threads as are outstanding
    if how == "new":
        options = CommitOptions(port=free_port(), address="127.0.0.1", instances=5, outstanding=1)
        archive.back = ("127.0.0.1", options.port or 0)
    with place.transfer(commit=options) as night:
        assert sent(night) == ALL == place.left()
        del archive.instances[instance_uid(6)]
        assert by_state(night.proofs()) == {DENIED: names(6), COMMITTED: [name for name in ALL if name != "0006"]}
    assert place.left() == names(6)
    with place.transfer(commit=options) as second:
        assert sent(second) == names(6)
        assert by_state(second.proofs()) == {COMMITTED: names(6)}
    assert place.left() == []
    assert archive.refusals == []
