"""The generated tables: they are what the generator writes, and they are loaded only by those who need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from dcmsend.dicom.data_dictionary_table import DATA_ELEMENTS
from dcmsend.dicom.element_name_table import ELEMENT_NAMES
from dcmsend.dicom.sop_class_table import SOP_CLASSES
from dcmsend.dicom.tag import format_tag
from dcmsend.dicom.uid_table import UID_NAMES

ROOT = Path(__file__).parent.parent.parent
TABLES = sorted((ROOT / "src" / "dcmsend" / "dicom").glob("*_table.py"))


def test_the_tables_are_what_the_generator_writes() -> None:
    made_with = TABLES[0].read_text(encoding="utf-8").partition("from pydicom ")[2].split()[0]
    if made_with != pydicom.__version__:
        pytest.skip(f"tables were made with pydicom {made_with}, here is {pydicom.__version__}")
    generator = ROOT / "scripts" / "generate_tables.py"
    done = subprocess.run([sys.executable, str(generator), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_check_finds_a_changed_table(tmp_path: Path) -> None:
    """On a copy of the project: one letter is enough."""
    for folder in ("scripts", "src/dcmsend/dicom"):
        (tmp_path / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.py"):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    table = tmp_path / "src" / "dcmsend" / "dicom" / "sop_class_table.py"
    table.write_text(table.read_text().replace("CTImageStorage", "CtImageStorage"))
    generator = tmp_path / "scripts" / "generate_tables.py"
    done = subprocess.run([sys.executable, str(generator), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sop_class_table.py" in done.stderr


def test_every_group_has_as_many_names_as_elements() -> None:
    assert ELEMENT_NAMES.keys() == DATA_ELEMENTS.keys()
    for group, packed in DATA_ELEMENTS.items():
        assert len(packed) == 6 * len(ELEMENT_NAMES[group].split(" "))


def test_no_uid_is_in_two_tables() -> None:
    assert not SOP_CLASSES.keys() & UID_NAMES.keys()


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("sop_class", set()),
        ("uid", set()),
        ("ae_title", set()),
        ("transfer_syntax", {"transfer_syntax_table"}),
        ("data_dictionary", set()),
    ],
)
def test_a_table_is_loaded_only_when_it_is_needed(module: str, allowed: set[str]) -> None:
    code = (
        f"import sys, dcmsend.dicom.{module}\n"
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.endswith('_table')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == allowed


def test_tags_are_written_as_dcmtk_writes_them() -> None:
    assert [format_tag(tag) for tag in (0, 0x7FE00010, 0xFFFEE00D)] == ["(0000,0000)", "(7fe0,0010)", "(fffe,e00d)"]
