"""A header that cannot be read as far as its values are needed: the reason is told as without a choice."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dcmsend.errors import DataSetError, FileUnreadable, InvalidInputFile
from dcmsend.index import IndexOptions, KeepTogether, RejectedInput, ValueRule, header, scan
from dcmsend.inputs import FileChanged, FileSource, InputFile, OpenFile
from dcmsend.inputs.stores.errors import StoreBusy
from dcmsend.reasons import Rejection
from dcmsend.report.outcome_fields import rejected_fields
from dcmsend.report.run_record import RunRecord
from support.data_set_bytes import ENCODINGS, Element, file_with

EI = ENCODINGS["explicit little"]
LONG: list[Element] = [
    (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0"),
    (0x00090010, "LO", b"ACME"), (0x00091001, "OB", bytes(30_000)), (0x00100020, "LO", b"VIP1"),
]  # fmt: skip
"""More than is read at once stands before the Patient ID."""
RULES = (ValueRule("PatientID", "VIP*"),)
STALE = FileUnreadable(os.strerror(errno.ESTALE), errno.ESTALE)


def scanned(item: InputFile, options: IndexOptions) -> tuple[int, list[RejectedInput]]:
    rejected: list[RejectedInput] = []
    return len(list(scan([item], options, rejected.append))), rejected


class Remote(InputFile):
    """An input of which only the first bytes are at hand, as of an object of a store; then something fails."""

    fault: DataSetError | FileUnreadable

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        return -1, Path(self.path).read_bytes()[:size]

    def open(self, head_size: int) -> OpenFile:
        raise self.fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(file_with(EI.encode(LONG), EI.uid))
    return path


def test_a_file_that_the_system_cannot_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Source(FileSource):
        def read_at(self, position: int, size: int) -> bytes:
            if position >= header.HEADER_READ:
                raise STALE
            return super().read_at(position, size)

    item = InputFile(str(path))
    assert scanned(item, IndexOptions(value_rules=RULES)) == (1, [])
    monkeypatch.setattr(header, "FileSource", Source)
    found, (row,) = scanned(item, IndexOptions(value_rules=RULES, halt_on_invalid=False))
    assert (found, row.reason, row.why, row.is_dicom) == (0, os.strerror(errno.ESTALE), Rejection.UNREADABLE, True)
    assert scanned(item, IndexOptions(keep_together=KeepTogether.SERIES)) == (1, [])


@pytest.mark.parametrize(
    ("fault", "reason", "why"),
    [
        (StoreBusy("it cannot answer now"), "it cannot answer now", Rejection.NOT_NOW),
        (FileChanged("another size"), "Invalid stream", Rejection.FILE_CHANGED),
        (DataSetError("Unreadable member", "", Rejection.MEMBER), "Unreadable member", Rejection.MEMBER),
    ],
    ids=["busy", "changed", "member"],
)
def test_an_input_that_cannot_be_opened_again(
    path: Path, fault: DataSetError | FileUnreadable, reason: str, why: Rejection
) -> None:
    """Whether another attempt may help depends on it."""
    item = Remote(str(path))
    item.fault = fault
    found, (row,) = scanned(item, IndexOptions(value_rules=RULES, halt_on_invalid=False))
    assert (found, row.reason, row.why) == (0, reason, why)
    assert scanned(item, IndexOptions(keep_together=KeepTogether.SERIES)) == (1, [])


def test_a_file_that_is_cut_off(path: Path) -> None:
    """What is wrong with it is not told by whom looks for a value only."""
    path.write_bytes(path.read_bytes()[:-2])
    found, (row,) = scanned(InputFile(str(path)), IndexOptions(value_rules=RULES, halt_on_invalid=False))
    assert (found, row.why) == (0, Rejection.BROKEN)
    assert "not known whether it is wanted" in row.reason


def test_a_changed_input_may_be_sent_by_another_run(path: Path) -> None:
    """As if it had been found out when it was sent."""
    item = Remote(str(path))
    item.fault = FileChanged("another size")
    _, (row,) = scanned(item, IndexOptions(value_rules=RULES, halt_on_invalid=False))
    record = RunRecord()
    record.reject(row)
    assert (record.may_succeed, record.broken_files, rejected_fields(row)["retryable"]) == (1, 0, True)
    with pytest.raises(InvalidInputFile) as caught:
        scanned(item, IndexOptions(value_rules=RULES))
    assert not caught.value.is_permanent
