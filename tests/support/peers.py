"""Real Storage SCPs on 127.0.0.1: DCMTK's storescp, dcmrecv and dcmqrscp, Orthanc, pynetdicom.

Each function is a context manager that gives a running peer and stops it.  DCMTK's servers get TCP_NODELAY=1 unless the
caller says otherwise, because their default costs 40 ms a message with senders that leave Nagle's algorithm on.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.processes import ServerProcess, wait_until
from support.programs import dcmtk_program

__all__ = [
    "DirectoryPeer",
    "OrthancPeer",
    "RecordingPeer",
    "StoredObject",
    "dcmqrscp",
    "dcmrecv",
    "orthanc",
    "recording_scp",
    "storescp",
]

_NODELAY = {"TCP_NODELAY": "1"}


def _program(name: str) -> str:
    found = dcmtk_program(name)
    assert found is not None, f"{name} is not installed; the test lacks its peer marker"
    return found


@dataclass
class DirectoryPeer:
    """A peer that writes received instances into a folder.

    Attributes:
        port: where it listens.
        directory: the folder.
    """

    port: int
    directory: Path
    server: ServerProcess

    @property
    def files(self) -> list[Path]:
        """Everything received, sorted by name."""
        return sorted(path for path in self.directory.rglob("*") if path.is_file())

    @property
    def log(self) -> str:
        """The log of the peer."""
        return self.server.log


@contextmanager
def storescp(
    folder: Path, *options: str, environment: Mapping[str, str] = _NODELAY, received: str = "received"
) -> Iterator[DirectoryPeer]:
    """DCMTK's storescp with further options; ``+B +uf`` keeps each object as it came, under a new name."""
    directory = folder / received
    directory.mkdir(parents=True)
    program = _program("storescp")
    with ServerProcess(
        lambda port: [program, *options, "-od", str(directory), str(port)], folder / f"{received}.log", environment
    ) as server:
        yield DirectoryPeer(server.port, directory, server)


@contextmanager
def dcmrecv(
    folder: Path,
    sop_classes: Sequence[str],
    *options: str,
    transfer_syntaxes: Sequence[str] = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"),
    environment: Mapping[str, str] = _NODELAY,
) -> Iterator[DirectoryPeer]:
    """DCMTK's dcmrecv for at most 127 SOP Classes; earlier transfer syntaxes are preferred."""
    directory = folder / "received"
    directory.mkdir(parents=True)
    lines = ["[[TransferSyntaxes]]", "[Syntaxes]"]
    lines += [f"TransferSyntax{number} = {uid}" for number, uid in enumerate(transfer_syntaxes, 1)]
    lines += ["[[PresentationContexts]]", "[Contexts]", "PresentationContext1 = 1.2.840.10008.1.1\\Syntaxes"]
    lines += [f"PresentationContext{number} = {uid}\\Syntaxes" for number, uid in enumerate(sop_classes, 2)]
    lines += ["[[Profiles]]", "[Default]", "PresentationContexts = Contexts", ""]
    configuration = folder / "dcmrecv.cfg"
    configuration.write_text("\n".join(lines))
    program = _program("dcmrecv")
    with ServerProcess(
        lambda port: [program, "-xf", str(configuration), "Default", *options, "-od", str(directory), str(port)],
        folder / "dcmrecv.log",
        environment,
    ) as server:
        yield DirectoryPeer(server.port, directory, server)


@contextmanager
def dcmqrscp(folder: Path, *options: str, environment: Mapping[str, str] = _NODELAY) -> Iterator[DirectoryPeer]:
    """DCMTK's dcmqrscp; its AE title is QRSCP, and it refuses to be called otherwise."""
    directory = folder / "database"
    directory.mkdir(parents=True)
    configuration = folder / "dcmqrscp.cfg"
    program = _program("dcmqrscp")

    def command(port: int) -> list[str]:
        configuration.write_text(
            f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
            "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\nQRSCP {directory} RW (20000, 1024mb) ANY\nAETable END\n"
        )
        return [program, "-c", str(configuration), *options]

    with ServerProcess(command, folder / "dcmqrscp.log", environment) as server:
        yield DirectoryPeer(server.port, directory, server)


@dataclass
class OrthancPeer:
    """A running Orthanc.

    Attributes:
        port: its DICOM port.
        http_port: its REST interface.
        headers: what each request to that interface needs, e.g. ``Authorization``.
    """

    port: int
    http_port: int
    server: ServerProcess
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        """The parsed JSON answer to a GET of its REST interface."""
        return json.loads(self.get_bytes(path))

    def get_bytes(self, path: str) -> bytes:
        """The raw answer to a GET of its REST interface."""
        with self._open(path, "GET") as answer:
            content: bytes = answer.read()
            return content

    def forget(self, sop_instance_uid: str) -> None:
        """Delete an instance behind everybody's back."""
        self.delete(f"/instances/{self.instances()[sop_instance_uid]}")

    def delete(self, path: str) -> None:
        """Delete a resource of its REST interface."""
        self._open(path, "DELETE").close()

    def _open(self, path: str, method: str) -> Any:
        url = f"http://127.0.0.1:{self.http_port}{path}"
        return urllib.request.urlopen(
            urllib.request.Request(url, method=method, headers=dict(self.headers)), timeout=30
        )

    def instances(self) -> dict[str, str]:
        """Orthanc's own identifier of each stored instance, by SOP Instance UID."""
        return {row["MainDicomTags"]["SOPInstanceUID"]: row["ID"] for row in self.get("/instances?expand")}


@contextmanager
def orthanc(
    folder: Path, *, headers: Mapping[str, str] | None = None, environment: Mapping[str, str] = _NODELAY,
    **settings: object,
) -> Iterator[OrthancPeer]:  # fmt: skip
    """Orthanc with an empty store; ``settings`` go into its configuration file, ``headers`` into requests to it."""
    store = folder / "store"
    store.mkdir(parents=True)
    configuration = folder / "orthanc.json"
    http_port = free_port()
    program = _program("Orthanc")

    def command(port: int) -> list[str]:
        configuration.write_text(
            json.dumps(
                {
                    "Name": "peer",
                    "StorageDirectory": str(store),
                    "IndexDirectory": str(store),
                    "HttpPort": http_port,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "DicomAet": "ORTHANC",
                    "DicomPort": port,
                    "DicomCheckCalledAet": False,
                    "DicomAlwaysAllowStore": True,
                    "DicomAlwaysAllowEcho": True,
                    "UnknownSopClassAccepted": True,
                    "Plugins": [],
                    **settings,
                }
            )
        )
        return [program, str(configuration)]

    with ServerProcess(command, folder / "orthanc.log", environment) as server:
        peer = OrthancPeer(server.port, http_port, server, headers or {})

        def answers() -> bool:
            try:
                return bool(peer.get("/system"))
            except OSError:
                return False

        try:
            wait_until(answers, 30, f"Orthanc's REST interface\n{server.log}")
            yield peer
        finally:
            server.kill()


@dataclass(frozen=True)
class StoredObject:
    """One C-STORE as the peer saw it.

    Attributes:
        sop_class_uid: Affected SOP Class UID of the request.
        sop_instance_uid: Affected SOP Instance UID of the request.
        transfer_syntax: of the presentation context it came on.
        data_set: its bytes exactly as received.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    data_set: bytes


@dataclass
class RecordingPeer:
    """A Storage SCP of pynetdicom in this process that keeps what it received.

    Attributes:
        associations: how many it has at the moment.
    """

    port: int
    stored: list[StoredObject] = field(default_factory=list)
    associations: Callable[[], int] = lambda: 0


@contextmanager
def recording_scp(
    *,
    transfer_syntaxes: Sequence[str] | None = None,
    on_store: Callable[[StoredObject], int] = lambda _: 0x0000,
    max_pdu: int = 16382,
    patience: float = 120,
) -> Iterator[RecordingPeer]:
    """pynetdicom as a peer.

    Without ``transfer_syntaxes`` it takes any storage SOP Class in the first syntax proposed, private ones too; with
    them the storage SOP Classes that are not retired, in the first of these proposed.  ``on_store`` gives the
    status; ``patience`` is how many seconds it waits for anything.
    """
    from pynetdicom import AE, AllStoragePresentationContexts, _config, evt

    peer = RecordingPeer(0)

    def handle_store(event: evt.Event) -> int:
        request: Any = event.request
        stored = StoredObject(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax),
            request.DataSet.getvalue(),
        )
        peer.stored.append(stored)
        return on_store(stored)

    entity = AE(ae_title="RECORDER")
    entity.maximum_pdu_size = max_pdu
    entity.network_timeout = entity.dimse_timeout = entity.acse_timeout = patience
    if transfer_syntaxes is not None:
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), list(transfer_syntaxes))
    before = _config.UNRESTRICTED_STORAGE_SERVICE
    _config.UNRESTRICTED_STORAGE_SERVICE = transfer_syntaxes is None
    try:
        server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handle_store)])
        peer.associations = lambda: len(entity.active_associations)
        peer.port = server.socket.getsockname()[1]
        yield peer
    finally:
        entity.shutdown()
        _config.UNRESTRICTED_STORAGE_SERVICE = before
