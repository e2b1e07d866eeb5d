"""Conversations: what the UpperLayer tells of what the peer sends, and how it takes breaches of the protocol."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from dcmsend.errors import LocalProtocolError, RemoteProtocolError
from dcmsend.protocol import (
    Abort,
    AcceptedContext,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    AssociationAccepted,
    AssociationRefused,
    AssociationRequested,
    CommandParseError,
    CommandReceived,
    ContextResult,
    CStoreRSP,
    DataReceived,
    PDataTF,
    PeerAborted,
    PeerReleaseRequested,
    PresentationContext,
    PresentationDataValue,
    ReleaseConfirmed,
    ReleaseRP,
    ReleaseRQ,
    State,
    TransportClosed,
    UpperLayer,
    UserInformation,
    encode_command,
    encode_pdu,
)
from protocol.messages import CT, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR

REQUEST = AssociateRQ(
    "B",
    "A",
    (
        PresentationContext(1, CT, (EXPLICIT_LITTLE, IMPLICIT_LITTLE)),
        PresentationContext(3, MR, (EXPLICIT_LITTLE,)),
        PresentationContext(5, MR, (IMPLICIT_LITTLE,)),
    ),
    UserInformation(16384),
)
ACCEPTANCE = AssociateAC(
    "B", "A", (ContextResult(1, 0, IMPLICIT_LITTLE), ContextResult(3, 4, EXPLICIT_LITTLE)), UserInformation(4096)
)
RESPONSE = encode_command(CStoreRSP(1, 0))
PROVIDER = "Service Provider"
GARBAGE = b"HTTP/1.1 400 Bad Request\r\n"


def data_pdu(data: bytes, *, context_id: int = 1, is_command: bool = True, is_last: bool = True) -> bytes:
    return encode_pdu(PDataTF((PresentationDataValue(context_id, is_command, is_last, data),)))


def associated(max_pdu_length: int = 16384) -> UpperLayer:
    """A requestor with a standing association."""
    layer = UpperLayer(max_pdu_length)
    layer.send(REQUEST)
    layer.receive_data(encode_pdu(ACCEPTANCE))
    return layer


def test_requestor_and_acceptor_agree() -> None:
    requestor, acceptor = UpperLayer(16384), UpperLayer(4096, is_acceptor=True)
    assert acceptor.receive_data(requestor.send(REQUEST)) == [AssociationRequested(REQUEST)]
    assert requestor.receive_data(acceptor.send(ACCEPTANCE)) == [AssociationAccepted(ACCEPTANCE)]
    assert requestor.accepted_contexts == acceptor.accepted_contexts == {1: AcceptedContext(1, CT, IMPLICIT_LITTLE)}
    assert (requestor.peer_max_length, acceptor.peer_max_length) == (4096, 16384)
    assert requestor.peer == ACCEPTANCE
    assert acceptor.receive_data(requestor.send(ReleaseRQ())) == [PeerReleaseRequested()]
    assert requestor.receive_data(acceptor.send(ReleaseRP())) == [ReleaseConfirmed()]
    assert requestor.state is State.IDLE
    assert acceptor.state is State.AWAITING_TRANSPORT_CLOSE
    assert acceptor.receive_closed() == []
    assert acceptor.state is State.IDLE


def test_release_collision() -> None:
    requestor, acceptor = UpperLayer(16384), UpperLayer(4096, is_acceptor=True)
    acceptor.receive_data(requestor.send(REQUEST))
    requestor.receive_data(acceptor.send(ACCEPTANCE))
    ours, theirs = requestor.send(ReleaseRQ()), acceptor.send(ReleaseRQ())
    assert requestor.receive_data(theirs) == [PeerReleaseRequested()]
    assert acceptor.receive_data(ours) == [PeerReleaseRequested()]
    assert acceptor.receive_data(requestor.send(ReleaseRP())) == [ReleaseConfirmed()]
    assert requestor.receive_data(acceptor.send(ReleaseRP())) == [ReleaseConfirmed()]
    assert requestor.state is State.IDLE


def test_which_contexts_may_be_used() -> None:
    answer = AssociateAC(
        "B",
        "A",
        (
            ContextResult(1, 0, EXPLICIT_BIG),  # a syntax we did not propose
            ContextResult(3, 3, EXPLICIT_LITTLE),
            ContextResult(5, 0, ""),  # accepted, but how?
            ContextResult(7, 0, EXPLICIT_LITTLE),  # never proposed
        ),
        UserInformation(0),
    )
    layer = UpperLayer(16384)
    layer.send(REQUEST)
    layer.receive_data(encode_pdu(answer))
    assert layer.accepted_contexts == {1: AcceptedContext(1, CT, EXPLICIT_BIG)}


def test_rejection() -> None:
    layer = UpperLayer(16384)
    layer.send(REQUEST)
    assert layer.receive_data(encode_pdu(AssociateRJ(1, 1, 7))) == [AssociationRefused(AssociateRJ(1, 1, 7))]
    assert layer.state is State.IDLE
    assert layer.receive_data(b"whatever comes behind it") == []
    assert layer.receive_closed() == []


def test_an_answer_in_another_protocol_version() -> None:
    layer = UpperLayer(16384)
    layer.send(REQUEST)
    answer = AssociateAC("B", "A", (), UserInformation(0), protocol_version=2)
    with pytest.raises(RemoteProtocolError, match=r"^DUL Unsupported peer protocol 0002"):
        layer.receive_data(encode_pdu(answer))


@pytest.mark.parametrize("size", [1, 2, 50, 1000])
def test_a_command_in_many_fragments(size: int) -> None:
    layer = associated()
    starts = range(0, len(RESPONSE), size)
    stream = b"".join(data_pdu(RESPONSE[start : start + size], is_last=start == starts[-1]) for start in starts)
    assert layer.receive_data(stream) == [CommandReceived(1, CStoreRSP(1, 0))]


def test_commands_with_some_empty_fragments() -> None:
    layer = associated()
    stream = data_pdu(b"", is_last=False) * 600 + data_pdu(RESPONSE)
    for _ in range(3):
        assert layer.receive_data(stream) == [CommandReceived(1, CStoreRSP(1, 0))]


def test_fragments_of_several_messages_in_one_pdu() -> None:
    layer = associated()
    values = (
        PresentationDataValue(1, True, False, RESPONSE[:10]),
        PresentationDataValue(1, True, True, RESPONSE[10:]),
        PresentationDataValue(99, True, True, RESPONSE),
        PresentationDataValue(1, False, False, b"ab"),
        PresentationDataValue(1, False, True, b""),
    )
    assert layer.receive_data(encode_pdu(PDataTF(values))) == [
        CommandReceived(1, CStoreRSP(1, 0)),
        CommandReceived(99, CStoreRSP(1, 0)),
        DataReceived(1, b"ab", False),
        DataReceived(1, b"", True),
    ]


def test_what_is_no_command_is_told_and_the_association_stands() -> None:
    layer = associated()
    (event,) = layer.receive_data(data_pdu(b"rubbish!"))
    assert isinstance(event, CommandReceived)
    assert isinstance(event.command, CommandParseError)
    layer.check_can_send_data()


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (data_pdu(RESPONSE[:10], is_last=False) + data_pdu(b"ab", is_command=False), "DIMSE: Command PDV Expected"),
        (data_pdu(b"", is_last=False) + data_pdu(b"ab", is_command=False), "DIMSE: Command PDV Expected"),
        (
            data_pdu(RESPONSE[:10], is_last=False) + data_pdu(RESPONSE[10:], context_id=3),
            "DIMSE: Different PresIDs inside Command Set: 1 != 3",
        ),
        (data_pdu(bytes(16000), is_last=False) * 5, "command set is longer than 65536 bytes"),
        (data_pdu(b"", is_last=False) * 1025, "a command set without end: its fragments are empty"),
        (struct.pack(">BxI", 4, 17409), "DUL Illegal PDU Length 17409.  Max expected 16384"),
        (struct.pack(">BxI", 4, 0xFFFFFFFF), "DUL Illegal PDU Length 4294967295.  Max expected 16384"),
        (struct.pack(">BxI", 2, 0x7FFFFFFF), "A-ASSOCIATE PDU too large: 2147483647 bytes"),
        (struct.pack(">BxI", 6, 0x7FFFFFFF), "DUL Illegal PDU Length"),
        (GARBAGE, "Unrecognized PDU type: 48"),
        (bytes(6), "Unrecognized PDU type:  0"),
        (encode_pdu(ACCEPTANCE), "Unexpected PDU type: 02H in DATA_TRANSFER"),
        (encode_pdu(ReleaseRP()), "Unexpected PDU type: 06H in DATA_TRANSFER"),
    ],
)
def test_breaches(stream: bytes, text: str) -> None:
    layer = associated()
    with pytest.raises(RemoteProtocolError) as caught:
        layer.receive_data(stream)
    assert caught.value.text == text
    assert layer.violation is caught.value
    assert layer.state is State.AWAITING_TRANSPORT_CLOSE
    assert layer.receive_data(data_pdu(RESPONSE)) == [], "after a breach nothing is believed"
    assert layer.send(Abort(2, caught.value.abort_reason)) == encode_pdu(Abort(2, caught.value.abort_reason))
    with pytest.raises(LocalProtocolError):
        layer.send(Abort())
    assert layer.receive_closed() == []


def test_what_came_before_a_breach_is_not_lost() -> None:
    layer = associated()
    assert layer.receive_data(data_pdu(RESPONSE) + GARBAGE) == [CommandReceived(1, CStoreRSP(1, 0))]
    assert str(layer.violation) == "Unrecognized PDU type: 48"
    with pytest.raises(RemoteProtocolError, match="Unrecognized PDU type: 48"):
        layer.receive_data(b"")
    assert layer.receive_data(b"") == [], "a breach is raised once"


@pytest.mark.parametrize(
    "happening",
    [
        UpperLayer.receive_closed,
        UpperLayer.check_can_send_data,
        lambda layer: layer.send(ReleaseRQ()),
        lambda layer: layer.receive_data(b"more"),
    ],
    ids=["closed", "check", "send", "data"],
)
def test_a_breach_is_raised_by_whatever_comes_next(happening: object) -> None:
    layer = associated()
    layer.receive_data(data_pdu(RESPONSE) + GARBAGE)
    assert callable(happening)
    with pytest.raises(RemoteProtocolError, match="Unrecognized PDU type: 48"):
        happening(layer)


def test_an_abort_may_be_sent_at_once_after_a_breach() -> None:
    layer = associated()
    layer.receive_data(data_pdu(RESPONSE) + GARBAGE)
    assert layer.send(Abort()) == encode_pdu(Abort())


def test_garbage_after_our_abort_is_nobodys_business() -> None:
    layer = associated()
    layer.send(Abort())
    assert layer.receive_data(data_pdu(RESPONSE) + GARBAGE) == []
    assert layer.violation is None
    assert layer.receive_closed() == []


def test_an_abort_ends_all() -> None:
    layer = associated()
    stream = data_pdu(RESPONSE) + encode_pdu(Abort(2, 2)) + data_pdu(RESPONSE)
    assert layer.receive_data(stream) == [CommandReceived(1, CStoreRSP(1, 0)), PeerAborted(Abort(2, 2))]
    assert layer.state is State.IDLE
    assert layer.receive_closed() == []
    with pytest.raises(LocalProtocolError):
        layer.check_can_send_data()


def test_the_connection_ends() -> None:
    layer = associated()
    assert layer.receive_data(data_pdu(RESPONSE)[:-1]) == []
    assert layer.receive_closed() == [TransportClosed()]
    assert layer.state is State.IDLE
    assert layer.receive_closed() == []


@pytest.mark.parametrize("end", ["release", "abort", "peer's release", "closed"])
def test_data_may_be_sent_only_while_the_association_stands(end: str) -> None:
    layer = UpperLayer(16384)
    with pytest.raises(LocalProtocolError):
        layer.check_can_send_data()
    layer.send(REQUEST)
    with pytest.raises(LocalProtocolError):
        layer.check_can_send_data()
    layer.receive_data(encode_pdu(ACCEPTANCE))
    layer.check_can_send_data()
    if end == "release":
        layer.send(ReleaseRQ())
    elif end == "abort":
        layer.send(Abort())
    elif end == "closed":
        layer.receive_closed()
    else:
        layer.receive_data(encode_pdu(ReleaseRQ()))
    with pytest.raises(LocalProtocolError):
        layer.check_can_send_data()


def test_an_answer_may_come_after_our_release_request() -> None:
    layer = associated()
    layer.send(ReleaseRQ())
    assert layer.receive_data(data_pdu(RESPONSE)) == [CommandReceived(1, CStoreRSP(1, 0))]
    assert layer.receive_data(encode_pdu(ReleaseRP())) == [ReleaseConfirmed()]


def test_bytes_before_a_connection_are_our_error() -> None:
    with pytest.raises(LocalProtocolError):
        UpperLayer(16384).receive_data(b"x")


def test_a_request_that_cannot_be_encoded_changes_nothing() -> None:
    layer = UpperLayer(16384)
    with pytest.raises(LocalProtocolError, match=r"^Illegal service parameter: Calling AP Title$"):
        layer.send(AssociateRQ("B", "", (), UserInformation()))
    assert layer.state is State.IDLE
    layer.send(REQUEST)


def test_the_longest_pdu_we_announced_is_taken() -> None:
    layer = associated(131072)
    data = bytes(131066)
    assert layer.receive_data(data_pdu(data, is_command=False)) == [DataReceived(1, data, True)]
    unlimited = associated(0)
    data = bytes(1 << 20)
    assert unlimited.receive_data(data_pdu(data, is_command=False)) == [DataReceived(1, data, True)]


def test_nothing_is_kept_of_a_buffer_that_will_be_used_again() -> None:
    layer = associated()
    shared = bytearray(data_pdu(b"abcd", is_command=False))
    view = memoryview(shared)
    assert layer.receive_data(view[:8]) == []
    shared[:8] = bytes(8)
    (event,) = layer.receive_data(view[8:])
    shared[:] = bytes(len(shared))
    assert event == DataReceived(1, b"abcd", True)


def test_memory_follows_what_came_and_not_what_was_announced() -> None:
    layer = UpperLayer(16384)
    layer.send(REQUEST)
    tracemalloc.start()
    try:
        assert layer.receive_data(struct.pack(">BxI", 2, 1 << 20)) == []
        assert layer.receive_data(bytes(1000)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16384


@pytest.mark.parametrize(
    ("pdu", "words"),
    [
        (AssociateRJ(1, 1, 7), ["Rejected Permanent", "Service User", "Called AE Title Not Recognized"]),
        (AssociateRJ(1, 2, 2), ["Rejected Permanent", f"{PROVIDER} (ACSE Related)", "Protocol Version Not Supported"]),
        (AssociateRJ(2, 3, 2), ["Rejected Transient", f"{PROVIDER} (Presentation Related)", "Local Limit Exceeded"]),
        (AssociateRJ(9, 8, 7), ["Unknown Result: 9", "Unknown Source: 8", "Unknown Reason: 7"]),
    ],
    ids=repr,
)
def test_rejections_in_words(pdu: AssociateRJ, words: list[str]) -> None:
    # observed with DCMTK dcmsend 3.6.7, option --debug
    assert pdu.describe() == "Result: {}, Source: {}\nReason: {}".format(*words)


@pytest.mark.parametrize(
    ("pdu", "words"),
    [
        (Abort(0, 5), "Source: Service User"),
        (Abort(2, 1), "Source: Service Provider, Reason: Unrecognized PDU"),
        (Abort(2, 3), "Source: Service Provider, Reason: Unknown Reason: 3"),
        (Abort(1, 0), "Source: Unknown Source: 1"),
    ],
    ids=repr,
)
def test_aborts_in_words(pdu: Abort, words: str) -> None:
    assert pdu.describe() == words


def test_results_of_contexts_in_words() -> None:
    # observed with DCMTK dcmsend 3.6.7, option --debug
    assert [ContextResult(1, result).describe() for result in range(6)] == [
        "Accepted",
        "User Rejection",
        "No Reason",
        "Abstract Syntax Not Supported",
        "Transfer Syntaxes Not Supported",
        "--Invalid Result/Reason--",
    ]
