"""A byte stream means the same however it is cut, and any stream gives events or a breach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcmsend.errors import LocalProtocolError, RemoteProtocolError
from dcmsend.protocol import (
    Abort,
    AssociateAC,
    AssociateRQ,
    ContextResult,
    Event,
    PDataTF,
    PresentationContext,
    PresentationDataValue,
    ReleaseRQ,
    State,
    UpperLayer,
    UserInformation,
    encode_command,
    encode_pdu,
)
from property.protocol_values import associate_acs, commands, data_pdus, pdus

REQUEST = AssociateRQ("B", "A", (PresentationContext(1, "1.2.3", ("1.2.840.10008.1.2",)),), UserInformation())
ACCEPTANCE = encode_pdu(AssociateAC("B", "A", (ContextResult(1, 0, "1.2.840.10008.1.2"),), UserInformation()))


def command_pdu(command_set: bytes) -> bytes:
    return encode_pdu(PDataTF((PresentationDataValue(1, True, True, command_set),)))


pieces = st.one_of(
    st.just(ACCEPTANCE),
    associate_acs.map(encode_pdu),
    commands.map(encode_command).map(command_pdu),
    commands.map(encode_command).map(command_pdu),
    data_pdus.map(encode_pdu),
    pdus.map(encode_pdu),
    st.binary(max_size=30),
)
streams = st.lists(pieces, max_size=6).map(b"".join)
openings = st.sampled_from(["requestor", "associated", "releasing", "aborted", "acceptor"])


def opened(opening: str) -> UpperLayer:
    """An UpperLayer to which the peer may now speak."""
    if opening == "acceptor":
        return UpperLayer(16384, is_acceptor=True)
    layer = UpperLayer(16384)
    layer.send(REQUEST)
    if opening != "requestor":
        layer.receive_data(ACCEPTANCE)
    if opening == "releasing":
        layer.send(ReleaseRQ())
    if opening == "aborted":
        layer.send(Abort())
    return layer


def conversation(opening: str, chunks: list[bytes]) -> tuple[list[Event], str, State]:
    """All events, the text of the breach (if any) and the state at the end."""
    layer = opened(opening)
    events: list[Event] = []
    breach = ""
    for chunk in [*chunks, b""]:
        try:
            events += layer.receive_data(chunk)
        except RemoteProtocolError as error:
            assert not breach, "a breach is raised once"
            breach = str(error)
    return events, breach, layer.state


@given(openings, streams, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_cut_anywhere(opening: str, stream: bytes, sizes: list[int]) -> None:
    chunks = []
    rest = stream
    while rest:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(rest[:size])
        rest = rest[size:]
    whole = conversation(opening, [stream])
    assert conversation(opening, chunks) == whole
    assert conversation(opening, [stream[at : at + 1] for at in range(len(stream))]) == whole


@given(openings, st.binary(max_size=200))
def test_any_bytes(opening: str, stream: bytes) -> None:
    conversation(opening, [stream])


@given(streams, st.data())
def test_whatever_both_sides_do(stream: bytes, data: st.DataObject) -> None:
    """No order of ours and no bytes of theirs gets anything but our own errors out of it."""
    layer = UpperLayer(16384, is_acceptor=data.draw(st.booleans()))
    rest = stream
    for _ in range(data.draw(st.integers(1, 12))):
        try:
            match data.draw(st.sampled_from(["send", "receive", "receive", "closed", "artim", "check"])):
                case "send":
                    layer.send(data.draw(pdus | st.just(REQUEST)))
                case "receive":
                    size = data.draw(st.integers(0, 200))
                    layer.receive_data(rest[:size])
                    rest = rest[size:]
                case "closed":
                    layer.receive_closed()
                case "artim":
                    layer.artim_expired()
                case _:
                    layer.check_can_send_data()
        except (LocalProtocolError, RemoteProtocolError):
            pass
