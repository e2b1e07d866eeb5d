"""The data dictionary, entry by entry against pydicom's and against the files that DCMTK comes with."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, private_dictionary_VR

from dcmsend.dicom.data_dictionary import DataDictionary, DictionaryEntry, TagRange, default_dictionary
from dcmsend.dicom.private_dictionary_table import PRIVATE_ELEMENTS

ONE_OF_SEVERAL = {"US or SS": "xs", "OB or OW": "ox", "US or OW": "lt", "US or SS or OW": "lt", "NONE": "na"}


# -- what the standard says


def test_every_element_of_pydicoms_dictionary_has_its_vr() -> None:
    dictionary = default_dictionary()
    differences = {
        f"{tag:08X}": (dictionary.vr_of(tag), vr)
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if keyword and dictionary.vr_of(tag) != ONE_OF_SEVERAL.get(vr, vr)
    }
    assert differences == {"7FE00010": ("px", "OB or OW")}


def test_every_element_of_pydicoms_dictionary_has_its_keyword() -> None:
    dictionary = default_dictionary()
    for tag, (_, _, _, retired, keyword) in DicomDictionary.items():
        if keyword:
            assert dictionary.keyword(tag) == ("RETIRED_" if retired else "") + keyword
            assert dictionary.is_known(tag)


@pytest.mark.parametrize(
    ("tag", "vr", "name"),
    [
        (0x60000010, "US", "OverlayRows"),
        (0x60FE0010, "US", "OverlayRows"),
        (0x601E3000, "ox", "OverlayData"),
        (0x50020030, "SH", "RETIRED_AxisUnits"),
        (0x7F000010, "ox", "RETIRED_VariablePixelData"),
        (0x7FE00010, "px", "PixelData"),
        (0x002031AA, "CS", "RETIRED_SourceImageIDs"),
        (0x00280430, "US", "RETIRED_RowsForNthOrderCoefficients"),
        (0x00060001, "SQ", "CurrentFrameFunctionalGroupsSequence"),
        (0x00080000, "UL", "GenericGroupLength"),
        (0x00020000, "UL", "FileMetaInformationGroupLength"),
        (0x00090000, "UL", "PrivateGroupLength"),
        (0x00050000, "UL", "IllegalGroupLength"),
        (0x00090010, "LO", "PrivateCreator"),
        (0x600100FF, "LO", "PrivateCreator"),
        (0x00010010, "LO", "IllegalPrivateCreator"),
        (0xFFFEE00D, "na", "ItemDelimitationItem"),
    ],
)
def test_ranges_and_rules_for_all_groups(tag: int, vr: str, name: str) -> None:
    dictionary = default_dictionary()
    assert (dictionary.vr_of(tag), dictionary.keyword(tag), dictionary.is_known(tag)) == (vr, name, True)


@pytest.mark.parametrize(
    "tag", [0x00080006 + 0x10000000, 0x60010010 + 0xFF0, 0x0009000F, 0x00091001, 0x00120001, 0x00080202, 0xFFFFFFFF]
)
def test_other_tags_are_unknown(tag: int) -> None:
    dictionary = default_dictionary()
    assert (dictionary.vr_of(tag), dictionary.is_known(tag)) == ("UN", False)
    assert dictionary.keyword(tag) == "Unknown Tag & Data"


@given(st.integers(0, 0xFFFFFFFF), st.none() | st.text(max_size=20) | st.sampled_from(sorted(PRIVATE_ELEMENTS)))
def test_any_question_has_an_answer(tag: int, creator: str | None) -> None:
    dictionary = default_dictionary()
    assert re.fullmatch("[A-Z]{2}|xs|ox|px|lt|na", dictionary.vr_of(tag, creator))
    assert dictionary.keyword(tag, creator)


# -- private elements


def test_private_elements_are_found_in_whatever_block_they_lie() -> None:
    dictionary = default_dictionary()
    for block in (0x10, 0x11, 0xFF):
        assert dictionary.vr_of(0x00090000 | block << 8 | 0x27, "GEMS_IDEN_01") == "SL"
    assert dictionary.vr_of(0x00091027, "GEMS_IDEN_01 \0") == "SL"
    assert dictionary.vr_of(0x00091027, "gems_iden_01") == "UN"
    assert dictionary.vr_of(0x00091027) == "UN"


def test_a_creator_of_many_groups() -> None:
    dictionary = default_dictionary()
    for group in (0x6001, 0x6013, 0x60FF):
        assert dictionary.vr_of(group << 16 | 0x1010, "PAPYRUS 3.0") == "US"
    assert dictionary.vr_of(0x61011010, "PAPYRUS 3.0") == "UN"


def test_private_elements_are_pydicoms() -> None:
    """But for those that `scripts/dictionary_corrections.py` makes UN, because sources contradict each other."""
    dictionary = default_dictionary()
    counts = {"same": 0, "UN": 0, "other": 0}
    for creator, packed in PRIVATE_ELEMENTS.items():
        for part in packed.split(","):
            group = int(part[:4], 16) | 1
            for start in range(5, len(part), 4):
                tag = group << 16 | 0x1000 | int(part[start : start + 2], 16)
                try:
                    theirs = private_dictionary_VR(tag, creator)
                except KeyError:
                    continue  # pydicom fixes the block, or an alias
                ours = dictionary.vr_of(tag, creator)
                same = ONE_OF_SEVERAL.get(theirs, theirs.replace("OB_OW", "ox")) == ours
                counts["same" if same else "UN" if ours == "UN" else "other"] += 1
    assert counts["same"] > 8000
    assert counts["UN"] == 0  # those are not in the table at all
    assert counts["other"] == 2  # corrected to something else


def test_creators_without_end_do_not_fill_the_memory() -> None:
    dictionary = DataDictionary()
    for number in range(5000):
        assert dictionary.vr_of(0x00091001, f"NOBODY {number}") == "UN"
    assert len(dictionary._private) <= 1024


def test_threads_may_ask_a_new_dictionary_at_the_same_time() -> None:
    dictionary = DataDictionary()
    tags = [tag for tag, row in DicomDictionary.items() if row[4]]
    expected = [default_dictionary().vr_of(tag) for tag in tags]
    answers: list[list[str]] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        answers.append([dictionary.vr_of(tag) for tag in tags])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 4


# -- added entries


def entry(groups: TagRange | int, elements: TagRange | int, vr: str, creator: str | None = None) -> DictionaryEntry:
    first = groups if isinstance(groups, TagRange) else TagRange(groups, groups)
    second = elements if isinstance(elements, TagRange) else TagRange(elements, elements)
    return DictionaryEntry(first, second, vr, f"{vr}Element", creator)


def test_added_entries_win_and_the_dictionary_before_stays_as_it_was() -> None:
    before = default_dictionary()
    after = before.extended([entry(0x0010, 0x0010, "UT"), entry(0x0010, 0x0010, "LT"), entry(0x0010, 0x9999, "FD")])
    assert [after.vr_of(tag) for tag in (0x00100010, 0x00100020, 0x00109999)] == ["LT", "LO", "FD"]
    assert (after.keyword(0x00100010), after.keyword(0x00100020)) == ("LTElement", "PatientID")
    assert [before.vr_of(tag) for tag in (0x00100010, 0x00109999)] == ["PN", "UN"]


def test_the_narrower_of_two_added_ranges_counts_whatever_their_order() -> None:
    wide, narrow = TagRange(0x5000, 0x50FF, 0), TagRange(0x5000, 0x500F, 0)
    entries = [entry(wide, 0x7777, "US"), entry(narrow, 0x7777, "SH")]
    for order in (entries, entries[::-1]):
        dictionary = default_dictionary().extended(order[:1]).extended(order[1:])
        assert [dictionary.vr_of(group << 16 | 0x7777) for group in (0x5002, 0x5010, 0x5003)] == ["SH", "US", "UN"]


def test_a_single_element_wins_over_a_range() -> None:
    dictionary = default_dictionary().extended([entry(TagRange(0x0010, 0x0012, 0), TagRange(0, 0xFFFF), "OB")])
    assert [dictionary.vr_of(tag) for tag in (0x00100010, 0x00100011, 0x00109998)] == ["PN", "OB", "OB"]


def test_added_private_elements() -> None:
    dictionary = default_dictionary().extended(
        [
            entry(0x0009, 0x27, "FD", "GEMS_IDEN_01"),
            entry(0x0009, 0x1127, "FL", "GEMS_IDEN_01"),
            entry(TagRange(0x0009, 0x0011, 1), 0x01, "SS", "ACME"),
        ]
    )
    gems = [dictionary.vr_of(tag, "GEMS_IDEN_01") for tag in (0x00091027, 0x00091127, 0x00091001)]
    assert gems == ["FD", "FL", "LO"]
    acme = [dictionary.vr_of(tag, "ACME") for tag in (0x00091001, 0x00114201, 0x00131001, 0x00091002)]
    assert acme == ["SS", "SS", "UN", "UN"]
    assert dictionary.keyword(0x00091001, "ACME") == "SSElement"


# -- DCMTK's own files


class FileEntry(NamedTuple):
    """One line of dicom.dic or private.dic, read without the package under test."""

    groups: tuple[int, ...]
    creator: str | None
    elements: tuple[int, ...]
    vr: str
    name: str


def samples(text: str) -> tuple[int, ...]:
    """A number, or some numbers of a range: first, middle and last of those that are meant."""
    first, _, rest = text.partition("-")
    start, stop = int(first, 16), int(rest.split("-")[-1] or first, 16)
    restriction = rest.split("-")[0].lower() if "-" in rest else "e" if rest else "u"
    step = 1 if restriction == "u" else 2
    numbers = range(start + (restriction == "o" and start % 2 == 0), stop + 1, step)
    return tuple({numbers[0], numbers[len(numbers) // 2], numbers[-1]})


def dcmtk_entries(file_name: str) -> Iterator[FileEntry]:
    candidates = list(Path("/usr/share").glob(f"*dcmtk*/{file_name}"))
    if not candidates:
        pytest.skip(f"DCMTK's {file_name} is not installed")
    for line in candidates[0].read_text(encoding="latin-1").splitlines():
        found = re.match(r'\(([^,]+),(?:"([^"]*)",)?([^)]+)\)\t(\w\w)\t(\S+)', line)
        if found:
            yield FileEntry(samples(found[1]), found[2], samples(found[3]), found[4], found[5])
        else:
            assert not line.strip() or line.startswith("#"), line


def kind(vr: str) -> str:
    """How the bytes of a value are laid out, as far as a sender is concerned."""
    kinds = {"US": "two bytes", "SS": "two bytes", "UL": "four bytes", "SL": "four bytes", "FL": "four bytes"}
    itself = ("AT", "FD", "OB", "OW", "SQ", "ox", "px", "xs")
    return kinds.get(vr) or (vr if vr in itself else "text")


# Retired since the edition from which DCMTK's file was made.
RETIRED_LATER = {
    0x00380004, 0x00701807, 0x00701808, 0x30040010, 0x30040012, 0x30060085, 0x30060088, 0x3008002B, 0x30100090,
}  # fmt: skip


@pytest.mark.peer("dcmtk")
def test_all_elements_of_dcmtks_standard_dictionary_are_the_same() -> None:
    """But for five offsets of a DICOMDIR, ``up`` there, and RETIRED_ in nine names."""
    dictionary = default_dictionary()
    vrs, names = {}, set()
    for row in dcmtk_entries("dicom.dic"):
        for tag in (group << 16 | element for group in row.groups for element in row.elements):
            if dictionary.vr_of(tag) != row.vr:
                vrs[tag] = (row.vr, dictionary.vr_of(tag))
            if dictionary.keyword(tag) != row.name and not row.name.endswith("GroupLength"):
                assert dictionary.keyword(tag) == "RETIRED_" + row.name
                names.add(tag)
    assert vrs == dict.fromkeys((0x00041200, 0x00041202, 0x00041400, 0x00041420, 0x00041504), ("up", "UL"))
    assert names == RETIRED_LATER


# Creators of which DCMTK has elements that pydicom's dictionary (GDCM's) has not.  They are sent as UN in Explicit VR,
# which is legal and keeps every byte.
ONLY_DCMTK_KNOWS = {
    "CMR42 CIRCLECVI",
    "DCMTK_ANONYMIZER",
    "INTELERAD MEDICAL SYSTEMS",
    "OCULUS Optikgeraete GmbH",
    "PHILIPS IMAGING DD 001",
    "Philips Imaging DD 001",
    "SIEMENS RA GEN",
    "SIEMENS RA PLANE A",
    "SIEMENS RA PLANE B",
    "SONOWAND AS",
    "SPI-P-Private_ICS Release 1",
}


def why_different(row: FileEntry, ours: str) -> str:
    """Why our VR of a private element may be another one than DCMTK's; empty when there is no reason."""
    if ours == "UN" and row.creator in ONLY_DCMTK_KNOWS:
        return "only DCMTK knows the element"
    if ours == "UN":
        return "the sources disagree about the layout: UN keeps the bytes"
    if row.vr == "UN":
        return "DCMTK has the element but no VR"
    if kind(ours) == kind(row.vr):
        return "text or text, signed or unsigned: the bytes are the same"
    return "GDCM says that it depends on Pixel Representation" if (row.vr, ours) == ("SS", "xs") else ""


@pytest.mark.peer("dcmtk")
def test_private_elements_differ_from_dcmtks_only_for_a_reason() -> None:
    """2836 entries of DCMTK 3.6.7: 2281 the same, 127 only there, 58 contradictory, 38 without VR there, 332 alike."""
    dictionary = default_dictionary()
    reasons: dict[str, list[str]] = {}
    for row in dcmtk_entries("private.dic"):
        tag = row.groups[0] << 16 | row.elements[0] | (0x1000 if row.elements[0] < 0x100 else 0)
        ours = dictionary.vr_of(tag, row.creator)
        reason = "same" if ours == row.vr else why_different(row, ours)
        reasons.setdefault(reason, []).append(f"{tag:08X} {row.creator}: {row.vr}, ours {ours}")
    assert "" not in reasons, reasons[""]
    assert len(reasons["same"]) > 2200


@pytest.mark.peer("dcmtk")
def test_what_counts_as_known_to_dcmtk_is_in_its_files() -> None:
    """Every element of our tables, private and standard."""
    standard: set[int] = set()
    theirs: dict[tuple[str, int], str] = {}
    for name in ("dicom.dic", "private.dic"):
        for row in dcmtk_entries(name):
            for tag in (group << 16 | element for group in row.groups for element in row.elements):
                if row.creator is None:
                    standard.add(tag)
                else:
                    theirs[row.creator, tag & 0xFFFF00FF] = row.vr
    dictionary = default_dictionary()
    for tag in DicomDictionary:
        if dictionary.is_known(tag):
            assert dictionary.is_dcmtks(tag) == (tag in standard), f"{tag:08X}"
    confirmed = 0
    for creator, packed in PRIVATE_ELEMENTS.items():
        for part in packed.split(","):
            group = int(part[:4], 16) | 1
            for start in range(5, len(part), 4):
                tag = group << 16 | int(part[start : start + 2], 16)
                vr = dictionary.vr_of(tag | 0x1000, creator)
                same = theirs.get((creator, tag), "UN") == vr  # a row for an even group is never found
                assert dictionary.is_dcmtks(tag | 0x1000, creator) == same, f"{tag:08X} {creator}"
                confirmed += same
    assert confirmed > 2000


def test_added_and_unknown_elements_are_dcmtks() -> None:
    dictionary = default_dictionary().extended([entry(0x0009, 0x10, "SQ", "GEIIS"), entry(0x0008, 0x0220, "SQ")])
    assert dictionary.is_dcmtks(0x00091010, "GEIIS")
    assert not default_dictionary().is_dcmtks(0x00091010, "GEIIS")
    assert dictionary.is_dcmtks(0x00091001, "NOBODY")
    assert dictionary.is_dcmtks(0x0009)
    assert not default_dictionary().is_dcmtks(0x10001230)  # DCMTK has (1000,0010) only
