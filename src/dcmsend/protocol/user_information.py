"""User information of A-ASSOCIATE: sizes, names and further negotiation.  Source: PS3.8 D.1, PS3.7 D.3.3."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from dcmsend.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dcmsend.dicom.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "AsynchronousOperationsWindow",
    "RoleSelection",
    "SOPClassCommonExtendedNegotiation",
    "SOPClassExtendedNegotiation",
    "UserIdentity",
    "UserInformation",
]


class AsynchronousOperationsWindow(Value):
    """How many operations may be outstanding, from the view of the item's sender.  Source: PS3.7 D.3.3.3.

    Attributes:
        max_invoked: requests the sender may send before a response; 0 is unlimited, 1 is the default without the item.
        max_performed: requests the sender accepts before it has responded; 0 is unlimited.
    """

    __slots__ = ("max_invoked", "max_performed")

    def __init__(self, max_invoked: int, max_performed: int) -> None:
        self.max_invoked: Final = max_invoked
        self.max_performed: Final = max_performed


class RoleSelection(Value):
    """Which roles the association requestor may play for a SOP Class.  Source: PS3.7 D.3.3.4."""

    __slots__ = ("sop_class_uid", "scu_role", "scp_role")

    def __init__(self, sop_class_uid: str, scu_role: bool, scp_role: bool) -> None:
        self.sop_class_uid: Final = sop_class_uid
        self.scu_role: Final = scu_role
        self.scp_role: Final = scp_role


class SOPClassExtendedNegotiation(Value):
    """Application information that a Service Class defines for itself.  Source: PS3.7 D.3.3.5."""

    __slots__ = ("sop_class_uid", "application_information")

    def __init__(self, sop_class_uid: str, application_information: bytes) -> None:
        self.sop_class_uid: Final = sop_class_uid
        self.application_information: Final = application_information


class SOPClassCommonExtendedNegotiation(Value):
    """The classification of a proposed SOP Class, for a peer that does not know it.  Source: PS3.7 D.3.3.6.

    Attributes:
        sop_class_uid: the proposed SOP Class.
        service_class_uid: the Service Class it belongs to, e.g. Storage.
        related_general_sop_classes: UIDs of SOP Classes as which it may be treated.
    """

    __slots__ = ("sop_class_uid", "service_class_uid", "related_general_sop_classes")

    def __init__(
        self, sop_class_uid: str, service_class_uid: str, related_general_sop_classes: tuple[str, ...] = ()
    ) -> None:
        self.sop_class_uid: Final = sop_class_uid
        self.service_class_uid: Final = service_class_uid
        self.related_general_sop_classes: Final = related_general_sop_classes


class UserIdentity(Value):
    """The identity of the user.  Source: PS3.7 D.3.3.7.1.

    Attributes:
        identity_type: 1 user name, 2 user name and passcode, 3 Kerberos ticket, 4 SAML assertion, 5 JSON Web Token.
        primary_field: the name, ticket, assertion or token.
        secondary_field: the passcode, empty for other types.
        response_requested: whether the acceptor shall answer with a user identity item.

    Raises TypeError for a value of a wrong type: names and passcodes are bytes.
    """

    __slots__ = ("identity_type", "primary_field", "secondary_field", "response_requested")

    def __init__(
        self, identity_type: int, primary_field: bytes, secondary_field: bytes = b"", response_requested: bool = False
    ) -> None:
        given = (identity_type, primary_field, secondary_field, response_requested)
        for name, value, kind in zip(self.__slots__, given, (int, bytes, bytes, bool), strict=True):
            if not isinstance(value, kind):
                raise TypeError(f"UserIdentity: {name} must be {kind.__name__}, not {type(value).__name__}")
        self.identity_type: Final = identity_type
        self.primary_field: Final = primary_field
        self.secondary_field: Final = secondary_field
        self.response_requested: Final = response_requested

    def __repr__(self) -> str:
        return f"UserIdentity(identity_type={self.identity_type}, ...)"  # a passcode must not get into a log


class UserInformation(Value):
    """The user information item of A-ASSOCIATE-RQ and -AC.

    Attributes:
        max_length: longest P-DATA-TF PDU its sender accepts, in bytes; 0 is unlimited (also if the item is missing).
        implementation_class_uid, implementation_version_name: of the sender's software; empty if missing.
        asynchronous_operations_window: None without the item: one operation at a time.
        role_selections, sop_class_extended_negotiations, common_extended_negotiations: in the order of the PDU.
        user_identity: only in an A-ASSOCIATE-RQ.
        user_identity_response: the server's answer, only in an A-ASSOCIATE-AC.
    """

    __slots__ = (
        "max_length",
        "implementation_class_uid",
        "implementation_version_name",
        "asynchronous_operations_window",
        "role_selections",
        "sop_class_extended_negotiations",
        "common_extended_negotiations",
        "user_identity",
        "user_identity_response",
    )

    def __init__(
        self,
        max_length: int = 16384,
        implementation_class_uid: str = IMPLEMENTATION_CLASS_UID,
        implementation_version_name: str = IMPLEMENTATION_VERSION_NAME,
        asynchronous_operations_window: AsynchronousOperationsWindow | None = None,
        role_selections: tuple[RoleSelection, ...] = (),
        sop_class_extended_negotiations: tuple[SOPClassExtendedNegotiation, ...] = (),
        common_extended_negotiations: tuple[SOPClassCommonExtendedNegotiation, ...] = (),
        user_identity: UserIdentity | None = None,
        user_identity_response: bytes | None = None,
    ) -> None:
        self.max_length: Final = max_length
        self.implementation_class_uid: Final = implementation_class_uid
        self.implementation_version_name: Final = implementation_version_name
        self.asynchronous_operations_window: Final = asynchronous_operations_window
        self.role_selections: Final = role_selections
        self.sop_class_extended_negotiations: Final = sop_class_extended_negotiations
        self.common_extended_negotiations: Final = common_extended_negotiations
        self.user_identity: Final = user_identity
        self.user_identity_response: Final = user_identity_response

    def granted_window(self, asked: int) -> int:
        """How many requests may be in flight after this answer to a request for ``asked``; 1 if nothing was answered.

        Source: PS3.7 D.3.3.3.
        """
        granted = self.asynchronous_operations_window
        if asked < 2 or granted is None:
            return 1
        invoked = granted.max_invoked
        return asked if invoked == 0 else max(1, min(asked, invoked))
