"""Fails when a folder uses a name of another folder that does not export it.

Code outside a folder of the package may only use names in the ``__all__`` of its ``__init__.py``.  ``dicom`` is the
exception: its modules are imported one by one, so that a run loads only the tables it needs.  This is a script because
import-linter knows modules, but not names.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "dcmsend"
BY_MODULE = {"dicom"}
"""Folders whose modules are imported one by one."""

ENTRY = SOURCE / "__main__.py"
"""Exempt, because it starts the command and ``cli`` exports nothing."""


def exported(folder: Path) -> set[str]:
    """The names in the ``__all__`` of a folder."""
    for node in ast.walk(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def faults_of(path: Path, folders: dict[str, set[str]]) -> Iterator[str]:
    """Names that a module uses from other folders without being allowed to."""
    parts = path.relative_to(SOURCE).parts
    own = parts[0] if len(parts) > 1 else ""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            taken = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            taken = [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == len(parts):
            top = f"dcmsend.{node.module}" if node.module else "dcmsend"  # relative, from the top
            taken = [(top, alias.name) for alias in node.names]
        else:
            continue
        for module, name in taken:
            if module == "dcmsend":  # a whole folder: what is used of it later would not be seen
                module, name = f"dcmsend.{name}", ""
            names = module.split(".")
            if names[0] != "dcmsend" or len(names) < 2 or names[1] not in folders or names[1] in (own, *BY_MODULE):
                continue
            if len(names) > 2 or name not in folders[names[1]]:
                yield f"{path.relative_to(SOURCE.parent)}:{node.lineno}: {module} does not export {name or 'itself'}"


def main() -> int:
    """Print each fault; return the exit code."""
    folders = {path.name: exported(path) for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    faults = [
        fault for path in sorted(SOURCE.rglob("*.py")) if path != ENTRY for fault in faults_of(path, folders)
    ]
    print("\n".join(faults), end="\n" if faults else "")
    return min(len(faults), 1)


if __name__ == "__main__":
    sys.exit(main())
