"""Files that change between the scan and the last byte.  The observer makes the change at the right moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import AssociationOpened, AutoAssociations, BytesSent, Observer, RetryOptions, StoreOutcome
from support.peer_script import Close, Respond, Script
from support.sending import instance_uid, send_all, tiny_data_set, write_instances, write_large

LARGE = 8 * 1024 * 1024
Change = Callable[[Path], None]


def shrink(path: Path) -> None:
    os.truncate(path, 3 * 1024 * 1024)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"\xff" * 10)


def touch(path: Path) -> None:
    os.utime(path)


class Changer(Observer):
    """Changes a file when the first MiB of it has been sent."""

    def __init__(self, path: Path, change: Change, *, number: int) -> None:
        self._path = path
        self._change: Change | None = change
        self._number = number

    def bytes_sent(self, event: BytesSent) -> None:
        if event.number == self._number and self._change is not None:
            self._change(self._path)
            self._change = None


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("change", [shrink, grow, rewrite, touch])
def test_while_it_is_sent(tmp_path: Path, change: Change, halt: bool) -> None:
    """Part of it is on the wire and cannot be taken back: the association is aborted, so the peer keeps nothing."""
    before, after = write_instances(tmp_path, 2)
    large = write_large(tmp_path / "large.dcm", LARGE)
    os.utime(large, ns=(0, 10**18))
    changer = Changer(large, change, number=2)
    sent = send_all([before, large, after], halt=halt, observer=changer)
    assert sent.results == ["stored", "failed", "not attempted" if halt else "stored"]
    outcome = sent.outcomes[1]
    assert outcome.reason is not None
    assert outcome.reason.value == "file changed"
    assert outcome.is_retryable
    assert sent.courses[0] == ["request", "store 1", "abort 0 0"]
    assert not sent.peer.connections[0].stores[1].complete
    assert sent.peer.complaints == []  # whole PDUs only


class Toucher(Observer):
    """Touches every file whose first buffer has been sent, and which is longer."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def bytes_sent(self, event: BytesSent) -> None:
        if event.number <= len(self._paths):
            os.utime(self._paths[event.number - 1])


def write_changing(folder: Path, count: int) -> list[Path]:
    """Files that take more than one buffer, with an old date."""
    folder.mkdir(exist_ok=True)
    paths = [write_large(folder / f"{number}.dcm", 1_000_000, number) for number in range(100, 100 + count)]
    for path in paths:
        os.utime(path, ns=(0, 10**18))
    return paths


@pytest.mark.parametrize(
    ("count", "associations"), [(4, 1), (19, 2), (19, AutoAssociations(2))], ids=["one", "two", "auto"]
)
def test_any_number_in_a_row(tmp_path: Path, count: int, associations: int | AutoAssociations) -> None:
    """They say nothing about the peer, so the rest is sent."""
    changing, rest = write_changing(tmp_path / "changing", count), write_instances(tmp_path, 2)
    sent = send_all([*changing, *rest], observer=Toucher(changing), parallel_associations=associations)
    assert sent.results == ["failed"] * count + ["stored"] * 2
    assert set(sent.reasons[:count]) == {"file changed"}
    assert sent.error is None


def test_between_losses_of_the_association(tmp_path: Path) -> None:
    """They are no answer of the peer either: it is given up as if they were not there."""
    before, after = write_instances(tmp_path, 2), write_instances(tmp_path, 9, first=3)
    changing = write_changing(tmp_path, 1)

    class Third(Observer):
        def bytes_sent(self, event: BytesSent) -> None:
            if event.number == 3:
                os.utime(changing[0])

    gone = Script(other_stores=Close())
    sent = send_all([*before, *changing, *after], gone, gone, Script(), gone, observer=Third())
    assert sent.results == ["unconfirmed"] * 2 + ["failed", "unconfirmed"] + ["not attempted"] * 8
    one_answer = Script(stores={1: Respond()}, other_stores=Close())
    sent = send_all([*before, *changing, *after], gone, gone, Script(), one_answer, Script(), observer=Third())
    assert sent.results[:4] == ["unconfirmed"] * 2 + ["failed", "stored"]
    assert sent.results[5:] == ["stored"] * 7


def test_nobody_waits_before_going_on(tmp_path: Path) -> None:
    """Neither an association of its own nor those in parallel: the peer is as good as before."""
    changing, rest = write_changing(tmp_path / "changing", 6), write_instances(tmp_path, 2)
    for associations in (1, 2):
        sent = send_all(
            [*changing, *rest], observer=Toucher(changing), parallel_associations=associations,
            retry=RetryOptions(attempts=1, delay=200),
        )  # fmt: skip
        assert sent.results == ["failed"] * 6 + ["stored"] * 2


class AtOpening(Observer):
    """Does something between the scan and the first instance."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def association_opened(self, event: AssociationOpened) -> None:
        self._action()


def test_a_file_that_vanishes_after_the_scan(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)
    sent = send_all(files, observer=AtOpening(files[1].unlink))
    assert sent.results == ["stored", "failed", "stored"]
    assert sent.reasons[1] == "file unreadable"
    assert sent.outcomes[1].message == "No such file or directory"
    assert (sent.outcomes[1].association, sent.outcomes[1].sent_syntax) == (0, None)


def test_a_file_that_becomes_something_else_after_the_scan(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 4)

    def change_everything() -> None:
        files[0].write_bytes(b"not DICOM any more")
        files[1].unlink()
        files[1].mkdir()
        files[2].write_bytes(b"")

    sent = send_all(files, observer=AtOpening(change_everything))
    assert sent.results == ["failed"] * 3 + ["stored"]
    assert sent.reasons[:3] == ["data set broken"] * 3
    files[1].rmdir()


def test_a_file_that_becomes_another_instance_after_the_scan(tmp_path: Path) -> None:
    """The request tells what the data set really is."""
    files = write_instances(tmp_path, 1)
    content = files[0].read_bytes()
    other = content.replace(instance_uid(1).encode(), instance_uid(7).encode())
    sent = send_all(files, observer=AtOpening(lambda: files[0].write_bytes(other)))
    assert sent.results == ["stored"]
    assert sent.outcomes[0].sop_instance_uid == sent.peer.stores[0].sop_instance_uid == instance_uid(7)
    assert sent.outcomes[0].instance.sop_instance_uid == instance_uid(1)


def test_a_file_that_is_prepared_while_another_is_under_way(tmp_path: Path) -> None:
    """What is wrong with the next instance is told after the outcome of the one before."""
    files = write_instances(tmp_path, 3)
    files[1].write_bytes(files[1].read_bytes()[:-1])
    order: list[int] = []

    class Order(Observer):
        def outcome(self, outcome: StoreOutcome) -> None:
            order.append(outcome.index)

    sent = send_all(files, observer=Order())
    assert order == [1, 2, 3]
    assert sent.results == ["stored", "failed", "stored"]
    assert bytes(sent.peer.stores[1].data_set) == tiny_data_set(3)
