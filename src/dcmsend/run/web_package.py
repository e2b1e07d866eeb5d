"""Whether the package is there that sends by HTTP: told before anything is read, not when the first request is made."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from dcmsend.errors import UsageError

__all__ = ["check_web_package"]

_PACKAGE: Final = "urllib3"
_OLDEST: Final = 2
"""First usable major version."""
_NEEDED: Final = "a web service needs the Python package urllib3, version 2 or later: pip install 'urllib3>=2'"


def check_web_package() -> None:
    """Raise UsageError, one line that says what to install, if ``urllib3`` is missing or too old; does not load it."""
    if find_spec(_PACKAGE) is None:
        raise UsageError(_NEEDED, None)
    try:
        installed = version(_PACKAGE)
    except PackageNotFoundError:  # bundled without its metadata: whoever did it has chosen the version
        return
    major = installed.partition(".")[0]
    if major.isdecimal() and int(major) < _OLDEST:
        raise UsageError(f"{_NEEDED} (there is {installed})", None)
