"""The installed command without what another system lacks; that is taken away before the command is imported.

It is a program of its own::

    python -P other_system.py windows|macos dcmsend|dcmsend-journal ARGUMENTS

The standard library is imported first, because it asks the system what it can do when it is imported.  What is taken
away, and what behaves otherwise, is told in docs/other-systems.md.  ``os.name`` and ``os.path`` stay as they are: much
of the standard library asks for them at every call.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import fcntl
import os
import select
import signal
import stat
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

SYSTEMS: Final = ("windows", "macos")

_IMPORTED_FIRST: Final = (
    "argparse", "base64", "bz2", "concurrent.futures", "csv", "ctypes", "email.utils", "getpass", "hashlib", "html",
    "html.parser", "http.client", "importlib.metadata", "json", "logging", "lzma", "mmap", "pathlib", "platform",
    "random", "secrets", "selectors", "shlex", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "urllib.request", "uuid", "xml.parsers.expat", "zlib",
)  # fmt: skip

_LINUX_ALONE: Final = (
    "O_PATH", "O_TMPFILE", "copy_file_range", "eventfd", "memfd_create", "pidfd_open", "posix_fadvise",
    "posix_fallocate", "preadv", "pwritev", "sched_getaffinity", "sched_setaffinity", "sendfile", "splice",
)  # fmt: skip
"""Names of ``os`` that neither Windows nor macOS has (there ``preadv`` is new, and ``sendfile`` another call)."""
_POSIX_ALONE: Final = (
    "O_ASYNC", "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "chown",
    "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid",
    "getpgrp", "getresuid", "getuid", "killpg", "lchown", "mkfifo", "nice", "openpty", "pread", "pwrite", "readv",
    "register_at_fork", "setsid", "setuid", "statvfs", "fstatvfs", "sysconf", "ttyname", "uname", "wait4", "writev",
)  # fmt: skip
"""Names of ``os`` that Windows lacks besides."""
_SIGNALS: Final = ("SIGINT", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV")
"""Signals that Windows has, too.  SIGTERM has a name there, but nobody can send it."""
_NOT_ON_WINDOWS: Final = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")

_text_mode: set[int] = set()
"""Descriptors that were opened without O_BINARY."""


def pretend(system: str) -> None:
    """Take away what ``system`` lacks."""
    for name in _IMPORTED_FIRST:
        __import__(name)
    _take(os, _LINUX_ALONE)
    _take(select, ("epoll",))
    socket = sys.modules["socket"]
    _take(socket, [name for name in vars(socket) if name in ("TCP_QUICKACK", "TCP_INFO", "TCP_CORK", "AF_PACKET")])
    _hide_devices(("/proc/",) if system == "macos" else ("/proc/", "/dev/fd/", "/dev/std"))
    tempfile: Any = sys.modules["tempfile"]
    tempfile._O_TMPFILE_WORKS = False
    if system == "windows":
        _pretend_windows()
    sys.platform = {"windows": "win32", "macos": "darwin"}[system]


def _take(module: Any, names: Any) -> None:
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def _hide_devices(beginnings: tuple[str, ...]) -> None:
    open_, builtin_open = os.open, builtins.open

    def refuse(path: Any) -> None:
        if isinstance(path, str) and path.startswith(beginnings):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def os_open(path: Any, *arguments: Any, **more: Any) -> int:
        refuse(path)
        return open_(path, *arguments, **more)

    def any_open(path: Any, *arguments: Any, **more: Any) -> Any:
        refuse(path)
        return builtin_open(path, *arguments, **more)

    os.supports_dir_fd.discard(open_)
    os.open = os_open
    os.supports_dir_fd.add(os_open)
    builtins.open = any_open


def _pretend_windows() -> None:
    real = dict(vars(os))
    subprocess: Any = sys.modules["subprocess"]
    subprocess.Popen.kill = lambda process: process.send_signal(9)
    shutil: Any = sys.modules["shutil"]
    tempfile: Any = sys.modules["tempfile"]
    tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # as the module does on Windows
    ssl: Any = sys.modules["ssl"]
    ssl.enum_certificates = lambda store: []
    mmap, socket = sys.modules["mmap"], sys.modules["socket"]

    def disk_usage(path: str) -> Any:
        found = real["statvfs"](path)
        free = found.f_bavail * found.f_frsize
        return shutil._ntuple_diskusage(found.f_blocks * found.f_frsize, free, free)

    shutil.disk_usage = disk_usage
    _take(os, _POSIX_ALONE)
    for name in ("supports_dir_fd", "supports_effective_ids"):
        setattr(os, name, set())
    os.supports_follow_symlinks = {os.stat}
    os.supports_fd = {os.stat, os.truncate}
    _take(signal, [name for name in vars(signal) if name.startswith("SIG") and name[3:4] not in "_" and
                   isinstance(getattr(signal, name), signal.Signals) and name not in _SIGNALS])  # fmt: skip
    _take(select, ("poll",))
    _take(mmap, [name for name in vars(mmap) if name.startswith(("MAP_", "PROT_"))])
    _take(socket, [name for name in vars(socket) if name.startswith("MSG_") and name not in ("MSG_OOB", "MSG_PEEK")])
    _take(socket, ("AF_UNIX", "SO_REUSEPORT", "SO_RCVTIMEO", "SO_SNDTIMEO"))
    vars(socket)["errorTab"] = {errno.ECONNREFUSED: "Connection refused."}
    for name in _NOT_ON_WINDOWS:
        sys.modules[name] = None  # type: ignore[assignment]  # the import raises ImportError
    sys.modules["msvcrt"] = _msvcrt(real)
    _select_sockets_only()
    _work_with_files_as_windows_does(real)
    tempfile._bin_openflags |= _O_BINARY


_O_BINARY: Final = 1 << 30


def _msvcrt(real: dict[str, Any]) -> ModuleType:
    """Locks of ranges of bytes, which one process cannot take twice, as flock: one open file, one lock."""
    module = ModuleType("msvcrt")

    def locking(descriptor: int, mode: int, count: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermissionError(errno.EACCES, "Permission denied") from error

    vars(module).update(locking=locking, LK_NBLCK=2, LK_LOCK=1, LK_UNLCK=0)
    return module


def _select_sockets_only() -> None:
    original = select.select

    def checked(readers: Any, writers: Any, others: Any, timeout: float | None = None) -> Any:
        for each in (*readers, *writers, *others):
            number = each if isinstance(each, int) else each.fileno()
            if number >= 0 and not stat.S_ISSOCK(os.fstat(number).st_mode):
                raise OSError(10038, "an operation was attempted on something that is not a socket")
        return original(readers, writers, others, timeout)

    select.select = checked


def _work_with_files_as_windows_does(real: dict[str, Any]) -> None:
    """An open file has its name for good, a name is replaced only by ``replace``, text is translated."""

    def plain(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            for each in ("dir_fd", "src_dir_fd", "dst_dir_fd"):
                if more.pop(each, None) is not None:
                    raise NotImplementedError(f"{name}: {each} unavailable on this platform")
            return real[name](*arguments, **more)

        return call

    def refuse_open(path: Any) -> None:
        try:
            wanted = real["stat"](path, follow_symlinks=False)
        except OSError:
            return  # the call that follows tells of it
        if stat.S_ISREG(wanted.st_mode) and (wanted.st_dev, wanted.st_ino) in _open_files(real):
            text = "The process cannot access the file because it is being used by another process"
            raise PermissionError(errno.EACCES, text, path)

    def unlink(path: Any, **more: Any) -> None:
        refuse_open(path)
        plain("unlink")(path, **more)

    def rename(old: Any, new: Any, **more: Any) -> None:
        refuse_open(old)
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", old, None, new)
        plain("rename")(old, new, **more)

    def replace(old: Any, new: Any, **more: Any) -> None:
        refuse_open(old)
        refuse_open(new)
        plain("replace")(old, new, **more)

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None:
            raise NotImplementedError("open: dir_fd unavailable on this platform")
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        descriptor: int = real["open"](path, flags & ~_O_BINARY, mode)
        if not flags & _O_BINARY:
            _text_mode.add(descriptor)
        return descriptor

    def dup(descriptor: int) -> int:
        other: int = real["dup"](descriptor)
        if descriptor in _text_mode:
            _text_mode.add(other)
        return other

    def close(descriptor: int) -> None:
        _text_mode.discard(descriptor)
        real["close"](descriptor)

    def read(descriptor: int, size: int) -> bytes:
        data: bytes = real["read"](descriptor, size)
        return data.replace(b"\r\n", b"\n").partition(b"\x1a")[0] if descriptor in _text_mode else data

    def write(descriptor: int, data: Any) -> int:
        if descriptor in _text_mode:
            real["write"](descriptor, bytes(data).replace(b"\n", b"\r\n"))
            return len(data)
        return int(real["write"](descriptor, data))

    changed = {"unlink": unlink, "remove": unlink, "rename": rename, "replace": replace, "open": open_, "dup": dup,
               "close": close, "read": read, "write": write, "link": plain("link"), "mkdir": plain("mkdir"),
               "readlink": plain("readlink"), "rmdir": plain("rmdir"), "O_BINARY": _O_BINARY}  # fmt: skip
    vars(os).update(changed)


def _open_files(real: dict[str, Any]) -> set[tuple[int, int]]:
    """Device and inode of what this process has open."""
    found = set()
    for name in real["listdir"]("/proc/self/fd"):
        with contextlib.suppress(OSError):
            status = real["fstat"](int(name))
            found.add((status.st_dev, status.st_ino))
    return found


def _main() -> None:
    system, program, *arguments = sys.argv[1:]
    pretend(system)
    sys.argv = [program, *arguments]
    if program == "dcmsend-journal":
        from dcmsend.cli.journal_command import console
    else:
        from dcmsend.cli.console import console
    console()


if __name__ == "__main__":
    _main()
