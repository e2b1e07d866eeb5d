"""The programs that receive: started on 127.0.0.1, asked what has arrived, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .case import Receiver
from .netem import lossy_line
from .ports import free_port
from .programs import Programs, clean_environment
from .senders import MissingProgram

__all__ = ["FRESH_FOR_EACH_RUN", "ON_ANOTHER_PROCESSOR", "RECEIVERS", "Arrival", "RunningReceiver", "open_receiver"]

_START_SECONDS = 30.0
_SETTLE_SECONDS = 10.0
_making_certificate = threading.Lock()
_STORAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.88.33",
)


@dataclass(frozen=True)
class Arrival:
    """What a receiver has seen in one run; None where it cannot tell.

    Attributes:
        instances: C-STOREs answered, or objects stored.
        data_set_bytes: bytes of their data sets.
        received_bytes: all bytes read from the network, at least.
        uid_sum, uid_chain: see ``Tree``.
        largest_pdu: length of the longest P-DATA-TF.
        problem: what was wrong with the conversation, ``""`` if nothing.
    """

    instances: int | None = None
    data_set_bytes: int | None = None
    received_bytes: int | None = None
    uid_sum: int | None = None
    uid_chain: int | None = None
    largest_pdu: int | None = None
    problem: str = ""


class RunningReceiver(Protocol):
    """A receiver that listens.

    Attributes:
        port: where.
        prefix: words before the command of a sender, which bring it to where the receiver is.
    """

    port: int
    prefix: tuple[str, ...]

    def begin(self) -> None:
        """Forget what arrived before."""

    def arrived(self) -> Arrival:
        """What arrived since ``begin``; waits until the receiver is done with it."""


class _OwnServer:
    """One of our C programs: says its port on its first line, ends with its standard input."""

    def __init__(self, programs: Programs, name: str, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        argv = [programs.compiled("measure"), "--serve", programs.receiver_processors, *prefix, programs.compiled(name)]
        self.process = subprocess.Popen(
            [*argv, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        if line[:1] != ["listening"]:
            raise RuntimeError(f"{name} did not start")
        self.port = int(line[1])

    def ask(self, word: str) -> dict[str, Any]:
        """The answer to a line on its standard input."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(_SETTLE_SECONDS)


class _NullSink:
    """The null sink in C."""

    def __init__(self, server: _OwnServer, prefix: tuple[str, ...] = ()) -> None:
        self._server = server
        self.port = server.port
        self.prefix = prefix

    def begin(self) -> None:
        self._server.ask("reset")

    def arrived(self) -> Arrival:
        _wait(lambda: self._server.ask("look")["open"] == 0)
        seen = self._server.ask("reset")
        problem = seen["problem"] or ("an association is still open" if seen["open"] else "")
        return Arrival(
            seen["instances"], seen["bytes"], None, seen["uid_sum"], seen["uid_chain"], seen["largest_pdu"], problem
        )


class _Storescp:
    """DCMTK's storescp that keeps nothing; the system tells how much it has read."""

    prefix = ()

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process
        self._before = 0

    def begin(self) -> None:
        self._before = self._read()

    def arrived(self) -> Arrival:
        return Arrival(received_bytes=self._read() - self._before)

    def _read(self) -> int:
        for line in Path(f"/proc/{self._process.pid}/io").read_text().splitlines():
            if line.startswith("rchar:"):
                return int(line.split()[1])
        return 0


class _Folder:
    """A receiver that writes files."""

    prefix = ()

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder

    def begin(self) -> None:
        for path in self._folder.iterdir():
            path.unlink()

    def arrived(self) -> Arrival:
        sizes = [path.stat().st_size for path in self._folder.iterdir()]
        return Arrival(instances=len(sizes), received_bytes=sum(sizes))


class _Orthanc:
    """Orthanc, asked over its REST interface."""

    prefix = ()

    def __init__(self, port: int, http_port: int) -> None:
        self.port = port
        self._url = f"http://127.0.0.1:{http_port}"

    def begin(self) -> None:
        """It is started anew for each run."""

    def arrived(self) -> Arrival:
        with urllib.request.urlopen(f"{self._url}/statistics", timeout=30) as answer:
            counted = json.loads(answer.read())
        return Arrival(instances=counted["CountInstances"], received_bytes=int(counted["TotalUncompressedSize"]))


class _Closed:
    """A port where nobody listens."""

    prefix = ()

    def __init__(self) -> None:
        self.port = free_port()

    def begin(self) -> None:
        """Nothing arrives."""

    def arrived(self) -> Arrival:
        return Arrival(instances=0)


@contextlib.contextmanager
def _null_sink(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    with contextlib.ExitStack() as stack:
        prefix = stack.enter_context(lossy_line(receiver)) if receiver.loss else ()
        server = _OwnServer(programs, "null_sink", *receiver.options, prefix=prefix)
        stack.callback(server.stop)
        yield _NullSink(server, prefix)


@contextlib.contextmanager
def _null_sink_tls(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    key, certificate = _certificate(programs)
    server = _OwnServer(programs, "null_sink_tls", *receiver.options, "--tls", key, certificate)
    try:
        yield _NullSink(server)
    finally:
        server.stop()


@contextlib.contextmanager
def _storescp(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    port = free_port()
    argv = [_installed(programs, "storescp"), "--ignore", str(port)]
    with _serving(programs, receiver, argv, port, folder) as process:
        yield _Storescp(process, port)


@contextlib.contextmanager
def _storescp_tls(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    (key, certificate), port = _certificate(programs), free_port()
    argv = [_installed(programs, "storescp"), "--ignore", "+tls", key, certificate, "-ic", str(port)]
    with _serving(programs, receiver, argv, port, folder) as process:
        yield _Storescp(process, port)


@contextlib.contextmanager
def _dcmrecv(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    received = folder / "received"
    received.mkdir()
    lines = ["[[TransferSyntaxes]]", "[Syntaxes]", "TransferSyntax1 = 1.2.840.10008.1.2.1"]
    lines += ["TransferSyntax2 = 1.2.840.10008.1.2", "[[PresentationContexts]]", "[Contexts]"]
    lines += [f"PresentationContext{number} = {uid}\\Syntaxes" for number, uid in enumerate(_STORAGE_CLASSES, 1)]
    lines += ["[[Profiles]]", "[Default]", "PresentationContexts = Contexts", ""]
    configuration = folder / "dcmrecv.cfg"
    configuration.write_text("\n".join(lines))
    port = free_port()
    argv = [_installed(programs, "dcmrecv"), "-xf", str(configuration), "Default", "-od", str(received), str(port)]
    with _serving(programs, receiver, argv, port, folder):
        yield _Folder(port, received)


@contextlib.contextmanager
def _orthanc(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    store, port, http_port = folder / "store", free_port(), free_port()
    store.mkdir()
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps({
            "Name": "benchmark", "StorageDirectory": str(store), "IndexDirectory": str(store), "HttpPort": http_port,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomAet": "ORTHANC", "DicomPort": port,
            "DicomCheckCalledAet": False, "DicomAlwaysAllowStore": True, "UnknownSopClassAccepted": True,
        })
    )  # fmt: skip
    argv = [_installed(programs, "Orthanc"), str(configuration)]
    with _serving(programs, receiver, argv, port, folder):
        _wait(lambda: _is_listening(http_port))
        yield _Orthanc(port, http_port)


@contextlib.contextmanager
def _closed(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    yield _Closed()


RECEIVERS = {
    "null-sink": _null_sink,
    "null-sink-tls": _null_sink_tls,
    "storescp": _storescp,
    "storescp-tls": _storescp_tls,
    "dcmrecv": _dcmrecv,
    "orthanc": _orthanc,
    "closed": _closed,
}

FRESH_FOR_EACH_RUN = frozenset({"orthanc"})
"""Receivers that are slower, or faster, with what they have got before."""

ON_ANOTHER_PROCESSOR = frozenset({"null-sink", "null-sink-tls"})
"""Receivers that take no time from their senders."""


class _BehindLine:
    """A receiver behind a line with latency."""

    def __init__(self, receiver: RunningReceiver, port: int) -> None:
        self.port = port
        self.prefix = receiver.prefix
        self.begin = receiver.begin
        self.arrived = receiver.arrived


@contextlib.contextmanager
def open_receiver(programs: Programs, receiver: Receiver, folder: Path) -> Iterator[RunningReceiver]:
    """Start a receiver in an empty ``folder``; raises MissingProgram."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with RECEIVERS[receiver.kind](programs, receiver, folder) as running:
        is_plain = not (receiver.round_trip or receiver.bandwidth or receiver.jitter)
        if receiver.loss or is_plain:  # netem does all of it
            yield running
            return
        one_way, jitter = (round(seconds * 1_000_000) for seconds in (receiver.round_trip / 2, receiver.jitter))
        numbers = [str(number) for number in (one_way, receiver.bandwidth, jitter)]
        line = _OwnServer(programs, "delay_proxy", str(running.port), *numbers)
        try:
            yield _BehindLine(running, line.port)
        finally:
            line.stop()


def _certificate(programs: Programs) -> tuple[str, str]:
    """The files of a private key and of its certificate, which nobody checks: all receivers may have the same."""
    folder = programs.running / "certificate"
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    with _making_certificate:
        if not os.path.exists(certificate):
            folder.mkdir(parents=True, exist_ok=True)
            words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            command = [_installed(programs, "openssl"), *words, "-keyout", key, "-out", certificate]
            subprocess.run(command, capture_output=True).check_returncode()
    return key, certificate


def _installed(programs: Programs, name: str) -> str:
    found = programs.find(name)
    if found is None:
        raise MissingProgram(f"{name} is not installed")
    return found


@contextlib.contextmanager
def _serving(
    programs: Programs, receiver: Receiver, argv: list[str], port: int, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server with nothing in its environment that would make it faster, unless ``receiver`` says so."""
    environment = clean_environment(TCP_NODELAY="1") if receiver.no_delay else clean_environment()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs.compiled("measure"), "--serve", "all", *argv], stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, env=environment, cwd=folder,
        )  # fmt: skip
    try:
        _wait(lambda: _is_listening(port) or process.poll() is not None, _START_SECONDS)
        if process.poll() is not None or not _is_listening(port):
            raise RuntimeError(f"{argv[0]} did not start: {(folder / 'log').read_text(errors='replace')[-500:]}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_SETTLE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(condition: Any, seconds: float = _SETTLE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_listening(port: int) -> bool:
    """Asked of the kernel, because a trial connection is an event for the receiver."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":
                return True
    return False
