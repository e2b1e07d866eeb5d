"""The verification over real associations, and with the journal's own rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend.association import ImageFinder, Peer
from dcmsend.interrupt import Interrupt
from dcmsend.proof import Item, ProofCounts, SeriesRemark, Verifier, VerifyOptions
from dcmsend.transfer import TransferOptions, Verdict
from support.archive import ArchiveInstance, CommitmentArchive, commitment_archive
from support.ports import free_port
from support.type_checks import check_types

from .test_verifier import MISSING, VERIFIED, no_answer, series, uids

CT = "1.2.840.10008.5.1.4.1.1.2"
OPTIONS = TransferOptions(acse_timeout=20, dimse_timeout=20)


def test_an_image_finder_is_a_finder(tmp_path: Path) -> None:
    """And rows of the journal can be given as they are."""
    pytest.importorskip("mypy")
    program = tmp_path / "typed.py"
    program.write_text(
        "from collections.abc import Iterator\n"
        "from dcmsend.association import ImageFinder\n"
        "from dcmsend.interrupt import Interrupt\n"
        "from dcmsend.journal import Proofs, StoredRow\n"
        "from dcmsend.proof import Finder, Item, Verifier, VerifyOptions\n"
        "from dcmsend.transfer import Verdict\n"
        "def use(finder: ImageFinder, proofs: Proofs, listed: list[Item[int]]) -> Iterator[tuple[object, Verdict]]:\n"
        "    taken: Finder = finder\n"
        "    verifier = Verifier(taken, VerifyOptions(), Interrupt())\n"
        "    proofs.record(verifier.verify(proofs.unproven()))\n"
        "    return verifier.verify(listed)\n"
    )
    code, said = check_types(tmp_path, program.name)
    assert code == 0, said


def verify_over_dimse(port: int, items: list[Item[str]], seconds: float = 0.5) -> tuple[dict[str, Verdict], Verifier]:
    interrupt = Interrupt()
    finder = ImageFinder(Peer("127.0.0.1", port, "ARCHIVE"), OPTIONS, interrupt)
    verifier = Verifier(finder, VerifyOptions(2, seconds), interrupt)
    try:
        return {item.key: verdict for item, verdict in verifier.verify(items)}, verifier
    finally:
        finder.close()


def stored(*series_of: list[Item[str]]) -> dict[str, ArchiveInstance]:
    return {
        item.sop_instance_uid: ArchiveInstance(CT, item.sop_instance_uid, item.study_uid, item.series_uid)
        for items in series_of for item in items
    }  # fmt: skip


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_lacks_three_of_two_hundred() -> None:
    items = [*series(0, uids(100)), *series(1, uids(100, 100))]
    archive = CommitmentArchive(instances=stored(items))
    lost = ["1.2.3.7", "1.2.3.42", "1.2.3.150"]
    for uid in lost:
        del archive.instances[uid]
    with commitment_archive(archive):
        found, verifier = verify_over_dimse(archive.port, items)
    assert {key.split(":")[1] for key, verdict in found.items() if verdict == MISSING} == set(lost)
    assert verifier.counts == ProofCounts(200, 200, 197, 3, 0)


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_is_out_of_resources() -> None:
    items = series(0, uids(3))
    archive = CommitmentArchive(instances=stored(items[:1]), find_status=0xA700)
    with commitment_archive(archive):
        found, _ = verify_over_dimse(archive.port, items)
    assert list(found.values()) == [VERIFIED, no_answer(0xA700), no_answer(0xA700)]


@pytest.mark.peer("pynetdicom")
def test_an_archive_with_other_uids() -> None:
    items = series(0, uids(3))
    coerced = [Item("1", "1.0", f"9.{number}", "") for number in range(3)]
    archive = CommitmentArchive(instances=stored(coerced))
    remarks: list[SeriesRemark] = []
    with commitment_archive(archive):
        interrupt = Interrupt()
        finder = ImageFinder(Peer("127.0.0.1", archive.port, "ARCHIVE"), OPTIONS, interrupt)
        verifier = Verifier(finder, VerifyOptions(1, 0.1), interrupt, remark=remarks.append)
        assert [verdict for _, verdict in verifier.verify(items)] == [MISSING] * 3
        finder.close()
    assert remarks == [SeriesRemark("1", "1.0", 3, 3, 3)]


def test_nobody_listens() -> None:
    port = free_port()
    found, _ = verify_over_dimse(port, series(0, uids(3)), seconds=0.1)
    assert set(found.values()) == {no_answer("no_association")}
