"""What authorizes a request: a token from a file or a command, or a user's name and password."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol

from dcmsend.dicom.record import FileName, Record
from dcmsend.fork import own
from dcmsend.interrupt import WAIT_SLICE
from dcmsend.transport import is_ready

from .errors import CredentialsUnusable

__all__ = ["BasicCredentials", "BearerCommand", "BearerFile", "Credentials"]

_LONGEST: Final = 64 * 1024
_SECONDS: Final = 30.0

_Check = Callable[[], None]


def _nothing() -> None:
    """The check of a caller that has none."""


class Credentials(Protocol):
    """What authorizes requests; any thread may ask.

    ``check`` is called now and then during a wait and may raise.
    """

    def header(self, check: _Check = ...) -> str:
        """The value of the Authorization field; secret.  Raises CredentialsUnusable."""
        ...

    def renew(self, check: _Check = ...) -> bool:
        """After a refusal, whether another value may be had from now on.  Raises CredentialsUnusable."""
        ...


class _Kept:
    """A value that is read once, and again when its mark has changed; thread-safe."""

    __slots__ = ("__weakref__", "_lock", "mark", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.mark: object = None
        self.value = ""
        own(self)

    def give_up(self) -> None:
        """In a forked child, where nobody gives back a lock that another thread of the parent had taken."""
        self._lock = threading.Lock()
        self.mark = None  # that thread may have been about to change both
        own(self)

    def __enter__(self) -> _Kept:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class _Keeping(Record):
    """Credentials that keep what they have read, beside their fields."""

    def check(self) -> None:
        self.__dict__["_kept"] = _Kept()

    def replace(self, **changes: Any) -> Any:
        """See ``Record``; the copy reads for itself."""
        return type(self)(**{**dict(zip(self._names, self._values, strict=True)), **changes})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), self._values

    @property
    def _values(self) -> tuple[object, ...]:
        return tuple(self.__dict__[name] for name in self._names)

    @property
    def _memory(self) -> _Kept:
        kept = self.__dict__["_kept"]
        assert isinstance(kept, _Kept)
        return kept


class _InFile(_Keeping):
    """Credentials in a file, which is read again whenever it has changed.

    Another program may write it anew, so that it is empty or not there for a moment.  Until there is
    something to be used in it again, what was read before holds: whether that is still good the service says.
    """

    def header(self, check: _Check = _nothing) -> str:
        """See ``Credentials``."""
        with self._memory as kept:
            try:
                self._look(kept)
            except CredentialsUnusable:
                if not kept.value:
                    raise
            return kept.value

    def renew(self, check: _Check = _nothing) -> bool:
        """Whether the file has another value now.  Raises CredentialsUnusable, which passes if there was one before."""
        with self._memory as kept:
            before, kept.mark = kept.value, None
            try:
                self._look(kept)
            except CredentialsUnusable as error:
                raise CredentialsUnusable(str(error), is_permanent=not before) from error
            return kept.value != before

    def _look(self, kept: _Kept) -> None:
        """Read the file if it has changed; after a failure always."""
        mark, kept.mark = kept.mark, None
        found = self._mark()
        if found != mark:
            kept.value = self._value(kept.value)
        kept.mark = found

    def _mark(self) -> tuple[int, int]:
        """What changes with the file.  Raises CredentialsUnusable."""
        raise NotImplementedError

    def _value(self, before: str) -> str:
        """What the file holds, as the value of the Authorization field.  Raises CredentialsUnusable."""
        raise NotImplementedError


class BearerFile(_InFile):
    """A token in a file, which is read again whenever the file has changed: tokens live for an hour.

    Attributes:
        path: of the file.
    """

    path: FileName

    def _mark(self) -> tuple[int, int]:
        return _mark(self.path, "token")

    def _value(self, before: str) -> str:
        return f"Bearer {_checked(_read(self.path, 'token'), f'the file {self.path}', 'token')}"


class BearerCommand(_Keeping):
    """A token that a command writes; run without a shell, and again once after a refusal.

    Attributes:
        command: program and arguments; not shown, because there may be a secret among them.
    """

    _hidden: ClassVar[tuple[str, ...]] = ("command",)

    command: tuple[str, ...]

    def check(self) -> None:
        super().check()
        if not self.command:
            raise ValueError("the command for the token is empty")

    def header(self, check: _Check = _nothing) -> str:
        """See ``Credentials``."""
        with self._memory as kept:
            if not kept.value:
                kept.value = f"Bearer {_checked(_run(self.command, check), 'the command', 'token')}"
            return kept.value

    def renew(self, check: _Check = _nothing) -> bool:
        """Run the command again."""
        with self._memory as kept:
            kept.value = ""
        self.header(check)
        return True


class BasicCredentials(_InFile):
    """A user's name and password (RFC 7617).

    Attributes:
        user: the name, without colon.
        password_file: holds the password; read again whenever it has changed.
    """

    user: str
    password_file: FileName

    def check(self) -> None:
        super().check()
        if ":" in self.user or not self.user.isprintable():
            raise ValueError("a user's name has no colon and no control character")

    def _mark(self) -> tuple[int, int]:
        return _mark(self.password_file, "password")

    def _value(self, before: str) -> str:
        password = _read(self.password_file, "password").rstrip(b"\r\n")
        if any(byte < 32 or byte == 127 for byte in password):
            raise CredentialsUnusable(f"the file {self.password_file} holds more than a password")
        pair = self.user.encode() + b":" + password
        value = "Basic " + base64.b64encode(pair).decode("ascii")
        if not password and before not in ("", value):  # empty for a moment, rather than another password
            raise CredentialsUnusable(f"the file {self.password_file} holds no password any more")
        return value


def _mark(path: str, what: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    if stat.S_ISFIFO(status.st_mode):  # gives its bytes only once, and a wait for its writer has no end
        raise CredentialsUnusable(f"the {what} in {path} is read more than once, so it must be a regular file")
    return status.st_mtime_ns, status.st_size


def _read(path: str, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    if len(data) > _LONGEST:
        raise CredentialsUnusable(f"the file {path} is too large for a {what}")
    return data


def _unreadable(path: str, what: str, error: Exception) -> CredentialsUnusable:
    return CredentialsUnusable(f"cannot read the {what} in {path}: {getattr(error, 'strerror', None) or error}")


def _run(command: tuple[str, ...], check: _Check) -> bytes:
    """What a command writes, at most 64 KiB; what it complains of goes where our log goes."""
    name = command[0]
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise CredentialsUnusable(f"cannot run {name} for a token: {text}") from error
    until = time.monotonic() + _SECONDS
    assert process.stdout is not None
    try:
        with process.stdout as output:
            data = _read_pipe(output.fileno(), until, check)
        code = None if data is None else _exit_code(process, until, check)
        if code is None:
            data = None
    finally:
        _kill(process)
        process.wait()
    if data is None:
        text = f"{name} has not ended with a token within {_SECONDS:g} s"
        raise CredentialsUnusable(text, is_permanent=False)
    if len(data) > _LONGEST:
        raise CredentialsUnusable(f"{name} writes more than a token")
    if code:
        raise CredentialsUnusable(f"{name} ends with exit code {code} instead of a token", is_permanent=False)
    return data


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the command, and where the system knows groups of processes also what it has started."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _exit_code(process: subprocess.Popen[bytes], until: float, check: _Check) -> int | None:
    """The exit code of a command that has written all it has to; None if it does not end in time."""
    until = max(until, time.monotonic() + 0.1)
    while True:
        try:
            return process.wait(min(WAIT_SLICE, max(0.0, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            check()
            if time.monotonic() >= until:
                return None


def _read_pipe(descriptor: int, until: float, check: _Check) -> bytes | None:
    """All bytes of a pipe, of too many the first ones; None if they do not end in time."""
    if sys.platform == "win32":  # select takes nothing but sockets
        from .pipe_thread import read_on_thread

        return read_on_thread(descriptor, _LONGEST, until, check)
    data = b""
    while len(data) <= _LONGEST:
        check()
        left = until - time.monotonic()
        if not is_ready(descriptor, min(WAIT_SLICE, max(0.0, left))):
            if left <= 0:
                return None
            continue
        piece = os.read(descriptor, _LONGEST)
        if not piece:
            break
        data += piece
    return data


def _checked(data: bytes, source: str, what: str) -> str:
    token = data.strip()
    if not token:
        raise CredentialsUnusable(f"{source} holds no {what}")
    if not all(32 < byte < 127 for byte in token):
        raise CredentialsUnusable(f"{source} holds something else than a {what}: it has spaces or odd characters")
    return token.decode("ascii")
