"""The user information item and its sub-items as bytes.  Source: PS3.8 D.1, PS3.7 D.3.3."""

from __future__ import annotations

from struct import Struct, pack

from dcmsend.errors import LocalProtocolError

from .items import decode_text, decode_uid, encode_item, encode_text, encode_uid, ill_formed, iter_items
from .user_information import (
    AsynchronousOperationsWindow,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentity,
    UserInformation,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["decode_user_information", "encode_user_information"]

USER_INFORMATION: Final = 0x50
MAXIMUM_LENGTH: Final = 0x51
IMPLEMENTATION_CLASS: Final = 0x52
ASYNCHRONOUS_OPERATIONS_WINDOW: Final = 0x53
ROLE_SELECTION: Final = 0x54
IMPLEMENTATION_VERSION: Final = 0x55
EXTENDED_NEGOTIATION: Final = 0x56
COMMON_EXTENDED_NEGOTIATION: Final = 0x57
USER_IDENTITY_RQ: Final = 0x58
USER_IDENTITY_AC: Final = 0x59

_UINT16: Final = Struct(">H")
_UINT16_PAIR: Final = Struct(">HH")
_UINT32: Final = Struct(">I")


def encode_user_information(information: UserInformation) -> bytes:
    """The user information item, sub-items in the order of their types (which is DCMTK's).

    Raises LocalProtocolError when a field is too long.
    """
    parts = [encode_item(MAXIMUM_LENGTH, _UINT32.pack(information.max_length))]
    if information.implementation_class_uid:
        parts.append(encode_item(IMPLEMENTATION_CLASS, encode_uid(information.implementation_class_uid)))
    window = information.asynchronous_operations_window
    if window is not None:
        parts.append(
            encode_item(ASYNCHRONOUS_OPERATIONS_WINDOW, _UINT16_PAIR.pack(window.max_invoked, window.max_performed))
        )
    for role in information.role_selections:
        body = _counted(encode_uid(role.sop_class_uid)) + bytes((role.scu_role, role.scp_role))
        parts.append(encode_item(ROLE_SELECTION, body))
    if information.implementation_version_name:
        parts.append(encode_item(IMPLEMENTATION_VERSION, encode_text(information.implementation_version_name[:16])))
    for extended in information.sop_class_extended_negotiations:
        body = _counted(encode_uid(extended.sop_class_uid)) + extended.application_information
        parts.append(encode_item(EXTENDED_NEGOTIATION, body))
    parts += [_encode_common_extended(common) for common in information.common_extended_negotiations]
    if information.user_identity is not None:
        parts.append(_encode_user_identity(information.user_identity))
    if information.user_identity_response is not None:
        parts.append(encode_item(USER_IDENTITY_AC, _counted(information.user_identity_response)))
    return encode_item(USER_INFORMATION, b"".join(parts))


def _counted(data: bytes) -> bytes:
    """A field after its 16-bit length."""
    if len(data) > 0xFFFF:
        raise LocalProtocolError(f"field of {len(data)} bytes is too long")
    return pack(">H", len(data)) + data


def _encode_common_extended(common: SOPClassCommonExtendedNegotiation) -> bytes:
    related = b"".join([_counted(encode_uid(uid)) for uid in common.related_general_sop_classes])
    body = _counted(encode_uid(common.sop_class_uid)) + _counted(encode_uid(common.service_class_uid))
    return encode_item(COMMON_EXTENDED_NEGOTIATION, body + _counted(related))


def _encode_user_identity(identity: UserIdentity) -> bytes:
    body = bytes((identity.identity_type, identity.response_requested))
    return encode_item(USER_IDENTITY_RQ, body + _counted(identity.primary_field) + _counted(identity.secondary_field))


class _Fields:
    """The fields of one sub-item, taken from left to right; raises RemoteProtocolError when none is left."""

    __slots__ = ("_data", "_end", "_item_type", "_position")

    def __init__(self, item_type: int, data: bytes, start: int, end: int) -> None:
        self._item_type = item_type
        self._data = data
        self._position = start
        self._end = end

    @property
    def remains(self) -> bool:
        return self._position < self._end

    def take(self, size: int) -> bytes:
        start = self._position
        self._position += size
        if self._position > self._end:
            raise ill_formed(f"user information item {self._item_type:02X}H is too short")
        return self._data[start : self._position]

    def take_counted(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def take_rest(self) -> bytes:
        return self.take(self._end - self._position)


def decode_user_information(data: bytes, start: int, end: int) -> UserInformation:
    """The user information of the item body ``data[start:end]``; unknown sub-items are skipped.

    If a sub-item that may occur only once occurs twice, the last one counts.
    Raises RemoteProtocolError when a sub-item is cut off or has an inconsistent length.
    """
    max_length = 0
    class_uid = version_name = ""
    window: AsynchronousOperationsWindow | None = None
    roles: list[RoleSelection] = []
    extended: list[SOPClassExtendedNegotiation] = []
    common: list[SOPClassCommonExtendedNegotiation] = []
    identity: UserIdentity | None = None
    identity_response: bytes | None = None
    for item_type, item_start, item_end in iter_items(data, start, end):
        fields = _Fields(item_type, data, item_start, item_end)
        if item_type == MAXIMUM_LENGTH:
            max_length = int.from_bytes(fields.take(4), "big")
        elif item_type == IMPLEMENTATION_CLASS:
            class_uid = decode_uid(fields.take_rest())
        elif item_type == IMPLEMENTATION_VERSION:
            version_name = decode_text(fields.take_rest())
        elif item_type == ASYNCHRONOUS_OPERATIONS_WINDOW:
            window = AsynchronousOperationsWindow(*_UINT16_PAIR.unpack(fields.take(4)))
        elif item_type == ROLE_SELECTION:
            role_class = decode_uid(fields.take_counted())
            scu_role, scp_role = fields.take(2)
            roles.append(RoleSelection(role_class, bool(scu_role), bool(scp_role)))
        elif item_type == EXTENDED_NEGOTIATION:
            extended.append(SOPClassExtendedNegotiation(decode_uid(fields.take_counted()), fields.take_rest()))
        elif item_type == COMMON_EXTENDED_NEGOTIATION:
            common.append(_decode_common_extended(fields))
        elif item_type == USER_IDENTITY_RQ:
            identity = _decode_user_identity(fields)
        elif item_type == USER_IDENTITY_AC:
            identity_response = fields.take_counted()
    return UserInformation(
        max_length, class_uid, version_name, window, tuple(roles), tuple(extended), tuple(common), identity,
        identity_response,
    )  # fmt: skip


def _decode_common_extended(fields: _Fields) -> SOPClassCommonExtendedNegotiation:
    sop_class = decode_uid(fields.take_counted())
    service_class = decode_uid(fields.take_counted())
    list_bytes = fields.take_counted()
    related_fields = _Fields(COMMON_EXTENDED_NEGOTIATION, list_bytes, 0, len(list_bytes))
    related: list[str] = []
    while related_fields.remains:
        related.append(decode_uid(related_fields.take_counted()))
    return SOPClassCommonExtendedNegotiation(sop_class, service_class, tuple(related))


def _decode_user_identity(fields: _Fields) -> UserIdentity:
    identity_type, response_requested = fields.take(2)
    primary = fields.take_counted()
    return UserIdentity(identity_type, primary, fields.take_counted(), bool(response_requested))
