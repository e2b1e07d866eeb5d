"""The pure conversation carried over real sockets, to and from DCMTK and pynetdicom."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

from dcmsend.protocol import (
    AssociateAC,
    AssociateRQ,
    AssociationAccepted,
    AssociationRefused,
    AssociationRequested,
    CEchoRQ,
    CEchoRSP,
    CommandReceived,
    ContextResult,
    CStoreRQ,
    CStoreRSP,
    DataReceived,
    Event,
    FramedBuffer,
    PDataTF,
    PeerReleaseRequested,
    PresentationContext,
    PresentationDataValue,
    ReleaseConfirmed,
    ReleaseRP,
    ReleaseRQ,
    TransportClosed,
    UpperLayer,
    UserInformation,
    encode_command,
    encode_command_pdus,
    encode_pdu,
    max_fragment_length,
)
from protocol.messages import CT, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from support.peers import recording_scp, storescp
from support.programs import dcmtk_program

VERIFICATION = "1.2.840.10008.1.1"
CONTEXTS = (
    PresentationContext(1, VERIFICATION, (IMPLICIT_LITTLE,)),
    PresentationContext(3, CT, (EXPLICIT_LITTLE, IMPLICIT_LITTLE)),
)


class Conversation:
    """An UpperLayer and a socket."""

    def __init__(self, connection: socket.socket, layer: UpperLayer) -> None:
        connection.settimeout(30)
        self.connection = connection
        self.layer = layer
        self.events: deque[Event] = deque()
        self.heard = b""

    def say(self, data: bytes | memoryview) -> None:
        self.connection.sendall(data)

    def hear(self) -> Event:
        while not self.events:
            data = self.connection.recv(65536)
            self.heard += data
            self.events += self.layer.receive_data(data) if data else self.layer.receive_closed()
            assert data or self.events, "the peer has closed"
        return self.events.popleft()


@contextmanager
def requesting(port: int, contexts: tuple[PresentationContext, ...] = CONTEXTS) -> Iterator[Conversation]:
    """An association with the peer, released in order at the end."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        talk = Conversation(connection, UpperLayer(16384))
        talk.say(talk.layer.send(AssociateRQ("ANY-SCP", "DCMSEND", contexts, UserInformation())))
        answer = talk.hear()
        assert isinstance(answer, AssociationAccepted), answer
        yield talk
        talk.say(talk.layer.send(ReleaseRQ()))
        assert talk.hear() == ReleaseConfirmed()


def data_set_of(path: Path) -> tuple[str, bytes]:
    """SOP Instance UID and encoded data set of an Explicit VR Little Endian file."""
    meta = pydicom.dcmread(path, stop_before_pixels=True).file_meta
    assert meta.TransferSyntaxUID == EXPLICIT_LITTLE
    return meta.MediaStorageSOPInstanceUID, path.read_bytes()[144 + meta.FileMetaInformationGroupLength :]


def echo(talk: Conversation) -> None:
    talk.say(encode_command_pdus(encode_command(CEchoRQ(1)), 1, max_fragment_length(talk.layer.peer_max_length)))
    assert talk.hear() == CommandReceived(1, CEchoRSP(1, 0))


def store(port: int, instance_uid: str, data_set: bytes) -> None:
    with requesting(port, CONTEXTS[1:]) as talk:
        fragment_length = max_fragment_length(talk.layer.peer_max_length)
        buffer = FramedBuffer(fragment_length)
        for slot, start in zip(buffer.slots, range(0, len(data_set), fragment_length), strict=False):
            part = data_set[start : start + fragment_length]
            slot[: len(part)] = part
        command = encode_command_pdus(encode_command(CStoreRQ(2, CT, instance_uid)), 3, fragment_length)
        talk.layer.check_can_send_data()
        talk.say(buffer.frame(len(data_set), context_id=3, is_last=True, command=command))
        event = talk.hear()
        assert isinstance(event, CommandReceived)
        assert event.command == CStoreRSP(2, 0, CT, instance_uid)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("max_pdu", [4096, 16384, 131072])
def test_store_to_dcmtk(tmp_path: Path, data: Path, max_pdu: int) -> None:
    instance_uid, data_set = data_set_of(data / "pydicom" / "CT_small.dcm")
    with storescp(tmp_path, "+B", "-uf", "-pdu", str(max_pdu)) as peer:
        store(peer.port, instance_uid, data_set)
        (stored,) = peer.files
        assert stored.read_bytes().endswith(data_set)


@pytest.mark.peer("dcmtk")
def test_dcmtk_accepts_what_it_knows(tmp_path: Path) -> None:
    unknown = PresentationContext(5, "1.2.3.4.5", (EXPLICIT_LITTLE,))
    with storescp(tmp_path) as peer, requesting(peer.port, (*CONTEXTS, unknown)) as talk:
        assert sorted(talk.layer.accepted_contexts) == [1, 3]
        echo(talk)
        assert talk.layer.peer is not None
        assert talk.layer.peer.user_information.implementation_version_name.startswith("OFFIS_DCMTK")


@pytest.mark.peer("dcmtk")
def test_dcmtk_refuses(tmp_path: Path) -> None:
    with storescp(tmp_path, "--refuse") as peer, socket.create_connection(("127.0.0.1", peer.port), 30) as connection:
        talk = Conversation(connection, UpperLayer(16384))
        talk.say(talk.layer.send(AssociateRQ("ANY-SCP", "DCMSEND", CONTEXTS, UserInformation())))
        event = talk.hear()
        assert isinstance(event, AssociationRefused)
        assert event.pdu.describe().startswith("Result: Rejected Permanent, Source: Service User")


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize("max_pdu", [1024, 16382, 0])
def test_store_to_pynetdicom(data: Path, max_pdu: int) -> None:
    instance_uid, data_set = data_set_of(data / "pydicom" / "CT_small.dcm")
    with recording_scp(max_pdu=max_pdu) as peer:
        store(peer.port, instance_uid, data_set)
        assert [stored.data_set for stored in peer.stored] == [data_set]


class AcceptingPeer(threading.Thread):
    """One association as the acceptor, Verification and Storage, on our own UpperLayer."""

    def __init__(self, max_pdu_length: int) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.layer = UpperLayer(max_pdu_length, is_acceptor=True)
        self.max_pdu_length = max_pdu_length
        self.request: AssociateRQ | None = None
        self.request_bytes = b""
        self.commands: list[object] = []
        self.fragments: list[bytes] = []
        self.events_after_release: list[Event] = []

    def run(self) -> None:
        with self.listener, self.listener.accept()[0] as connection:
            talk = Conversation(connection, self.layer)
            while not isinstance(event := talk.hear(), PeerReleaseRequested | TransportClosed):
                self.answer(talk, event)
            talk.say(self.layer.send(ReleaseRP()))
            while data := connection.recv(4096):
                self.events_after_release += self.layer.receive_data(data)
            self.events_after_release += self.layer.receive_closed()

    def answer(self, talk: Conversation, event: Event) -> None:
        if isinstance(event, AssociationRequested):
            self.request, self.request_bytes = event.pdu, talk.heard
            proposed = event.pdu.presentation_contexts
            results = tuple(ContextResult(context.id, 0, context.transfer_syntaxes[0]) for context in proposed)
            ours = UserInformation(self.max_pdu_length)
            talk.say(self.layer.send(AssociateAC(event.pdu.called_ae_title, "", results, ours)))
        elif isinstance(event, CommandReceived):
            self.commands.append(event.command)
            if isinstance(event.command, CEchoRQ):
                self.respond(talk, event.context_id, CEchoRSP(event.command.message_id, 0))
        elif isinstance(event, DataReceived):
            self.fragments.append(event.data)
            request = self.commands[-1]
            if event.is_last and isinstance(request, CStoreRQ):
                self.respond(talk, event.context_id, CStoreRSP(request.message_id, 0xB007, error_comment="as it is"))

    def respond(self, talk: Conversation, context_id: int, response: CEchoRSP | CStoreRSP) -> None:
        value = PresentationDataValue(context_id, True, True, encode_command(response))
        talk.say(self.layer.send(PDataTF((value,))))


@pytest.mark.peer("dcmtk-dcmsend")
def test_dcmtk_dcmsend_stores_to_us(data: Path) -> None:
    path = data / "pydicom" / "CT_small.dcm"
    instance_uid, _ = data_set_of(path)
    peer = AcceptingPeer(4096)
    peer.start()
    program = dcmtk_program("dcmsend")
    assert program is not None
    run = subprocess.run(
        [program, "-v", "127.0.0.1", str(peer.port), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    peer.join(30)
    assert run.returncode == 0, run.stderr
    assert "Received C-STORE Response (Warning: DataSetDoesNotMatchSOPClass)" in run.stderr
    assert peer.commands == [CStoreRQ(1, CT, instance_uid)]
    assert {len(fragment) for fragment in peer.fragments[:-1]} == {max_fragment_length(4096)}
    assert peer.events_after_release == []


@pytest.mark.peer("dcmtk-dcmsend")
def test_our_request_is_dcmtks_byte_for_byte(data: Path) -> None:
    """All but the two fields that say who we are."""
    peer = AcceptingPeer(16384)
    peer.start()
    program = dcmtk_program("dcmsend")
    assert program is not None
    path = data / "pydicom" / "CT_small.dcm"
    subprocess.run([program, "127.0.0.1", str(peer.port), str(path)], capture_output=True, timeout=60, check=True)
    peer.join(30)
    assert peer.request is not None
    theirs = peer.request.user_information
    ours = AssociateRQ(
        "ANY-SCP",
        "DCMSEND",
        (PresentationContext(1, CT, (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE)),),
        UserInformation(16384, theirs.implementation_class_uid, theirs.implementation_version_name),
    )
    assert peer.request == ours
    assert peer.request_bytes == encode_pdu(ours)


@pytest.mark.peer("dcmtk")
def test_dcmtk_echoes_to_us() -> None:
    program = dcmtk_program("echoscu")
    assert program is not None
    peer = AcceptingPeer(16384)
    peer.start()
    subprocess.run(
        [program, "--repeat", "3", "127.0.0.1", str(peer.port)], capture_output=True, timeout=60, check=True
    )
    peer.join(30)
    assert peer.commands == [CEchoRQ(1), CEchoRQ(2), CEchoRQ(3)]
