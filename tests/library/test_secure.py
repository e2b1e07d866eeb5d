"""A program that sends over TLS, as a user who is known."""

from __future__ import annotations

import copy
import pickle

from dcmsend import Peer, TlsOptions, UserIdentity, load_tls, send
from support.certificates import KEY_PASSWORD, Certificates
from support.corpus import DATA
from support.scripted_peer import ScriptedPeer
from support.tls_peers import TlsFront, server_context


def test_one_loaded_client_serves_several_transfers(certificates: Certificates) -> None:
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedPeer() as inner, TlsFront(context, inner.port) as front:
        peer = Peer("localhost", front.port, tls=tls, user_identity=UserIdentity(2, b"alice", b"s3cret"))
        for _ in range(2):
            outcomes = list(send(DATA / "pydicom" / "CT_small.dcm", peer))
            assert [outcome.result.value for outcome in outcomes] == ["stored"]
    assert len(inner.stores) == 2
    assert front.names == ["localhost"] * 2
    assert "s3cret" not in repr(peer)


def test_a_peer_goes_to_another_process(certificates: Certificates) -> None:
    """The files are read again there."""
    tls = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
    context = server_context(certificates.server_key, certificates.server)
    with ScriptedPeer() as inner, TlsFront(context, inner.port) as front:
        peer = Peer("localhost", front.port, tls=tls, user_identity=UserIdentity(2, b"alice", b"s3cret"))
        for other in (pickle.loads(pickle.dumps(peer)), copy.copy(peer), copy.deepcopy(peer)):
            assert other == peer
            assert hash(other) == hash(peer)
            assert [outcome.result.value for outcome in send(DATA / "pydicom" / "CT_small.dcm", other)] == ["stored"]
    assert len(inner.stores) == 3


def test_a_password_that_was_asked_for_goes_with_it(certificates: Certificates) -> None:
    tls = load_tls(TlsOptions(str(certificates.encrypted_key), str(certificates.client)), lambda: KEY_PASSWORD)
    other = pickle.loads(pickle.dumps(tls))
    assert other == tls
    assert KEY_PASSWORD not in repr(other)
