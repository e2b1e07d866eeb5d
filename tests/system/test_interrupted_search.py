"""A request to end while the inputs are still being listed: nothing is sent, and the end does not wait for the list."""

from __future__ import annotations

from pathlib import Path

from dcmsend.association import Peer
from dcmsend.errors import Cancelled
from dcmsend.index import IndexOptions
from dcmsend.inputs import InputOptions
from dcmsend.interrupt import Interrupt
from dcmsend.run import Run
from dcmsend.settings import Settings
from support.corpus import DATA

NOBODY = Peer("127.0.0.1", 1)


class FifthStep(Interrupt):
    """Somebody asks for the end when something is begun for the fifth time."""

    steps = 0

    def check_request(self) -> None:
        self.steps += 1
        if self.steps == 5:
            self.request("SIGINT")
        super().check_request()


def test_search_that_finds_nothing(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").touch()
    settings = Settings(NOBODY, inputs=InputOptions(scan_directories=True, scan_pattern="*.dcm"))
    interrupt = FifthStep()
    run = Run(settings, interrupt)
    run.send_names([str(tmp_path)])
    record = run.record
    assert isinstance(record.error, Cancelled)
    assert interrupt.steps == 5
    assert record.summary.total == 0


def test_records_of_a_dicomdir() -> None:
    """One name, and 31 instances."""
    settings = Settings(NOBODY, index=IndexOptions(expand_dicomdir=True))
    interrupt = FifthStep()
    run = Run(settings, interrupt)
    run.send_names([str(DATA / "fileset" / "DICOMDIR")])
    record = run.record
    assert isinstance(record.error, Cancelled)
    assert interrupt.steps == 5
    assert 0 < record.summary.total < 5
