"""Asks whether a scheduler of Dask answers at an address, before Dask's own client does.

That client waits for ever where nobody answers, takes the bytes of other services for lengths, and its errors do not
say what a person can do.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from .errors import ClusterUnusable
from .options import ClusterOptions

__all__ = ["reach_scheduler"]

_LOOK: Final = 0.1


def reach_scheduler(
    options: ClusterOptions, arguments: dict[str, Any], seconds: float, check: Callable[[], None]
) -> None:
    """Connect with a scheduler, exchange the first messages of Dask, and leave again.

    ``arguments`` are those of Dask's connections, ``seconds`` the longest wait for a connection and for an answer.
    ``check`` is called now and then and may raise.  Raises ClusterUnusable, final where a certificate is wrong.
    """
    try:
        socket.create_connection(options.place, seconds).close()  # Dask asks for long where nobody listens
    except OSError as error:
        raise ClusterUnusable(f"{options.address}: {_no_connection(error, seconds)}") from error
    failure = _failure(options.address, arguments, seconds, check)
    if failure is not None:
        text = _no_answer(failure, seconds, is_tls=options.tls is not None)
        is_final = isinstance(_below(failure), ssl.SSLCertVerificationError)
        raise ClusterUnusable(f"{options.address}: {text}", is_final=is_final) from failure


def _failure(
    address: str, arguments: dict[str, Any], seconds: float, check: Callable[[], None]
) -> BaseException | None:
    """What goes wrong; on a thread, because this one may have an event loop of its caller, and has to look up."""
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            asyncio.run(_shake_hands(address, arguments, seconds))
        except Exception as error:  # other services make Dask fail in all ways, a lack of memory among them
            failures.append(error)

    thread = threading.Thread(target=ask, name="scheduler", daemon=True)
    thread.start()
    while thread.is_alive():
        check()
        thread.join(_LOOK)
    return failures[0] if failures else None


async def _shake_hands(address: str, arguments: dict[str, Any], seconds: float) -> None:
    connect = import_module("distributed.comm").connect
    connection = await asyncio.wait_for(connect(address, timeout=seconds, **arguments), seconds)
    await connection.close()


def _no_connection(error: OSError, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection within {seconds:g} s; check host and port, a firewall may be in between"
    if isinstance(error, socket.gaierror):
        return f"{error.strerror}; check how the host is spelt"
    if isinstance(error, ConnectionRefusedError):
        return f"{error.strerror}; is the scheduler running, and is this its port?"
    return error.strerror or str(error)


def _no_answer(failure: BaseException, seconds: float, *, is_tls: bool) -> str:
    below = _below(failure)
    if isinstance(failure, TimeoutError):
        return f"no scheduler of Dask answers within {seconds:g} s; check host and port, and whether it is alive"
    if isinstance(below, ssl.SSLCertVerificationError):
        return (
            f"the scheduler's certificate is not accepted ({below.verify_message}); is it of the authority that was "
            "named, and valid?"
        )
    if not is_tls:
        return "this is no scheduler of Dask, or it wants TLS; check host and port, and how the scheduler was started"
    return (
        "this is no scheduler of Dask with TLS, or it does not accept our certificate; check host and port, and that "
        "both certificates are of one authority"
    )


def _below(error: BaseException) -> BaseException:
    """The error at the bottom, which Dask has wrapped in its own."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return error
