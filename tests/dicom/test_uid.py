"""UID rules of PS3.5 section 9.1, and DCMTK's answer to the same UIDs."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom._uid_dict import UID_dictionary

from dcmsend.dicom.sop_class import is_storage_sop_class
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.uid import is_named_standard_uid, is_valid_uid
from support.fixture_files import CT_CLASS, EI, meta_header
from support.ports import free_port
from support.programs import dcmtk_program
from support.run import run

ROOT = "1.2.840.10008"


def is_valid_by_the_book(text: str) -> bool:
    """PS3.5 section 9.1, sentence by sentence."""
    if not 1 <= len(text) <= 64:
        return False
    for component in text.split("."):
        if not component or set(component) - set(string.digits):
            return False
        if component[0] == "0" and len(component) > 1:
            return False
    return True


oddities = st.sampled_from(["", "0", "00", "01", "a", "-1", "1 ", "\u0664"])
components = st.one_of(st.integers(0, 10**20).map(str), oddities)


@given(st.lists(components, min_size=1, max_size=12).map(".".join))
@example("1." * 31 + "12")
@example("1." * 31 + "123")
@example("1.2\n")
@example("1.2\\1.3")
def test_a_uid_is_valid_by_the_rules_of_the_standard(text: str) -> None:
    assert is_valid_uid(text) == is_valid_by_the_book(text)


@given(st.text(alphabet="0129.\\ \0a", max_size=70))
def test_other_characters_make_a_uid_invalid(text: str) -> None:
    assert is_valid_uid(text) == is_valid_by_the_book(text)


def test_a_long_invalid_uid_takes_no_longer_than_a_valid_one() -> None:
    """A backtracking pattern would not come back from this."""
    assert not is_valid_uid("1" * 63 + "x")
    assert not is_valid_uid("1." * 1_000_000 + "x")


def test_every_named_uid_of_the_standard_is_named() -> None:
    named = {uid for uid, (*_, keyword) in UID_dictionary.items() if keyword}
    assert {uid for uid in named if not is_named_standard_uid(uid)} == set()


@pytest.mark.parametrize("uid", ["", "1.2.840.10008", "1.2.840.10008.99.1", "1.2.3", "1.2.840.113619.4.30"])
def test_other_uids_are_not(uid: str) -> None:
    assert not is_named_standard_uid(uid)


ODD_AND_PRIVATE = [
    "1", "0", "00", "1.2", "1.02", "1.0", "1.00", "01.2", "1.2.", ".1.2", "1..2", "1.2.a", "1,2", "1.2-3",
    "1.2\\1.3", "+1.2", "1.2.3.4.5", "1.2.840.113619.4.30", "1.2.840.1000", "1.2.840.100081.5",
    "1." * 31 + "12", "1." * 31 + "123", "9" * 64, "9" * 65, "2.25." + "1" * 39,
]  # fmt: skip
OF_THE_STANDARD = [
    "1.1", "1.3.10", "3.1.2.3.3", "1.2.1", "99.1", "5.1.4.1.1", "5.1.4.1.10", "5.1.4.1.1.x", "5.1.4.1.1.01",
    "5.1.4.1.1.999", "5.1.4.1.1.200.4", "5.1.4.1.2.1.1", "5.1.4.34.1", "5.1.4.34.2", "5.1.4.34.7",
    "5.1.4.34.10", "5.1.4.38.1", "5.1.4.38.2", "5.1.4.39.1", "5.1.4.43.1", "5.1.4.44.1", "5.1.4.45.1",
    "5.1.1.26", "5.1.1.27", "5.1.1.29", "5.1.1.30", "15.0.3.1", "2.16.4", "7.1.1", "1.4.1.1", "4.2",
    "5.1.4.34.6",
]  # fmt: skip
UIDS = [*ODD_AND_PRIVATE, ROOT, ROOT + ".", *(f"{ROOT}.{rest}" for rest in OF_THE_STANDARD)]


def verdict_on_class(uid: str) -> str:
    """What the functions under test say together, in DCMTK's words."""
    if not is_valid_uid(uid):
        return "Invalid SOP Class UID"
    if is_storage_sop_class(uid) or not uid.startswith(ROOT):
        return ""
    return "Invalid SOP Class UID" if is_named_standard_uid(uid) else "Unknown Storage SOP Class"


def verdict_on_instance(uid: str) -> str:
    return "" if is_valid_uid(uid) else "Invalid SOP Instance UID"


def verdict_on_syntax(uid: str) -> str:
    if not is_valid_uid(uid):
        return "Invalid Transfer Syntax UID"
    return "" if transfer_syntax(uid).is_known else "Unknown Transfer Syntax"


@pytest.fixture(scope="module")
def dcmtk_verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """File name -> DCMTK's reason to reject it; nobody listens, because all files are checked before it connects."""
    folder = tmp_path_factory.mktemp("uids")
    for number, uid in enumerate(UIDS):
        (folder / f"class-{number}").write_bytes(meta_header(uid, "1.2.3", EI))
        (folder / f"instance-{number}").write_bytes(meta_header(CT_CLASS, uid, EI))
        (folder / f"syntax-{number}").write_bytes(meta_header(CT_CLASS, "1.2.3", uid))
    names = sorted(path.name for path in folder.iterdir())
    program = dcmtk_program("dcmsend")
    assert program is not None
    done = run(program, "--no-halt", "127.0.0.1", free_port(), *names, cwd=folder)
    assert done.exit_code == 61, done.stderr
    reasons = dict.fromkeys(names, "")
    for line in done.lines("E"):
        found = re.fullmatch(r"cannot add DICOM file to the transfer list: (\S+): (.*)", line)
        if found:
            reasons[found[1]] = found[2]
    assert len(set(reasons.values())) == 6  # each of the five reasons, and none
    return reasons


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("part", ["class", "instance", "syntax"])
def test_dcmtk_thinks_the_same_of_every_uid(part: str, dcmtk_verdicts: dict[str, str]) -> None:
    ours = {"class": verdict_on_class, "instance": verdict_on_instance, "syntax": verdict_on_syntax}[part]
    differences = [
        (uid, ours(uid), dcmtk_verdicts[f"{part}-{number}"])
        for number, uid in enumerate(UIDS)
        if ours(uid) != dcmtk_verdicts[f"{part}-{number}"]
    ]
    assert differences == []


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize(("uid", "exit_code"), [("1.2.03", 22), ("1.2.3", 61)])
def test_one_invalid_uid_ends_dcmtks_run(tmp_path: Path, uid: str, exit_code: int) -> None:
    """22 for a bad file, 61 when it is good and nobody listens."""
    (tmp_path / "file").write_bytes(meta_header(CT_CLASS, uid, EI))
    program = dcmtk_program("dcmsend")
    assert program is not None
    done = run(program, "127.0.0.1", free_port(), "file", cwd=tmp_path)
    assert done.exit_code == exit_code
    assert any("Invalid SOP Instance UID" in line for line in done.lines("F")) == (not is_valid_uid(uid))
