"""The other versions of Python that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["VERSIONS", "python_of"]

VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""Those that can run the program."""


@cache
def python_of(version: str) -> Path | None:
    """An interpreter of a version, on the search path or among those of pyenv; None where there is none that starts."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    on_path = shutil.which(f"python{version}")
    of_pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [Path(on_path)] if on_path else []
    found += sorted(of_pyenv.glob(f"{version}.*/bin/python{version}"))
    return next((path for path in found if _is_of(path, version)), None)


def _is_of(path: Path, version: str) -> bool:
    """Whether it starts and is of the version; pyenv has a stand-in on the path for each version, chosen or not."""
    asks = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-I", "-S", "-c", asks], capture_output=True, text=True, timeout=60, check=False)
    return (done.returncode, done.stdout.strip()) == (0, version)
