"""The options of the proof; loaded only if one of them is given."""

from __future__ import annotations

import re
from typing import Any, Final

from dcmsend.errors import UsageError
from dcmsend.proof import CommitOptions, VerifyOptions

from .command_line import CommandLine
from .numbers import invalid_value, parse_duration

__all__ = ["archive_address", "proof_options"]

_HOST: Final = r"(\[[^\[\]]+\]|[^@:\[\]]+)"
_PEER: Final = re.compile(rf"(?:([^@]{{1,16}})@)?{_HOST}:([0-9]{{1,5}})")
_PORT: Final = re.compile(rf"(?:{_HOST}:)?([0-9]{{1,5}})")
_AE_TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}")
"""Source: PS3.5 Table 6.2-1, without the backslash."""


def proof_options(line: CommandLine) -> dict[str, Any]:
    """The values of ``Settings`` for these options: how the archive is asked.

    Raises:
        UsageError: an option without the one that it belongs to, two ways at once, a commitment without a journal.
    """
    if not line.has("--verify") and line.has("--verify-peer"):
        raise UsageError("--verify-peer only allowed with --verify")
    for option in ("--commit-port", "--commit-from", "--commit-wait"):
        if line.has(option) and not line.has("--commit"):
            raise UsageError(f"{option} only allowed with --commit")
    if not line.has("--commit"):
        return {"verify": VerifyOptions()}
    return {"commit": _commit_options(line)}


def _commit_options(line: CommandLine) -> CommitOptions:
    if line.has("--verify"):
        raise UsageError("--commit not allowed with --verify")
    if not line.has("--journal") and not line.has("--probe-peer") and not line.has("--dry-run"):
        raise UsageError("--commit only allowed with --journal")
    given: dict[str, Any] = {}
    if line.has("--commit-port"):
        for option, is_given in (
            ("--anonymous-tls", _uses_anonymous_tls(line)), ("--shard", line.has("--shard")),
        ):  # fmt: skip
            if is_given:
                raise UsageError(f"--commit-port not allowed with {option}")
        given["address"], given["port"] = _address_and_port(line.value("--commit-port") or "")
    title = line.value("--commit-from")
    if title is not None:
        if not _AE_TITLE.fullmatch(title) or not title.strip():
            raise invalid_value("--commit-from", title)
        given["report_from"] = title.strip()
    wait = line.value("--commit-wait")
    if wait is not None:
        given["wait"] = float(parse_duration("--commit-wait", wait))
    return CommitOptions(**given)


def _uses_anonymous_tls(line: CommandLine) -> bool:
    return line.rightmost("--disable-tls", "--enable-tls", "--anonymous-tls") == "--anonymous-tls"


def _address_and_port(text: str) -> tuple[str, int]:
    match = _PORT.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise invalid_value("--commit-port", text)
    return (match[1] or "").strip("[]"), int(match[2])


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
