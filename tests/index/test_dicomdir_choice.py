"""A choice by values or names among the files of a DICOMDIR: what cannot be looked at is not sent unlooked at."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend.errors import FileUnreadable, InvalidInputFile
from dcmsend.index import IndexOptions, RejectedInput, ValueRule, dicomdir_scan, scan
from dcmsend.inputs import FileSource, InputFile, KeptFiles, NameRule, Selection, Source, open_input
from dcmsend.reasons import Rejection
from support.data_set_bytes import ENCODINGS, Element, Items, meta_header
from support.reading_judge import collected_log

EI = ENCODINGS["explicit little"]
CT = b"1.2.840.10008.5.1.4.1.1.2\0"
SYNTAX = (0x00041512, "UI", EI.uid.encode() + b"\0" * (len(EI.uid) & 1))
SKIP = (ValueRule("PatientID", "VIP*", takes=False),)
Fault = Callable[[], OSError]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A DICOMDIR, and files ``1`` and ``2``, of which the second one is a VIP's."""
    records = []
    for number, patient in ((b"1", b"NN"), (b"2", b"VIP1")):
        uid = b"1.2." + number + b"\0"
        values = [(0x00041500, "CS", number + b" "), (0x00041510, "UI", CT), (0x00041511, "UI", uid), SYNTAX]
        records.append(values)
        data_set = EI.encode([(0x00080016, "UI", CT), (0x00080018, "UI", uid),
                              (0x00080060, "CS", b"CT"), (0x00100020, "LO", patient)])  # fmt: skip
        (tmp_path / number.decode()).write_bytes(meta_header(EI.uid) + data_set)
    content = EI.encode([(0x00041220, "SQ", Items(records))])
    path = tmp_path / "DICOMDIR"
    path.write_bytes(meta_header(EI.uid, "1.2.840.10008.1.3.10", "1.2.9") + content)
    return path


def chosen(
    medium: Path, rules: tuple[ValueRule, ...], kept: KeptFiles | None = None
) -> tuple[list[str], list[RejectedInput], list[str]]:
    """Names of the files that are to be sent, what was rejected, and the errors that were logged."""
    rejected: list[RejectedInput] = []
    options = IndexOptions(expand_dicomdir=True, halt_on_invalid=False, value_rules=rules)
    with collected_log() as lines:
        found = [Path(item.input.path).name
                 for item in scan([InputFile(str(medium))], options, rejected.append, kept=kept)]  # fmt: skip
    return found, [row for row in rejected if row.dicomdir], [line for line in lines if line.startswith("E: ")]


def fail_to_open(monkeypatch: pytest.MonkeyPatch, name: str, number: int, times: int = 1) -> None:
    """The first attempts of the scan to open this file fail."""
    failures = [FileUnreadable(os.strerror(number), number)] * times

    def opened(path: str) -> int:
        if Path(path).name == name and failures:
            raise failures.pop()
        return open_input(path)

    monkeypatch.setattr(dicomdir_scan, "open_input", opened)


def fail_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second file that is read nothing can be read."""
    seen: list[int] = []

    class Source(FileSource):
        def __init__(self, descriptor: int, start: int = 0) -> None:
            super().__init__(descriptor, start)
            if start == 0:
                seen.append(descriptor)
            self.is_bad = len(seen) == 3  # after the DICOMDIR and the first file

        def read_at(self, position: int, size: int) -> bytes:
            if self.is_bad:
                raise FileUnreadable(os.strerror(errno.EIO), errno.EIO)
            return super().read_at(position, size)

    monkeypatch.setattr(dicomdir_scan, "FileSource", Source)


def test_the_choice(medium: Path) -> None:
    assert chosen(medium, SKIP) == (["1"], [], [])
    assert chosen(medium, ()) == (["1", "2"], [], [])


@pytest.mark.parametrize("fault", ["open", "read"])
def test_a_file_that_cannot_be_looked_at_is_not_sent(
    medium: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """It could be read when its turn comes: the drive of an optical medium fails now and then."""
    if fault == "open":
        fail_to_open(monkeypatch, "2", errno.EIO)
    else:
        fail_to_read(monkeypatch)
    found, rejected, errors = chosen(medium, SKIP)
    assert found == ["1"]
    (row,) = rejected
    assert (Path(row.path).name, row.reason, row.why, row.is_dicom) == (
        "2", os.strerror(errno.EIO), Rejection.UNREADABLE, True
    )  # fmt: skip
    assert errors[0] == f"E: cannot add DICOM file from DICOMDIR to the transfer list: 2: {os.strerror(errno.EIO)}"


def test_without_a_choice_sending_it_tells_why(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_open(monkeypatch, "2", errno.EIO)
    assert chosen(medium, ()) == (["1", "2"], [], [])


def test_a_file_that_is_missing_is_told_by_the_words_of_the_system(medium: Path) -> None:
    (medium.parent / "2").unlink()
    found, (row,), _ = chosen(medium, SKIP)
    assert (found, row.reason) == (["1"], os.strerror(errno.ENOENT))
    assert chosen(medium, ())[:2] == (["1", "2"], [])
    with pytest.raises(InvalidInputFile, match=os.strerror(errno.ENOENT)):  # as a missing file that is named
        list(scan([InputFile(str(medium))], IndexOptions(expand_dicomdir=True, value_rules=SKIP)))


def test_files_that_are_kept_open_give_way(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no descriptor is left, as in a scan without a DICOMDIR."""
    (medium.parent / "1").write_bytes((medium.parent / "1").read_bytes() + EI.element(0x7FE00010, "OB", bytes(20_000)))
    fail_to_open(monkeypatch, "2", errno.EMFILE)
    kept = KeptFiles()
    assert chosen(medium, SKIP, kept) == (["1"], [], [])
    assert kept.count == 0


@pytest.mark.parametrize("bad", ["class", "outside"])
@pytest.mark.parametrize("pattern", ["BAD/**", "**/X"])
def test_a_bad_record_that_is_left_out_by_its_name_is_no_error(tmp_path: Path, bad: str, pattern: str) -> None:
    """Nor is its file missed: like a file that is left out, it is not looked at."""
    file_id = b"BAD\\X " if bad == "class" else b"BAD\\..\\X"
    good: list[Element] = [
        (0x00041500, "CS", b"1 "), (0x00041510, "UI", CT), (0x00041511, "UI", b"1.2.1\0"), SYNTAX
    ]  # fmt: skip
    wrong: list[Element] = [(0x00041500, "CS", file_id), *good[1 + (bad == "class") :]]
    content = EI.encode([(0x00041220, "SQ", Items([wrong, good]))])
    path = tmp_path / "DICOMDIR"
    path.write_bytes(meta_header(EI.uid, "1.2.840.10008.1.3.10", "1.2.9") + content)
    (tmp_path / "1").write_bytes(meta_header(EI.uid) + EI.encode([(0x00080016, "UI", CT)]))
    selection = Selection([NameRule(pattern, takes=False)], expands_dicomdir=True)
    rejected: list[RejectedInput] = []
    options = IndexOptions(expand_dicomdir=True)
    with collected_log() as lines:
        found = list(scan([InputFile(str(path))], options, rejected.append, skip=selection.leaves_inner))
    assert [Path(item.input.path).name for item in found] == ["1"]
    assert (rejected, selection.left_out) == ([], 1)
    assert not [line for line in lines if line[0] in "WE"]


def test_a_file_that_has_another_name_goes_by_its_file_id_and_is_asked_for_by_its_name(medium: Path) -> None:
    """Names go by what stands in the record, a journal by what the file is called."""
    content = medium.read_bytes()
    assert content.count(b"1 \x04\0\x10\x15") == 1
    medium.write_bytes(content.replace(b"1 \x04\0\x10\x15", b"A \x04\0\x10\x15"))
    (medium.parent / "1").rename(medium.parent / "a")
    asked: list[str] = []

    def skip(item: Source) -> bool:
        asked.append(Path(item.path).name)
        return asked[-1] == "a"

    options = IndexOptions(expand_dicomdir=True)
    found = [Path(item.input.path).name for item in scan([InputFile(str(medium))], options, skip=skip)]
    assert found == ["2"]
    assert asked == ["DICOMDIR", "A", "a", "2"]


@pytest.mark.parametrize("missing", ["group length", "end"])
def test_an_irregular_meta_header_decides_too(medium: Path, missing: str) -> None:
    """A file without a group length is sent; one whose header breaks off is not, and sending it tells why."""
    meta = [(0x00020002, "UI", CT), (0x00020003, "UI", b"1.2.1\0"), (0x00020010, "UI", b"1.2.840.10008.1.2.4.70")]
    content = bytes(128) + b"DICM" + EI.encode(meta)
    (medium.parent / "1").write_bytes(content[: -4 if missing == "end" else None])
    with collected_log() as lines:
        first, _ = scan([InputFile(str(medium))], IndexOptions(expand_dicomdir=True))
    assert first.transfer_syntax.uid == (EI.uid if missing == "end" else "1.2.840.10008.1.2.4.70")
    assert any("differs from that in file" in line for line in lines) is (missing != "end")
