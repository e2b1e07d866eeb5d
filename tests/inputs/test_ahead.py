"""Files that are opened ahead of their turn: in order, bounded, nothing left open."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.errors import Cancelled, DataSetError, FileUnreadable
from dcmsend.inputs import Ticket, TicketWorkers, ahead, in_order, open_beginning, open_file
from dcmsend.inputs.open_watch import OpenWatch
from support.descriptors import open_descriptors
from support.few_threads import permit_threads

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ahead, "_LONGEST_WAIT", PATIENCE)
    before = open_descriptors()
    yield
    assert open_descriptors() <= before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("scan-", "open-"))]


def nothing(_opened: object) -> None: ...


def test_all_come_in_their_order() -> None:
    found = [(item, ticket.result(None)) for item, ticket in in_order(iter(range(1000)), lambda n: n * 2, nothing)]
    assert found == [(number, number * 2) for number in range(1000)]


def test_after_a_stretch_the_rest_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "STRETCH", 100)
    items = iter(range(250))
    lengths = []
    while (count := sum(1 for _entry in in_order(items, str, nothing))) > 0:
        lengths.append(count)
    assert lengths == [100, 100, 50]


def test_an_error_comes_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield from range(100)
        raise Cancelled("somebody")

    entries = in_order(items(), str, nothing)
    found = [next(entries)[1].result(None) for _ in range(100)]
    assert found == [str(number) for number in range(100)]
    with pytest.raises(Cancelled):
        next(entries)


def test_what_an_open_raises_is_raised_where_it_is_asked_for() -> None:
    def opened(number: int) -> int:
        if number == 3:
            raise DataSetError("broken")
        return number

    found: list[object] = []
    for _item, ticket in in_order(iter(range(6)), opened, nothing):
        try:
            found.append(ticket.result(None))
        except DataSetError as error:
            found.append(str(error))
    assert found == [0, 1, 2, "broken", 4, 5]


def test_opens_run_beside_each_other_and_no_further_ahead_than_allowed() -> None:
    """Nothing is asked for until as many are open as may be; a single thread would never come so far."""
    everybody = threading.Barrier(ahead.THREADS)
    opened: list[int] = []
    full = threading.Event()

    def open_(number: int) -> int:
        if number < ahead.THREADS:
            everybody.wait(PATIENCE)
        opened.append(number)
        if len(opened) >= ahead.MOST_AHEAD:
            full.set()
        return number

    entries = in_order(iter(range(1000)), open_, nothing)
    try:
        next(entries)
        assert full.wait(PATIENCE)
        assert len(opened) <= ahead.MOST_AHEAD + 1
    finally:
        entries.close()  # type: ignore[attr-defined]


def test_items_that_do_not_come_keep_nobody_from_those_that_came() -> None:
    go_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        yield 2
        go_on.wait(PATIENCE)
        yield 3

    entries = in_order(items(), str, nothing)
    assert [next(entries)[1].result(None) for _ in range(2)] == ["1", "2"]
    go_on.set()
    assert [ticket.result(None) for _item, ticket in entries] == ["3"]


def test_who_waits_can_be_called_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "WAIT_SLICE", 0.01)
    go_on = threading.Event()
    asked: list[int] = []
    closed: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) >= 3 and len(begun) == 10:
            go_on.set()
            raise Cancelled("somebody")

    def open_(number: int) -> int:
        begun.append(number)
        go_on.wait(PATIENCE)
        return number

    begun: list[int] = []
    entries = in_order(iter(range(10)), open_, closed.append)
    _item, ticket = next(entries)
    with pytest.raises(Cancelled):
        ticket.result(check)
    entries.close()  # type: ignore[attr-defined]
    assert sorted(closed) == list(range(10)), "what nobody asked for is closed"


def test_files_that_nobody_asks_for_are_closed(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(200)]
    for path in paths:
        path.write_bytes(bytes(200))

    def close(opened: tuple[int, bytes]) -> None:
        os.close(opened[0])

    entries = in_order(iter(paths), lambda path: open_beginning(str(path), 100), close)
    for _ in range(5):
        close(next(entries)[1].result(None))
    entries.close()  # type: ignore[attr-defined]


def test_without_a_descriptor_left_it_is_tried_again_in_turn() -> None:
    here = threading.current_thread()

    def open_(number: int) -> int:
        if threading.current_thread() is not here:
            raise FileUnreadable("Too many open files", errno.EMFILE)
        return number

    assert [ticket.result(None) for _item, ticket in in_order(iter(range(30)), open_, nothing)] == list(range(30))


def test_slow_opens_are_noticed_and_a_hiccup_is_not() -> None:
    watch = OpenWatch()
    assert [watch.note(0.00001) for _ in range(1000)] == [False] * 1000
    for _ in range(20):  # now and then this process had to wait for its turn
        assert not any([watch.note(0.25), *(watch.note(0.00001) for _ in range(15))])
    assert any(watch.note(0.0008) for _ in range(32))


def test_a_short_file_needs_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    whole = open_file(str(path), 10)
    assert (whole.descriptor, whole.head, whole.size) == (-1, b"0123456789", 10)
    part = open_file(str(path), 9)
    assert part.descriptor >= 0
    assert part.head == b"012345678"
    part.close()
    part.close()


@pytest.mark.parametrize("open_", [lambda path: open_file(path, 100), lambda path: open_beginning(path, 100)])
def test_special_files_are_refused(tmp_path: Path, open_: object) -> None:
    assert callable(open_)
    os.mkfifo(tmp_path / "pipe")
    for name, condition, number in (
        (str(tmp_path), "I/O suspension or premature end of stream", None),
        (str(tmp_path / "pipe"), os.strerror(errno.ESPIPE), errno.ESPIPE),
        ("/dev/null", "End of stream", None),
        (str(tmp_path / "missing"), os.strerror(errno.ENOENT), errno.ENOENT),
        ("a\0b", os.strerror(errno.ENOENT), errno.ENOENT),
    ):
        with pytest.raises((DataSetError, FileUnreadable)) as error:
            open_(name)
        assert error.value.text == condition
        assert getattr(error.value, "errno", None) == number


@pytest.mark.parametrize("possible", [0, 3])
def test_with_few_threads_or_none_all_come_in_their_order(monkeypatch: pytest.MonkeyPatch, possible: int) -> None:
    refused = permit_threads(monkeypatch, "scan-", possible=possible)

    def items() -> Iterator[int]:
        yield from range(100)
        raise Cancelled("somebody")

    entries = in_order(items(), str, nothing)
    assert [next(entries)[1].result(None) for _ in range(100)] == [str(number) for number in range(100)]
    with pytest.raises(Cancelled):
        next(entries)
    assert len(list(in_order(iter(range(10)), str, nothing, stretch=4))) == 4
    assert refused


@pytest.mark.parametrize("possible", [0, 3])
def test_with_few_threads_or_none_the_files_of_tickets_are_opened(
    monkeypatch: pytest.MonkeyPatch, possible: int
) -> None:
    refused = permit_threads(monkeypatch, "open-", possible=possible)
    opened: list[int] = []
    workers: TicketWorkers[int] = TicketWorkers()
    tickets = [Ticket(lambda number=number: opened.append(number) or number, nothing) for number in range(1, 11)]  # type: ignore[func-returns-value, misc]
    for ticket in tickets:
        workers.add(ticket)
    if not possible:
        assert not opened, "they are opened by who needs them"
    assert [ticket.result(None) for ticket in tickets] == list(range(1, 11))
    workers.close()
    assert refused


def test_a_file_is_closed_once_however_late_it_is_dropped() -> None:
    closed: list[int] = []
    ticket = Ticket(lambda: 1, closed.append)
    lock, left = ticket._lock, []

    class Late:
        """The ticket is dropped as soon as its lock was left for the second time."""

        def __enter__(self) -> None:
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()
            left.append(1)
            if len(left) == 2:
                ticket.drop()

    ticket._lock = Late()  # type: ignore[assignment]
    ticket.work()
    assert closed == [1]
