"""The seven PDUs against golden bytes, and against pynetdicom as a judge that shares no code with us."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pynetdicom import pdu as judge
from pynetdicom import pdu_items as items

from dcmsend.errors import LocalProtocolError, RemoteProtocolError
from dcmsend.protocol import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    PDataTF,
    Pdu,
    PresentationContext,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
    UserIdentity,
    UserInformation,
    decode_pdu,
    encode_pdu,
)
from protocol.messages import CT, EXPLICIT_LITTLE, PDUS
from vectors.reader import read_vector

HEADER = 6
ITEMS_AT = 74  # first variable item of an A-ASSOCIATE PDU, header included
JUDGES: dict[type[Any], type[Any]] = {
    AssociateRQ: judge.A_ASSOCIATE_RQ,
    AssociateAC: judge.A_ASSOCIATE_AC,
    AssociateRJ: judge.A_ASSOCIATE_RJ,
    PDataTF: judge.P_DATA_TF,
    ReleaseRQ: judge.A_RELEASE_RQ,
    ReleaseRP: judge.A_RELEASE_RP,
    Abort: judge.A_ABORT_RQ,
}


def decode(data: bytes) -> Pdu:
    """A whole PDU, as a reader of headers would hand it over."""
    pdu_type, length = struct.unpack_from(">BxI", data)
    assert length == len(data) - HEADER
    return decode_pdu(pdu_type, data[HEADER:])


def associate(pdu_type: int, *parts: bytes, version: int = 1) -> bytes:
    """An A-ASSOCIATE body with these items behind the fixed fields."""
    body = struct.pack(">H2x16s16s32x", version, b"B".ljust(16), b"A".ljust(16)) + b"".join(parts)
    return struct.pack(">BxI", pdu_type, len(body)) + body


def item(item_type: int, body: bytes, length: int | None = None) -> bytes:
    """An item, perhaps with a length that lies."""
    return struct.pack(">BxH", item_type, len(body) if length is None else length) + body


@pytest.mark.parametrize("name", PDUS)
def test_encoded_as_the_golden_bytes(name: str) -> None:
    assert encode_pdu(PDUS[name]) == read_vector(name)


@pytest.mark.parametrize("name", PDUS)
def test_golden_bytes_decoded(name: str) -> None:
    assert decode(read_vector(name)) == PDUS[name]


@pytest.mark.parametrize("name", PDUS)
def test_the_judge_reads_our_bytes_and_we_read_the_judges(name: str) -> None:
    theirs = JUDGES[type(PDUS[name])]()
    theirs.decode(encode_pdu(PDUS[name]))
    encoded = theirs.encode()
    # DCMTK, and so we, set a reserved byte of each proposed context
    assert encoded == encode_pdu(PDUS[name]).replace(b"\x00\xff\x00", bytes(3))
    assert decode(encoded) == PDUS[name]


def test_the_judge_finds_every_field_of_a_request() -> None:
    theirs = judge.A_ASSOCIATE_RQ()
    theirs.decode(encode_pdu(PDUS["associate_rq_all_items"]))
    assert theirs.called_ae_title.strip() == "STORE SCP"
    assert theirs.calling_ae_title == "A234567890123456"
    assert theirs.application_context_name == "1.2.840.10008.3.1.1.1"
    contexts = [(each.context_id, each.abstract_syntax, each.transfer_syntax) for each in theirs.presentation_context]
    assert contexts == [
        (1, "1.2.840.10008.1.1", ["1.2.840.10008.1.2"]),
        (255, "1.2.840.10008.5.1.4.1.1.4", ["1.2.840.10008.1.2.4.90"]),
    ]
    found = theirs.user_information
    assert (found.maximum_length, found.implementation_class_uid, found.implementation_version_name) == (
        0,
        "2.25.7",
        "V 1",
    )
    window = found.async_ops_window
    assert (window.maximum_number_operations_invoked, window.maximum_number_operations_performed) == (8, 0)
    role = found.role_selection["1.2.840.10008.5.1.4.1.1.4"]
    assert (role.scu_role, role.scp_role) == (0, 1)
    (extended,) = found.ext_neg
    assert extended.service_class_application_information == bytes((2, 0, 3, 0, 1, 0))
    (common,) = found.common_ext_neg
    assert common.service_class_uid == "1.2.840.10008.4.2"
    assert common.related_general_sop_class_identification == ["1.2.840.10008.5.1.4.1.1.4.1", "1.2.3.4"]
    identity = found.user_identity
    assert (identity.primary_field, identity.secondary_field) == (b"alice", b"secret")
    assert (identity.user_identity_type, identity.positive_response_requested) == (2, 1)


def test_the_judge_finds_every_field_of_an_acceptance() -> None:
    theirs = judge.A_ASSOCIATE_AC()
    theirs.decode(encode_pdu(PDUS["associate_ac_all_items"]))
    assert [(each.context_id, each.result) for each in theirs.presentation_context] == [
        (1, 0),
        (3, 1),
        (5, 2),
        (7, 3),
        (9, 4),
    ]
    assert theirs.presentation_context[0].transfer_syntax == "1.2.840.10008.1.2"
    assert theirs.user_information.user_identity.server_response == b"okay"


def test_our_own_name_is_a_legal_one() -> None:
    ours = UserInformation()
    theirs = judge.A_ASSOCIATE_RQ()
    theirs.decode(encode_pdu(AssociateRQ("B", "A", (PresentationContext(1, CT, (EXPLICIT_LITTLE,)),), ours)))
    assert items.UID(theirs.user_information.implementation_class_uid).is_valid
    assert theirs.user_information.implementation_version_name == ours.implementation_version_name
    assert len(ours.implementation_version_name) <= 16


@pytest.mark.parametrize("title", [" x", "lower case", "back\\slash", "A" * 16, "\udcff\udc80"])
def test_titles_survive_as_they_are(title: str) -> None:
    request = AssociateRQ(title, title, (), UserInformation())
    assert decode(encode_pdu(request)) == request


def test_long_titles_names_and_uids_are_cut() -> None:
    long_uid = "1." + "23" * 40
    ours = UserInformation(implementation_version_name="V" * 20)
    request = AssociateRQ("B" * 20, "A" * 20, (PresentationContext(1, long_uid, (long_uid,)),), ours)
    decoded = decode(encode_pdu(request))
    assert isinstance(decoded, AssociateRQ)
    assert (decoded.called_ae_title, decoded.calling_ae_title) == ("B" * 16, "A" * 16)
    assert decoded.presentation_contexts == (PresentationContext(1, long_uid[:64], (long_uid[:64],)),)
    assert decoded.user_information.implementation_version_name == "V" * 16


@pytest.mark.parametrize(
    "pdu",
    [
        AssociateRQ("", "A", (), UserInformation()),
        AssociateRQ("B", "", (), UserInformation()),
        AssociateRQ("B", "\ud800", (), UserInformation()),
        AssociateRQ("B", "A", (PresentationContext(256, CT, ()),), UserInformation()),
        AssociateRQ("B", "A", (PresentationContext(1, CT, (EXPLICIT_LITTLE,) * 3000),), UserInformation()),
        AssociateRQ("B", "A", (), UserInformation(max_length=1 << 32)),
        AssociateRQ("B", "A", (), UserInformation(user_identity=UserIdentity(1, bytes(70000)))),
        AssociateRQ("B", "A", (), UserInformation(user_identity=UserIdentity(1, bytes(65535)))),
        AssociateRJ(256, 0, 0),
        Abort(0, -1),
        PDataTF((PresentationDataValue(300, True, True, b""),)),
    ],
    ids=lambda pdu: type(pdu).__name__,
)
def test_what_does_not_fit_is_our_error(pdu: Pdu) -> None:
    with pytest.raises(LocalProtocolError):
        encode_pdu(pdu)


def test_unknown_items_are_skipped() -> None:
    context = item(0x21, bytes((1, 0, 0, 0)) + item(0x99, b"?") + item(0x40, b"1.2"))
    user = item(0x50, item(0x5A, b"?") + item(0x51, struct.pack(">I", 4096)) + item(0xFF, b""))
    decoded = decode(associate(2, item(0x77, b"?"), context, user))
    assert decoded == AssociateAC(
        "B", "A", (ContextResult(1, 0, "1.2"),), UserInformation(4096, "", ""), application_context=""
    )


def test_padding_of_uids_and_names_is_removed() -> None:
    context = item(0x21, bytes((1, 0, 0, 0)) + item(0x40, b"1.2.840.10008.1.2\0"))
    user = item(0x50, item(0x52, b"1.2 ") + item(0x55, b"NAME  \0\0"))
    decoded = decode(associate(2, context, user))
    assert isinstance(decoded, AssociateAC)
    assert decoded.context_results[0].transfer_syntax == "1.2.840.10008.1.2"
    assert decoded.user_information == UserInformation(0, "1.2", "NAME")


def test_what_an_answer_leaves_out_is_empty() -> None:
    assert decode(associate(2)) == AssociateAC("B", "A", (), UserInformation(0, "", ""), application_context="")
    contexts = item(0x21, bytes((1, 0, 0, 0))) + item(0x21, bytes((3, 0, 4, 0)) + item(0x40, b""))
    decoded = decode(associate(2, contexts))
    assert isinstance(decoded, AssociateAC)
    assert decoded.context_results == (ContextResult(1, 0, ""), ContextResult(3, 4, ""))


def counted(value: bytes, length: int | None = None) -> bytes:
    """A field behind its length, which perhaps lies."""
    return struct.pack(">H", len(value) if length is None else length) + value


EMPTY_USER_INFORMATION = item(0x50, b"")
TWO_UIDS = counted(b"1.2") + counted(b"1.3")


def acceptance_with(*user_items: bytes) -> bytes:
    return associate(2, item(0x50, b"".join(user_items)))


LYING = {
    "fixed fields cut off": associate(2)[:-1],
    "item header cut off": associate(2, b"\x10\x00\x00"),
    "one byte behind the items": associate(2, item(0x10, b"1.2"), b"\0"),
    "application context": associate(2, item(0x10, b"1.2", 4)),
    "context of 65535 bytes": associate(2, item(0x21, b"\1\0\0\0", 0xFFFF)),
    "context of 3 bytes": associate(2, item(0x21, b"\1\0\0")),
    "proposed context of 0 bytes": associate(1, item(0x20, b"")),
    "transfer syntax longer than its context": associate(
        2, item(0x21, bytes(4) + item(0x40, b"1.2", 4)), EMPTY_USER_INFORMATION
    ),
    "abstract syntax longer than its context": associate(
        1, item(0x20, bytes(4) + item(0x30, b"1.2", 4)), EMPTY_USER_INFORMATION
    ),
    "sub-item longer than the user information": associate(
        2, item(0x50, item(0x52, b"1.2", 9)), item(0x10, b"1.2.3.4")
    ),
    "maximum length of 2 bytes": acceptance_with(item(0x51, b"\x40\0")),
    "window of 3 bytes": acceptance_with(item(0x53, b"\0\1\0")),
    "role without roles": acceptance_with(item(0x54, counted(b"1.2"))),
    "role whose UID is too long": acceptance_with(item(0x54, counted(b"1.2", 4))),
    "extended negotiation without UID": acceptance_with(item(0x56, b"\0")),
    "common negotiation with a lying list": acceptance_with(item(0x57, TWO_UIDS + counted(counted(b"1.2"), 6))),
    "common negotiation with a lying list element": acceptance_with(
        item(0x57, TWO_UIDS + counted(counted(b"1.2", 4)))
    ),
    "user identity without secondary field": acceptance_with(item(0x58, b"\1\0" + counted(b"a"))),
    "user identity response cut off": acceptance_with(item(0x59, counted(b"okay", 5))),
    "no presentation data value": bytes((4, 0)) + bytes(4),
    "presentation data value cut off": struct.pack(">BxI", 4, 3) + b"\0\0\0",
    "presentation data value of 0 bytes": struct.pack(">BxIIBB", 4, 6, 0, 1, 3),
    "presentation data value of 1 byte": struct.pack(">BxIIBB", 4, 6, 1, 1, 3),
    "presentation data value longer than its PDU": struct.pack(">BxIIBB", 4, 6, 3, 1, 3),
    "presentation data value of 4 GiB": struct.pack(">BxIIBB", 4, 6, 0xFFFFFFFF, 1, 3),
    "bytes behind the last presentation data value": struct.pack(">BxIIBBB", 4, 7, 2, 1, 3, 0),
}


@pytest.mark.parametrize("name", LYING)
def test_lengths_that_lie(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_pdu(LYING[name][0], LYING[name][HEADER:])
    assert caught.value.abort_reason == 6


@pytest.mark.parametrize("pdu_type", [0, 8, 9, 0x48, 255])
def test_pdu_types_that_do_not_exist(pdu_type: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^Unrecognized PDU type: {pdu_type:2x}$") as caught:
        decode_pdu(pdu_type, bytes(4))
    assert caught.value.abort_reason == 1


@pytest.mark.parametrize("body", [b"", b"\0", bytes(4), bytes(10)], ids=len)
def test_short_pdus_mean_the_same_at_any_length(body: bytes) -> None:
    assert decode_pdu(5, body) == ReleaseRQ()
    assert decode_pdu(6, body) == ReleaseRP()
    assert decode_pdu(7, body) == Abort(0, 0)
    assert decode_pdu(3, body) == AssociateRJ(0, 0, 0)


def test_values_are_equal_by_type_and_fields() -> None:
    assert ReleaseRQ() == ReleaseRQ()
    assert ReleaseRQ() != ReleaseRP()
    assert AssociateRJ(1, 1, 1) != Abort(1, 1)
    assert hash(Abort(2, 6)) == hash(decode(read_vector("abort")))
    assert len({ReleaseRQ(), ReleaseRP(), ReleaseRQ()}) == 2


def test_a_passcode_is_not_shown() -> None:
    assert "secret" not in repr(PDUS["associate_rq_all_items"])
