"""What is sent to workers: settings without what is the driver's, and no secret where it would leave the machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dcmsend import InputOptions, JournalOptions, Peer, Timetable, TransferOptions, UserIdentity, WebPeer
from dcmsend.cluster import ClusterOptions, ClusterUnusable
from dcmsend.cluster.parcel import check_secrets, pack, tell_input, unpack, with_address
from dcmsend.errors import UsageError
from dcmsend.inputs import InputFile, Origin
from dcmsend.interrupt import Interrupt
from dcmsend.settings import Settings
from dcmsend.stow import BasicCredentials, BearerFile
from dcmsend.transfer import Pace
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import KEY_PASSWORD, Certificates

FAR = {"address": "tls://far.example:8786", "tls": ("ca", "cert", "key")}
JOURNAL = JournalOptions("j")


def secured(certificates: Certificates) -> Settings:
    tls = load_tls(
        TlsOptions(
            key_file=str(certificates.encrypted_key), certificate_file=str(certificates.client),
            key_password=KEY_PASSWORD, ca_files=(str(certificates.ca),),
        )
    )  # fmt: skip
    peer = Peer("h", 104, tls=tls, user_identity=UserIdentity(2, b"name", b"topsecret"))
    return Settings(peer=peer, journal=JOURNAL)


def paced(options: TransferOptions, batches: int, instances: int, wall: float = 0.0) -> float:
    """How many seconds it takes to send so many instances in each of so many batches, one after the other."""
    running = [100.0]

    def sleep(seconds: float) -> None:
        running[0] += seconds

    for _ in range(batches):
        pace = Pace(
            options.max_rate, options.max_instances_rate, clock=lambda: running[0], sleep=sleep, now=lambda: wall
        )
        for _ in range(instances):
            pace.wait_for_instance(Interrupt())
            pace.wait_for_bytes(10, Interrupt())
    return running[0] - 100


def of_one_batch(transfer: TransferOptions) -> TransferOptions:
    """The options of one of 8 batches."""
    settings = Settings(peer=Peer("h", 104), journal=JOURNAL, transfer=transfer)
    there = unpack(pack(settings, ClusterOptions("local:8"), 8))
    assert there.journal is None
    return there.transfer


@pytest.mark.parametrize("rate", [2, Timetable(((0, 2),))], ids=["number", "timetable"])
@pytest.mark.parametrize("instances", [1, 5])
def test_rates_hold_over_all_workers(rate: int | Timetable, instances: int) -> None:
    """Also where there are more batches than instances a second, however few are in a batch."""
    options = of_one_batch(TransferOptions(max_instances_rate=rate))
    assert paced(options, 20, instances) == pytest.approx(20 * instances * 8 / 2)
    options = of_one_batch(TransferOptions(max_rate=rate))
    assert paced(options, 20, instances) == pytest.approx(20 * instances * 10 * 8 / 2)


def test_a_part_of_a_timetable_is_one_in_every_hour() -> None:
    """Without a limit there is none for a part of it either."""
    options = of_one_batch(TransferOptions(max_instances_rate=Timetable(((0, 4), (480, 0)))))
    night, noon = (time.mktime((2026, 1, 5, hour, 0, 0, 0, 0, -1)) for hour in (1, 12))
    assert paced(options, 1, 10, night) == pytest.approx(10 * 8 / 4)
    assert paced(options, 1, 10, noon) == 0
    unlimited = of_one_batch(TransferOptions())
    assert (unlimited.max_rate, unlimited.max_instances_rate) == (0, 0)


def test_no_secret_leaves_this_machine(certificates: Certificates, tmp_path: Path) -> None:
    settings = secured(certificates)
    (tmp_path / "password").write_text("topsecret\n")
    (tmp_path / "key").write_text(f"{KEY_PASSWORD}\n")
    files = {"password_file": str(tmp_path / "password"), "key_password_file": str(tmp_path / "key")}
    parcel = pack(settings, ClusterOptions(**FAR, **files), 1)
    assert b"topsecret" not in parcel
    assert KEY_PASSWORD.encode() not in parcel
    there = unpack(parcel)
    assert there.peer == settings.peer


def test_secrets_without_files_are_refused_off_this_machine(certificates: Certificates) -> None:
    settings = secured(certificates)
    with pytest.raises(UsageError, match="the password would be sent"):
        check_secrets(settings, ClusterOptions(**FAR))
    with pytest.raises(UsageError, match="password of the private TLS key would be sent"):
        check_secrets(settings, ClusterOptions(**FAR, password_file="file"))
    ticket = Settings(peer=Peer("h", 104, user_identity=UserIdentity(5, b"token")), journal=JOURNAL)
    with pytest.raises(UsageError, match="the ticket would be sent"):
        check_secrets(ticket, ClusterOptions(**FAR))


def test_no_secret_goes_through_a_tunnel(certificates: Certificates) -> None:
    """The scheduler tells its own address: that on this machine may be one end of a tunnel to another."""
    tls = ("ca", "cert", "key")
    secret, plain = secured(certificates), Settings(peer=Peer("h", 104), journal=JOURNAL)
    near, near_tls = ClusterOptions("tcp://127.0.0.1:8786"), ClusterOptions("tls://127.0.0.1:8786", tls)
    far, far_tls = "tcp://192.0.2.1:8786", "tls://192.0.2.1:8786"
    with pytest.raises(ClusterUnusable, match="the password would be sent to the workers") as caught:
        with_address(near_tls, far_tls, secret)
    assert caught.value.is_permanent
    with pytest.raises(ClusterUnusable, match="listens beyond this machine without TLS") as caught:
        with_address(near, far, plain)
    assert caught.value.is_permanent
    assert not with_address(near_tls, far_tls, plain).stays_here
    for options in (near, near_tls, ClusterOptions("local:2")):
        assert with_address(options, "tcp://127.0.0.1:4321", secret) == options


def test_on_this_machine_the_settings_arrive_as_they_are(certificates: Certificates) -> None:
    settings = secured(certificates)
    assert unpack(pack(settings, ClusterOptions("local:1"), 1)).peer == settings.peer


def test_credentials_of_a_web_service_are_paths(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("topsecret")
    credentials = BasicCredentials("user", str(tmp_path / "password"))
    settings = Settings(peer=WebPeer("https://far.example/web", credentials=credentials), journal=JOURNAL)
    assert credentials.header()
    parcel = pack(settings, ClusterOptions(**FAR), 1)
    assert b"topsecret" not in parcel
    assert unpack(parcel).peer == settings.peer


def test_files_of_credentials_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker was started in another one."""
    monkeypatch.chdir(tmp_path)
    for credentials, field in ((BasicCredentials("user", "secret"), "password_file"), (BearerFile("secret"), "path")):
        settings = Settings(peer=WebPeer("https://far.example/web", credentials=credentials), journal=JOURNAL)
        for options in (ClusterOptions(**FAR), ClusterOptions("local:1")):
            there = unpack(pack(settings, options, 1)).peer
            assert isinstance(there, WebPeer)
            assert getattr(there.credentials, field) == str(tmp_path / "secret")


def test_files_of_storage_options_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = (("known_hosts", "hosts"), ("client_keys", "~/key"), ("known_hosts", "none"), ("endpoint_url", "http://h"))
    settings = Settings(peer=Peer("h", 104), journal=JOURNAL, inputs=InputOptions(storage_options=given))
    there = unpack(pack(settings, ClusterOptions("local:1"), 1)).inputs.storage_options
    assert there == (("known_hosts", str(tmp_path / "hosts")), *given[1:])


def test_a_secret_that_only_this_process_can_read(certificates: Certificates) -> None:
    """As with ``--password-file <(...)``: a worker would read what it has open under that number."""
    far = ClusterOptions(**FAR, password_file="/dev/fd/63", key_password_file="key")
    with pytest.raises(UsageError, match="the password in /dev/fd/63 can be read by this process only"):
        check_secrets(secured(certificates), far)


def test_a_missing_secret_is_told_by_its_file(certificates: Certificates) -> None:
    settings = secured(certificates)
    far = ClusterOptions(**FAR, password_file="/nowhere/password", key_password_file="/nowhere/key")
    with pytest.raises(UsageError, match="cannot read /nowhere/key: No such file"):
        unpack(pack(settings, far, 1))


@pytest.mark.parametrize("name", ["/dev/stdin", "/proc/self/fd/3"])
def test_pipes_are_not_sent(name: str) -> None:
    with pytest.raises(Exception, match="cannot be sent by another process: it is open in this process only"):
        tell_input(InputFile(name), "/", stays_here=True)


def test_files_in_shared_memory_are_files() -> None:
    assert tell_input(InputFile("/dev/shm/a"), "/", stays_here=True)[:2] == ["file", "/dev/shm/a"]


def test_names_are_absolute() -> None:
    item = InputFile("./a/b", Origin.DIRECTORY, root="./a/")
    assert tell_input(item, "/any/where", stays_here=True) == [
        "file", "/any/where/./a/b", "DIRECTORY", "/any/where/./a/", False
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "tls"),
    [("tcp://10.0.0.1:1", None), ("tls://h:1", None), ("tcp://127.0.0.1:1", ("a",) * 3), ("local:2", ("a",) * 3)],
)
def test_addresses_that_are_not_safe_or_make_no_sense(address: str, tls: tuple[str, str, str] | None) -> None:
    with pytest.raises(ValueError, match="ClusterOptions: "):
        ClusterOptions(address, tls)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "local:9"])
def test_addresses_of_this_machine(address: str) -> None:
    assert ClusterOptions(address).stays_here


@pytest.mark.parametrize("address", ["tls://127.0.0.1.example.org:1", "tls://[::11]:1", "tls://localhost.evil:1"])
def test_addresses_that_only_look_like_it(address: str) -> None:
    assert not ClusterOptions(address, ("a", "b", "c")).stays_here
