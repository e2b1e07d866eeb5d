"""The judge is judged: a foreign sender is recorded rightly, and broken streams are complained about."""

from __future__ import annotations

import socket

import pytest

from support import wire
from support.fixture_files import CT_CLASS, EI, encode_data_set, instance
from support.peer_script import Abort, Accept, Respond, Script, Silence, refuse
from support.scripted_peer import ScriptedPeer


def store_with_pynetdicom(peer: ScriptedPeer, count: int) -> list[int | None]:
    """Statuses that pynetdicom got for ``count`` instances; None where none came."""
    pynetdicom = pytest.importorskip("pynetdicom")
    entity = pynetdicom.AE(ae_title="FOREIGN")
    entity.add_requested_context(CT_CLASS, EI)
    entity.dimse_timeout = 5
    association = entity.associate("127.0.0.1", peer.port, ae_title="JUDGE")
    found: list[int | None] = []
    for number in range(1, count + 1):
        if not association.is_established:
            break
        data_set = instance(number)
        data_set.file_meta = pynetdicom.dsutils.create_file_meta(
            sop_class_uid=CT_CLASS, sop_instance_uid=data_set.SOPInstanceUID, transfer_syntax=EI
        )
        found.append(association.send_c_store(data_set, msg_id=number).get("Status"))
    association.release() if association.is_established else association.abort()
    return found


def test_a_foreign_sender_is_recorded() -> None:
    with ScriptedPeer(Script(stores={2: Respond(0xB000)})) as peer:
        assert store_with_pynetdicom(peer, 2) == [0x0000, 0xB000]
    (connection,) = peer.connections
    assert connection.request is not None
    assert (connection.request.calling.strip(), connection.request.called.strip()) == (b"FOREIGN", b"JUDGE")
    assert [context.transfer_syntaxes for context in connection.request.contexts] == [(EI,)]
    assert [bytes(store.data_set) for store in connection.stores] == [
        encode_data_set(instance(number), EI) for number in (1, 2)
    ]
    assert [store.message_id for store in connection.stores] == [1, 2]
    assert connection.course == ["request", "store 1", "store 2", "release", "end"]
    assert not peer.complaints


def test_a_foreign_sender_is_aborted() -> None:
    with ScriptedPeer(Script(stores={1: Abort()})) as peer:
        assert store_with_pynetdicom(peer, 1) == [None]
    assert peer.connections[0].course == ["request", "store 1"]


def test_a_foreign_sender_is_refused() -> None:
    with ScriptedPeer(Script(associate=Accept(contexts=refuse()))) as peer:
        assert store_with_pynetdicom(peer, 1) == []
    assert not peer.stores


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"\x04\x00\x00\x00", "inside a PDU header"),
        (b"\x04\x00\x00\x00\x00\x09" + b"\0" * 4, "5 bytes before the end"),
        (wire.pdu(wire.P_DATA, b"\x00\x00\x00\x01\x01"), "stray bytes"),
        (wire.pdu(wire.P_DATA, b"\x00\x00\x00\x09\x01\x03abc"), "PDV length 9"),
        (wire.pdu(wire.P_DATA, b"\x00\x00\x00\x03\x01\x02a"), "data before the command"),
        (wire.command_pdu(1, b"\x00\x00\x00\x00\x04\x00\x00\x00\x09\x00\x00\x00"), "group length"),
        (wire.pdu(wire.ASSOCIATE_RQ, bytes(20)), "shorter than its fixed part"),
        (b"\x77\x00\x00\x00\x00\x00", "PDU of type 0x77"),
    ],
)
def test_broken_streams_are_complained_about(sent: bytes, complaint: str) -> None:
    with ScriptedPeer() as peer, socket.create_connection(("127.0.0.1", peer.port)) as sender:
        sender.sendall(sent)
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(100) == b""
    assert complaint in peer.complaints[0]


def test_stopping_ends_a_silent_conversation() -> None:
    """A sender that never closes does not keep the peer from ending."""
    with socket.socket() as sender:
        with ScriptedPeer(Script(associate=Silence())) as peer:
            peer.patience = 0.1
            sender.connect(("127.0.0.1", peer.port))
            sender.sendall(b"\x01\x00\x00")
        assert len(peer.connections) == 1
