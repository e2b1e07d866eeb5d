"""Files that the scan keeps until they are sent: opened once, and sent as if they were opened again."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dcmsend import (
    AssociationOpened,
    IndexOptions,
    Observer,
    Peer,
    ReadMode,
    RetryOptions,
    StoreOutcome,
    TransferOptions,
    send,
)
from dcmsend.inputs import KeptFiles, OpenWatch, file_source
from dcmsend.run import local_carrier
from support.descriptors import open_descriptors
from support.media_files import dicomdir, record
from support.peer_script import Close, Script
from support.ports import free_port
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, run_transfer, send_all, write_instances, write_large

LONG_AGO = 1_600_000_000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was opened."""
    count: Counter[str] = Counter()
    really = file_source._open

    def counted(path: str) -> int:
        count[path] += 1
        return really(path)

    monkeypatch.setattr(file_source, "_open", counted)
    return count


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


def settled(paths: list[Path]) -> list[Path]:
    """Files that nobody has touched for long."""
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))
    return paths


def write_both(folder: Path, count: int) -> list[Path]:
    """Small files, and files that do not fit into what is read at first."""
    small = write_instances(folder, count)
    return settled([*small, *(write_large(folder / f"large{n}", 50_000, n) for n in range(500, 500 + count))])


OPTIONS: list[dict[str, object]] = [
    {}, {"parallel": 4}, {"index": IndexOptions(read_mode=ReadMode.FILE_OR_DATA_SET)}, {"scanning": True},
]  # fmt: skip


def deliver(paths: list[Path], port: int, options: dict[str, object]) -> tuple[StoreOutcome, ...]:
    parallel, scanning, index = options.get("parallel", 1), bool(options.get("scanning")), options.get("index")
    assert isinstance(parallel, int)
    assert index is None or isinstance(index, IndexOptions)
    transfer = send(
        paths, Peer("127.0.0.1", port), index=index, send_while_scanning=scanning,
        transfer=TransferOptions(parallel_associations=parallel, acse_timeout=10),
    )  # fmt: skip
    outcomes, error = run_transfer(transfer)
    assert error is None
    return outcomes


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "plain")
def test_each_file_is_opened_once(tmp_path: Path, opened: Counter[str], options: dict[str, object]) -> None:
    paths = write_both(tmp_path, 20)
    with ScriptedPeer() as peer:
        outcomes = deliver(paths, peer.port, options)
    assert [outcome.result.value for outcome in outcomes] == ["stored"] * 40
    assert set(opened.values()) == {1}
    sent = {store.sop_instance_uid: bytes(store.data_set) for store in peer.stores}
    for outcome in outcomes:
        assert Path(outcome.instance.input.path).read_bytes().endswith(sent[outcome.sop_instance_uid])


def test_of_more_files_than_are_kept_the_others_are_opened_twice(tmp_path: Path, opened: Counter[str]) -> None:
    sent = send_all(settled(write_instances(tmp_path, 70)))
    assert sent.results == ["stored"] * 70
    assert Counter(opened.values()) == {1: 64, 2: 6}


@pytest.mark.parametrize("scanning", [False, True])
def test_where_opens_are_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Counter[str], scanning: bool
) -> None:
    """Threads that open ahead take what is kept, too."""
    monkeypatch.setattr(OpenWatch, "note", lambda _self, _seconds: True)
    paths = write_both(tmp_path, 60)
    with ScriptedPeer() as peer:
        outcomes = deliver(paths, peer.port, {"scanning": scanning})
    assert [outcome.result.value for outcome in outcomes] == ["stored"] * 120
    assert [outcome.instance.input.path for outcome in outcomes] == [str(path) for path in paths]
    assert all(1 <= opened[str(path)] <= 2 for path in paths)
    assert list(opened.values()).count(1) >= 64


def test_what_a_dicomdir_refers_to(tmp_path: Path, opened: Counter[str]) -> None:
    paths = write_both(tmp_path, 3)
    records = [record("IMAGE", path.name, number) for number, path in enumerate(paths, start=1)]
    (tmp_path / "DICOMDIR").write_bytes(dicomdir(*records))
    sent = send_all([tmp_path / "DICOMDIR"], index=IndexOptions(expand_dicomdir=True))
    assert sent.results == ["stored"] * 6
    assert [opened[str(path)] for path in paths] == [1] * 6


def test_a_file_that_is_named_twice(tmp_path: Path, opened: Counter[str]) -> None:
    path, large = write_both(tmp_path, 1)
    sent = send_all([path, large, path, large])
    assert sent.results == ["stored"] * 4
    assert opened == {str(path): 3, str(large): 3}


def test_another_attempt_opens_it_again(tmp_path: Path, opened: Counter[str]) -> None:
    paths = write_both(tmp_path, 1)
    sent = send_all(paths, Script(stores={1: Close()}), Script(), retry=RetryOptions(1, 0.01))
    assert sent.results == ["stored"] * 2
    assert sum(opened.values()) >= 3


class AtOpening(Observer):
    """Does something between the scan and the first instance."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def association_opened(self, event: AssociationOpened) -> None:
        self._action()


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Other^Patient"))
    settled([other])
    other.replace(path)


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Other^Patient"))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5)


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES: list[Callable[[Path], object]] = [
    replace, rewrite, cut, os.utime, Path.unlink, become_directory, become_pipe, Path.touch,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_after_the_scan_is_seen_as_ever(
    tmp_path: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small and large files: what comes of them is what comes of them where nothing is kept."""

    def course(folder: Path) -> tuple[object, ...]:
        paths = write_both(folder, 2)

        def change_some() -> None:
            change(paths[0])
            change(paths[2])

        sent: Sent = send_all(paths, observer=AtOpening(change_some))
        stores = [(store.sop_instance_uid, bytes(store.data_set)) for store in sent.peer.stores]
        return sent.results, sent.reasons, [outcome.message for outcome in sent.outcomes], stores

    now = course(tmp_path / "now")
    monkeypatch.setattr(local_carrier, "KeptFiles", partial(KeptFiles, 0))
    assert now == course(tmp_path / "before")
    if change in (replace, rewrite):
        assert [b"Other^Patient" in data for _uid, data in now[3]] == [True, False, True, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize("scanning", [False, True])
def test_nothing_stays_open_when_a_run_ends_early(tmp_path: Path, scanning: bool) -> None:
    """The fixture sees to it: nobody listens; the caller goes away; the search fails."""
    paths = write_both(tmp_path, 5)
    outcomes, error = run_transfer(send(paths, Peer("127.0.0.1", free_port()), send_while_scanning=scanning))
    assert error is not None
    assert "stored" not in [outcome.result.value for outcome in outcomes]
    with ScriptedPeer() as peer:
        for _ in send(paths, Peer("127.0.0.1", peer.port), send_while_scanning=scanning):
            break
    broken = tmp_path / "broken"
    broken.write_bytes(b"no DICOM")
    with ScriptedPeer() as peer:
        index = IndexOptions(halt_on_invalid=True)
        transfer = send([*paths, broken], Peer("127.0.0.1", peer.port), index=index, send_while_scanning=scanning)
        _outcomes, error = run_transfer(transfer)
    assert error is not None


def test_a_descriptor_is_missing_when_a_file_is_to_be_opened(tmp_path: Path, opened: Counter[str]) -> None:
    """What is kept is closed first; then there is room."""
    first = write_instances(tmp_path, 3)
    for path in first:  # as if they were written just now, however long it takes until they are scanned: not kept
        os.utime(path, (4_000_000_000, 4_000_000_000))
    paths = [*first, *settled([write_large(tmp_path / f"large{n}", 50_000, n) for n in range(500, 505)])]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow_no_more() -> None:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))

    class Allowance(Observer):
        """Allows nothing further before the first file is opened, and as ever after it."""

        def association_opened(self, event: AssociationOpened) -> None:
            allow_no_more()

        def outcome(self, outcome: StoreOutcome) -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    try:
        sent = send_all(paths, observer=Allowance())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert sent.results == ["stored"] * 8
    assert [opened[str(path)] for path in paths] == [3, 2, 2] + [2] * 5
