"""Files of a host with OpenSSH, whose key and ours are checked."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend import InputOptions, Peer, Result, send
from dcmsend.errors import StoreUnusable
from dcmsend.reasons import NoStore
from support.processes import ServerProcess
from support.programs import dcmtk_program
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large

CONFIG = """
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/ours.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where OpenSSH's server listens, which takes the key ``ours``."""
    for name in ("host", "ours", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True, timeout=60
        )
    (tmp_path / "config").write_text(CONFIG.format(folder=tmp_path))
    program = dcmtk_program("sshd")
    assert program is not None
    if os.geteuid() == 0:  # made by the service, which is not started
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def command(port: int) -> list[str]:
        return [program, "-D", "-e", "-f", str(tmp_path / "config"), "-p", str(port)]

    with ServerProcess(command, tmp_path / "sshd.log") as server:
        (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {(tmp_path / 'host.pub').read_text()}")
        yield server.port


def inputs_of(folder: Path, key: str, known: str = "known") -> InputOptions:
    options = (("client_keys", str(folder / key)), ("known_hosts", str(folder / known)))
    return InputOptions(scan_directories=True, recurse=True, storage_options=options)


def url_of(folder: Path, port: int) -> str:
    return f"sftp://{getpass.getuser()}@127.0.0.1:{port}{folder / 'in'}/"


@pytest.mark.peer("sshd")
def test_what_arrives_is_what_files_give(port: int, tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "in" / "sub", 20)
    write_large(paths[4], 9 << 20, 5)
    with ScriptedPeer() as local:
        list(send([tmp_path / "in"], Peer("127.0.0.1", local.port), inputs=inputs_of(tmp_path, "ours")))
    with ScriptedPeer() as peer:
        outcomes = list(
            send([url_of(tmp_path, port)], Peer("127.0.0.1", peer.port), inputs=inputs_of(tmp_path, "ours"))
        )
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 20
    expected = {store.sop_instance_uid: bytes(store.data_set) for store in local.stores}
    assert set(expected) == {instance_uid(number) for number in range(1, 21)}
    assert {store.sop_instance_uid: bytes(store.data_set) for store in peer.stores} == expected


@pytest.mark.peer("sshd")
@pytest.mark.parametrize(
    ("key", "known", "why"), [("other", "known", NoStore.CREDENTIALS), ("ours", "other.pub", NoStore.UNTRUSTED)]
)
def test_a_key_that_is_not_known(port: int, tmp_path: Path, key: str, known: str, why: NoStore) -> None:
    """Neither ours at the host, nor the host's here."""
    write_instances(tmp_path / "in", 2)
    if known != "known":
        (tmp_path / known).write_text(f"[127.0.0.1]:{port} {(tmp_path / known).read_text()}")
    with ScriptedPeer() as peer:
        transfer = send(
            [url_of(tmp_path, port)], Peer("127.0.0.1", peer.port), inputs=inputs_of(tmp_path, key, known)
        )
        with pytest.raises(StoreUnusable) as caught:
            list(transfer)
    assert caught.value.why is why
    assert not peer.stores
