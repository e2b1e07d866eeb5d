"""One fault at a random byte: with several requests in flight, with several associations, and inside TLS.

``--all-faults`` makes twenty times as many of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend import IndexOptions, Peer, PlanOptions, Result, RetryOptions, StoreOutcome, TransferOptions, send
from dcmsend.association import echo
from dcmsend.interrupt import Interrupt
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import Certificates
from support.fault_proxy import KINDS, Direction, Fault, FaultProxy
from support.part10 import data_set_digest, read_part10
from support.peers import DirectoryPeer
from support.sending import run_transfer, write_instances, write_large
from support.tls_peers import tls_storescp
from support.window_peer import Link, Request, WindowPeer

from .agreement import check_agreement
from .agreement import send as send_by_command

COUNT = 30
WAYS = [{"async_window": 8}, {"parallel_associations": 3}, {"async_window": 4, "parallel_associations": 3}]


def seeds(request: pytest.FixtureRequest, factor: int) -> Iterator[int]:
    """Numbers of the cases of this test run."""
    yield from range(factor * (20 if request.config.getoption("--all-faults") else 1))


def out_of_order(link: Link, held: list[Request]) -> None:
    for request in random.Random(len(link.requests)).sample(held, len(held)):
        link.respond(request)


def transfer(port: int, files: list[Path], options: dict[str, int], retry: RetryOptions) -> tuple[StoreOutcome, ...]:
    outcomes, error = run_transfer(send(
        files, Peer("127.0.0.1", port), plan=PlanOptions(halt_on_refusal=False), index=IndexOptions(),
        transfer=TransferOptions(halt_on_failure=False, idle_timeout=1.0, acse_timeout=1.0, retry=retry, **options),
    ))  # fmt: skip
    assert error is None or not retry.attempts, error
    assert [outcome.index for outcome in outcomes] == list(range(1, len(files) + 1))
    return outcomes


def check(outcomes: tuple[StoreOutcome, ...], peer: WindowPeer, *, is_garbled: bool) -> None:
    """Against what the peer has received completely, and what it has answered."""
    for outcome in outcomes:
        uid = outcome.instance.sop_instance_uid
        mine = [request for request in peer.requests if request.sop_instance_uid == uid]
        if outcome.result is Result.STORED:
            assert any(request.statuses for request in mine)
        elif outcome.result in (Result.FAILED, Result.NOT_ATTEMPTED):
            assert not mine or is_garbled
        else:
            assert outcome.result is Result.UNCONFIRMED


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_with_several_requests_in_flight(
    tmp_path: Path, options: dict[str, int], request: pytest.FixtureRequest
) -> None:
    files = write_instances(tmp_path, COUNT)
    for seed in seeds(request, 6):
        chance = random.Random(seed)
        direction = chance.choice(list(Direction))
        share = 1 + (options.get("parallel_associations", 1) > 1) * 2
        at = chance.randrange((30 * 400 if direction is Direction.TO_PEER else 30 * 120) // share)
        fault = Fault(chance.choice(KINDS), direction, at, link=chance.randint(1, share))
        is_garbled = fault.kind in ("garbage", "duplicate") and direction is Direction.TO_PEER
        for retry in (RetryOptions(), RetryOptions(attempts=20, delay=0.01, longest_delay=0.1)):
            with WindowPeer(out_of_order, hold=4) as peer, FaultProxy(peer.port, fault) as proxy:
                outcomes = transfer(proxy.port, files, options, retry)
                for link in proxy.links:
                    assert link.ended.wait(30)
            try:
                check(outcomes, peer, is_garbled=is_garbled)
                if retry.attempts:
                    assert {outcome.result for outcome in outcomes} == {Result.STORED}
            except AssertionError as error:
                error.add_note(f"{seed}: {fault}")
                raise


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[DirectoryPeer]:
    with tls_storescp(tmp_path_factory.mktemp("secured"), certificates, "+B") as peer:
        yield peer


@pytest.mark.peer("dcmtk")
@pytest.mark.timeout(3600)
def test_inside_tls(
    tmp_path: Path, certificates: Certificates, secured: DirectoryPeer, request: pytest.FixtureRequest
) -> None:
    """There nothing that nobody has sent can be taken for the peer's."""
    small = write_instances(tmp_path / "files", 3)
    files = [*small[:2], write_large(tmp_path / "files" / "large.dcm", 70_000, number=900), small[2]]
    tls = ("+tla", "+cf", str(certificates.ca))
    direct = Peer("localhost", secured.port, tls=load_tls(TlsOptions(ca_files=(str(certificates.ca),))))
    for seed in seeds(request, 10):
        chance = random.Random(seed)
        direction = chance.choice(list(Direction))
        at = chance.randrange(75_000 if direction is Direction.TO_PEER else 3_000)
        fault = Fault(chance.choice(KINDS), direction, at)
        seconds = 1.0 if fault.kind in ("stall", "garbage", "duplicate") else 20.0
        for again in ((), ("--retry", "9", "--retry-delay", "0")):
            for path in secured.files:
                path.unlink()
            with FaultProxy(secured.port, fault) as proxy:
                done = send_by_command(
                    tmp_path / f"{seed}-{len(again)}", "localhost", proxy.port, files, seconds, *tls, *again
                )
                for link in proxy.links:
                    assert link.ended.wait(30)
            assert echo(direct, TransferOptions(), Interrupt()) == 0  # so it has done with those before
            there = {read_part10(path).sop_instance_uid: data_set_digest(path)[1] for path in secured.files}
            try:
                check_agreement(done, there, files)
                assert not again or done.exit_code == 0
            except AssertionError as error:
                error.add_note(f"{seed}: {fault}")
                raise


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("direction", Direction, ids=lambda each: each.value)
def test_tls_that_comes_byte_by_byte(
    tmp_path: Path, certificates: Certificates, secured: DirectoryPeer, direction: Direction
) -> None:
    files = write_instances(tmp_path / "files", 2)
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    with FaultProxy(secured.port, Fault("drip", direction, 0, pause=0.0001, drips=10_000)) as proxy:
        outcomes, error = run_transfer(send(files, Peer("localhost", proxy.port, tls=tls)))
        assert proxy.links[0].ended.wait(30)
    assert ([outcome.result for outcome in outcomes], error) == ([Result.STORED] * 2, None)
