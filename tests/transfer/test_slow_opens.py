"""Files that are slow to open: the same outcomes in the same order, whoever opens them."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from dcmsend import AssociationOpened, IndexOptions, Observer, Peer, TransferOptions, send
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import SendingFailed
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile, KeptFiles, ahead, file_source
from dcmsend.inputs.open_watch import OpenWatch
from dcmsend.load.files_ahead import FilesAhead
from dcmsend.run import local_carrier
from support.descriptors import open_descriptors
from support.few_threads import permit_threads
from support.fixture_files import CT_CLASS
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, instance_uid, run_transfer, send_all, write_instances, write_large

PATIENCE = 60.0
_measured = OpenWatch.note


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LONGEST_WAIT", PATIENCE)


@pytest.fixture
def always_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens are taken for slow from the first one on."""
    monkeypatch.setattr(OpenWatch, "note", lambda _self, _seconds: True)


@pytest.fixture
def opened_by(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many files were opened by which kind of thread; none is kept from the scan until it is sent."""
    monkeypatch.setattr(local_carrier, "KeptFiles", partial(KeptFiles, 0))
    counts: dict[str, int] = {}
    really_open = file_source._open

    def noted(path: str) -> int:
        kind = threading.current_thread().name.split("-")[0]
        counts[kind] = counts.get(kind, 0) + 1
        return really_open(path)

    monkeypatch.setattr(file_source, "_open", noted)
    return counts


def send_files(items: object, *, scanning: bool, **options: object) -> Sent:
    with ScriptedPeer() as peer:
        transfer = send(
            items,  # type: ignore[arg-type]
            Peer("127.0.0.1", peer.port),
            index=IndexOptions(halt_on_invalid=False),
            transfer=TransferOptions(**{"halt_on_failure": False, **options}),
            send_while_scanning=scanning,
        )
        outcomes, error = run_transfer(transfer)
    return Sent(outcomes, error, transfer, peer)


@pytest.mark.parametrize("scanning", [False, True])
def test_where_opens_take_long_threads_open_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanning: bool, opened_by: dict[str, int]
) -> None:
    noted = file_source._open

    def slow(path: str) -> int:
        time.sleep(0.005)
        return noted(path)

    monkeypatch.setattr(file_source, "_open", slow)
    monkeypatch.setattr(OpenWatch, "note", _measured)
    files = write_instances(tmp_path, 120)
    sent = send_files(files, scanning=scanning)
    assert sent.error is None
    assert sent.results == ["stored"] * 120
    assert [store.sop_instance_uid for store in sent.peer.stores] == [instance_uid(n) for n in range(1, 121)]
    assert opened_by["scan"] >= 60
    assert opened_by["open"] >= 60
    assert sum(opened_by.values()) == 240, "each file once for the list and once to be sent"


@pytest.mark.parametrize("scanning", [False, True])
def test_where_they_do_not_nobody_else_opens(
    tmp_path: Path, scanning: bool, opened_by: dict[str, int]
) -> None:
    sent = send_files(write_instances(tmp_path, 50), scanning=scanning)
    assert sent.results == ["stored"] * 50
    assert opened_by == {"MainThread": 100}


@pytest.mark.usefixtures("always_slow")
@pytest.mark.parametrize("possible", [0, 2])
@pytest.mark.parametrize("scanning", [False, True])
def test_where_no_thread_can_be_started_everything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanning: bool, possible: int
) -> None:
    before = open_descriptors()
    refused = permit_threads(monkeypatch, "scan", "open", possible=possible)
    sent = send_files(write_instances(tmp_path, 100), scanning=scanning)
    assert sent.error is None
    assert sent.results == ["stored"] * 100
    assert refused
    assert open_descriptors() <= before


@pytest.mark.usefixtures("always_slow")
@pytest.mark.parametrize("scanning", [False, True])
@pytest.mark.parametrize("parallel", [1, 3])
def test_what_is_wrong_is_told_in_its_place(tmp_path: Path, scanning: bool, parallel: int) -> None:
    files = write_instances(tmp_path, 200)
    files[20].write_bytes(b"no DICOM file")
    files[30].unlink()
    cut = files[40].read_bytes()
    files[40].write_bytes(cut[:-5])
    files[60].unlink()
    files[60].mkdir()  # in a list of names a directory is searched, and empty
    write_large(files[70], 300_000, 71)
    sent = send_files(files, scanning=scanning, parallel_associations=parallel)
    assert sent.error is None
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, 198))
    paths = [outcome.instance.input.path for outcome in sent.outcomes]
    assert paths == [str(path) for number, path in enumerate(files) if number not in (20, 30, 60)]
    failed = [outcome for outcome in sent.outcomes if outcome.result.value != "stored"]
    assert [outcome.instance.input.path for outcome in failed] == [str(files[40])]
    assert failed[0].message.startswith("Invalid stream; ")
    rejected = [Path(row.path) for row in sent.transfer.rejected]
    assert rejected == [files[20], files[30]]


@pytest.mark.usefixtures("always_slow")
def test_a_run_that_ends_at_a_file_does_not_send_those_opened_ahead(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 60)
    files[30].write_bytes(files[30].read_bytes()[:-5])
    sent = send_files(files, scanning=False, halt_on_failure=True)
    assert isinstance(sent.error, SendingFailed)
    assert sent.results == ["stored"] * 30 + ["failed"] + ["not attempted"] * 29
    assert len(sent.peer.stores) == 30


@pytest.mark.usefixtures("always_slow")
def test_a_file_that_vanishes_between_list_and_sending(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 100)

    class Vandal(Observer):
        def association_opened(self, event: AssociationOpened) -> None:
            files[80].unlink()

    sent = send_all(files, observer=Vandal())
    assert sent.results == ["stored"] * 80 + ["failed"] + ["stored"] * 19
    assert sent.reasons[80] == "file unreadable"


@pytest.mark.usefixtures("always_slow")
@pytest.mark.parametrize("scanning", [False, True])
def test_an_open_that_hangs_does_not_keep_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanning: bool
) -> None:
    files = write_instances(tmp_path, 40)
    go_on, hangs = threading.Event(), threading.Event()
    really_open = file_source._open

    def hanging(path: str) -> int:
        if path == str(files[20]):
            hangs.set()
            go_on.wait(PATIENCE)
        return really_open(path)

    monkeypatch.setattr(file_source, "_open", hanging)
    monkeypatch.setattr(ahead, "_LONGEST_WAIT", 0.1)
    monkeypatch.setattr(ahead, "WAIT_SLICE", 0.02)
    with ScriptedPeer() as peer:
        transfer = send(files, Peer("127.0.0.1", peer.port), send_while_scanning=scanning)

        def cancel() -> None:
            hangs.wait(PATIENCE)
            transfer.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            outcomes, error = run_transfer(transfer)
        finally:
            go_on.set()
            thread.join()
    assert error is None
    assert [outcome.result.value for outcome in outcomes].count("stored") <= 20
    assert len(peer.stores) <= 20
    for other in threading.enumerate():
        if other.name.startswith(("scan", "open")):
            other.join(PATIENCE)


@pytest.mark.usefixtures("always_slow")
def test_no_more_than_a_few_files_are_open(tmp_path: Path) -> None:
    paths = [write_large(tmp_path / str(number), 20_000, number) for number in range(1, 301)]
    instances = [
        Instance(InputFile(str(path)), CT_CLASS, "1.2", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY) for path in paths
    ]
    files = FilesAhead(instances)
    most = 0
    for index in [*range(100), *range(50, 60), *range(150, 300, 3)]:  # some are sent twice, some never
        file = files.open(index, instances[index])
        assert file.head == paths[index].read_bytes()[: len(file.head)]
        file.close()
        most = max(most, len(files._tickets))
    assert 0 < most <= ahead.MOST_AHEAD
    files.close()


@pytest.mark.usefixtures("always_slow")
def test_now_and_then_it_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened_by: dict[str, int]
) -> None:
    monkeypatch.setattr(ahead, "STRETCH", 20)
    sent = send_files(write_instances(tmp_path, 100), scanning=False)
    assert sent.results == ["stored"] * 100
    assert opened_by["MainThread"] >= 8
    assert opened_by["open"] >= 80
