"""TCP with few system calls: one for a send, one for a receive, none to read the clock."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial

from dcmsend.errors import ConnectFailed, ConnectionLost, TimedOut
from dcmsend.fork import own
from dcmsend.interrupt import WAIT_SLICE, Interrupt

from .address import AddressFamily, resolve
from .deadline import Deadline

__all__ = ["TcpConnection", "TcpOptions", "connect", "is_ready", "text_of_error"]

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform.startswith("linux") else None
_UNACKNOWLEDGED, _NOT_SENT = slice(24, 28), slice(144, 148)
"""Places of tcpi_unacked (segments) and tcpi_notsent_bytes (since Linux 4.6, else the answer is shorter)."""
_WOULD_BLOCK = (errno.EAGAIN, errno.EWOULDBLOCK)
_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW, errno.EIO, errno.ESTALE, errno.EBADF)
"""Errors of sendfile that do not come from the connection: reading the file shows what is wrong with it."""
_sendfile = getattr(os, "sendfile", None) if sys.platform.startswith("linux") else None
_POLLIN: int = getattr(select, "POLLIN", 0)
_POLLOUT: int = getattr(select, "POLLOUT", 0)
_LONGEST_BUFFER = (1 << 31) - 1  # the option is an int; the system limits it further
LONGEST_LOOK_UP = 180.0
"""Seconds for a host name.  Resolvers have limits of their own: the usual one asks three name servers, each twice for 5
seconds, for each of six domains in which a name may be meant.  This one is for those that have none."""


class TcpOptions:
    """The options of a socket.

    Attributes:
        no_delay: whether the Nagle algorithm is off.
        buffer_length: SO_SNDBUF and SO_RCVBUF in bytes; None leaves both to the system, which tunes them itself.
        kernel_timeouts: whether the kernel ends a wait (SO_RCVTIMEO); otherwise the socket is polled first.  A test
            switches this off to run the code of other systems.
    """

    __slots__ = ("buffer_length", "kernel_timeouts", "no_delay")

    def __init__(
        self, *, no_delay: bool = True, buffer_length: int | None = None, kernel_timeouts: bool | None = None
    ) -> None:
        self.no_delay = no_delay
        self.buffer_length = buffer_length
        self.kernel_timeouts = sys.platform.startswith("linux") if kernel_timeouts is None else kernel_timeouts


class TcpConnection:
    """A connected TCP socket as a Connection.

    The socket blocks, with a kernel time-out of WAIT_SLICE.  So a wait costs one system call however long it lasts;
    deadlines and interrupts are checked when a slice has passed without a byte.
    """

    def __init__(self, sock: socket.socket, interrupt: Interrupt, options: TcpOptions | None = None) -> None:
        options = options or TcpOptions()
        self._sock = sock
        self._interrupt = interrupt
        # Delayed acknowledgements cost 40 ms where the peer uses the Nagle algorithm and writes an answer in parts.
        # The kernel forgets this option, so it is set again before every receive that does not follow a send: an
        # answer in one part is acknowledged by the next request.
        self._quick_ack = _QUICKACK if sock.family in (socket.AF_INET, socket.AF_INET6) else None
        self._has_just_sent = False
        self.taken = 0
        self._ask_unsent: Callable[[bytearray], object] | None = None
        self._poll_input: Callable[[float], list[tuple[int, int]]] | None = None
        if hasattr(select, "poll"):  # polled before every message
            poll = select.poll()
            poll.register(sock, _POLLIN)
            self._poll_input = poll.poll
        own(self)
        if options.kernel_timeouts:
            sock.settimeout(None)
            seconds = int(WAIT_SLICE)
            slice_ = struct.pack("ll", seconds, int((WAIT_SLICE - seconds) * 1_000_000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, slice_)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, slice_)
        else:
            sock.settimeout(WAIT_SLICE)

    def send(
        self, data: bytes | bytearray | memoryview, idle: Deadline, on_stall: Callable[[], None] | None = None
    ) -> None:
        """See Connection.send."""
        view = memoryview(data)
        self._has_just_sent = True
        self.taken = 0
        while True:
            try:
                sent = self._sock.send(view)
            except OSError as error:
                self._after_slice(error, idle)
                if on_stall is not None:
                    on_stall()
                continue
            if sent == len(view):
                return
            view = view[sent:]
            self.taken += sent
            idle.restart()
            self._interrupt.check()  # also while a slow peer takes a few bytes at a time

    @property
    def sends_files(self) -> bool:
        """Whether ``send_file`` may be called: the system can send a range of a file without a copy."""
        return _sendfile is not None

    def send_file(
        self, descriptor: int, offset: int, count: int, idle: Deadline, on_stall: Callable[[], None] | None = None
    ) -> int:
        """Send ``count`` bytes of an open file from ``offset`` on; return how many were sent.

        Fewer are sent if the file ends earlier, or if the system cannot send this file in this way (it then has to be
        read).  Raises as ``send`` does.
        """
        assert _sendfile is not None
        total = 0
        self._has_just_sent = True
        while total < count:
            try:
                sent = _sendfile(self._sock.fileno(), descriptor, offset + total, count - total)
            except OSError as error:
                if error.errno in _NO_SENDFILE:
                    return total
                self._after_slice(error, idle)
                if on_stall is not None:
                    on_stall()
                continue
            if not sent:
                return total
            total += sent
            idle.restart()
            self._interrupt.check()
        return total

    def receive_into(self, buffer: memoryview, deadline: Deadline) -> int:
        """See Connection.receive_into."""
        while True:
            self._check(deadline)  # also while a peer never stops sending
            try:
                if self._has_just_sent:
                    self._has_just_sent = False
                elif self._quick_ack is not None:
                    self._sock.setsockopt(socket.IPPROTO_TCP, self._quick_ack, 1)
                return self._sock.recv_into(buffer)
            except OSError as error:
                self._after_slice(error, deadline)

    def has_input(self) -> bool:
        """See Connection.has_input."""
        if self._poll_input is not None:
            return bool(self._poll_input(0))
        try:
            return is_ready(self._sock, 0.0)
        except ValueError:  # closed
            return True

    def unsent(self) -> int:
        """See Connection.unsent.  Source: tcp(7), SIOCOUTQ."""
        if _is_all_acknowledged(self._sock):
            return 0
        if self._ask_unsent is None:
            self._ask_unsent = _ask_unsent(self._sock)
        answer = bytearray(4)
        try:
            self._ask_unsent(answer)
        except OSError:
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def give_up(self) -> None:
        """Close the copy in a forked child; the peer does not notice, and the parent's connection goes on."""
        self.close()

    def close(self) -> None:
        """See Connection.close."""
        with contextlib.suppress(OSError):  # an error here has no consequences
            self._sock.close()

    def _after_slice(self, error: OSError, deadline: Deadline) -> None:
        """Return if the call may be repeated; raise otherwise.

        ETIMEDOUT is no slice of ours that has passed: the line is cut, and the kernel has given up.  It says so once; a
        repeated call would find an orderly close.  Python's own time-out has no number.
        """
        is_slice = error.errno is None if isinstance(error, TimeoutError) else error.errno in _WOULD_BLOCK
        if not is_slice:
            raise ConnectionLost(text_of_error(error.errno) if error.errno else str(error)) from error
        self._check(deadline)

    def _check(self, deadline: Deadline) -> None:
        self._interrupt.check()
        if deadline.remaining() == 0.0:
            raise TimedOut(deadline.what, deadline.seconds or 0.0) from None


def text_of_error(number: int) -> str:
    """The system's words for an error of a socket; on Windows these errors have numbers of their own."""
    if sys.platform == "win32":
        return socket.errorTab.get(number, os.strerror(number)).rstrip(".")
    return os.strerror(number)


def _is_all_acknowledged(sock: socket.socket) -> bool:
    """Whether the kernel says that nothing of ours is on its way or waiting.  Source: linux/tcp.h, struct tcp_info."""
    if _TCP_INFO is None:
        return False
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _NOT_SENT.stop)
    except OSError:
        return False
    return info[_UNACKNOWLEDGED] == info[_NOT_SENT] == bytes(4)


def _ask_unsent(sock: socket.socket) -> Callable[[bytearray], object]:
    """A function that writes the number of unsent bytes into its argument, or leaves it if the system does not tell."""
    if not sys.platform.startswith("linux"):
        return len
    import fcntl  # only needed where the peer has not taken everything yet
    import termios

    return partial(fcntl.ioctl, sock, termios.TIOCOUTQ)


def connect(
    host: str,
    port: int,
    interrupt: Interrupt,
    *,
    family: AddressFamily = AddressFamily.IPV4,
    timeout: float | None = None,
    options: TcpOptions | None = None,
) -> TcpConnection:
    """Open a TCP connection, trying each address of ``host`` in turn.

    ``timeout`` is in seconds, for all addresses together; None leaves it to the operating system.  As in DCMTK the time
    does not run while the name is looked up: the resolver may have to ask a second name server.
    Raises ConnectFailed (DCMTK's texts) and Cancelled.
    """
    options = options or TcpOptions()
    failure: ConnectFailed | None = None
    addresses = resolve(host, port, family, Deadline(LONGEST_LOOK_UP, "the name server"), interrupt)
    deadline = Deadline(timeout, "the TCP connection")
    for address_family, address in addresses:
        try:
            return _open(address_family, address, deadline, interrupt, options)
        except ConnectFailed as error:
            failure = error
        except OSError as error:  # no descriptor left, an unsupported kind of address, a refused option
            failure = ConnectFailed(f"TCP Initialization Error: {error.strerror or error}")
    if failure is None:
        from dcmsend.reasons import NoConnection  # only after failures

        text = f"Attempt to connect to unknown host: {host}"
        failure = ConnectFailed(text, why=NoConnection.UNKNOWN_HOST)
    raise failure


def _open(
    family: int, address: tuple[str, int], deadline: Deadline, interrupt: Interrupt, options: TcpOptions
) -> TcpConnection:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if options.buffer_length:
            length = min(options.buffer_length, _LONGEST_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, length)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, length)
        if options.no_delay:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _connect(sock, address, deadline, interrupt)
        return TcpConnection(sock, interrupt, options)
    except BaseException:
        sock.close()
        raise


def _connect(sock: socket.socket, address: tuple[str, int], deadline: Deadline, interrupt: Interrupt) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
        while not _is_writable(sock, deadline.remaining()):
            interrupt.check_request()  # nothing is in flight here, so the run can end at once
            if deadline.remaining() == 0.0:
                from dcmsend.reasons import NoConnection  # only after failures

                raise ConnectFailed(
                    "TCP Initialization Error: Operation now in progress (Timeout)",
                    f"{address[0]} port {address[1]} did not answer within {deadline.seconds:g} s",
                    why=NoConnection.SILENT,
                )
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        from dcmsend.reasons import NoConnection  # only after failures

        text = text_of_error(code)
        why = NoConnection.REFUSED if code == errno.ECONNREFUSED else NoConnection.OTHER
        raise ConnectFailed(f"TCP Initialization Error: {text}", f"{address[0]} port {address[1]}: {text}", why=why)


def _is_writable(sock: socket.socket, remaining: float | None) -> bool:
    return is_ready(sock, WAIT_SLICE if remaining is None else min(WAIT_SLICE, remaining), for_writing=True)


def is_ready(file: socket.socket | int, seconds: float, *, for_writing: bool = False) -> bool:
    """Whether a socket or pipe can be read, or written, within a time; also at its end.

    ``select`` takes no descriptor beyond 1023, of which a server may have many, so it is used only on Windows.
    """
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(file, _POLLOUT if for_writing else _POLLIN)
        return bool(poll.poll(seconds * 1000))
    readers, writers = ([], [file]) if for_writing else ([file], [])
    return any(select.select(readers, writers, [file], seconds))
