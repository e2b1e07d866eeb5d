"""Storage Commitment Push Model: the request, and the archive's report.

Source: PS3.4 Annex J, PS3.3 C.14.
"""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dcmsend.dicom.value import Value
from dcmsend.errors import LocalProtocolError, PeerDataSetError

from .data_set_values import Element, encode_data_set, encode_uids, read_values, text_of, uid_of_value

__all__ = [
    "STORAGE_COMMITMENT_PUSH_MODEL", "STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE", "CommitmentReport", "FailedReference",
    "SOPReference", "decode_commitment_report", "encode_commitment_request",
]  # fmt: skip

STORAGE_COMMITMENT_PUSH_MODEL: Final = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
"""SOP Class and well-known SOP Instance.  Source: PS3.4 J.3.5."""

RETRIEVE_AE_TITLE: Final = 0x00080054
REFERENCED_SOP_CLASS_UID: Final = 0x00081150
REFERENCED_SOP_INSTANCE_UID: Final = 0x00081155
TRANSACTION_UID: Final = 0x00081195
FAILURE_REASON: Final = 0x00081197
FAILED_SOP_SEQUENCE: Final = 0x00081198
REFERENCED_SOP_SEQUENCE: Final = 0x00081199

_COMMITTED: Final = frozenset((REFERENCED_SOP_CLASS_UID, REFERENCED_SOP_INSTANCE_UID))
_SEQUENCES: Final = {REFERENCED_SOP_SEQUENCE: _COMMITTED, FAILED_SOP_SEQUENCE: _COMMITTED | {FAILURE_REASON}}


class SOPReference(Value):
    """An instance by its UIDs; ``''`` for one that a report does not give.  Source: PS3.3 Table 10-11."""

    __slots__ = ("sop_class_uid", "sop_instance_uid")

    def __init__(self, sop_class_uid: str, sop_instance_uid: str) -> None:
        self.sop_class_uid: Final = sop_class_uid
        self.sop_instance_uid: Final = sop_instance_uid


class FailedReference(Value):
    """An instance for which the archive refuses the commitment.

    Attributes:
        sop_class_uid, sop_instance_uid: as in SOPReference.
        failure_reason: 0..65535, see ``general_status_text``; None if the report does not give it.

    Source: PS3.3 C.14.1.1.
    """

    __slots__ = ("sop_class_uid", "sop_instance_uid", "failure_reason")

    def __init__(self, sop_class_uid: str, sop_instance_uid: str, failure_reason: int | None) -> None:
        self.sop_class_uid: Final = sop_class_uid
        self.sop_instance_uid: Final = sop_instance_uid
        self.failure_reason: Final = failure_reason


class CommitmentReport(Value):
    """The data set of an N-EVENT-REPORT-RQ; it has not been compared with the request.

    Attributes:
        transaction_uid: UID of the request it belongs to, never empty.
        committed: instances that the archive has committed itself to; one may also be in ``failed``.
        failed: instances for which it has refused.
        retrieve_ae_title: AE from which the instances can be retrieved, ``''`` if the report does not say.

    Source: PS3.4 Table J.3-2.
    """

    __slots__ = ("transaction_uid", "committed", "failed", "retrieve_ae_title")

    def __init__(
        self,
        transaction_uid: str,
        committed: tuple[SOPReference, ...],
        failed: tuple[FailedReference, ...] = (),
        retrieve_ae_title: str = "",
    ) -> None:
        self.transaction_uid: Final = transaction_uid
        self.committed: Final = committed
        self.failed: Final = failed
        self.retrieve_ae_title: Final = retrieve_ae_title


def encode_commitment_request(
    transaction_uid: str, references: Sequence[SOPReference], transfer_syntax_uid: str
) -> bytes:
    """The data set of an N-ACTION-RQ that requests commitment for at least one instance.  Source: PS3.4 Table J.3-1.

    The UIDs are sent as they are, even if they have more than 64 characters.
    Raises LocalProtocolError for no instance, or for a transfer syntax that is not in MESSAGE_TRANSFER_SYNTAXES.
    """
    if not transaction_uid or not references:
        raise LocalProtocolError("a storage commitment is asked for nothing")
    items: list[list[Element]] = [
        [
            (REFERENCED_SOP_CLASS_UID, "UI", encode_uids(reference.sop_class_uid)),
            (REFERENCED_SOP_INSTANCE_UID, "UI", encode_uids(reference.sop_instance_uid)),
        ]
        for reference in references
    ]
    elements: list[Element] = [
        (TRANSACTION_UID, "UI", encode_uids(transaction_uid)),
        (REFERENCED_SOP_SEQUENCE, "SQ", items),
    ]
    return encode_data_set(elements, transfer_syntax_uid)


def decode_commitment_report(data: bytes, transfer_syntax_uid: str) -> CommitmentReport:
    """The report in the data set of an N-EVENT-REPORT-RQ; a missing sequence is an empty one.

    Raises PeerDataSetError when it cannot be read, has too many parts, or has no Transaction UID; LocalProtocolError
    for a transfer syntax that is not in MESSAGE_TRANSFER_SYNTAXES.
    """
    found = read_values(data, transfer_syntax_uid, (TRANSACTION_UID, RETRIEVE_AE_TITLE), _SEQUENCES)
    transaction_uid = uid_of_value(found.values.get(TRANSACTION_UID))
    if not transaction_uid:
        raise PeerDataSetError("no Transaction UID (0008,1195)")
    return CommitmentReport(
        transaction_uid,
        tuple([SOPReference(*_uids(item)) for item in found.items.get(REFERENCED_SOP_SEQUENCE, ())]),
        tuple([
            FailedReference(*_uids(item), _reason(item.get(FAILURE_REASON, b"")))
            for item in found.items.get(FAILED_SOP_SEQUENCE, ())
        ]),
        text_of(found.values.get(RETRIEVE_AE_TITLE)),
    )  # fmt: skip


def _uids(item: dict[int, bytes]) -> tuple[str, str]:
    return uid_of_value(item.get(REFERENCED_SOP_CLASS_UID)), uid_of_value(item.get(REFERENCED_SOP_INSTANCE_UID))


def _reason(value: bytes) -> int | None:
    return int.from_bytes(value[:2], "little") if len(value) >= 2 else None
