"""Objects of stores when associations break, instances are refused, the process forks or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from dcmsend import IndexOptions, InputOptions, Peer, Result, RetryOptions, TransferOptions, send
from dcmsend.inputs.stores import fetcher
from dcmsend.reasons import Rejection
from support.discarding_peer import DiscardingPeer
from support.media_files import dicomdir
from support.peer_script import Abort, Accept, Respond, Script, refuse
from support.run import run_measured
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large
from support.store_servers import StorePlace


@pytest.fixture
def fetchers(monkeypatch: pytest.MonkeyPatch) -> list[fetcher.Fetcher]:
    """The fetchers of all runs, whose credits must be whole at the end."""
    made: list[fetcher.Fetcher] = []
    init = fetcher.Fetcher.__init__

    def note(self: fetcher.Fetcher, *arguments: object, **options: object) -> None:
        init(self, *arguments, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(fetcher.Fetcher, "__init__", note)
    return made


def is_whole(each: fetcher.Fetcher) -> bool:
    return each.ahead.count == each.held.count == each.ahead.bytes == each.held.bytes == 0


def fill(place: StorePlace, folder: Path, count: int = 30) -> None:
    write_instances(folder, count)
    for number in range(2, count + 1, 3):
        write_large(folder / f"{number:06d}.dcm", 50_000 + number, number)
    for path in sorted(folder.iterdir()):
        place.put(path.name, path.read_bytes())


def options_of(place: StorePlace) -> InputOptions:
    return InputOptions(scan_directories=True, recurse=True, storage_options=place.options)


@pytest.mark.parametrize("associations", [1, 4])
def test_broken_associations_lose_nothing(
    web: StorePlace, tmp_path: Path, fetchers: list[fetcher.Fetcher], associations: int
) -> None:
    """What was begun is fetched once more; what only waited is not."""
    fill(web, tmp_path / "in")
    breaking = Script(stores={4: Abort(), 5: Respond(status=0xA700)}, during={3: (40_000, Abort())})
    options = TransferOptions(
        halt_on_failure=False, parallel_associations=associations, retry=RetryOptions(attempts=5, delay=0.01)
    )
    with ScriptedPeer(breaking, breaking, Script(stores={2: Respond(status=0xA700)}), Script()) as peer:
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=options)
        outcomes = list(transfer)
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 30
    fetched = Counter(web.fetched)
    assert set(fetched) == {f"{number:06d}.dcm" for number in range(1, 31)}
    assert sum(fetched.values()) <= 30 + 3 * len(peer.connections)  # one on its way, at most two opened after it
    assert all(map(is_whole, fetchers))


def test_what_the_peer_does_not_take_holds_nothing(
    web: StorePlace, tmp_path: Path, fetchers: list[fetcher.Fetcher]
) -> None:
    """Instances that are never opened to be sent give back what they hold."""
    fill(web, tmp_path / "in")
    options = TransferOptions(halt_on_failure=False)
    with ScriptedPeer(Script(associate=Accept(contexts=refuse(1, 3)))) as peer:
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=options)
        outcomes = list(transfer)
    assert {outcome.result for outcome in outcomes} == {Result.FAILED}
    assert all(map(is_whole, fetchers))


def test_a_caller_that_leaves_early(web: StorePlace, tmp_path: Path, fetchers: list[fetcher.Fetcher]) -> None:
    fill(web, tmp_path / "in")
    with ScriptedPeer() as peer:
        with send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web)) as transfer:
            next(iter(transfer))
        assert len(fetchers) == 1


def test_a_dicomdir_is_not_followed(web: StorePlace, tmp_path: Path) -> None:
    fill(web, tmp_path / "in", 3)
    web.put("DICOMDIR", dicomdir())
    index = IndexOptions(expand_dicomdir=True, halt_on_invalid=False)
    with ScriptedPeer() as peer:
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), index=index)
        assert len(list(transfer)) == 3
    (rejected,) = transfer.rejected
    assert rejected.why is Rejection.DICOMDIR_NOT_FOLLOWED
    assert "a DICOMDIR in a store is not followed" in rejected.reason


@pytest.mark.parametrize("name", ["large.dcm", "large.zip"])
def test_what_finds_no_place_for_temporary_files_is_missing(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The system says then that there is no such file, but it says it of ours, not of the object."""
    path = write_large(tmp_path / "in.dcm", 9 << 20)
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            archive.write(path, path.name)
        path = tmp_path / "in.zip"
    web.put(name, path.read_bytes())
    web.put("small.dcm", write_instances(tmp_path / "small", 1)[0].read_bytes())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    inputs = options_of(web).replace(archives=True)
    with ScriptedPeer() as peer:
        index = IndexOptions(halt_on_invalid=False)
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=inputs, index=index)
        outcomes = list(transfer)
    assert [Path(outcome.instance.input.path).name for outcome in outcomes] == ["small.dcm"]
    (rejected,) = transfer.rejected
    assert rejected.path == web.url + name
    assert "no temporary file" in rejected.reason
    assert rejected.is_dicom


FORKING = """
import os, sys
from dcmsend import InputOptions, Peer, send
transfer = send([sys.argv[1]], Peer("127.0.0.1", int(sys.argv[2])), inputs=InputOptions(scan_directories=True))
count = 0
for outcome in transfer:
    count += 1
    if count == 2:
        child = os.fork()
        if not child:
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
print(count)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_forked_child_leaves_the_transfer_alone(web: StorePlace, tmp_path: Path) -> None:
    fill(web, tmp_path / "in")
    with ScriptedPeer() as peer:
        done = subprocess.run(
            [sys.executable, "-c", FORKING, web.url, str(peer.port)], capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "30\n", "")


@pytest.mark.peer("moto")
def test_killed_nights_over_a_bucket(s3: StorePlace, dcmsend: str, tmp_path: Path) -> None:
    """Killed at any time: in the end everything is stored, and what the journal knows is not fetched again."""
    fill(s3, tmp_path / "in", 60)
    words = [dcmsend, "--journal", str(tmp_path / "journal"), "--resume", "+sd", "--fetch-parallel", "4"]
    words += [word for name, value in s3.options for word in ("--storage-option", f"{name}={value}")]
    slow = Script(other_stores=Respond(delay=0.02))
    with ScriptedPeer(*[slow] * 12) as peer:
        command = [*words, "127.0.0.1", str(peer.port), s3.url]
        for round_ in range(4):
            process = subprocess.Popen(command, stderr=subprocess.PIPE)
            time.sleep(0.8 + 0.25 * round_)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        s3.requests.clear()
        again = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert again.returncode == 0, again.stderr
    assert not s3.fetched
    assert {store.sop_instance_uid for store in peer.stores} >= {instance_uid(number) for number in range(1, 61)}


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the size of a process")
def test_many_objects_take_bounded_memory(web: StorePlace, dcmsend: str, tmp_path: Path) -> None:
    """What waits is in anonymous files; the process itself grows by the pieces that are on their way."""
    content = write_large(tmp_path / "large.dcm", 5_000_000).read_bytes()
    for number in range(100):
        web.put(f"{number:03d}.dcm", content)
    with DiscardingPeer() as peer:
        done, peak = run_measured(tmp_path, dcmsend, "+sd", "127.0.0.1", peer.port, web.url)
        assert len(peer.stored) == 100
    assert done.exit_code == 0, done.stderr
    assert peak < 150 << 20, f"{peak >> 20} MiB"
