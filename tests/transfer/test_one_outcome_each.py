"""Whatever peer and files do: each instance has exactly one outcome, and the outcome is true.

The peer's own record is the judge: what it has received completely, and what it has answered.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcmsend import AssociationOpened, Observer, Result
from dcmsend.errors import NegotiationFailed, SendingFailed
from support import wire
from support.examples import examples
from support.fixture_files import CT_CLASS, MR_CLASS
from support.peer_script import (
    GARBAGE,
    RELEASE_REQUEST,
    Abort,
    Accept,
    Close,
    Confirm,
    Reject,
    Respond,
    Script,
    StoreAnswer,
    refuse,
)
from support.scripted_peer import StoreRecord
from support.sending import Sent, instance_uid, send_all, write_instances

STATUSES = st.sampled_from([0, 0, 0, 0, 0xB000, 0xA700, 0xC000, 0x0110, 0xFFFE, 0xFFFF])
GOOD = STATUSES.map(Respond)
BAD = st.sampled_from([
    Respond(message_id=77), Respond(context_id=99), Respond(omit=(wire.STATUS,)),
    Respond(command_field=wire.C_ECHO_RSP), Abort(), Abort(2, 3), Close(), Close(reset=True), GARBAGE, RELEASE_REQUEST,
])  # fmt: skip
ANSWERS = st.one_of(GOOD, GOOD, GOOD, BAD)
ACCEPTANCES = st.one_of(
    st.sampled_from([14, 40, 1000, 16384, 0]).map(lambda length: Accept(max_pdu_length=length)),
    st.sampled_from([Accept(refuse(1)), Accept(refuse(3)), Accept(refuse()), Accept(max_pdu_length=12)]),
)
REFUSALS = st.sampled_from([Reject(1, 1, 1), Reject(2, 3, 1), Abort(), Close(), GARBAGE])
SCRIPTS = st.builds(
    Script,
    associate=st.one_of(ACCEPTANCES, ACCEPTANCES, ACCEPTANCES, REFUSALS),
    stores=st.dictionaries(st.integers(1, 5), ANSWERS, max_size=5),
    other_stores=ANSWERS,
    release=st.sampled_from([Confirm(), Confirm(), Abort(), Close()]),
)
KINDS = ["good"] * 5 + ["truncated", "without UIDs", "vanishing"]
FILES = st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)
_folders = itertools.count()


class Vandal(Observer):
    """Removes files when the first association stands."""

    def __init__(self, victims: list[Path]) -> None:
        self._victims = victims

    def association_opened(self, event: AssociationOpened) -> None:
        while self._victims:
            self._victims.pop().unlink()


def make_files(folder: Path, kinds: list[str]) -> tuple[list[Path], list[Path]]:
    files = write_instances(folder, len(kinds), (CT_CLASS, MR_CLASS))
    victims = []
    for path, kind in zip(files, kinds, strict=True):
        content = path.read_bytes()
        if kind == "truncated":
            path.write_bytes(content[:-3])
        elif kind == "without UIDs":
            path.write_bytes(content[: 144 + int.from_bytes(content[140:144], "little")])
        elif kind == "vanishing":
            victims.append(path)
    return files, victims


@pytest.mark.timeout(240)
@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, st.lists(SCRIPTS, min_size=1, max_size=4), st.booleans())
def test_any_peer_and_any_files(tmp_path: Path, kinds: list[str], scripts: list[Script], halt: bool) -> None:
    folder = tmp_path / str(next(_folders))
    files, victims = make_files(folder, kinds)
    sent = send_all(files, *scripts, halt=halt, observer=Vandal(victims), dimse_timeout=20)
    shutil.rmtree(folder)
    check_completeness(sent, len(kinds))
    check_against_the_peer(sent, scripts)
    check_end(sent, halt=halt)


def check_completeness(sent: Sent, count: int) -> None:
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, count + 1))
    assert [outcome.instance.sop_instance_uid for outcome in sent.outcomes] == [
        instance_uid(number) for number in range(1, count + 1)
    ]
    assert sent.transfer.summary.total == count
    for outcome in sent.outcomes:
        answered = outcome.result in (Result.STORED, Result.REFUSED)
        assert answered is (outcome.status is not None) is (outcome.reason is None)
        assert "\n" not in outcome.message


def check_against_the_peer(sent: Sent, scripts: list[Script]) -> None:
    records: dict[str, list[tuple[int, StoreRecord, StoreAnswer]]] = {}
    for number, link in enumerate(sent.peer.connections):
        script = scripts[min(number, len(scripts) - 1)]
        for position, store in enumerate(link.stores, start=1):
            answer = script.stores.get(position, script.other_stores)
            records.setdefault(store.sop_instance_uid or "", []).append((number + 1, store, answer))
    assert not sent.peer.complaints
    for outcome in sent.outcomes:
        seen = records.pop(outcome.instance.sop_instance_uid, [])
        assert len(seen) <= 1, "sent twice"
        if outcome.result is Result.NOT_ATTEMPTED:
            assert not seen
            continue
        if outcome.result is Result.FAILED:
            assert not any(store.complete for _, store, _ in seen)
            continue
        if outcome.result is Result.UNCONFIRMED:
            assert not any(store.complete and is_proper(answer) for _, store, answer in seen)
            continue
        ((association, store, answer),) = seen
        assert association == outcome.association
        assert store.complete
        assert isinstance(answer, Respond)
        assert answer.status == outcome.status
        assert len(store.data_set) == outcome.bytes_sent
    assert not records, "the peer has something that no outcome tells of"


def is_proper(answer: StoreAnswer) -> bool:
    return (
        isinstance(answer, Respond)
        and answer.message_id is None
        and answer.context_id is None
        and not answer.omit
        and answer.command_field == wire.C_STORE_RSP
    )


def check_end(sent: Sent, *, halt: bool) -> None:
    results = [outcome.result for outcome in sent.outcomes]
    if Result.NOT_ATTEMPTED in results:
        first = results.index(Result.NOT_ATTEMPTED)
        assert set(results[first:]) == {Result.NOT_ATTEMPTED}
    if not halt:
        assert sent.error is None or isinstance(sent.error, NegotiationFailed)
        return
    troubles = [each for each in sent.outcomes if each.result in (Result.FAILED, Result.UNCONFIRMED)]
    if isinstance(sent.error, SendingFailed):
        (trouble,) = troubles
        assert set(results[trouble.index :]) <= {Result.NOT_ATTEMPTED}
    elif sent.error is None:  # no context at all was accepted, which is no failure of sending
        assert not troubles or set(results) == {Result.FAILED}
