"""The options of the user's identity; loaded only if one of them is given.  Source: PS3.7 D.3.3.7."""

from __future__ import annotations

import os
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.protocol import UserIdentity

from .command_line import CommandLine
from .secret_file import read_first_line, read_secret

__all__ = ["PASSWORD_VARIABLE", "user_identity"]

PASSWORD_VARIABLE: Final = "DCMSEND_PASSWORD"

_USER_NAME: Final = 1
_USER_NAME_AND_PASSCODE: Final = 2
_TICKETS: Final = {"--kerberos": 3, "--saml": 4, "--jwt": 5}
"""The identity type of a ticket file's content."""

_LONGEST: Final = 65000
"""Longest value in bytes; the user information has a 16-bit length, and holds further items."""


def user_identity(line: CommandLine) -> UserIdentity | None:
    """The user's identity, with all files read; None if no such option was given.

    Raises:
        UsageError: options that need or exclude others, a file that cannot be read, a value that is too long.
    """
    kinds = [option for option in ("--user", *_TICKETS) if line.has(option)]
    for option in ("--password", "--empty-password", "--password-file"):
        if line.has(option) and "--user" not in kinds:
            raise UsageError(f"{option} only allowed with --user")
    if len(kinds) > 1:
        raise UsageError(f"{kinds[1]} not allowed with {kinds[0]}")
    confirm = line.has("--pos-response")
    if not kinds:
        if confirm:
            raise UsageError("--pos-response only allowed with --user, --kerberos, --saml or --jwt")
        return None
    (kind,) = kinds
    value = line.value(kind) or ""
    if kind == "--user":
        password = _password(line)
        name = os.fsencode(value)
        _check_length("--user", len(name) + len(password or b""))
        if password is None:
            return UserIdentity(_USER_NAME, name, response_requested=confirm)
        return UserIdentity(_USER_NAME_AND_PASSCODE, name, password, confirm)
    ticket = read_secret(value, "Kerberos, SAML or JWT", _LONGEST + 1)
    if kind == "--jwt":
        ticket = ticket.strip()  # a line end that an editor has added does not belong to a token
    if not ticket:
        raise UsageError(f"Kerberos, SAML or JWT file '{value}' is empty")
    _check_length(kind, len(ticket))
    return UserIdentity(_TICKETS[kind], ticket, response_requested=confirm)


def _password(line: CommandLine) -> bytes | None:
    given = [option for option in ("--password", "--empty-password", "--password-file") if line.has(option)]
    if len(given) > 1:
        raise UsageError(f"{given[1]} not allowed with {given[0]}")
    if not given:
        in_environment = os.environ.get(PASSWORD_VARIABLE)
        return None if in_environment is None else os.fsencode(in_environment)
    if given == ["--password-file"]:
        return read_first_line(line.value("--password-file") or "", "--password-file")
    return os.fsencode(line.value(given[0]) or "")


def _check_length(option: str, length: int) -> None:
    if length > _LONGEST:
        raise UsageError(f"{option}: an association request has no room for more than {_LONGEST} bytes")
