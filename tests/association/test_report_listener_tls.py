"""Archives that report by TLS: only those with a certificate that we trust are heard."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from association.report_peers import TERMS, Caller, Taken, listening, report, request, warnings_of_ours
from association.test_report_listener import ask_for_commitment
from dcmsend.association import ReportLimits, ReportListener
from dcmsend.protocol import AssociationAccepted, ReleaseConfirmed, ReleaseRQ, SOPReference
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict
from dcmsend.transport import TlsClient, TlsOptions, TlsProfile, load_tls
from protocol.messages import CT, IMPLICIT_LITTLE, PUSH
from protocol.test_archives import TRANSACTION, asking, request_commitment, some
from support.archive import CommitmentArchive, commitment_archive
from support.certificates import KEY_PASSWORD, Certificates
from support.part10 import read_part10
from support.peers import orthanc
from support.programs import dcmtk_program
from support.run import run

ONE_DAY = datetime.timedelta(days=1)


def ours(certificates: Certificates, **values: object) -> TlsClient:
    """The TLS of a run, as its client side has it; the archive has the server's certificate."""
    given: dict[str, object] = {
        "key_file": str(certificates.client_key), "certificate_file": str(certificates.client),
        "ca_files": (str(certificates.ca),),
    }  # fmt: skip
    return load_tls(TlsOptions(**{**given, **values}))  # type: ignore[arg-type]


def callers(ca: Path, key: Path | None = None, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def with_server_certificate(certificates: Certificates) -> ssl.SSLContext:
    return callers(certificates.ca, certificates.server_key, certificates.server)


def open_session(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", port))
    try:
        sock.settimeout(20)
        return context.wrap_socket(sock)
    except BaseException:
        sock.close()
        raise


def is_refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether the session does not come about; TLS 1.3 tells a client only when it reads."""
    with contextlib.suppress(OSError), open_session(port, context) as secured:
        secured.sendall(b"\x01")
        return secured.recv(1) == b""
    return True


@pytest.mark.peer("pynetdicom")
def test_an_archive_reports_by_tls(certificates: Certificates) -> None:
    archive, taken = CommitmentArchive(instances=some(1000)), Taken()
    archive.client_tls = with_server_certificate(certificates)
    with listening(taken, tls=ours(certificates)) as listener, commitment_archive(archive):
        archive.back = ("127.0.0.1", listener.port)
        ask_for_commitment(archive)
        assert len(taken.next().verdicts) == 1000
    assert archive.answers == [0]


@pytest.mark.peer("orthanc")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_secured", [False, True], ids=["plain", "tls"])
def test_orthanc_reports(
    tmp_path: Path, data: Path, dcmsend: str, certificates: Certificates, is_secured: bool
) -> None:
    taken = Taken()
    with listening(taken, tls=ours(certificates) if is_secured else None, expected="ORTHANC") as listener:
        modality = {
            "AET": "DCMSEND", "Host": "127.0.0.1", "Port": listener.port, "AllowStorageCommitment": True,
            "UseDicomTls": is_secured,
        }  # fmt: skip
        with orthanc(
            tmp_path,
            DicomModalities={"dcmsend": modality},
            DicomTlsCertificate=str(certificates.server),
            DicomTlsPrivateKey=str(certificates.server_key),
            DicomTlsTrustedCertificates=str(certificates.ca),
        ) as peer:
            path = data / "pydicom" / "CT_small.dcm"
            assert run(dcmsend, "127.0.0.1", peer.port, path).exit_code == 0
            uid = read_part10(path).sop_instance_uid
            with asking(peer.port, PUSH, IMPLICIT_LITTLE, "ORTHANC") as talk:
                references = [SOPReference(CT, uid), SOPReference(CT, "9.9")]
                assert request_commitment(talk, references, IMPLICIT_LITTLE) == 0
            verdicts = {uid: Verdict(ProofState.COMMITTED), "9.9": Verdict(ProofState.DENIED, 0x0112)}
            assert taken.next() == CommitmentAnswer(TRANSACTION, verdicts, "ORTHANC", "127.0.0.1")


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("option", ["+py", "+px", "+pz"])
@pytest.mark.parametrize("profile", list(TlsProfile))
def test_dcmtk_echoes_by_tls(certificates: Certificates, option: str, profile: TlsProfile) -> None:
    program = dcmtk_program("echoscu")
    assert program is not None
    secured = ["+tls", certificates.server_key, certificates.server, "+cf", certificates.ca, option]
    with listening(tls=ours(certificates, profile=profile)) as listener:
        done = run(program, *secured, "-aec", "DCMSEND", "localhost", listener.port)
        assert done.exit_code == 0, done.stderr
        done = run(program, "+tla", "+cf", certificates.ca, option, "-aec", "DCMSEND", "localhost", listener.port)
        assert done.exit_code != 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("verify", [True, False], ids=["verifying", "with -ic"])
def test_callers_without_a_trusted_certificate(
    certificates: Certificates, caplog: pytest.LogCaptureFixture, version: ssl.TLSVersion, verify: bool
) -> None:
    taken = Taken()
    none = callers(certificates.ca)
    foreign = callers(certificates.ca, certificates.other_client_key, certificates.other_client)
    key, expired_file = certificates.issue("expired-archive", "archive.example", days=-1)
    expired = callers(certificates.ca, key, expired_file)
    with listening(taken, tls=ours(certificates, verify=verify)) as listener:
        for context in (none, foreign, expired):
            context.maximum_version = version
            assert is_refused(listener.port, context)
        good = with_server_certificate(certificates)
        good.maximum_version = version
        with Caller(listener.port, open_session(listener.port, good)) as caller:
            assert isinstance(caller.ask(), AssociationAccepted)
            caller.say(report("1.2.3") + caller.layer.send(ReleaseRQ()))
            caller.hear_command()
            assert caller.hear() == ReleaseConfirmed()
    assert taken.next().host == "127.0.0.1"
    (warning,) = warnings_of_ours(caplog)
    assert "no TLS session with caller 127.0.0.1" in warning


def server_only(folder: Path) -> tuple[Path, Path]:
    """Key and certificate of an archive whose certificate says that it is for servers alone."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "archive.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + ONE_DAY)
    made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    key_file, file = folder / "server-only.key", folder / "server-only.pem"
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    return key_file, file


def test_a_certificate_for_servers_alone(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenSSL refuses it from a caller, and the message says what is wrong with it."""
    key, file = server_only(tmp_path)
    trusted = (str(certificates.ca), str(file))
    with listening(tls=ours(certificates, ca_files=trusted)) as listener:
        assert is_refused(listener.port, callers(certificates.ca, key, file))
    assert "the peer's certificate is not made for a client, only for a server" in caplog.text


def test_plain_bytes_to_a_tls_port(certificates: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    limits = ReportLimits(ending_seconds=0.5)
    with listening(tls=ours(certificates), limits=limits) as listener, Caller(listener.port) as caller:
        caller.say(caller.layer.send(request()))
        assert caller.hear_end() == b""
    assert "it speaks DICOM without TLS on this port" in caplog.text


def test_tls_to_a_plain_port(certificates: Certificates) -> None:
    with listening() as listener:
        assert is_refused(listener.port, with_server_certificate(certificates))


def test_a_handshake_that_does_not_end(certificates: Certificates) -> None:
    limits = ReportLimits(opening_seconds=0.5)
    with listening(tls=ours(certificates), limits=limits) as listener, Caller(listener.port) as caller:
        caller.say(b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3")
        assert caller.hear_end() == b""


def test_damaged_records(certificates: Certificates) -> None:
    with listening(tls=ours(certificates), limits=ReportLimits(ending_seconds=0.5)) as listener:
        secured = open_session(listener.port, with_server_certificate(certificates))
        with Caller(listener.port, secured) as caller:
            caller.ask()
            plain = socket.socket(fileno=secured.detach())
            plain.sendall(b"\x17\3\3\0\x20" + bytes(32))
            plain.settimeout(20)
            while plain.recv(1 << 16):
                pass
            plain.close()


def test_an_old_version_only_with_the_profile_that_has_it(certificates: Certificates) -> None:
    old = with_server_certificate(certificates)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    newest = with_server_certificate(certificates)
    newest.minimum_version = ssl.TLSVersion.TLSv1_3
    with listening(tls=ours(certificates, profile=TlsProfile.EXTENDED_BCP195)) as listener:
        assert is_refused(listener.port, newest)
        open_session(listener.port, old).close()
    with listening(tls=ours(certificates)) as listener:
        open_session(listener.port, newest).close()
        old.set_ciphers("AES128-SHA:@SECLEVEL=0")
        assert is_refused(listener.port, old)


def test_a_password_that_was_asked_for_is_not_asked_for_again(certificates: Certificates) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("password")
        return KEY_PASSWORD

    options = TlsOptions(
        key_file=str(certificates.encrypted_key), certificate_file=str(certificates.client),
        ca_files=(str(certificates.ca),),
    )  # fmt: skip
    with listening(tls=load_tls(options, ask)) as listener:
        open_session(listener.port, with_server_certificate(certificates)).close()
    assert asked == ["password"]


def test_without_a_certificate_of_ours_there_is_no_listener(certificates: Certificates) -> None:
    anonymous = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    listener = ReportListener(TERMS, Taken(), 0, address="127.0.0.1", tls=anonymous)
    with pytest.raises(ValueError, match="without a certificate of ours"):
        listener.start()
    listener.close()
