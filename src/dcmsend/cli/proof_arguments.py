"""The options of the proof; loaded only if one of them is given."""

from __future__ import annotations

import re
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.proof import VerifyOptions

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["archive_address", "verify_options"]

_PEER: Final = re.compile(r"(?:([^@]{1,16})@)?(\[[^\[\]]+\]|[^@:\[\]]+):([0-9]{1,5})")


def verify_options(line: CommandLine) -> VerifyOptions:
    """How the archive is asked.

    Raises:
        UsageError: ``--verify-peer`` without ``--verify``.
    """
    if not line.has("--verify"):
        raise UsageError("--verify-peer only allowed with --verify")
    return VerifyOptions()


def archive_address(line: CommandLine) -> tuple[str | None, str, int] | None:
    """AE title (None for the receiver's), host and port to ask, if it is not the receiver.

    Raises:
        UsageError: not an address.
    """
    text = line.value("--verify-peer")
    if text is None:
        return None
    match = _PEER.fullmatch(text)
    if match is None or not 0 < int(match[3]) < 65536:
        raise invalid_value("--verify-peer", text)
    return match[1], match[2].strip("[]"), int(match[3])
