"""Resolves a host name to addresses, without hanging at a name server that does not answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum

from dcmsend.errors import ConnectFailed
from dcmsend.interrupt import WAIT_SLICE, Interrupt

from .deadline import Deadline

__all__ = ["AddressFamily", "resolve", "without_rest"]

_WHITE_SPACE = " \t\n\v\f\r"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AddressFamily(Enum):
    """Which kinds of address a host name may resolve to.  Source: DCMTK 3.6.9 ``-i4``, ``-i6``, ``-i0``."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"
    ANY = "any"


def resolve(
    host: str, port: int, family: AddressFamily, deadline: Deadline, interrupt: Interrupt
) -> list[tuple[int, tuple[str, int]]]:
    """Address families and addresses of ``host``, without duplicates, in the resolver's order.

    Raises ConnectFailed (DCMTK's texts) and Cancelled.
    """
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not name:
        from dcmsend.reasons import NoConnection  # only after failures

        text = f"Illegal service parameter: {host}:{port}"
        raise ConnectFailed(text, "the peer's host name is empty", why=NoConnection.EMPTY_HOST)
    wanted = {AddressFamily.IPV4: socket.AF_INET, AddressFamily.IPV6: socket.AF_INET6}.get(family, socket.AF_UNSPEC)
    if ":" in name:  # only an IPv6 literal has a colon
        wanted = socket.AF_INET6
    if "\0" in name:
        from dcmsend.reasons import NoConnection  # only after failures

        text = f"Attempt to connect to unknown host: {host}"
        raise ConnectFailed(text, "the name contains a NUL", why=NoConnection.UNKNOWN_HOST)
    try:
        found = _addresses(name, port, wanted, deadline, interrupt)
    except TimeoutError as error:
        detail = f"no name server has answered within {deadline.seconds:g} s"
        raise _unresolved(host, detail) from error
    except (OSError, UnicodeError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise _unresolved(host, detail) from error
    rows: dict[tuple[int, tuple[str, int]], None] = {}
    for address_family, _type, _protocol, _name, address in found:
        rows[int(address_family), address] = None
    return list(rows)


def without_rest(host: str) -> str:
    """An IPv4 address without what stands behind white space, as C's ``inet_addr`` takes it; other names as they are.

    So a file with lines of Windows may give the address.
    """
    end = next((place for place, letter in enumerate(host) if letter in _WHITE_SPACE), 0)
    if end:
        with contextlib.suppress(OSError, ValueError):
            socket.inet_aton(host[:end])
            return host[:end]
    return host


def _unresolved(host: str, detail: str) -> ConnectFailed:
    from dcmsend.reasons import NoConnection  # only after failures

    text = f"Attempt to connect to unknown host: {host}"
    return ConnectFailed(text, f"the name cannot be resolved: {detail}", why=NoConnection.UNKNOWN_HOST)


def _addresses(name: str, port: int, family: int, deadline: Deadline, interrupt: Interrupt) -> list[Any]:
    """The result of ``getaddrinfo``.  Raises its errors, TimeoutError and Cancelled."""
    # Bytes avoid the import of the IDNA codec, which costs more than a small run.
    asked: str | bytes = name.encode("ascii") if name.isascii() else name
    try:
        return socket.getaddrinfo(asked, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except OSError:
        pass  # not an address but a name
    answer: list[Any] = []
    failure: list[Exception] = []

    def ask() -> None:
        try:
            answer.extend(socket.getaddrinfo(asked, port, family, socket.SOCK_STREAM))
        except Exception as error:  # raised where the result is waited for
            failure.append(error)

    from dcmsend.threads import is_started

    # The call cannot be interrupted; an abandoned thread does no harm.
    thread = threading.Thread(target=ask, name="resolver", daemon=True)
    if not is_started(thread):  # the resolver has a limit of its own
        ask()
    while thread.is_alive():
        left = deadline.remaining()
        thread.join(WAIT_SLICE if left is None else min(WAIT_SLICE, left))
        interrupt.check_request()  # nothing is in flight here, so the run can end at once
        if left == 0.0 and thread.is_alive():
            raise TimeoutError
    if failure:
        raise failure[0]
    return answer
