"""Which UIDs may be sent: one table for all three, judged by DCMTK's dcmsend."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend.dicom.sop_class_table import SOP_CLASSES
from dcmsend.dicom.transfer_syntax_table import TRANSFER_SYNTAXES
from dcmsend.dicom.uid_table import UID_NAMES
from dcmsend.index import find_uid_fault
from support.data_set_bytes import ENCODINGS
from support.reading_judge import dcmtk_verdicts, our_verdicts

CT, INSTANCE, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2.840.10008.1.2.1"

ODD = (
    "1.2.840.10008", "1.2.840.10008.", "1.2.840.100081", "1.2.840.10008.99.1", "1.2.840.10008.5.1.4.1.1",
    "1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.1.10", "1.2.840.10008.5.1.4.1.1.999",
    "1.2.840.10008.5.1.4.1.1.88.01", "1.2.840.10008.5.1.4.1.1.77.1.5.4.", "1.2.3.04", "1.2.3.0", "0", "1", "01", "1..2",
    ".1", "1.", "1.2\\3", "1.2.3a", "x", "1." + "2" * 62, "1." + "2" * 63, "",
    "2.25.329800735698586629295641978511506172918", "1.2.840.113619.5.2", "1.2.840.10008.1.40",
)  # fmt: skip
YOUNGER = {  # than DCMTK 3.6.7, so that it does not know them
    uid for uid in (*TRANSFER_SYNTAXES, *UID_NAMES, *SOP_CLASSES)
    if uid.startswith(("1.2.840.10008.1.2.4.1", "1.2.840.10008.1.2.4.2", "1.2.840.10008.1.2.7", "1.2.840.10008.1.2.8"))
    or uid in ("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.4.100.1", "1.2.840.10008.1.2.4.101.1")
} - {f"1.2.840.10008.1.2.4.{last}" for last in range(100, 109)}  # fmt: skip


def reasons(folder: Path, which: str, uids: list[str], *options: str) -> tuple[dict[str, str], dict[str, str]]:
    """For each UID in the place ``which`` of a meta header: DCMTK's reason and ours, ``''`` for none."""
    encoding = ENCODINGS["explicit little"]
    names = []
    for number, uid in enumerate(uids):
        values = {"class": CT, "instance": INSTANCE, "syntax": EXPLICIT} | {which: uid}
        body = encoding.encode([
            (tag, "UI", value.encode() + b"\0" * (len(value) & 1))
            for tag, value in zip((0x00020002, 0x00020003, 0x00020010), values.values(), strict=True)
        ])  # fmt: skip
        path = folder / f"{number:04d}"
        path.write_bytes(
            bytes(128) + b"DICM" + encoding.element(0x00020000, "UL", len(body).to_bytes(4, "little")) + body
        )
        names.append(str(path))
    dcmtk, ours = dcmtk_verdicts(names, *options), our_verdicts(names, *options)
    return (
        {uid: verdict.reason or "" for uid, verdict in zip(uids, dcmtk, strict=True)},
        {uid: verdict.reason or "" for uid, verdict in zip(uids, ours, strict=True)},
    )


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("options", [(), ("-nuc",)], ids=["checked", "unchecked"])
@pytest.mark.parametrize("which", ["class", "instance", "syntax"])
def test_same_reason_as_dcmtk(which: str, options: tuple[str, ...], tmp_path: Path) -> None:
    uids = sorted({*ODD, *TRANSFER_SYNTAXES, *SOP_CLASSES, *list(UID_NAMES)[::3]})
    dcmtk, ours = reasons(tmp_path, which, uids, *options)
    differing = {uid: (dcmtk[uid], ours[uid]) for uid in uids if dcmtk[uid] != ours[uid]}
    if which == "syntax" and not options:
        younger = {uid for uid in differing if TRANSFER_SYNTAXES.get(uid)}
        assert all(differing.pop(uid) == ("Unknown Transfer Syntax", "") for uid in younger)
        assert younger <= YOUNGER
    if which == "class" and not options:  # a UID that has got a name since then
        assert set(differing.values()) <= {("Unknown Storage SOP Class", "Invalid SOP Class UID")}
        differing.clear()
    assert differing == {}
    assert len(set(dcmtk.values())) >= (2 if options or which == "instance" else 3)


def check_uids(sop_class: str, sop_instance: str, syntax: str, *, thorough: bool = True) -> str:
    """DCMTK's words, ``""`` when nothing is wrong."""
    fault = find_uid_fault(sop_class, sop_instance, syntax, thorough=thorough)
    return "" if fault is None else fault.condition


def test_the_first_reason_decides() -> None:
    assert check_uids("", "", "") == "Invalid SOP Class UID"
    assert check_uids(CT, "", "") == "Invalid SOP Instance UID"
    assert check_uids(CT, INSTANCE, "") == "Invalid Transfer Syntax UID"
    assert check_uids(CT, INSTANCE, EXPLICIT) == ""


def test_without_checks_only_presence_counts() -> None:
    assert check_uids("x", "y", "z", thorough=False) == ""
    assert check_uids("x", "", "z", thorough=False) == "Invalid SOP Instance UID"
