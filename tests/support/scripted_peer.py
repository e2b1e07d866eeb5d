"""A Storage SCP that does what a script says and records everything it sees.

It listens on 127.0.0.1, on a port the system chooses. Each connection is answered by a thread of its own, following the
script of its number (the last script serves all further connections)::

    with ScriptedPeer(Script(stores={2: Abort()})) as peer:
        subprocess.run([*program, "127.0.0.1", str(peer.port), *files])
    assert [store.message_id for store in peer.connections[0].stores] == [1, 2]
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from support import wire
from support.peer_script import (
    IMPLICIT_LITTLE,
    Abort,
    Accept,
    AssociateAnswer,
    Close,
    Confirm,
    Reject,
    ReleaseAnswer,
    Respond,
    Script,
    Send,
    StoreAnswer,
)
from support.wire import AssociateRequest, Pdu, WireError


@dataclass
class StoreRecord:
    """One DIMSE message as it came.

    Attributes:
        layout: for each P-DATA-TF PDU its length field and, for each PDV, (length field, context id, flags).
        complete: whether the last fragment has come.
    """

    context_id: int
    command_set: bytearray = field(default_factory=bytearray)
    command: dict[int, bytes] = field(default_factory=dict)
    data_set: bytearray = field(default_factory=bytearray)
    layout: list[tuple[int, tuple[tuple[int, int, int], ...]]] = field(default_factory=list)
    complete: bool = False

    @property
    def message_id(self) -> int | None:
        return wire.number_of(self.command, wire.MESSAGE_ID)

    @property
    def sop_class_uid(self) -> str | None:
        return wire.text_of(self.command, wire.AFFECTED_SOP_CLASS_UID)

    @property
    def sop_instance_uid(self) -> str | None:
        return wire.text_of(self.command, wire.AFFECTED_SOP_INSTANCE_UID)

    @property
    def fragment_lengths(self) -> list[int]:
        """Data set bytes of each PDV, in order."""
        return [length - 2 for _, values in self.layout for length, _, flags in values if not flags & 1]


@dataclass
class ConnectionRecord:
    """One connection: its request, the stored instances, and all events in order.

    Attributes:
        events: (what, seconds since the peer started), e.g. ``request``, ``store 1``, ``abort 0 0``, ``release``.
        complaint: why the peer could not go on reading, empty if all was legal.
    """

    number: int
    request: AssociateRequest | None = None
    stores: list[StoreRecord] = field(default_factory=list)
    events: list[tuple[str, float]] = field(default_factory=list)
    complaint: str = ""

    @property
    def course(self) -> list[str]:
        return [event for event, _ in self.events]


class ScriptedPeer:
    """The listening peer; use it as a context manager. ``connections`` is complete once it has been left.

    Attributes:
        patience: seconds that ``stop`` waits for senders to close.
    """

    patience = 5.0

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts or (Script(),)
        self.connections: list[ConnectionRecord] = []
        self._started = time.monotonic()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_connections, daemon=True)

    def __enter__(self) -> ScriptedPeer:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Accept connections that still wait, end all connections and threads."""
        self._stopping.set()
        self._wake_writer.send(b"x")
        self._acceptor.join(30)
        deadline = time.monotonic() + self.patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        for each in (self._listener, self._wake_reader, self._wake_writer, *self._sockets):
            each.close()
        assert not any(thread.is_alive() for thread in (self._acceptor, *self._threads))

    def _accept_connections(self) -> None:
        while True:
            readable, _, _ = select.select([self._listener, self._wake_reader], [], [])
            if self._listener in readable:
                connection, _ = self._listener.accept()
                self._serve(connection)
            elif readable:
                return

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        record = ConnectionRecord(len(self.connections) + 1)
        script = self.scripts[min(record.number, len(self.scripts)) - 1]
        self.connections.append(record)
        self._sockets.append(connection)
        conversation = _Conversation(connection, record, script, self._stopping, self._started)
        thread = threading.Thread(target=conversation.run, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def stores(self) -> list[StoreRecord]:
        """The messages of all connections, in order."""
        return [store for connection in self.connections for store in connection.stores]

    @property
    def complaints(self) -> list[str]:
        return [connection.complaint for connection in self.connections if connection.complaint]


class _Finished(Exception):
    """The script has closed the connection."""


class _Conversation:
    """One connection, followed to its end."""

    def __init__(
        self,
        connection: socket.socket,
        record: ConnectionRecord,
        script: Script,
        stopping: threading.Event,
        started: float,
    ) -> None:
        self._connection = connection
        self._record = record
        self._script = script
        self._stopping = stopping
        self._started = started
        self._current: StoreRecord | None = None
        self._answered_early = False

    def run(self) -> None:
        try:
            while (message := wire.receive_pdu(self._connection)) is not None:
                self._handle(message)
            self._note("end")
        except _Finished:
            pass
        except (WireError, struct.error, UnicodeDecodeError, IndexError) as error:
            self._record.complaint = f"{type(error).__name__}: {error}"
        except OSError as error:
            self._note(f"lost {type(error).__name__}")
        finally:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()

    def _note(self, event: str) -> None:
        self._record.events.append((event, time.monotonic() - self._started))

    def _handle(self, message: Pdu) -> None:
        if message.type == wire.ASSOCIATE_RQ:
            self._note("request")
            self._record.request = wire.parse_associate_request(message)
            self._answer(self._script.associate)
        elif message.type == wire.P_DATA:
            self._take_data(message)
        elif message.type == wire.RELEASE_RQ:
            self._note("release")
            self._answer(self._script.release)
        elif message.type == wire.ABORT:
            self._note(f"abort {message.body[2]} {message.body[3]}")
            if self._script.close_after_abort:
                raise _Finished
        else:
            self._note(f"pdu {message.type}")

    def _take_data(self, message: Pdu) -> None:
        values = list(wire.presentation_data_values(message.body))
        layout = tuple((len(data) + 2, context_id, flags) for context_id, flags, data in values)
        for index, (context_id, flags, data) in enumerate(values):
            store = self._current
            if store is None:
                store = self._current = StoreRecord(context_id)
                self._record.stores.append(store)
            if index == 0:
                store.layout.append((len(message.body), layout))
            if context_id != store.context_id or (not flags & 1 and not store.command):
                raise WireError("P-DATA-TF: PDV of another context, or data before the command")
            self._take_value(store, flags, data)

    def _take_value(self, store: StoreRecord, flags: int, data: bytes) -> None:
        number = len(self._record.stores)
        if flags & 1:
            store.command_set += data
            if flags & 2:
                store.command = wire.parse_command(bytes(store.command_set))
                if wire.number_of(store.command, wire.DATA_SET_TYPE) == wire.NO_DATA_SET:
                    self._complete(store, number)
            return
        store.data_set += data
        early = self._script.during.get(number)
        if early is not None and not self._answered_early and len(store.data_set) >= early[0]:
            self._answered_early = True
            self._answer(early[1])
        if flags & 2:
            self._complete(store, number)

    def _complete(self, store: StoreRecord, number: int) -> None:
        store.complete = True
        self._current = None
        if wire.number_of(store.command, wire.COMMAND_FIELD) == wire.C_ECHO_RQ:
            self._record.stores.remove(store)
            self._note("echo")
            self._respond(store, Respond(command_field=wire.C_ECHO_RSP, omit=(wire.AFFECTED_SOP_INSTANCE_UID,)))
            return
        self._note(f"store {number}")
        if not self._answered_early:
            self._answer(self._script.stores.get(number, self._script.other_stores), store)
        self._answered_early = False

    def _answer(self, answer: AssociateAnswer | StoreAnswer | ReleaseAnswer, store: StoreRecord | None = None) -> None:
        if isinstance(answer, Accept):
            self._accept(answer)
        elif isinstance(answer, Respond):
            if store is None:
                store = self._record.stores[-1]
            self._respond(store, answer)
        elif isinstance(answer, Reject):
            self._send(wire.associate_reject(answer.result, answer.source, answer.reason))
        elif isinstance(answer, Confirm):
            self._send(wire.release_response())
        elif isinstance(answer, Send):
            self._send(answer.data)
        elif isinstance(answer, Abort):
            self._send(wire.abort(answer.source, answer.reason))
            raise _Finished
        elif isinstance(answer, Close):
            if answer.reset:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Finished

    def _accept(self, answer: Accept) -> None:
        request = self._record.request
        assert request is not None
        results: list[tuple[int, int, str]] = []
        for context in request.contexts if answer.list_contexts else ():
            verdict = answer.contexts(context)
            refused = isinstance(verdict, int)
            results.append((context.id, int(verdict) if refused else 0, IMPLICIT_LITTLE if refused else str(verdict)))
        self._send(wire.associate_accept(request, results, answer.max_pdu_length, answer.extra_user_items))

    def _respond(self, store: StoreRecord, answer: Respond) -> None:
        if answer.until is not None:
            deadline = time.monotonic() + 120
            while not answer.until() and time.monotonic() < deadline and not self._stopping.wait(0.01):
                pass
        if answer.delay:
            self._stopping.wait(answer.delay)
        instance = store.command.get(wire.AFFECTED_SOP_INSTANCE_UID, b"")
        if answer.sop_instance_uid is not None:
            instance = wire.uid_value(answer.sop_instance_uid)
        elements: dict[int, int | bytes] = {
            wire.AFFECTED_SOP_CLASS_UID: store.command.get(wire.AFFECTED_SOP_CLASS_UID, b""),
            wire.COMMAND_FIELD: answer.command_field,
            wire.MESSAGE_ID_RESPONDED_TO: (store.message_id or 0) if answer.message_id is None else answer.message_id,
            wire.DATA_SET_TYPE: wire.NO_DATA_SET,
            wire.STATUS: answer.status,
            wire.AFFECTED_SOP_INSTANCE_UID: instance,
        }
        elements.update(answer.extra)
        kept = {element: value for element, value in elements.items() if element not in answer.omit}
        context_id = store.context_id if answer.context_id is None else answer.context_id
        self._send(wire.command_pdu(context_id, wire.encode_command(kept)))

    def _send(self, data: bytes) -> None:
        self._connection.sendall(data)
