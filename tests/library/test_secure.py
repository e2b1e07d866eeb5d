"""A program that sends over TLS, as a user who is known."""

from __future__ import annotations

from dcmsend import Peer, TlsOptions, UserIdentity, load_tls, send
from support.certificates import Certificates
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
