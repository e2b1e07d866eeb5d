"""A Storage SCP that grants an asynchronous operations window and really uses it.

It holds requests back until it has ``hold`` of them, or until nothing more comes, and then lets ``answer`` decide what
becomes of them: answers in any order, twice, never, an abort. It shares no code with the package under test.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from support import wire

__all__ = ["Answer", "Link", "Request", "WindowPeer", "in_order", "window_item"]

_QUIET = 0.05
"""Seconds without a byte after which the sender is taken to wait for an answer."""


@dataclass
class Request:
    """A C-STORE request that has come completely.

    Attributes:
        link: number of the association, from 1.
        statuses: the statuses answered, in order.
        missed: how many requests before it on its association were without an answer when it came.
    """

    link: int
    message_id: int
    context_id: int
    sop_class_uid: bytes
    sop_instance_uid: str
    length: int
    statuses: list[int] = field(default_factory=list)
    missed: int = 0


@dataclass
class Link:
    """One association.

    Attributes:
        requests: all that came completely, in order.
        held: those the peer has not decided about yet.
        unanswered: message ids without any answer.
        complaint: the rule the sender has broken, empty if none.
        events: ``release``, ``abort``, ``end``.
    """

    number: int
    connection: socket.socket
    requests: list[Request] = field(default_factory=list)
    held: list[Request] = field(default_factory=list)
    unanswered: dict[int, Request] = field(default_factory=dict)
    complaint: str = ""
    events: list[str] = field(default_factory=list)
    request: wire.AssociateRequest | None = None

    def respond(self, request: Request, status: int = 0) -> None:
        self.respond_at_once(request, status=status)

    def respond_at_once(self, *requests: Request, status: int = 0) -> None:
        """Answer some requests in one go: the sender finds all the answers when it finds the first."""
        self.connection.sendall(b"".join(_response(request, status) for request in requests))
        for request in requests:
            request.statuses.append(status)
            self.unanswered.pop(request.message_id, None)

    def abort(self) -> None:
        self.connection.sendall(wire.abort(0, 0))
        self.close()

    def close(self) -> None:
        """End our side of the stream, and read the sender's to its end, so that no answer is lost."""
        self.connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while self.connection.recv(1 << 16):
                pass
        raise _Finished


def _response(request: Request, status: int) -> bytes:
    return wire.command_pdu(request.context_id, wire.encode_command({
        wire.AFFECTED_SOP_CLASS_UID: request.sop_class_uid,
        wire.COMMAND_FIELD: wire.C_STORE_RSP,
        wire.MESSAGE_ID_RESPONDED_TO: request.message_id,
        wire.DATA_SET_TYPE: wire.NO_DATA_SET,
        wire.STATUS: status,
        wire.AFFECTED_SOP_INSTANCE_UID: wire.uid_value(request.sop_instance_uid),
    }))


class _Finished(Exception):
    """The peer has ended the association."""


Answer = Callable[[Link, list[Request]], None]
"""Decides about the requests held; a request it does not answer gets no answer."""


def in_order(link: Link, held: list[Request]) -> None:
    """Answers all, first come first served."""
    for request in held:
        link.respond(request)


def window_item(invoked: int, performed: int = 1) -> bytes:
    """The asynchronous operations window sub-item. Source: PS3.7 D.3.3.3."""
    return struct.pack(">BxHHH", 0x53, 4, invoked, performed)


class WindowPeer:
    """The listening peer; use it as a context manager. ``links`` is complete once it has been left.

    Args:
        answer: what to do with the requests held.
        granted: the window's first number in the answer, None to leave the item out.
        hold: how many requests are held back at most.
        send_buffer: size of the system's send buffer in bytes, None for its default.
        quiet: seconds without a byte after which the sender is taken to wait for an answer, on the first association;
            more than usual where that has to be true, however busy the machine is.
    """

    def __init__(
        self,
        answer: Answer = in_order,
        *,
        granted: int | None = 0,
        hold: int = 8,
        send_buffer: int | None = None,
        quiet: float = _QUIET,
    ) -> None:
        self.links: list[Link] = []
        self._answer = answer
        self._granted = granted
        self._hold = hold
        self._send_buffer = send_buffer
        self._quiet = quiet
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> WindowPeer:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(30)
        self._listener.close()
        for link in self.links:
            with contextlib.suppress(OSError):
                link.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        for link in self.links:
            link.connection.close()
        assert not any(thread.is_alive() for thread in (self._acceptor, *self._threads))

    @property
    def requests(self) -> list[Request]:
        return [request for link in self.links for request in link.requests]

    @property
    def complaints(self) -> list[str]:
        return [link.complaint for link in self.links if link.complaint]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._send_buffer is not None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
                link = Link(len(self.links) + 1, connection)
                self.links.append(link)
                thread = threading.Thread(target=self._serve, args=(link,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, link: Link) -> None:
        try:
            self._converse(link)
            link.events.append("end")
        except _Finished:
            pass
        except wire.WireError as error:
            link.complaint = link.complaint or str(error)
        except OSError:
            link.events.append("lost")
        finally:
            with contextlib.suppress(OSError):
                link.connection.shutdown(socket.SHUT_RDWR)

    def _converse(self, link: Link) -> None:
        command, data_length, elements = bytearray(), 0, dict[int, bytes]()
        quiet = self._quiet if link.number == 1 else _QUIET
        while True:
            if link.held and not select.select([link.connection], [], [], quiet)[0]:
                self._decide(link)
                continue
            message = wire.receive_pdu(link.connection)
            if message is None:
                return
            if message.type == wire.ASSOCIATE_RQ:
                link.request = request = wire.parse_associate_request(message)
                results = [(context.id, 0, context.transfer_syntaxes[0]) for context in request.contexts]
                extra = b"" if self._granted is None else window_item(self._granted)
                link.connection.sendall(wire.associate_accept(request, results, 16384, extra))
            elif message.type == wire.RELEASE_RQ:
                link.events.append("release")
                if link.held:
                    link.complaint = "release with requests in flight"
                link.connection.sendall(wire.release_response())
            elif message.type == wire.ABORT:
                link.events.append("abort")
                return
            for context_id, flags, data in (
                wire.presentation_data_values(message.body) if message.type == wire.P_DATA else ()
            ):
                if flags & 1:
                    command += data
                    if flags & 2:
                        elements = wire.parse_command(bytes(command))
                        command.clear()
                    continue
                data_length += len(data)
                if flags & 2:
                    self._take(link, context_id, elements, data_length)
                    data_length = 0
            if len(link.held) >= self._hold:
                self._decide(link)

    def _take(self, link: Link, context_id: int, elements: dict[int, bytes], length: int) -> None:
        message_id = wire.number_of(elements, wire.MESSAGE_ID) or 0
        if message_id in link.unanswered:
            link.complaint = f"message id {message_id} twice"
        request = Request(
            link.number, message_id, context_id, elements[wire.AFFECTED_SOP_CLASS_UID],
            wire.text_of(elements, wire.AFFECTED_SOP_INSTANCE_UID) or "", length, missed=len(link.unanswered),
        )  # fmt: skip
        link.requests.append(request)
        link.held.append(request)
        link.unanswered[message_id] = request

    def _decide(self, link: Link) -> None:
        held, link.held = link.held, []
        self._answer(link, held)
