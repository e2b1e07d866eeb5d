"""Many instances, and large ones: message ids, descriptors, memory, progress."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from dcmsend import (
    AssociationOpened,
    BytesSent,
    Instance,
    Observer,
    Peer,
    ReadMode,
    StoreOutcome,
    send,
)
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.inputs import InputFile
from dcmsend.plan import PlanOptions, plan_association
from dcmsend.protocol import PresentationContext
from dcmsend.transport import TcpConnection
from support.descriptors import open_descriptors
from support.discarding_peer import DiscardingPeer
from support.fixture_files import CT_CLASS, MR_CLASS, UID_ROOT
from support.peer_script import Abort, Accept, Respond, Script, refuse
from support.sending import send_all, write_instances, write_large


class Counter(Observer):
    """The largest number of descriptors that were open at the end of an instance."""

    def __init__(self) -> None:
        self.most = 0

    def outcome(self, outcome: StoreOutcome) -> None:
        if outcome.index % 10 == 0:
            self.most = max(self.most, len(open_descriptors()))


def test_no_descriptor_is_lost_over_a_thousand_instances(tmp_path: Path) -> None:
    """Good ones, broken ones, refused ones, and an association that ends now and then."""
    files = write_instances(tmp_path, 1000, (CT_CLASS, MR_CLASS, f"{UID_ROOT}.51"))
    for path in files[::7]:
        path.write_bytes(path.read_bytes()[:-1])
    counter = Counter()
    before = len(open_descriptors())
    answers = {number: Respond(0xA700) for number in range(1, 100, 5)}
    scripts = [Script(associate=Accept(refuse(3)), stores={**answers, 90: Abort()})] * 20
    sent = send_all(files, *scripts, observer=counter)
    assert len(sent.outcomes) == 1000
    assert {"stored", "refused", "failed", "unconfirmed"} == set(sent.results)
    assert len(sent.peer.connections) > 3
    # two input files, one connection; for each connection the peer in this process has one more
    assert counter.most - before <= 3 + 3 + len(sent.peer.connections)


def test_a_small_instance_is_one_piece_on_the_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command and data set leave together, so that neither waits for the acknowledgement of the other."""
    lengths = []
    real = TcpConnection.send

    def send(self: TcpConnection, data: memoryview, idle: object, on_stall: object = None) -> None:
        lengths.append(len(data))
        real(self, data, idle)  # type: ignore[arg-type]

    monkeypatch.setattr(TcpConnection, "send", send)
    sent = send_all(write_instances(tmp_path, 3))
    assert sent.results == ["stored"] * 3
    assert len(lengths) == 1 + 3 + 1  # association request, instances, release request


class Progress(Observer):
    """What is told of a transfer while it goes on."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def association_opened(self, event: AssociationOpened) -> None:
        self.events.append(("opened", event.number, event.fragment_length))

    def bytes_sent(self, event: BytesSent) -> None:
        self.events.append(event)

    def outcome(self, outcome: StoreOutcome) -> None:
        self.events.append(("outcome", outcome.index))


@pytest.mark.parametrize("max_pdu_length", [4096, 16384, 0])
def test_progress_of_a_large_instance(tmp_path: Path, max_pdu_length: int) -> None:
    large = write_large(tmp_path / "large.dcm", 10 * 1024 * 1024 + 1234)
    progress = Progress()
    script = Script(associate=Accept(max_pdu_length=max_pdu_length))
    sent = send_all([*write_instances(tmp_path, 1), large], script, observer=progress)
    assert sent.results == ["stored", "stored"]
    pieces = [event.length for event in progress.events if isinstance(event, BytesSent) and event.number == 2]
    length = sent.outcomes[1].data_set_length
    assert sum(pieces) == length == len(sent.peer.stores[1].data_set)
    assert bytes(sent.peer.stores[1].data_set) == large.read_bytes()[-length:]
    assert 10 <= len(pieces) <= 40
    assert max(pieces) <= 1 << 20
    fragment = (max_pdu_length or 131072) - 12
    assert progress.events[0] == ("opened", 1, fragment)
    assert progress.events[-1] == ("outcome", 2)
    assert set(sent.peer.stores[1].fragment_lengths[:-1]) == {fragment}


def test_memory_of_a_large_instance_is_bounded(tmp_path: Path) -> None:
    large = write_large(tmp_path / "large.dcm", 1 << 20)
    with large.open("r+b") as file:  # a hole costs no disk
        head = large.stat().st_size - (1 << 20)
        file.seek(head - 4)
        file.write((200 << 20).to_bytes(4, "little"))
        file.truncate(head + (200 << 20))

    with DiscardingPeer() as peer:
        tracemalloc.start()
        (outcome,) = send(large, Peer("127.0.0.1", peer.port))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert outcome.result.value == "stored"
    assert outcome.bytes_sent == peer.stored[0].length > 200 << 20
    assert peak < 16 << 20  # the peer in this process included


def test_memory_of_a_long_transfer_list() -> None:
    """About 0.6 kB for each planned instance, path included."""
    count = 20_000
    tracemalloc.start()
    instances = [
        Instance(
            InputFile(f"/archive/2024/02/29/study-{number // 1000}/series-{number // 100}/{number:08}.dcm"),
            "".join(("1.2.840.10008.5.1.4.1.1.", str(number % 3 + 2))),
            f"{UID_ROOT}.1234567890.1234567890.{number}",
            EXPLICIT_VR_LITTLE_ENDIAN,
            ReadMode.FILE_ONLY,
        )
        for number in range(count)
    ]
    planned, _ = tracemalloc.get_traced_memory()
    plan = plan_association(instances, 0, PlanOptions(), lambda _: False)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(plan.context_ids) == count
    assert all(isinstance(context, PresentationContext) for context in plan.contexts)
    assert planned / count < 700
    assert after - planned < 100_000
    assert peak - planned < 200_000
