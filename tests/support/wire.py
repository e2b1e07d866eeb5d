"""Just enough of the DICOM upper layer and of DIMSE to judge a sender.

It shares no code with the package under test: a fault on both sides would cancel out.
Source: PS3.8 section 9.3 and Annex D, PS3.7 section 6.3 and Annex E.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME = 0x52, 0x55
C_STORE_RQ, C_STORE_RSP, C_ECHO_RQ, C_ECHO_RSP = 0x0001, 0x8001, 0x0030, 0x8030
NO_DATA_SET = 0x0101

AFFECTED_SOP_CLASS_UID = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_RESPONDED_TO = 0x0120
DATA_SET_TYPE = 0x0800
STATUS = 0x0900
AFFECTED_SOP_INSTANCE_UID = 0x1000

LARGEST_PDU = 1 << 28


class WireError(Exception):
    """The sender broke the rules of PS3.8 or PS3.7."""


@dataclass(frozen=True)
class Pdu:
    """One protocol data unit: its type and the bytes after the six-byte header."""

    type: int
    body: bytes

    @property
    def raw(self) -> bytes:
        return pdu(self.type, self.body)


@dataclass(frozen=True)
class ProposedContext:
    """One presentation context of an A-ASSOCIATE-RQ."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class AssociateRequest:
    """What an A-ASSOCIATE-RQ says, and its bytes.

    Attributes:
        called, calling: AE titles, all sixteen bytes.
        user_items: type and value of every sub-item of the user information, in order.
        user_information_offset: where the user information item begins in ``raw``.
    """

    raw: bytes
    called: bytes
    calling: bytes
    application_context: str
    contexts: tuple[ProposedContext, ...]
    user_items: tuple[tuple[int, bytes], ...]
    user_information_offset: int

    def user_item(self, item_type: int) -> bytes:
        return next(value for kind, value in self.user_items if kind == item_type)

    @property
    def max_pdu_length(self) -> int:
        return int.from_bytes(self.user_item(0x51), "big")


def pdu(pdu_type: int, body: bytes) -> bytes:
    return struct.pack(">BxI", pdu_type, len(body)) + body


def _item(item_type: int, value: bytes) -> bytes:
    return struct.pack(">BxH", item_type, len(value)) + value


def receive_exactly(connection: socket.socket, length: int) -> bytes:
    """Read ``length`` bytes; fewer only at the end of the stream."""
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(length - len(parts), 1 << 18))
        if not part:
            break
        parts += part
    return bytes(parts)


def receive_pdu(connection: socket.socket) -> Pdu | None:
    """Read one PDU; None at a clean end of the stream, WireError at an end inside a PDU."""
    header = receive_exactly(connection, 6)
    if not header:
        return None
    if len(header) < 6:
        raise WireError(f"connection ended inside a PDU header: {header.hex()}")
    pdu_type, length = struct.unpack(">BxI", header)
    if not 1 <= pdu_type <= 7 or length > LARGEST_PDU:
        raise WireError(f"PDU of type {pdu_type:#x} and length {length}")
    body = receive_exactly(connection, length)
    if len(body) < length:
        raise WireError(f"connection ended {length - len(body)} bytes before the end of a PDU of type {pdu_type}")
    return Pdu(pdu_type, body)


def _items(data: bytes, where: str) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise WireError(f"{where}: {len(data) - position} stray bytes")
        item_type, length = struct.unpack_from(">BxH", data, position)
        value = data[position + 4 : position + 4 + length]
        if len(value) < length:
            raise WireError(f"{where}: item {item_type:#04x} is longer than what is left")
        yield item_type, value
        position += 4 + length


def parse_associate_request(message: Pdu) -> AssociateRequest:
    body = message.body
    if len(body) < 68:
        raise WireError("A-ASSOCIATE-RQ shorter than its fixed part")
    if struct.unpack_from(">HH", body) != (1, 0) or body[36:68] != bytes(32):
        raise WireError("A-ASSOCIATE-RQ: version or reserved bytes")
    application_context = ""
    contexts: list[ProposedContext] = []
    user_items: tuple[tuple[int, bytes], ...] = ()
    position, user_information_offset = 6 + 68, 0
    for item_type, value in _items(body[68:], "A-ASSOCIATE-RQ"):
        if item_type == 0x10:
            application_context = value.decode("ascii")
        elif item_type == 0x20:
            contexts.append(_parse_context(value))
        elif item_type == 0x50:
            user_items, user_information_offset = tuple(_items(value, "user information")), position
        else:
            raise WireError(f"A-ASSOCIATE-RQ: item {item_type:#04x}")
        position += 4 + len(value)
    return AssociateRequest(
        message.raw, body[4:20], body[20:36], application_context, tuple(contexts), user_items, user_information_offset
    )


def _parse_context(value: bytes) -> ProposedContext:
    parts = list(_items(value[4:], f"presentation context {value[0]}"))
    if not parts or parts[0][0] != 0x30 or any(kind != 0x40 for kind, _ in parts[1:]):
        raise WireError(f"presentation context {value[0]}: sub-items {[hex(kind) for kind, _ in parts]}")
    names = [uid.decode("ascii") for _, uid in parts]
    return ProposedContext(value[0], names[0], tuple(names[1:]))


def mask_implementation(request: AssociateRequest) -> bytes:
    """The request's bytes with an empty implementation class UID and version name, lengths adjusted."""
    hidden = (IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME)
    items = b"".join(_item(kind, b"" if kind in hidden else value) for kind, value in request.user_items)
    return pdu(ASSOCIATE_RQ, request.raw[6 : request.user_information_offset] + _item(0x50, items))


def associate_accept(
    request: AssociateRequest,
    results: Sequence[tuple[int, int, str]],
    max_pdu_length: int,
    extra_user_items: bytes = b"",
) -> bytes:
    """Encode an A-ASSOCIATE-AC; ``results`` are (context id, result, transfer syntax)."""
    contexts = b"".join(
        _item(0x21, struct.pack(">BxBx", number, result) + _item(0x40, syntax.encode("ascii")))
        for number, result, syntax in results
    )
    user = _item(0x51, struct.pack(">I", max_pdu_length)) + _item(0x52, b"1.2.3.4.5.6") + _item(0x55, b"JUDGE")
    fixed = struct.pack(">HH", 1, 0) + request.called + request.calling + bytes(32)
    application = _item(0x10, request.application_context.encode("ascii"))
    return pdu(ASSOCIATE_AC, fixed + application + contexts + _item(0x50, user + extra_user_items))


def associate_reject(result: int, source: int, reason: int) -> bytes:
    return pdu(ASSOCIATE_RJ, bytes((0, result, source, reason)))


def abort(source: int, reason: int) -> bytes:
    return pdu(ABORT, bytes((0, 0, source, reason)))


def release_request() -> bytes:
    return pdu(RELEASE_RQ, bytes(4))


def release_response() -> bytes:
    return pdu(RELEASE_RP, bytes(4))


def presentation_data_values(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(context id, flags, data) of each PDV of a P-DATA-TF PDU."""
    position = 0
    while position < len(body):
        if position + 6 > len(body):
            raise WireError("P-DATA-TF: stray bytes")
        length, context_id, flags = struct.unpack_from(">IBB", body, position)
        data = body[position + 6 : position + 4 + length]
        if length < 2 or len(data) != length - 2:
            raise WireError(f"P-DATA-TF: PDV length {length}")
        yield context_id, flags, data
        position += 4 + length


def parse_command(command_set: bytes) -> dict[int, bytes]:
    """Element number (group 0000) to value, in the order on the wire."""
    elements: dict[int, bytes] = {}
    position, last = 0, -1
    while position < len(command_set):
        group, element, length = struct.unpack_from("<HHI", command_set, position)
        value = command_set[position + 8 : position + 8 + length]
        if group != 0 or element <= last or len(value) < length or length % 2:
            raise WireError(f"command set: element ({group:04x},{element:04x}) of length {length}")
        elements[element] = value
        position, last = position + 8 + length, element
    if struct.unpack("<I", elements.get(0, bytes(4)))[0] != len(command_set) - 12:
        raise WireError("command set: group length")
    return elements


def encode_command(elements: Mapping[int, int | bytes]) -> bytes:
    """Encode a command set; an int becomes a US value. The group length is added."""
    body = b""
    for element, value in sorted(elements.items()):
        data = struct.pack("<H", value) if isinstance(value, int) else value
        body += struct.pack("<HHI", 0, element, len(data)) + data
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def uid_value(uid: str) -> bytes:
    data = uid.encode("ascii")
    return data + b"\0" * (len(data) % 2)


def number_of(command: Mapping[int, bytes], element: int) -> int | None:
    value = command.get(element)
    return None if value is None or len(value) != 2 else int(struct.unpack("<H", value)[0])


def text_of(command: Mapping[int, bytes], element: int) -> str | None:
    value = command.get(element)
    return None if value is None else value.decode("ascii").rstrip("\0 ")


def command_pdu(context_id: int, command_set: bytes) -> bytes:
    """A P-DATA-TF PDU with a complete command set."""
    return pdu(P_DATA, struct.pack(">IBB", len(command_set) + 2, context_id, 3) + command_set)
