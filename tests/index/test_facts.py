"""Study and series are named in reports, journals and questions as they are sent: without white space."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend.dicom.tag import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID
from dcmsend.index import IndexOptions, KeepTogether, facts_of, scan
from dcmsend.inputs import InputFile
from support.data_set_bytes import ENCODINGS, Element, Items, file_with

EI = ENCODINGS["explicit little"]


@pytest.mark.parametrize("value", [b"1.2.3\0", b" 1.2.3", b"1.2.3 ", b"1.2 .3", b"\t1.2.3\r\n", b"1.2.3\0 "])
def test_what_a_uid_is(value: bytes) -> None:
    facts = facts_of({STUDY_INSTANCE_UID: value, SERIES_INSTANCE_UID: value})
    assert (facts.study_uid, facts.series_uid) == ("1.2.3", "1.2.3")


def test_a_uid_that_is_too_long_is_none() -> None:
    assert facts_of({STUDY_INSTANCE_UID: b"1." * 32 + b"1"}).study_uid == ""
    assert facts_of({STUDY_INSTANCE_UID: b" " + b"1." * 31 + b"11"}).study_uid == "1." * 31 + "11"


def test_a_series_is_kept_together_whatever_blanks_are_in_its_uid(tmp_path: Path) -> None:
    items = []
    for number, uid in enumerate((b"1.2.34", b" 1.2.34 ")):
        path = tmp_path / str(number)
        path.write_bytes(file_with(EI.encode([(0x0020000D, "UI", b"1.2.33"), (0x0020000E, "UI", uid)]), EI.uid))
        items.append(InputFile(str(path)))
    found = list(scan(items, IndexOptions(keep_together=KeepTogether.SERIES)))
    assert len({instance.group for instance in found}) == 1


@pytest.mark.parametrize("keep", [KeepTogether.SERIES, KeepTogether.STUDY])
@pytest.mark.parametrize(
    "before", [(0x00290010, "LO", b"ACME"), (0x00400275, "SQ", Items([[]])), (0x7FE00010, "OB", bytes(40_000))]
)
def test_a_series_is_kept_together_wherever_its_uid_stands(tmp_path: Path, keep: KeepTogether, before: Element) -> None:
    """A data set that is not in order is put in order and sent."""
    path = tmp_path / "file"
    elements = [before, (0x0020000D, "UI", b"1.2.33"), (0x0020000E, "UI", b"1.2.34")]
    path.write_bytes(file_with(EI.encode(elements), EI.uid))
    (instance,) = scan([InputFile(str(path))], IndexOptions(keep_together=keep))
    assert instance.group == ("1.2.34" if keep is KeepTogether.SERIES else "1.2.33")
