"""``tests/data`` holds what its manifest says, and everything in it has a source and a licence."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

from support.corpus import DATA

NOT_LISTED = {"MANIFEST.tsv", "README.md"}


def rows() -> list[dict[str, str]]:
    with (DATA / "MANIFEST.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_manifest_and_folder_name_the_same_files() -> None:
    files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    present = {name for name in files if name not in NOT_LISTED and not name.startswith("LICENSES/")}
    assert present == {row["path"] for row in rows()}


def test_no_file_has_changed() -> None:
    for row in rows():
        content = (DATA / row["path"]).read_bytes()
        assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (row["size"], row["sha256"]), row["path"]


def test_every_source_has_its_licence_text() -> None:
    texts = {path.stem for path in (DATA / "LICENSES").iterdir()}
    for row in rows():
        repository = row["source"].split(":")[1].split("/")[1]
        assert repository in texts, row["source"]
        assert row["licence"], row["path"]


def test_every_folder_is_in_debians_list_of_copyrights() -> None:
    text = (Path(__file__).parents[1] / "debian" / "copyright").read_text("utf-8")
    listed = re.findall(r"^Files: tests/data/(.*)/\*\nCopyright: .+\nLicense: (\S+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted({(row["path"].split("/")[0], row["licence"].split()[0]) for row in rows()})
    assert {licence for _folder, licence in listed} <= set(re.findall(r"^License: (\S+)\n ", text, re.MULTILINE))
