"""One fault, at each place of each PDU in both directions, between us and a real peer.

After each run the peer's store, the text report, the JSON report, the journal and the exit code have to agree.  Then
the same with further attempts: there everything has to arrive.  Ordinary test runs take a part of the places;

    python -m pytest tests/faults/test_sweep.py --all-faults

takes all of them, and counts them at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from dcmsend.association import Peer, echo
from dcmsend.cli.arguments import build_settings
from dcmsend.cli.command_line import scan_command_line
from dcmsend.interrupt import Interrupt
from dcmsend.run import Run
from dcmsend.transfer import TransferOptions
from support.fault_proxy import KINDS, Direction, Fault, FaultProxy, PduPlace, pdu_places
from support.part10 import data_set_digest, read_part10
from support.peers import RecordingPeer, StoredObject, recording_scp, storescp
from support.processes import wait_until
from support.sending import instance_uid, write_instances, write_large

from .agreement import check_agreement, send

PATIENT, HURRIED = 20.0, 0.8
CORRUPTING = ("garbage", "duplicate")
HARMLESS = ("delay", "drip")
PATIENT_KINDS = ("delay", "cut", "reset", "half close", "drip")
"""With the others nothing is left but to wait until the time is over."""
PLACES = ("before", "in the type", "in the length", "behind the header", "in the middle", "before the last byte", "end")
REFUSED = 2
"""Number of the instance that pynetdicom refuses."""
counts: Counter[str] = Counter()


@dataclass
class Store:
    """A real peer and what it has.

    Attributes:
        contents: SOP Instance UIDs of what it has, and a digest of the data set if it can be told.
        forget: empties it.
        settle: waits until it has done with all associations.
        refuses: whether it refuses the second instance.
    """

    port: int
    contents: Callable[[], dict[str, str]]
    forget: Callable[[], None]
    settle: Callable[[], None]
    refuses: bool = False


def make_storescp(folder: Path, stack: ExitStack) -> Store:
    peer = stack.enter_context(storescp(folder, "+B"))

    def contents() -> dict[str, str]:
        return {read_part10(path).sop_instance_uid: data_set_digest(path)[1] for path in peer.files}

    def forget() -> None:
        for path in peer.files:
            path.unlink()

    def settle() -> None:
        """It serves one association after the other, so when it answers it has done with those before."""
        assert echo(Peer("127.0.0.1", peer.port), TransferOptions(), Interrupt()) == 0

    return Store(peer.port, contents, forget, settle)


def make_pynetdicom(folder: Path, stack: ExitStack) -> Store:
    def answer(stored: StoredObject) -> int:
        return 0xC001 if stored.sop_instance_uid == instance_uid(REFUSED) else 0

    peer: RecordingPeer = stack.enter_context(recording_scp(on_store=answer, patience=5))

    def contents() -> dict[str, str]:
        return {each.sop_instance_uid: "" for each in peer.stored if each.sop_instance_uid != instance_uid(REFUSED)}

    def settle() -> None:
        wait_until(lambda: not peer.associations(), 30, "the end of all associations")

    return Store(peer.port, contents, peer.stored.clear, settle, refuses=True)


MAKERS = {"storescp": make_storescp, "pynetdicom": make_pynetdicom}


@pytest.fixture(scope="module", params=[
    pytest.param("storescp", marks=pytest.mark.peer("dcmtk")), "pynetdicom",
])  # fmt: skip
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with ExitStack() as stack:
        yield MAKERS[request.param](tmp_path_factory.mktemp("store"), stack)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small instances, one of several PDUs, and a small one again."""
    folder = tmp_path_factory.mktemp("files")
    small = write_instances(folder, 3)
    return [*small[:2], write_large(folder / "large.dcm", 70_000, number=900), small[2]]


@pytest.fixture(scope="module")
def places(store: Store, files: list[Path]) -> dict[Direction, list[PduPlace]]:
    """Where the PDUs of a run without faults lie."""
    with FaultProxy(store.port) as proxy:
        settings, names = build_settings(
            scan_command_line(["-nh", "127.0.0.1", str(proxy.port), *map(str, files)]), is_verbose=False
        )
        run = Run(settings)
        run.send_names(names)
        assert run.record.is_complete
    store.forget()
    (link,) = proxy.links
    return {direction: pdu_places(stream) for direction, stream in link.sent.items()}


def offsets(place: PduPlace) -> dict[str, int]:
    length = place.end - place.begin
    return dict(zip(PLACES, (
        place.begin, place.begin + 1, place.begin + 4, place.begin + 6, place.begin + 6 + (length - 6) // 2,
        place.end - 1, place.end,
    ), strict=True))  # fmt: skip


def is_in_this_run(number: int, kind: str, *, everything: bool) -> bool:
    """A part of the cases, another one for each kind; fewer of those in which time has to pass."""
    return everything or number % (41 if kind == "stall" else 19) == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", Direction, ids=lambda each: each.value)
def test_one_fault(
    store: Store, files: list[Path], places: dict[Direction, list[PduPlace]], kind: str, direction: Direction,
    tmp_path: Path, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if store.refuses and kind in CORRUPTING:
        pytest.skip("nonsense kills the threads of pynetdicom")
    everything = request.config.getoption("--all-faults")
    may_be_garbled = kind in CORRUPTING and direction is Direction.TO_PEER
    seconds = PATIENT if kind in PATIENT_KINDS else HURRIED
    cases = [
        (place, name, offset) for place in places[direction] for name, offset in offsets(place).items()
        if name != "end" or place is places[direction][-1]
    ]  # fmt: skip
    first = KINDS.index(kind) * 3 + (direction is Direction.TO_SENDER)
    for number, (place, name, offset) in enumerate(cases, first):
        if not is_in_this_run(number, kind, everything=everything):
            continue
        label = f"{kind} {direction.value}, PDU type {place.type} at {place.begin}, {name} ({offset})"
        fault = Fault(kind, direction, offset)
        for attempt in range(5):  # on a busy machine the time may be over before the place is reached
            store.forget()
            with FaultProxy(store.port, fault) as proxy:
                done = send(tmp_path / f"{number}.{attempt}", "127.0.0.1", proxy.port, files, seconds)
                assert proxy.links[0].ended.wait(30)
            store.settle()
            if proxy.links[0].happened or seconds == PATIENT:
                break
        assert proxy.links[0].happened, label
        try:
            check_agreement(done, store.contents(), files, may_be_garbled=may_be_garbled)
            if kind in HARMLESS:
                assert [each["outcome"] for each in done.outcomes.values()].count("stored") == 4 - store.refuses
            store.forget()
            with FaultProxy(store.port, fault) as proxy:
                again = ("--retry", "9", "--retry-delay", "0")
                done = send(tmp_path / f"{number}-again", "127.0.0.1", proxy.port, files, seconds, *again)
                for link in proxy.links:
                    assert link.ended.wait(30)
            store.settle()
            check_agreement(done, store.contents(), files, may_be_garbled=may_be_garbled)
            if done.exit_code != 105:
                assert done.exit_code == (102 if store.refuses else 0)
        except AssertionError as error:
            error.add_note(label)
            raise
        counts[f"{kind} {direction.value}"] += 2


def test_the_count(request: pytest.FixtureRequest) -> None:
    """Says how many runs that were; each worker of a divided test run has its own."""
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    if request.config.getoption("--all-faults") and terminal is not None:
        terminal.write_line(f"\n{counts.total()} runs with a fault: {dict(counts)}")
