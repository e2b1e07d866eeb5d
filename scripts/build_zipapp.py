"""Builds ``dcmsend.pyz`` (see ``scripts/build-zipapp``): python scripts/build_zipapp.py FOLDER."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src" / "dcmsend"
DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Of every file in it, so that the same sources give the same bytes."""

# An old Python has to be able to read this, to say that it is too old.
MAIN: Final = """\
import os
import sys

if sys.version_info < (3, 11):
    sys.exit("dcmsend.pyz needs Python 3.11 or newer, this is %d.%d" % sys.version_info[:2])
if os.path.basename(sys.argv[0]).startswith("dcmsend-journal"):
    from dcmsend.cli.journal_command import console
else:
    from dcmsend.cli.console import console
console()
"""


def contents() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file in it; the modules are sources, as in the pure wheel."""
    yield "__main__.py", MAIN.encode()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    yield "dcmsend/report/report-schema.json", (ROOT / "docs" / "report-schema.json").read_bytes()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".jinja", ".typed"):
            yield f"dcmsend/{path.relative_to(PACKAGE).as_posix()}", path.read_bytes()


def build(folder: Path) -> Path:
    """The built file; one that is there already is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    target, unfinished = folder / "dcmsend.pyz", folder / "dcmsend.pyz.part"
    with unfinished.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with ZipFile(file, "w") as archive:
            for name, data in contents():
                entry = ZipInfo(name, DATE)
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, data, ZIP_DEFLATED, 9)
    unfinished.chmod(0o755)
    return unfinished.replace(target)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
