"""The option ``--storage-option``; loaded only if it is given."""

from __future__ import annotations

import re
from typing import Final

from dcmsend.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import CommandLine

__all__ = ["shown_option", "storage_options"]

_OPTION: Final = "--storage-option"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SECRETS: Final = (
    "secret", "password", "passwd", "passphrase", "token", "key", "credential", "sas", "auth", "cert", "connection",
)  # fmt: skip
"""Parts of the names of options that hold secrets, or name files with secrets, which fsspec would also take as text."""
_HARMLESS: Final = frozenset(("client_keys", "known_hosts"))
_ANONYMOUS: Final = (("token", "anon"),)
"""What says that there is no secret."""


def storage_options(line: CommandLine) -> tuple[tuple[str, str], ...]:
    """The names and values of all storage options; of a name that is given twice the last one counts.

    Raises UsageError, which never shows a value.
    """
    given: dict[str, str] = {}
    for (text,) in line.values(_OPTION):
        name, mark, value = text.partition("=")
        if not mark or not _NAME.fullmatch(name):
            raise UsageError(f"{_OPTION} takes NAME=VALUE")
        if _is_secret(name, value):
            raise UsageError(
                f"{_OPTION} {name}=... is not taken: secrets do not belong on a command line, which others can see; "
                "the libraries of stores take them from the environment and from files"
            )
        given[name] = value
    return tuple(given.items())


def shown_option(text: str) -> str:
    """An option for logs and reports: a value that may be a secret is not shown."""
    name, mark, value = text.partition("=")
    is_safe = mark and _NAME.fullmatch(name) and not _is_secret(name, value)
    return text if is_safe else f"{name}=***" if mark and _NAME.fullmatch(name) else "***"


def _is_secret(name: str, value: str) -> bool:
    lower = name.lower()
    if lower in _HARMLESS or (lower, value) in _ANONYMOUS:
        return False
    return any(part in lower for part in _SECRETS) or ("://" in value and "@" in value)
