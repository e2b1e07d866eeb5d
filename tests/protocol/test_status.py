"""C-STORE status codes as DCMTK counts and names them, and as pynetdicom classifies them."""

from __future__ import annotations

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dcmsend.protocol import StatusClass, is_stored, status_class, status_name, status_text

# observed with DCMTK dcmsend 3.6.7: class in the summary, text in the report
OBSERVED = [
    (0x0000, StatusClass.SUCCESS, "Success"),
    (0x0001, StatusClass.WARNING, "Unknown Status: 0x1"),
    (0x0107, StatusClass.WARNING, "Unknown Status: 0x107"),
    (0x0110, StatusClass.UNKNOWN, "Unknown Status: 0x110"),
    (0x0116, StatusClass.WARNING, "Unknown Status: 0x116"),
    (0x0122, StatusClass.REFUSED, "Refused: SOPClassNotSupported"),
    (0x0124, StatusClass.UNKNOWN, "Unknown Status: 0x124"),
    (0x1234, StatusClass.UNKNOWN, "Unknown Status: 0x1234"),
    (0xA6FF, StatusClass.UNKNOWN, "Unknown Status: 0xa6ff"),
    (0xA700, StatusClass.REFUSED, "Refused: OutOfResources"),
    (0xA7FF, StatusClass.REFUSED, "Refused: OutOfResources"),
    (0xA800, StatusClass.UNKNOWN, "Unknown Status: 0xa800"),
    (0xA900, StatusClass.ERROR, "Error: DataSetDoesNotMatchSOPClass"),
    (0xA9FF, StatusClass.ERROR, "Error: DataSetDoesNotMatchSOPClass"),
    (0xAA00, StatusClass.UNKNOWN, "Unknown Status: 0xaa00"),
    (0xB000, StatusClass.WARNING, "Warning: CoercionOfDataElements"),
    (0xB001, StatusClass.WARNING, "Unknown Status: 0xb001"),
    (0xB006, StatusClass.WARNING, "Warning: ElementsDiscarded"),
    (0xB007, StatusClass.WARNING, "Warning: DataSetDoesNotMatchSOPClass"),
    (0xBFFF, StatusClass.WARNING, "Unknown Status: 0xbfff"),
    (0xC000, StatusClass.ERROR, "Error: CannotUnderstand"),
    (0xCFFF, StatusClass.ERROR, "Error: CannotUnderstand"),
    (0xD000, StatusClass.UNKNOWN, "Unknown Status: 0xd000"),
    (0xFE00, StatusClass.UNKNOWN, "Unknown Status: 0xfe00"),
    (0xFF00, StatusClass.UNKNOWN, "Unknown Status: 0xff00"),
    (0xFFFE, StatusClass.UNKNOWN, "Unknown Status: 0xfffe"),
    (0xFFFF, StatusClass.UNKNOWN, "Unknown Status: 0xffff"),
]


@pytest.mark.parametrize(("code", "expected", "text"), OBSERVED, ids=[f"{row[0]:04X}" for row in OBSERVED])
def test_class_and_text(code: int, expected: StatusClass, text: str) -> None:
    assert status_class(code) is expected
    assert status_text(code) == text


def test_stored_is_what_the_standard_calls_success_or_warning() -> None:
    for code, (category, _) in STORAGE_SERVICE_CLASS_STATUS.items():
        assert is_stored(code) == (category in ("Success", "Warning")), f"{code:04X}"


def test_every_other_status_is_not_stored() -> None:
    stored = [code for code in range(65536) if is_stored(code)]
    assert stored == [0, 1, 0x0107, 0x0116, *range(0xB000, 0xC000)]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x0000, "Success"), (0xA700, "OutOfResources"), (0xC123, "CannotUnderstand"), (0xB006, "ElementsDiscarded"),
        (0x0122, "SOPClassNotSupported"), (0x0124, "not authorized"), (0x0110, "processing failure"),
        (0x1234, "unknown status"),
    ],
)  # fmt: skip
def test_name(code: int, name: str) -> None:
    """The standard's where DCMTK has none."""
    assert status_name(code) == name
