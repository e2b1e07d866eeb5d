"""Which attempts are repeated, after which pauses, and what becomes of the instance; with a clock of the test's own."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend import Reason, Result, RetryOptions, StoreOutcome
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    ConnectFailed,
    DataSetError,
    DcmsendError,
    GivenUp,
    NegotiationFailed,
    SendingFailed,
    TlsFailed,
    UserIdentityNotConfirmed,
)
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.transfer.retry import Retries, delay_after
from support.fixture_files import CT_CLASS


class Clock:
    """Goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def make(clock: Clock | None = None, **options: Any) -> Retries:
    clock = clock or Clock()
    return Retries(RetryOptions(**{"attempts": 3, **options}), clock=clock, sleep=clock.sleep, chance=lambda: 0.5)


def outcome(number: int, result: Result, **fields: Any) -> StoreOutcome:
    file = InputFile(f"{number}.dcm")
    instance = Instance(file, CT_CLASS, f"1.2.{number}", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY)
    return StoreOutcome(number, instance, result, **{"started": 10.0, **fields})


def stored(number: int) -> StoreOutcome:
    return outcome(number, Result.STORED, status=0)


def lost(number: int) -> StoreOutcome:
    return outcome(number, Result.FAILED, reason=Reason.CONNECTION_LOST, message="lost")


def unanswered(number: int) -> StoreOutcome:
    return outcome(number, Result.UNCONFIRMED, reason=Reason.TIMED_OUT, message="no answer")


def refused(number: int, status: int) -> StoreOutcome:
    return outcome(number, Result.REFUSED, status=status)


# --- which


@pytest.mark.parametrize(
    "passing",
    [
        lost(1), unanswered(1), refused(1, 0xA700), refused(1, 0xA7FF), refused(1, 0x0110),
        *(outcome(1, Result.FAILED, reason=reason) for reason in (
            Reason.ABORTED, Reason.RELEASED, Reason.TIMED_OUT, Reason.PROTOCOL_ERROR)),
        outcome(1, Result.UNCONFIRMED, reason=Reason.FILE_CHANGED),
    ],
)  # fmt: skip
def test_passing_trouble_is_tried_again(passing: StoreOutcome) -> None:
    retries = make(attempts=2)
    assert retries.settle(passing) is None
    assert retries.settle(passing) is None
    final = retries.settle(passing)
    assert final is not None
    assert final.result is passing.result
    assert [attempt.result for attempt in final.attempts] == [passing.result] * 3


@pytest.mark.parametrize(
    "final",
    [
        stored(1), outcome(1, Result.STORED, status=0xB000),
        *(refused(1, status) for status in (0x0111, 0x0122, 0x0124, 0x0117, 0xA900, 0xC000, 0xFFFE)),
        *(outcome(1, Result.FAILED, reason=reason) for reason in (
            Reason.FILE_UNREADABLE, Reason.DATA_SET_BROKEN, Reason.FILE_CHANGED, Reason.NO_CONTEXT,
            Reason.CONTEXT_REFUSED, Reason.NOT_CONVERTIBLE, Reason.CANCELLED)),
        outcome(1, Result.UNCONFIRMED, reason=Reason.CANCELLED),
        outcome(1, Result.NOT_ATTEMPTED, reason=Reason.HALTED),
    ],
)  # fmt: skip
def test_all_else_is_final_at_once(final: StoreOutcome) -> None:
    assert make().settle(final) == final


def test_duplicate_on_a_resend_is_stored() -> None:
    """The peer has it; that it says so with a failure status stays visible."""
    retries = make()
    assert retries.settle(unanswered(1)) is None
    final = retries.settle(refused(1, 0x0111))
    assert final is not None
    assert (final.result, final.status) == (Result.STORED, 0x0111)
    assert [(each.result, each.status) for each in final.attempts] == [
        (Result.UNCONFIRMED, None), (Result.STORED, 0x0111),
    ]  # fmt: skip


@pytest.mark.parametrize("before", [refused(1, 0xA700), refused(1, 0x0110), lost(1)])
def test_duplicate_after_attempts_that_were_refused_or_cut_off_is_a_refusal(before: StoreOutcome) -> None:
    """The peer has said no, or has not got all of it: what it has is not of this run."""
    retries = make()
    assert retries.settle(before) is None
    final = retries.settle(refused(1, 0x0111))
    assert final is not None
    assert (final.result, final.status) == (Result.REFUSED, 0x0111)
    assert len(final.attempts) == 2


def test_duplicate_after_any_attempt_that_was_not_answered_is_stored() -> None:
    retries = make()
    for attempt in (lost(1), unanswered(1), refused(1, 0xA700)):
        assert retries.settle(attempt) is None
    final = retries.settle(refused(1, 0x0111))
    assert final is not None
    assert final.result is Result.STORED


def test_what_may_be_stored_by_an_earlier_attempt_is_not_called_failed() -> None:
    retries = make(attempts=1)
    assert retries.settle(unanswered(1)) is None
    final = retries.settle(lost(1))
    assert final is not None
    assert final.result is Result.UNCONFIRMED
    assert final.reason is Reason.CONNECTION_LOST


def test_earlier_attempts_are_told_when_the_run_ends_first() -> None:
    retries = make()
    for attempt in (unanswered(4), lost(2), unanswered(4)):
        assert retries.settle(attempt) is None
    left = list(retries.take_pending())
    assert [each.index for each in left] == [2, 4]
    assert [len(each.attempts) for each in left] == [1, 2]


def test_culprit_is_put_aside_after_the_second_broken_association() -> None:
    retries = make(attempts=9)
    retries.settle(lost(1))
    assert 0 not in retries.skipping({})
    retries.settle(lost(1))
    assert 0 in retries.skipping({})
    retries.end_association(SendingFailed(AssociationAborted()))
    retries.end_association(None)
    assert 0 in retries.skipping({})
    retries.settle(stored(1))
    assert 0 not in retries.skipping({})


def test_suspects_are_tried_in_turn() -> None:
    retries = make(attempts=9)
    for number in (1, 2, 3, 1, 2, 3):
        retries.settle(lost(number))
    assert retries.next_suspect(end=3) == 0
    retries.settle(lost(1))
    assert retries.next_suspect(end=3) == 1
    assert retries.next_suspect(end=1) == 0


def test_an_answer_never_puts_an_instance_aside() -> None:
    retries = make(attempts=9)
    for _ in range(5):
        retries.settle(refused(1, 0xA700))
    assert not retries.aside


NOTHING_CAN_BE_DONE: list[DcmsendError] = [
    AssociationRejected(1, 1, 7), TlsFailed("x", "y", is_permanent=True), UserIdentityNotConfirmed(),
]  # fmt: skip


@pytest.mark.parametrize("cause", NOTHING_CAN_BE_DONE)
def test_refusal_for_good_is_not_tried_again(cause: DcmsendError) -> None:
    assert not make().may_help(NegotiationFailed(cause))


@pytest.mark.parametrize("cause", [AssociationRejected(2, 3, 2), ConnectFailed("x"), AssociationAborted()])
def test_refusal_for_now_is_tried_again(cause: DcmsendError) -> None:
    assert make().may_help(NegotiationFailed(cause))


# --- when


@given(
    failures=st.integers(1, 10_000),
    chance=st.floats(0, 1),
    delay=st.floats(0, 1000),
    longest=st.floats(0, 1000),
)
def test_delays(failures: int, chance: float, delay: float, longest: float) -> None:
    options = RetryOptions(attempts=1, delay=delay, longest_delay=longest)
    seconds = delay_after(failures, options, chance)
    assert 0 <= seconds <= longest
    assert seconds == longest or delay * 0.75 <= seconds / 2 ** min(failures - 1, 30) <= delay * 1.2500001


def test_pauses_grow_while_nothing_is_stored() -> None:
    clock = Clock()
    retries = make(clock, attempts=99)
    waits = []
    for _ in range(8):
        retries.settle(lost(1))
        waits.append(retries.next_wait())
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    retries.settle(stored(2))
    retries.settle(lost(1))
    assert retries.next_wait() == 5


def test_pauses_differ_by_chance() -> None:
    chance = random.Random(1).random
    waits = {delay_after(1, RetryOptions(attempts=1), chance()) for _ in range(50)}
    assert len(waits) == 50
    assert min(waits) >= 3.75
    assert max(waits) <= 6.25


def test_no_pause_without_trouble() -> None:
    retries = make()
    retries.settle(stored(1))
    retries.settle(refused(2, 0xA900))
    retries.end_association(None)
    assert retries.next_wait() is None
    retries.end_association(SendingFailed(DataSetError("Invalid stream")))  # a file of ours is the cause
    assert retries.next_wait() is None


def test_a_pause_after_a_session_that_failed_whatever_the_cause() -> None:
    retries = make()
    retries.end_association(NegotiationFailed(DcmsendError("a token that cannot be had at the moment")))
    assert retries.next_wait() is not None


def test_time_since_the_trouble_counts() -> None:
    clock = Clock()
    retries = make(clock)
    retries.settle(refused(1, 0x0110))
    clock.now += 4
    assert retries.next_wait() == 1.0
    retries.settle(refused(1, 0x0110))
    clock.now += 60
    assert retries.next_wait() == 0.0


def test_gives_up_when_nothing_is_stored_for_too_long() -> None:
    clock = Clock()
    retries = make(clock, attempts=99, max_time=60.0)
    waits = []
    while clock.now < 1060:
        retries.settle(refused(1, 0xA700))
        waits.append(retries.next_wait())
        clock.now += waits[-1] or 0
    retries.settle(refused(1, 0xA700))
    with pytest.raises(GivenUp, match=r"nothing was stored for 60 s: peer out of resources \(0xA700\)"):
        retries.next_wait()
    assert waits == [5, 10, 20, 25]  # the last attempt is made when the time is up


def test_time_of_vain_attempts_begins_anew_with_each_success() -> None:
    clock = Clock()
    retries = make(clock, attempts=99, max_time=60.0)
    for number in range(1, 50):
        retries.settle(lost(number))
        clock.now += (retries.next_wait() or 0) + 50
        retries.settle(stored(number))


def test_peer_that_is_not_there_is_the_reason_to_give_up() -> None:
    clock = Clock()
    retries = make(clock, max_time=30.0)
    error = NegotiationFailed(ConnectFailed("nobody there"))
    while clock.now < 1030:
        assert retries.may_help(error)
        clock.now += retries.next_wait() or 0
    assert retries.may_help(error)
    with pytest.raises(NegotiationFailed) as caught:
        retries.next_wait()
    assert caught.value is error


def test_wait_ends_when_the_end_is_asked_for() -> None:
    clock = Clock()
    interrupt = Interrupt()
    interrupt.request_when(lambda: clock.now >= 1007, "somebody")
    make(clock).wait(100, interrupt)
    assert 1007 <= clock.now < 1008
    assert interrupt.by == "somebody"
