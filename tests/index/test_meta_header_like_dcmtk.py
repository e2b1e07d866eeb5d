"""Meta headers of every kind: the same verdict, the same reason, the same remarks as DCMTK's dcmsend."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from support.data_set_bytes import ENCODINGS, Encoding
from support.reading_judge import Verdict, dcmtk_verdicts, our_verdicts

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

EI, EB, II = ENCODINGS["explicit little"], ENCODINGS["explicit big"], ENCODINGS["implicit"]
IMPLICIT_BIG = Encoding("", False, ">")
PREAMBLE = bytes(128) + b"DICM"
CT = b"1.2.840.10008.5.1.4.1.1.2\0"
EXPLICIT = b"1.2.840.10008.1.2.1\0"
DATA_SET = EI.encode([
    (0x00080005, "CS", b"ISO_IR 100"), (0x00080016, "UI", CT), (0x00080018, "UI", b"1.2.3\0"),
    (0x00100010, "PN", b"A^B "),
])  # fmt: skip


def elements(encoding: Encoding = EI, **values: bytes | None) -> bytes:
    """Group 0002 without its length; ``sop_class``, ``sop_instance``, ``syntax`` None leaves the element out."""
    rows = (
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", values.get("sop_class", CT)),
        (0x00020003, "UI", values.get("sop_instance", b"1.2.3\0")),
        (0x00020010, "UI", values.get("syntax", EXPLICIT)),
        (0x00020012, "UI", b"1.2.9\0"),
    )
    return encoding.encode([row for row in rows if row[2] is not None])


def header(group: bytes, encoding: Encoding = EI, *, more: int = 0, preamble: bytes = PREAMBLE) -> bytes:
    """A meta header whose group length is wrong by ``more``."""
    length = struct.pack(encoding.order + "L", (len(group) + more) & 0xFFFFFFFF)
    return preamble + encoding.element(0x00020000, "UL", length) + group


def write(folder: Path, files: dict[str, bytes]) -> list[str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [str(folder / name) for name in files]


def without_remarks(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict._replace(name=Path(verdict.name).name, remarks=()) for verdict in verdicts]


def remarks(verdict: Verdict) -> list[str]:
    """Each remark once: a second attempt to read the file repeats them."""
    return list(dict.fromkeys(verdict.remarks))


HEADERS = {
    "regular": header(elements()),
    "no group length": PREAMBLE + elements(),
    "implicit": header(elements(II), II),
    "implicit without group length": PREAMBLE + elements(II),
    "big endian": header(elements(EB), EB),
    "no preamble": header(elements(), preamble=b""),
    "neither preamble nor group length": elements(),
    "empty values": header(
        elements() + EI.element(0x00020016, "AE", b"") + EI.element(0x00020017, "AE", b"")
    ),
}


@pytest.mark.parametrize("mode", ["+fo", "+f"])
@pytest.mark.parametrize("name", HEADERS)
def test_cut_off_at_every_byte(name: str, mode: str, tmp_path: Path) -> None:
    content = HEADERS[name] + DATA_SET[:20]
    start = 126 if content.startswith(bytes(126)) else 0
    names = write(tmp_path, {f"{size:04d}": content[:size] for size in range(start, len(content) + 1)})
    dcmtk, ours = dcmtk_verdicts(names, mode), our_verdicts(names, mode)
    assert without_remarks(ours) == without_remarks(dcmtk)
    assert len({verdict.reason for verdict in dcmtk}) > 3
    if mode == "+fo":
        known_difference = "W: DcmMetaInfo: Found Preamble but no Meta Information Header"  # though there is one
        for our, their in zip(ours, dcmtk, strict=True):
            if their.reason is None or known_difference not in their.remarks:
                assert remarks(our) == [line for line in remarks(their) if line != known_difference], our.name


def of_uid(tag: int, value: bytes) -> bytes:
    name = {0x00020002: "sop_class", 0x00020003: "sop_instance", 0x00020010: "syntax"}[tag]
    return header(elements(**{name: value})) + DATA_SET


UNUSUAL = {
    "magic in lower case": bytes(128) + b"dicm" + elements() + DATA_SET,
    "text": b"hello world, " * 20,
    "preamble, then data set": PREAMBLE + DATA_SET,
    "group length of 8 bytes": PREAMBLE + EI.element(0x00020000, "UL", struct.pack("<LL", len(elements()), 5))
    + elements() + DATA_SET,
    "empty group length": PREAMBLE + EI.element(0x00020000, "UL", b"") + elements() + DATA_SET,
    "group length last": PREAMBLE + elements() + EI.element(0x00020000, "UL", bytes(4)) + DATA_SET,
    "implicit big endian": header(elements(IMPLICIT_BIG), IMPLICIT_BIG) + DATA_SET,
    "implicit big endian without group length": PREAMBLE + elements(IMPLICIT_BIG) + DATA_SET,
    "group 0003": header(elements() + EI.element(0x00030001, "LO", b"AB")) + DATA_SET,
    "group 0001": header(EI.element(0x00010001, "LO", b"AB") + elements()) + DATA_SET,
    "unknown element first": PREAMBLE + EI.element(0x00020005, "LO", b"AB") + elements() + DATA_SET,
    "descending": PREAMBLE + EI.encode([
        (0x00020010, "UI", EXPLICIT), (0x00020003, "UI", b"1.2.3\0"), (0x00020002, "UI", CT),
    ]) + DATA_SET,
    "UIDs in other text VRs": PREAMBLE + EI.encode([
        (0x00020002, "LO", CT[:-1] + b" "), (0x00020003, "SH", b"1.2.3 "), (0x00020010, "ST", EXPLICIT[:-1] + b" "),
    ]) + DATA_SET,
    "UIDs in no text VR": PREAMBLE + EI.encode([
        (0x00020002, "UN", CT), (0x00020003, "UN", b"1.2.3\0"), (0x00020010, "UN", EXPLICIT),
    ]) + DATA_SET,
    **{f"blanks {value!r}": of_uid(0x00020003, value) for value in (
        b"1.2.3 ", b" 1.2.3", b"1. 2.3", b"1.2\t3\n", b"    ", b"1.2.3\0\0\0", b"\0\0", b"1.2.3 \0", b"1.2\0003.4",
        b"1.2\\3.4\0", b"1.2", b"1.2.\xe93",
    )},
    "blank behind class": of_uid(0x00020002, CT[:-1] + b" "),
    "blank behind syntax": of_uid(0x00020010, EXPLICIT[:-1] + b" "),
    **{f"long value {size}": header(elements() + EI.element(0x00020102, "OB", bytes(size))) + DATA_SET
       for size in (4096, 4097, 70000)},
    **{f"long value of {size} cut off": header(b"", more=size + 500) + EI.element(0x00020001, "OB", bytes(100), size)
       for size in (4096, 4098, 5000, 70000, 0xFFFFFFFE)},
    **{f"long value of {size} missing": header(b"", more=size + 500) + EI.element(0x00020001, "OB", b"", size)
       for size in (10, 4096, 4098, 0xFFFFFFFE)},
    "undefined length": header(elements() + EI.element(0x00020102, "OB", b"", 0xFFFFFFFF)) + DATA_SET,
    **{f"VR that does not exist {vr.decode()}": header(elements() + b"\2\0\x13\0" + vr + b"\4\0ABCD") + DATA_SET
       for vr in (b"ZZ", b"zz", b"Z1")},
    **{f"VR {vr.decode()} that does not exist, without group length": PREAMBLE + elements() + b"\2\0\x13\0" + vr
       + b"\4\0ABCD" + DATA_SET for vr in (b"CH", b"zz")},
    "VR yet to come": header(elements() + b"\2\0\x13\0ZZ\0\0\4\0\0\0ABCD") + DATA_SET,
    "nothing but DICM": PREAMBLE,
}  # fmt: skip


def test_unusual_headers(tmp_path: Path) -> None:
    names = write(tmp_path, {name.replace("\\", "_"): content for name, content in UNUSUAL.items()})
    assert without_remarks(our_verdicts(names, "+fo")) == without_remarks(dcmtk_verdicts(names, "+fo"))


def _begun(vr: str, length: int = 0xFFFFFFFF, value: bytes = b"", tag: int = 0x00020001) -> bytes:
    """An element whose header has this length, whatever the value's is; ``vr`` ``''`` for implicit VR."""
    return (EI if vr else II).element(tag, vr, value, length)


_VALUES = {
    "": b"\0\1", "with delimiter": b"\xfe\xff\xdd\xe0\0\0\0\0",
    "with item": b"\xfe\xff\0\xe0\4\0\0\0ABCD\xfe\xff\xdd\xe0\0\0\0\0",
}  # fmt: skip
_REST = elements()[14:]
_GROUP_LENGTH = EI.element(0x00020000, "UL", struct.pack("<L", 100))
BEYOND_THE_FILE = {
    f"{vr or 'implicit'} {place} {length:x} {what}": PREAMBLE + before + _begun(vr, length, value) + rest + DATA_SET
    for vr in ("OB", "OW", "UN", "SQ", "UT", "UC", "OF", "OL", "ZZ", "")
    for place, before in (("first", b""), ("second", _GROUP_LENGTH if vr else II.element(0x00020000, "UL", b"d\0\0\0")))
    for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x10000)
    for what, value in _VALUES.items()
    for rest in (_REST if vr else elements(II)[10:],)
    if not (what and vr in ("SQ", "UN", "ZZ", ""))  # sequences: D35
}
BEYOND_THE_FILE.update({
    f"{tag:08x} {vr} first": PREAMBLE + _begun(vr, tag=tag) + elements() + DATA_SET
    for tag in (0x00020000, 0x00020002, 0x00020003, 0x00020010) for vr in ("OB", "SQ", "UN", "UT")
})  # fmt: skip


@pytest.mark.parametrize("mode", ["+fo", "+f"])
def test_elements_of_undefined_length_or_beyond_the_file(mode: str, tmp_path: Path) -> None:
    """Found by ``scripts/soak_compare``: what ends the file elsewhere is passed over as the first element."""
    names = write(tmp_path, {name.strip(): content for name, content in BEYOND_THE_FILE.items()})
    assert without_remarks(our_verdicts(names, mode)) == without_remarks(dcmtk_verdicts(names, mode))


@pytest.mark.parametrize("twice", [0x00020002, 0x00020003, 0x00020010])
def test_the_first_of_two_counts(twice: int, tmp_path: Path) -> None:
    value = {0x00020002: b"1.2.3.4\0", 0x00020003: b"1.2.9.9\0", 0x00020010: b"1.2.840.10008.1.2\0"}[twice]
    names = write(tmp_path, {"file": header(elements() + EI.element(twice, "UI", value)) + DATA_SET})
    (ours,), (dcmtk,) = our_verdicts(names), dcmtk_verdicts(names)
    assert ours.sop_instance_uid == dcmtk.sop_instance_uid == "1.2.3"
    assert set(dcmtk.remarks) <= set(ours.remarks)


BELIEVED_BY_DCMTK = {
    **{f"{more:+d}": (header(elements(), more=more), None) for more in (-20, -2, -1, 1, 2, 8, 12, 18, 26, 500)},
    "0": (header(elements(), more=-len(elements())), "Invalid SOP Class UID"),
    "1": (header(elements(), more=1 - len(elements())), "Invalid SOP Class UID"),
    "4294967295": (header(elements(), more=0xFFFFFFFF - len(elements())), "Invalid SOP Class UID"),
}


@pytest.mark.parametrize("name", BELIEVED_BY_DCMTK)
def test_a_wrong_group_length_changes_nothing_but_a_remark(name: str, tmp_path: Path) -> None:
    """Here we differ on purpose: DCMTK loses elements of the data set, or those of the header."""
    content, reason = BELIEVED_BY_DCMTK[name]
    names = write(tmp_path, {"file": content + DATA_SET})
    (ours,), (dcmtk,) = our_verdicts(names), dcmtk_verdicts(names)
    assert dcmtk.reason == reason
    assert (ours.reason, ours.sop_instance_uid) == (None, "1.2.3")
    assert ours.remarks == ("W: DcmMetaInfo: Group Length of Meta Information Header has incorrect value",)


@pytest.mark.parametrize(
    "group_length",
    [("US", b"\x10\0"), ("UL", b"\x10\0"), ("UN", bytes(4)), ("LO", bytes(4))],
    ids=["US", "two bytes", "UN", "LO"],
)
def test_an_unreadable_group_length_is_no_reason_to_refuse(group_length: tuple[str, bytes], tmp_path: Path) -> None:
    """Here too: DCMTK refuses with "Illegal call, perhaps wrong parameters" or "Illegal parameter"."""
    names = write(tmp_path, {"file": PREAMBLE + EI.element(0x00020000, *group_length) + elements() + DATA_SET})
    (ours,), (dcmtk,) = our_verdicts(names), dcmtk_verdicts(names)
    assert dcmtk.reason is not None
    assert dcmtk.reason.startswith("Illegal ")
    assert ours.sop_instance_uid == "1.2.3"
