"""The options of a web service (STOW-RS); loaded only if one of them is given.  Source: PS3.18 10.5."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from dcmsend.errors import UsageError
from dcmsend.run import check_receiver
from dcmsend.stow import BasicCredentials, BearerCommand, BearerFile, CredentialsUnusable, WebPeer

from .command_line import CommandLine
from .masking import mask_ticket, mask_url
from .numbers import invalid_value, parse_limited
from .option_table import DIMSE_ONLY, TLS_OPTIONS, Limits
from .secret_file import read_first_line, read_secret
from .tls_arguments import tls_client

if TYPE_CHECKING:
    from dcmsend.stow import Credentials

__all__ = ["check_web_options", "web_peer"]

_BATCH: Final = Limits(1, 10_000)
_BATCH_BYTES: Final = Limits(1, 2**40)
_WITH_STOW: Final = ("--stow-batch", "--stow-batch-bytes", "--bearer-file", "--bearer-command")
_TOKEN_LIMIT: Final = 65_536


def check_web_options(line: CommandLine) -> None:
    """Raise UsageError for an option that needs a web service without one, or means nothing to it."""
    if not line.has("--stow"):
        for option in _WITH_STOW:
            if line.has(option):
                raise UsageError(f"{option} only allowed with --stow")
        return
    for option in DIMSE_ONLY:
        if line.has(option):
            raise UsageError(f"{option} not allowed with --stow")
    ways = [option for option in ("--bearer-file", "--bearer-command", "--user") if line.has(option)]
    if len(ways) > 1:
        raise UsageError(f"{ways[1]} not allowed with {ways[0]}")
    if line.has("--user") != line.has("--password-file"):
        given, other = ("--user", "--password-file") if line.has("--user") else ("--password-file", "--user")
        raise UsageError(f"with --stow {given} only allowed with {other}")


def web_peer(line: CommandLine) -> WebPeer:
    """The web service, with all files read; may ask for the password of a private key.

    Raises:
        UsageError: no URL, an impossible value, a file that cannot be read, a missing package.
    """
    text = line.value("--stow") or ""
    try:
        peer = WebPeer(text)
    except ValueError as error:
        raise UsageError(f"Invalid value for option --stow ({mask_url(text)}): {error}") from None
    check_receiver(peer)
    is_secured = peer.facts.is_secured
    for option in TLS_OPTIONS:
        if line.has(option) and not is_secured:
            raise UsageError(f"{option} only allowed with a URL that begins with https")
    if line.rightmost("--disable-tls", "--enable-tls", "--anonymous-tls") == "--disable-tls":
        raise UsageError("--disable-tls not allowed with a URL that begins with https")
    given: dict[str, Any] = {"credentials": _credentials(line), "tls": tls_client(line, is_needed=is_secured)}
    for field, option, limits in (
        ("batch", "--stow-batch", _BATCH), ("batch_bytes", "--stow-batch-bytes", _BATCH_BYTES),
    ):  # fmt: skip
        value = line.value(option)
        if value is not None:
            given[field] = parse_limited(option, value, limits)
    try:
        made = peer.replace(**given)
    except ValueError as error:
        raise UsageError(str(error)) from None
    assert isinstance(made, WebPeer)
    return made


def _credentials(line: CommandLine) -> Credentials | None:
    """What the requests are authorized with; each file is read once, so that a missing one is told at once."""
    path = line.value("--bearer-file")
    if path is not None:
        _check_kind(path, "bearer token file")
        if not read_secret(path, "bearer token", _TOKEN_LIMIT).strip():
            raise UsageError(f"bearer token file '{path}' is empty")
        return _tried(BearerFile(path))
    command = line.value("--bearer-command")
    if command is not None:
        words = _split(command)
        if not line.has("--cluster"):  # there the workers run it
            _check_program(words[0])
        return BearerCommand(words)
    user = line.value("--user")
    if user is None:
        return None
    password_file = line.value("--password-file") or ""
    _check_kind(password_file, "password file")
    read_first_line(password_file, "--password-file")
    if ":" in user or not user or not user.isprintable():
        name, colon, _ = user.partition(":")
        raise invalid_value("--user", f"{name}:***" if colon else name)  # other programs take the password behind it
    return _tried(BasicCredentials(user, password_file))


def _tried(credentials: BearerFile | BasicCredentials) -> Credentials:
    """The same, once it is known that there is something in the file that can be sent."""
    try:
        credentials.header()
    except CredentialsUnusable as error:
        raise UsageError(str(error)) from None
    return credentials


def _check_program(name: str) -> None:
    import shutil  # seldom needed

    if shutil.which(name) is None:
        raise UsageError(f"--bearer-command: there is no program {name} that can be run")


def _check_kind(path: str, what: str) -> None:
    """Raise UsageError for a pipe: it could be read only once, and a wait for its writer has no end."""
    with contextlib.suppress(OSError, ValueError):  # told when it is read
        if stat.S_ISFIFO(os.stat(path).st_mode):
            raise UsageError(f"{what} '{mask_ticket(path)}' is read more than once, so it must be a regular file")


def _split(command: str) -> tuple[str, ...]:
    """The words of a command, as a shell would split it; its text stays out of the message."""
    lexer = shlex.shlex(command, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    if sys.platform == "win32":  # a backslash stands between the names of a path
        lexer.escape = ""
    try:
        words = tuple(lexer)
    except ValueError:
        raise UsageError("Invalid value for option --bearer-command: a quotation mark is not closed") from None
    if not words:
        raise invalid_value("--bearer-command", "")
    return words
