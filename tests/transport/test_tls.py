"""How a TLS session comes about, and how it does not."""

from __future__ import annotations

import contextlib
import pickle
import socket
import ssl
import struct
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcmsend.advice import Situation, with_explanation
from dcmsend.errors import Cancelled, ConnectFailed, ConnectionLost, NegotiationFailed, TlsFailed, UsageError
from dcmsend.interrupt import Interrupt
from dcmsend.transport import Connection, Deadline, TlsOptions, TlsProfile, connect, load_tls, tcp
from support.certificates import KEY_PASSWORD, Certificates
from support.corpus import DATA
from support.descriptors import open_descriptors
from support.ports import free_port
from support.programs import dcmtk_program
from support.tls_peers import TlsFront, server_context


@pytest.fixture(autouse=True)
def no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> Iterator[None]:
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


def told_at_the_command_line(error: TlsFailed) -> str:
    """What is wrong, and which options have to do with it."""
    return with_explanation(NegotiationFailed(error), Situation(uses_tls=True))


def trusting(certificates: Certificates, **values: object) -> TlsOptions:
    return TlsOptions(ca_files=(str(certificates.ca),), **values)  # type: ignore[arg-type]


def open_tls(
    options: TlsOptions, port: int, host: str = "localhost", seconds: float = 30, interrupt: Interrupt | None = None
) -> Connection:
    interrupt = interrupt or Interrupt()
    return load_tls(options).connect(lambda: connect("127.0.0.1", port, interrupt), host, seconds)


def failure(options: TlsOptions, port: int, host: str = "localhost", seconds: float = 30) -> TlsFailed:
    with pytest.raises(TlsFailed) as caught:
        open_tls(options, port, host, seconds)
    return caught.value


@pytest.fixture
def front(certificates: Certificates) -> Iterator[TlsFront]:
    """A peer with the good certificate."""
    with TlsFront(server_context(certificates.server_key, certificates.server)) as made:
        yield made


def receives(connection: Connection) -> int:
    return connection.receive_into(memoryview(bytearray(10)), Deadline(30, "an answer"))


def late_failure(options: TlsOptions, port: int) -> TlsFailed:
    """With TLS 1.3 a client has done its part before the peer looks at the client's certificate."""
    with pytest.raises(TlsFailed) as caught, contextlib.closing(open_tls(options, port)) as connection:
        receives(connection)
    return caught.value


class Greeter:
    """Takes one connection, says something that is not TLS, and waits for the other side to go."""

    def __init__(self, words: bytes, *, close: bool = False) -> None:
        self._words = words
        self._close = close
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(self._words)
            while not self._close and connection.recv(1 << 16):
                pass

    def __enter__(self) -> Greeter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(30)
        self._listener.close()
        assert not self._thread.is_alive()


# --- whose name


@pytest.mark.parametrize(
    ("host", "name", "told"),
    [
        ("localhost", None, "localhost"),
        ("pacs.example.", None, "pacs.example"),
        ("127.0.0.1", None, None),  # RFC 6066: addresses are no server names
        ("other.example", "pacs.example", "pacs.example"),
    ],
)
def test_the_name_is_told_and_checked(
    front: TlsFront, certificates: Certificates, host: str, name: str | None, told: str | None
) -> None:
    open_tls(trusting(certificates, server_name=name), front.port, host).close()
    assert front.names == [told]


@pytest.mark.parametrize("host", ["other.example", "127.0.0.2", "[::1]"])
def test_another_name_is_an_error_that_shows_the_names(front: TlsFront, certificates: Certificates, host: str) -> None:
    error = failure(trusting(certificates), front.port, host)
    assert error.text == "TLS error: certificate verify failed"
    for word in (
        host.strip("[]"), "DNS:localhost", "DNS:pacs.example", "IP Address:127.0.0.1", "--tls-server-name",
        "--tls-no-hostname-check",
    ):
        assert word in told_at_the_command_line(error)
    assert error.is_permanent


@pytest.mark.parametrize("second", ["refused", "closed", "no TLS"])
def test_another_name_stays_the_reason_if_nobody_can_be_asked_again(certificates: Certificates, second: str) -> None:
    context = server_context(certificates.server_key, certificates.server)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        if second == "refused":
            listener.close()
        with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)
        if second != "refused":
            connection, _ = listener.accept()
            with connection:
                if second == "no TLS":
                    connection.sendall(b"220 hello\r\n" * 10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        error = failure(trusting(certificates), listener.getsockname()[1], "other.example")
        thread.join(30)
    assert error.text == "TLS error: certificate verify failed"
    assert error.detail == "the peer's certificate is not for other.example, but for: no name that could be read"
    assert error.is_permanent


def test_without_the_check_any_name_will_do(front: TlsFront, certificates: Certificates) -> None:
    open_tls(trusting(certificates, check_host_name=False), front.port, "other.example").close()


@pytest.mark.parametrize("host", ["", "." * 3, "x" * 300, "\u2603" * 70, "a\0b"])
def test_a_name_that_is_none(front: TlsFront, certificates: Certificates, host: str) -> None:
    error = failure(trusting(certificates), front.port, host)
    assert "--tls-server-name" in told_at_the_command_line(error)


def test_a_given_name_that_is_none(certificates: Certificates) -> None:
    with pytest.raises(UsageError, match="server name"):
        load_tls(trusting(certificates, server_name=".x"))


# --- who is trusted


def test_unknown_authority(front: TlsFront, certificates: Certificates) -> None:
    for options in (TlsOptions(ca_files=(str(certificates.other_ca),)), TlsOptions()):
        error = failure(options, front.port)
        assert error.text == "TLS error: certificate verify failed"
        assert "+cf FILE" in told_at_the_command_line(error)
        assert error.is_permanent


def test_unknown_authority_may_be_ignored(front: TlsFront) -> None:
    open_tls(TlsOptions(verify=False), front.port, "other.example").close()


def test_the_certificate_itself_may_be_trusted(front: TlsFront, certificates: Certificates) -> None:
    open_tls(TlsOptions(ca_files=(str(certificates.server),)), front.port).close()


def test_several_authorities(front: TlsFront, certificates: Certificates) -> None:
    open_tls(TlsOptions(ca_files=(str(certificates.other_ca), str(certificates.ca))), front.port).close()


def test_directory_of_authorities(front: TlsFront, certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "a-note.txt").write_text("nothing")
    (tmp_path / "folder.pem").mkdir()
    (tmp_path / "any name").write_bytes(certificates.ca.read_bytes())
    open_tls(TlsOptions(ca_directories=(str(tmp_path),)), front.port).close()


def test_expired_certificate(certificates: Certificates) -> None:
    with TlsFront(server_context(*certificates.issue("expired", "localhost", days=-1))) as peer:
        error = failure(trusting(certificates), peer.port)
    assert "expired" in error.detail
    assert error.is_permanent


# --- who we are


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate(certificates: Certificates, version: ssl.TLSVersion) -> None:
    context = server_context(certificates.server_key, certificates.server, certificates.ca)
    context.maximum_version = version
    with TlsFront(context) as peer:
        options = trusting(
            certificates, key_file=str(certificates.encrypted_key), certificate_file=str(certificates.client),
            key_password=KEY_PASSWORD,
        )  # fmt: skip
        connection = open_tls(options, peer.port)
        connection.send(b"x", Deadline(30, "the peer"))  # and the peer closes
        assert receives(connection) == 0
        connection.close()
    assert peer.versions == [version.name.replace("_", ".")]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_that_is_missing(certificates: Certificates, version: ssl.TLSVersion) -> None:
    context = server_context(certificates.server_key, certificates.server, certificates.ca)
    context.maximum_version = version
    with TlsFront(context) as peer:
        error = late_failure(trusting(certificates), peer.port)
    assert "+tls KEY CERTIFICATE" in told_at_the_command_line(error)
    assert error.is_permanent


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_that_the_peer_does_not_trust(certificates: Certificates, version: ssl.TLSVersion) -> None:
    context = server_context(certificates.server_key, certificates.server, certificates.ca)
    context.maximum_version = version
    options = trusting(
        certificates, key_file=str(certificates.other_client_key), certificate_file=str(certificates.other_client)
    )
    with TlsFront(context) as peer:
        error = late_failure(options, peer.port)
    assert "does not accept our certificate" in error.detail


def test_password_is_asked_for_only_if_there_is_one(certificates: Certificates) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("")
        return KEY_PASSWORD

    load_tls(TlsOptions(str(certificates.client_key), str(certificates.client)), ask)
    assert not asked
    load_tls(TlsOptions(str(certificates.encrypted_key), str(certificates.client)), ask)
    assert len(asked) == 1
    assert KEY_PASSWORD not in repr(TlsOptions("k", "c", KEY_PASSWORD))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda c: TlsOptions("missing.key", str(c.client)), ["private TLS key", "'missing.key'", "No such file"]),
        (lambda c: TlsOptions(str(c.client_key), "missing.pem"), ["certificate", "'missing.pem'", "No such file"]),
        (lambda c: TlsOptions(str(c.folder), str(c.client)), ["private TLS key", "Is a directory"]),
        (lambda c: TlsOptions(str(c.ca), str(c.client)), ["private TLS key", "ca.pem"]),
        (lambda c: TlsOptions(str(c.client_key), str(c.client_key)), ["certificate", "client.key"]),
        (lambda c: TlsOptions(str(c.server_key), str(c.client)), ["server.key", "client.pem", "do not match"]),
        (lambda c: TlsOptions(str(c.encrypted_key), str(c.client)), ["encrypted.key", "no password"]),
        (lambda c: TlsOptions(str(c.encrypted_key), str(c.client), "wrong"), ["wrong password"]),
        (lambda c: TlsOptions(str(c.encrypted_key), str(c.client), ""), ["wrong password"]),
        (lambda c: TlsOptions(str(c.encrypted_key), str(c.client), "x" * 5000), ["encrypted.key"]),
        (lambda c: TlsOptions("a\0b", str(c.client)), ["private TLS key"]),
        (lambda c: TlsOptions(ca_files=("missing.pem",)), ["'missing.pem'", "No such file"]),
        (lambda c: TlsOptions(ca_files=(str(c.client_key),)), ["client.key", "no PEM certificate"]),
        (lambda c: TlsOptions(ca_directories=("missing",)), ["'missing'", "No such file"]),
        (lambda c: TlsOptions(ca_directories=(str(c.ca),)), ["ca.pem", "Not a directory"]),
        (lambda c: TlsOptions(ca_directories=(str(DATA / "ct-matrix"),)), ["no PEM file"]),
    ],
)
def test_files_that_cannot_be_used(
    certificates: Certificates, make: Callable[[Certificates], TlsOptions], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        load_tls(make(certificates))
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


# --- who does not speak it


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"\x07\0\0\0\0\x04\0\0\x02\x02", "DICOM without TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS port"),
        (b"\0" * 100, "no TLS port"),
    ],
)
def test_answer_that_is_not_tls(certificates: Certificates, words: bytes, told: str) -> None:
    with Greeter(words) as peer:
        error = failure(trusting(certificates), peer.port)
    assert error.text == "TLS error: wrong version number"
    assert told in error.detail
    assert error.is_permanent


@pytest.mark.parametrize(
    "words", [b"\x16\x03\x03\xff\xff" + bytes(70000), b"\x16\x03\x03\0\x04\x02\xff\xff\xff", b"\x17" * 50]
)
def test_answer_that_begins_like_tls(certificates: Certificates, words: bytes) -> None:
    with Greeter(words, close=True) as peer:
        assert str(failure(trusting(certificates), peer.port)).startswith("TLS error: ")


def test_peer_that_closes(certificates: Certificates) -> None:
    with Greeter(b"", close=True) as peer:
        error = failure(trusting(certificates), peer.port)
    assert "DICOM without TLS" in error.detail
    assert not error.is_permanent


def test_peer_that_is_silent(certificates: Certificates) -> None:
    with Greeter(b"") as peer:
        error = failure(trusting(certificates), peer.port, seconds=0.1)
    assert error.text == "TLS error: no answer to the handshake within 0.1 s"
    assert "DICOM without TLS" in error.detail
    assert not error.is_permanent


def test_interrupt_during_the_handshake(certificates: Certificates) -> None:
    interrupt = Interrupt()
    with Greeter(b"") as peer:
        timer = threading.Timer(0.05, interrupt.abort, ("SIGTERM",))
        timer.start()
        with pytest.raises(Cancelled):
            open_tls(trusting(certificates), peer.port, interrupt=interrupt)
        timer.join()


def test_nobody_there(certificates: Certificates) -> None:
    with pytest.raises(ConnectFailed) as caught:
        open_tls(trusting(certificates), free_port())
    assert "Connection refused" in str(caught.value)


def test_failure_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(TlsFailed("text", "detail", True)))
    assert (error.text, error.detail, error.is_permanent) == ("text", "detail", True)


# --- what is allowed


@pytest.mark.parametrize(
    ("profile", "version", "works"),
    [
        (TlsProfile.NON_DOWNGRADING_BCP195, ssl.TLSVersion.TLSv1_3, True),
        (TlsProfile.NON_DOWNGRADING_BCP195, ssl.TLSVersion.TLSv1_2, True),
        (TlsProfile.NON_DOWNGRADING_BCP195, ssl.TLSVersion.TLSv1_1, False),
        (TlsProfile.NON_DOWNGRADING_BCP195, ssl.TLSVersion.TLSv1, False),
        (TlsProfile.BCP195, ssl.TLSVersion.TLSv1_3, True),
        (TlsProfile.BCP195, ssl.TLSVersion.TLSv1_1, True),
        (TlsProfile.BCP195, ssl.TLSVersion.TLSv1, True),
        (TlsProfile.EXTENDED_BCP195, ssl.TLSVersion.TLSv1_3, False),
        (TlsProfile.EXTENDED_BCP195, ssl.TLSVersion.TLSv1_2, True),
        (TlsProfile.EXTENDED_BCP195, ssl.TLSVersion.TLSv1, False),
    ],
)
def test_versions(certificates: Certificates, profile: TlsProfile, version: ssl.TLSVersion, works: bool) -> None:
    context = server_context(certificates.server_key, certificates.server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with TlsFront(context) as peer:
        if works:
            open_tls(trusting(certificates, profile=profile), peer.port).close()
            return
        error = failure(trusting(certificates, profile=profile), peer.port)
    assert "no protocol version or cipher suite in common" in error.detail
    assert error.is_permanent


def test_no_common_cipher_suite(certificates: Certificates) -> None:
    context = server_context(certificates.server_key, certificates.server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-SHA256")
    with TlsFront(context) as peer:
        error = failure(trusting(certificates), peer.port)
    assert error.text == "TLS error: sslv3 alert handshake failure"
    assert "no protocol version or cipher suite in common" in error.detail


_ECDSA = {0xC02B, 0xC02C}
"""TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and _256_GCM_SHA384, which RFC 9325 recommends."""


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    ("option", "profile"),
    [
        ("+py", TlsProfile.NON_DOWNGRADING_BCP195), ("+px", TlsProfile.BCP195), ("+pz", TlsProfile.EXTENDED_BCP195),
    ],
)
def test_profiles_offer_what_storescu_offers(option: str, profile: TlsProfile) -> None:
    program = dcmtk_program("storescu")
    assert program is not None

    def storescu(port: int) -> None:
        ct = str(DATA / "pydicom" / "CT_small.dcm")
        subprocess.run([program, option, "+tla", "-ic", "127.0.0.1", str(port), ct], capture_output=True, timeout=60)

    def ours(port: int) -> None:
        failure(TlsOptions(verify=False, profile=profile), port)

    their_versions, their_suites = offered_by(storescu)
    our_versions, our_suites = offered_by(ours)
    assert our_versions == their_versions
    assert their_suites <= our_suites
    assert our_suites - their_suites <= _ECDSA


def offered_by(client: Callable[[int], None]) -> tuple[set[int], set[int]]:
    """Protocol versions and cipher suites of a ClientHello.  Source: RFC 8446 4.1.2."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hellos: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                hellos.append(connection.recv(1 << 16))
                connection.sendall(bytes.fromhex("15030300020228"))  # alert: handshake failure

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client(listener.getsockname()[1])
        thread.join(30)
    (hello,) = hellos
    at = 5 + 4 + 2 + 32  # record header, handshake header, version, random
    at += 1 + hello[at]
    (length,) = struct.unpack_from(">H", hello, at)
    suites = set(struct.unpack_from(f">{length // 2}H", hello, at + 2)) - {0x00FF}  # no suite but a signal
    at += 2 + length
    at += 1 + hello[at] + 2
    versions = set(struct.unpack_from(">H", hello, 9))
    while at < len(hello):
        kind, size = struct.unpack_from(">HH", hello, at)
        if kind == 43:
            versions = set(struct.unpack_from(f">{(size - 1) // 2}H", hello, at + 5))
        at += 4 + size
    return versions, suites


# --- what goes on inside


def test_what_is_for_tls_alone_is_no_input(certificates: Certificates) -> None:
    """Session tickets come right after the handshake; who took them for an answer would wait for the rest of it."""
    context = server_context(certificates.server_key, certificates.server)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready = threading.Event()

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as secured:
                assert secured.recv(5) == b"hello"  # the tickets have gone out before
                assert ready.wait(30)
                secured.sendall(b"answer")
                secured.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        opened: list[Connection] = []
        below = connect("127.0.0.1", listener.getsockname()[1], Interrupt())
        opened.append(load_tls(trusting(certificates)).connect(lambda: below, "localhost", 30))
        connection = opened[0]
        connection.send(b"hello", Deadline(30, "the peer"))
        while not below.has_input():
            pass
        assert not connection.has_input()
        ready.set()
        while not connection.has_input():
            pass
        buffer = memoryview(bytearray(10))
        assert bytes(buffer[: connection.receive_into(buffer[:3], Deadline(30, "an answer"))]) == b"ans"
        assert connection.has_input()
        assert bytes(buffer[: connection.receive_into(buffer, Deadline(30, "an answer"))]) == b"wer"
        assert not connection.has_input()
        connection.close()
        thread.join(30)


class Talker:
    """A connection to a TLS server in memory, which brings one record at a time, and many that are for TLS alone."""

    def __init__(self, certificates: Certificates) -> None:
        context = server_context(certificates.server_key, certificates.server)
        context.num_tickets = 300
        self.taken = 0
        self.is_closed = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._said = b""

    @property
    def unread(self) -> bytes:
        self._said += self._outgoing.read()
        return self._said

    def send(self, data: object, idle: Deadline, on_stall: object = None) -> None:
        self._incoming.write(bytes(data))  # type: ignore[arg-type,call-overload]
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.do_handshake()

    def receive_into(self, buffer: memoryview, deadline: Deadline) -> int:
        length = 5 + int.from_bytes(self.unread[3:5], "big")
        buffer[:length], self._said = self._said[:length], self._said[length:]
        return length

    def has_input(self) -> bool:
        return bool(self.unread)

    def unsent(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True


def test_peer_that_says_much_that_is_for_tls_alone(certificates: Certificates) -> None:
    """A look does not go on for as long as it does, and what it says behind all this is heard."""
    below = Talker(certificates)
    connection = load_tls(trusting(certificates)).connect(lambda: below, "localhost", 30)
    below.session.write(b"answer")
    assert not connection.has_input()
    assert below.has_input()
    assert receives(connection) == 6
    assert not below.has_input()


def test_peer_that_says_much_that_is_for_tls_alone_when_all_is_over(certificates: Certificates) -> None:
    below = Talker(certificates)
    load_tls(trusting(certificates)).connect(lambda: below, "localhost", 30).close()
    assert below.has_input()
    assert below.is_closed


def test_answers_are_taken_in_the_middle_of_a_send(certificates: Certificates) -> None:
    """The peer reads on only when it has got rid of what it has to say."""
    context = server_context(certificates.server_key, certificates.server)
    size = 30_000_000
    received: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = threading.Event()

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as secured:
                secured.sendall(bytes(1000))
                assert taken.wait(30)
                while sum(received) < size:
                    received.append(len(secured.recv(1 << 16)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        connection = open_tls(trusting(certificates), listener.getsockname()[1])
        answer: list[int] = []

        def take() -> None:
            while sum(answer) < 1000 and connection.has_input():
                answer.append(receives(connection))
            if sum(answer) == 1000:
                taken.set()

        connection.send(bytes(size), Deadline(30, "the peer"), take)
        thread.join(30)
        connection.close()
    assert sum(received) == size


def test_damaged_record(certificates: Certificates) -> None:
    """Whoever changes a byte on the way is found out."""
    context = server_context(certificates.server_key, certificates.server)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as secured:
                secured.sendall(b"good")
                with socket.socket(fileno=secured.detach()) as below:
                    below.sendall(b"\x17\x03\x03\0\x20" + bytes(32))
                    below.recv(1 << 16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        connection = open_tls(trusting(certificates), listener.getsockname()[1])
        assert receives(connection) == 4
        with pytest.raises(ConnectionLost) as caught:
            receives(connection)
        connection.close()
        thread.join(30)
    assert "TLS error" in caught.value.detail
