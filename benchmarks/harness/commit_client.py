"""The least that requests commitments: what it takes is the archive's own time.  Shares no code with the package.

    python commit_client.py PORT BACK FILE

PORT is the archive's, BACK is where it reports, FILE has a line for each request with its SOP Instance UIDs.  All
instances are CT images.  At most four requests wait for their reports.  Prints the seconds from the first N-ACTION to
the last report.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support import wire

PUSH, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
CT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2"
OUTSTANDING = 4
_N_ACTION_RQ, _N_EVENT_REPORT_RSP = 0x0130, 0x8100


def main() -> int:
    port, back, name = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    requests = [line.split() for line in name.read_text().splitlines()]
    room = threading.Semaphore(OUTSTANDING)
    committed: list[int] = []
    with socket.create_server(("127.0.0.1", back)) as listener:
        reports = threading.Thread(target=_take_reports, args=(listener, len(requests), committed, room))
        reports.start()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(_associate_request())
            _expect(connection, wire.ASSOCIATE_AC)
            messages = [_request(number, uids) for number, uids in enumerate(requests, start=1)]
            began = time.perf_counter()
            for message in messages:
                room.acquire()
                connection.sendall(message)
                answer = _expect(connection, wire.P_DATA)
                ((_, _, command),) = wire.presentation_data_values(answer.body)
                assert wire.number_of(wire.parse_command(command), wire.STATUS) == 0
            reports.join()
            seconds = time.perf_counter() - began
            connection.sendall(wire.release_request())
            _expect(connection, wire.RELEASE_RP)
    assert sum(committed) == sum(map(len, requests)), committed
    print(seconds)
    return 0


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _associate_request() -> bytes:
    context = bytes((1, 0, 0, 0)) + _item(0x30, PUSH.encode()) + _item(0x40, IMPLICIT.encode())
    user = _item(0x51, struct.pack(">I", 131072)) + _item(0x52, b"1.2.3.4.5.6")
    fixed = struct.pack(">HH", 1, 0) + b"ORTHANC".ljust(16) + b"DCMSEND".ljust(16) + bytes(32)
    items = _item(0x10, b"1.2.840.10008.3.1.1.1") + _item(0x20, context) + _item(0x50, user)
    return wire.pdu(wire.ASSOCIATE_RQ, fixed + items)


def _element(group: int, element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", group, element, len(value)) + value


def _request(number: int, uids: Sequence[str]) -> bytes:
    """A whole N-ACTION-RQ, in PDUs of 16 KB."""
    items = b"".join(
        _element(0xFFFE, 0xE000, _element(8, 0x1150, wire.uid_value(CT)) + _element(8, 0x1155, wire.uid_value(uid)))
        for uid in uids
    )
    transaction = f"2.25.{uuid.uuid4().int}"
    data = _element(8, 0x1195, wire.uid_value(transaction)) + _element(8, 0x1199, items)
    message = wire.command_pdu(1, wire.encode_command({
        0x0003: wire.uid_value(PUSH), wire.COMMAND_FIELD: _N_ACTION_RQ, wire.MESSAGE_ID: number,
        wire.DATA_SET_TYPE: 1, 0x1001: wire.uid_value(PUSH_INSTANCE), 0x1008: 1,
    }))  # fmt: skip
    for at in range(0, len(data), 16000):
        piece = data[at : at + 16000]
        flags = 2 if at + 16000 >= len(data) else 0
        message += wire.pdu(wire.P_DATA, struct.pack(">IBB", len(piece) + 2, 1, flags) + piece)
    return message


def _expect(connection: socket.socket, kind: int) -> wire.Pdu:
    found = wire.receive_pdu(connection)
    assert found is not None
    assert found.type == kind, found
    return found


def _take_reports(listener: socket.socket, count: int, committed: list[int], room: threading.Semaphore) -> None:
    while len(committed) < count:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request = wire.parse_associate_request(_expect(connection, wire.ASSOCIATE_RQ))
            results = [(context.id, 0, IMPLICIT) for context in request.contexts]
            connection.sendall(wire.associate_accept(request, results, 131072))
            _take_messages(connection, committed, room)


def _take_messages(connection: socket.socket, committed: list[int], room: threading.Semaphore) -> None:
    command, data = b"", b""
    while (message := wire.receive_pdu(connection)) is not None:
        if message.type == wire.RELEASE_RQ:
            connection.sendall(wire.release_response())
            return
        for context, flags, value in wire.presentation_data_values(message.body):
            if flags & 1:
                command += value
                continue
            data += value
            if flags & 2:
                elements = wire.parse_command(command)
                connection.sendall(wire.command_pdu(context, wire.encode_command({
                    wire.AFFECTED_SOP_CLASS_UID: wire.uid_value(PUSH), wire.COMMAND_FIELD: _N_EVENT_REPORT_RSP,
                    wire.MESSAGE_ID_RESPONDED_TO: wire.number_of(elements, wire.MESSAGE_ID) or 0,
                    wire.DATA_SET_TYPE: wire.NO_DATA_SET, wire.STATUS: 0,
                    wire.AFFECTED_SOP_INSTANCE_UID: wire.uid_value(PUSH_INSTANCE),
                })))  # fmt: skip
                assert b"\x08\x00\x98\x11" not in data, "some instances failed"
                committed.append(data.count(b"\x08\x00\x55\x11"))
                room.release()
                command, data = b"", b""


if __name__ == "__main__":
    sys.exit(main())
