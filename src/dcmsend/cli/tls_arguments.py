"""The options of TLS; loaded only if one of them is given."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.transport import TlsOptions, TlsProfile, load_tls

from .command_line import CommandLine
from .secret_file import read_first_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transport import TlsClient

__all__ = ["KEY_PASSWORD_VARIABLE", "tls_client"]

KEY_PASSWORD_VARIABLE: Final = "DCMSEND_TLS_KEY_PASSWORD"

_PROFILES: Final = {
    "--profile-bcp195-nd": TlsProfile.NON_DOWNGRADING_BCP195,
    "--profile-bcp195": TlsProfile.BCP195,
    "--profile-bcp195-ex": TlsProfile.EXTENDED_BCP195,
}
_PASSWORDS: Final = ("--std-passwd", "--use-passwd", "--null-passwd")
_NEED_TLS: Final = (
    "--add-cert-file", "--add-cert-dir", *_PROFILES, "--require-peer-cert", "--ignore-peer-cert", "--tls-server-name",
    "--tls-no-hostname-check",
)
_KEY_PASSWORD_FILE: Final = "--tls-key-password-file"
_LONGEST_LINE: Final = 2048
"""More bytes than a password may have for OpenSSL."""


def tls_client(line: CommandLine, *, is_needed: bool = False) -> TlsClient | None:
    """The TLS client for connections, with all files read; None without TLS.

    ``is_needed``: whether connections use TLS without being told, as those to ``https`` do.

    Raises:
        UsageError: options that need others, files that cannot be used, a wrong password.
    """
    mode = line.rightmost("--disable-tls", "--enable-tls", "--anonymous-tls")
    if mode is None and is_needed:
        mode = "--anonymous-tls"
    _check_dependences(line, mode)
    if mode in (None, "--disable-tls"):
        return None
    key_file, certificate_file = line.values("--enable-tls")[-1] if mode == "--enable-tls" else (None, None)
    options = TlsOptions(
        key_file=key_file,
        certificate_file=certificate_file,
        key_password=_key_password(line),
        ca_files=tuple(values[0] for values in line.values("--add-cert-file")),
        ca_directories=tuple(values[0] for values in line.values("--add-cert-dir")),
        verify=line.rightmost("--require-peer-cert", "--ignore-peer-cert") != "--ignore-peer-cert",
        check_host_name=not line.has("--tls-no-hostname-check"),
        server_name=line.value("--tls-server-name"),
        profile=_PROFILES[line.rightmost(*_PROFILES) or "--profile-bcp195-nd"],
    )
    if options.verify and not options.check_host_name and not (options.ca_files or options.ca_directories):
        # Without a check of the name, any certificate of a public authority would be accepted as the peer's.
        raise UsageError("--tls-no-hostname-check only allowed with --add-cert-file or --add-cert-dir")
    is_asked_for = line.rightmost(*_PASSWORDS) == "--std-passwd"
    return load_tls(options, lambda: _ask_password(str(key_file), is_asked_for=is_asked_for))


def _check_dependences(line: CommandLine, mode: str | None) -> None:
    for option in (*_PASSWORDS, _KEY_PASSWORD_FILE):
        if line.has(option) and mode != "--enable-tls":
            raise UsageError(f"{option} only allowed with --enable-tls")
    for option in _NEED_TLS:
        if line.has(option) and mode in (None, "--disable-tls"):
            raise UsageError(f"{option} only allowed with --enable-tls or --anonymous-tls")
    given = line.rightmost(*_PASSWORDS)
    if given and line.has(_KEY_PASSWORD_FILE):
        raise UsageError(f"{_KEY_PASSWORD_FILE} not allowed with {given}")


def _key_password(line: CommandLine) -> str | None:
    """The password that an option or file gives; None if the user has to be asked."""
    path = line.value(_KEY_PASSWORD_FILE)
    if path is not None:
        return os.fsdecode(read_first_line(path, _KEY_PASSWORD_FILE))
    given = line.rightmost(*_PASSWORDS)
    if given == "--use-passwd":
        return line.value("--use-passwd")
    if given == "--null-passwd":
        return ""
    return None if given else os.environ.get(KEY_PASSWORD_VARIABLE)


def _ask_password(key_file: str, *, is_asked_for: bool) -> str:
    """Ask on the terminal; without a terminal, read a line of standard input if the user has chosen to be asked."""
    if sys.stdin is not None and sys.stdin.isatty():
        return _ask_on_terminal(f"Password of private TLS key '{key_file}': ")
    line = _first_line() if is_asked_for and sys.stdin is not None else b""
    if not line:
        why = f"it is encrypted; see --std-passwd, {_KEY_PASSWORD_FILE}"
        raise UsageError(f"Unable to load private TLS key from '{key_file}': {why}")
    return os.fsdecode(line.rstrip(b"\r\n"))


def _ask_on_terminal(prompt: str) -> str:
    """What is typed, which is not shown; nothing if the user ends the input (Ctrl-D)."""
    from getpass import getpass

    with _sigint_ends_behind(), suppress(EOFError):
        return getpass(prompt)
    return ""


@contextmanager
def _sigint_ends_behind() -> Iterator[None]:
    """Let a SIGINT that ends the process end it behind the block, so that the terminal shows again what is typed.

    Windows asks without that signal.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if os.name == "nt" or not is_main or signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    has_come = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        has_come = True
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if has_come:
            signal.raise_signal(signal.SIGINT)


def _first_line() -> bytes:
    """The first line of standard input; reads no byte more, because what follows may be a list of files."""
    line = b""
    with suppress(OSError):
        while len(line) < _LONGEST_LINE and not line.endswith(b"\n") and (byte := os.read(0, 1)):
            line += byte
    return line
