"""Instances reach a web service byte for byte, and what it says of each of them becomes its outcome."""

from __future__ import annotations

import errno
import os
import resource
import threading
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from dcmsend import JournalOptions, send
from dcmsend.index import ReadMode
from dcmsend.stow import WebPeer, batch
from dcmsend.transfer import AutoAssociations, Feed, auto_count
from dcmsend.transport import tcp
from support.descriptors import open_descriptors
from support.fixture_files import CT_CLASS
from support.http_wire import response, store_answer
from support.scripted_web_server import ScriptedWebServer, SlowStore, WebRequest, store_all
from support.sending import instance_uid
from support.storing import files_of, instances_of, store

PATIENCE = 60.0
SIZES = [0, 200, 20_000, 70_000, 300_000, 3_000_001]


def test_files_arrive_byte_for_byte_in_one_request(tmp_path: Path) -> None:
    paths = files_of(tmp_path, SIZES)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored"] * len(SIZES)
    assert sent.statuses == [0] * len(SIZES)
    assert sent.error is None
    (request,) = server.requests
    assert not server.complaints
    assert request.head.method == "POST"
    assert request.head.target == "/dicom-web/studies"
    assert request.head.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert request.head.headers["host"] == f"localhost:{server.port}"
    assert int(request.head.headers["content-length"]) == len(request.body)
    assert request.parts == [path.read_bytes() for path in paths]
    assert [outcome.bytes_sent for outcome in sent.outcomes] == [path.stat().st_size for path in paths]


def test_a_loop_that_is_left_knows_what_became_of_the_whole_request(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 5)
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedWebServer() as server:
        for _ in send(paths, WebPeer(server.url), journal=journal):
            break
        again = send(paths, WebPeer(server.url), journal=journal)
        assert list(again) == []
    assert again.already_stored == 5
    assert len(server.requests) == 1


def test_batches_are_limited_by_number_and_by_bytes(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [1000] * 5 + [50_000] * 4)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, peer={"batch": 3, "batch_bytes": 60_000})
    assert sent.results == ["stored"] * 9
    assert [len(request.parts) for request in server.requests] == [3, 2 + 1, 1, 1, 1]
    assert server.connections == 1


def test_an_instance_never_stands_twice_in_one_request(tmp_path: Path) -> None:
    (path,) = files_of(tmp_path, [10])
    instances = instances_of([path]) * 3
    with ScriptedWebServer() as server:
        sent = store(server.url, instances)
    assert sent.results == ["stored"] * 3
    assert [request.uids for request in server.requests] == [[instance_uid(1)]] * 3


def test_instances_of_different_groups_go_in_different_requests(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [10] * 4)
    instances = [each._replace(group="ab"[number // 2]) for number, each in enumerate(instances_of(paths))]
    with ScriptedWebServer() as server:
        sent = store(server.url, instances)
    assert sent.results == ["stored"] * 4
    assert [len(request.parts) for request in server.requests] == [2, 2]


def test_a_data_set_without_meta_header_gets_one(tmp_path: Path) -> None:
    (path,) = files_of(tmp_path, [100_000])
    whole = path.read_bytes()
    offset = 144 + int.from_bytes(whole[140:144], "little")
    path.write_bytes(whole[offset:])
    instances = instances_of([path], mode=ReadMode.DATA_SET_ONLY)
    with ScriptedWebServer() as server:
        sent = store(server.url, instances)
    assert sent.results == ["stored"]
    (request,) = server.requests
    assert request.uids == [instance_uid(1)]
    assert request.parts[0].endswith(whole[offset:])
    assert request.parts[0][128:132] == b"DICM"
    assert "content-length" in request.head.headers


def test_a_meta_header_that_is_not_true_is_made_anew(tmp_path: Path) -> None:
    (path,) = files_of(tmp_path, [100])
    wrong = instance_uid(1)[:-1] + "7"
    path.write_bytes(path.read_bytes().replace(instance_uid(1).encode(), wrong.encode(), 1))
    with ScriptedWebServer() as server:
        sent = store(server.url, [path])
    assert sent.results == ["stored"]
    assert server.requests[0].uids == [instance_uid(1)]
    assert wrong.encode() not in server.requests[0].body


def test_what_is_encoded_anew_goes_alone_and_in_chunks(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100, 100, 100])
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, normalize=True)
    assert sent.results == ["stored"] * 3
    assert [request.head.is_chunked for request in server.requests] == [True] * 3
    assert [request.uids for request in server.requests] == [[instance_uid(number)] for number in (1, 2, 3)]


def test_an_instance_that_cannot_be_loaded_has_its_outcome_in_its_place(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 5)
    paths[1].unlink()
    os.truncate(paths[3], paths[3].stat().st_size - 20)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored", "failed", "stored", "failed", "stored"]
    assert sent.reasons == ["", "FILE_UNREADABLE", "", "DATA_SET_BROKEN", ""]
    assert len(server.requests) == 1


def test_nothing_follows_an_instance_that_cannot_be_loaded_if_that_ends_the_run(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 4)
    paths[2].unlink()
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, halt=True)
    assert sent.results == ["stored", "stored", "failed", "not attempted"]
    assert [len(request.parts) for request in server.requests] == [2]
    assert sent.error is not None


def test_several_connections_share_the_work(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [5_000] * 40)
    second = threading.Event()

    def once_two_are_here(request: WebRequest) -> bytes:
        if request.connection == 2:
            second.set()
        second.wait(PATIENCE)
        return store_all(request)

    with ScriptedWebServer(once_two_are_here) as server:
        sent = store(server.url, paths, peer={"batch": 2}, parallel_associations=4)
    assert sent.results == ["stored"] * 40
    assert sorted(uid for request in server.requests for uid in request.uids) == sorted(map(instance_uid, range(1, 41)))
    assert 1 < server.connections <= 4


def test_requests_over_several_connections_end_when_they_are_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_ENOUGH", 3000)
    paths = files_of(tmp_path, [1000] * 20)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, parallel_associations=2)
        alone = store(server.url, paths)
    assert sent.results == alone.results == ["stored"] * 20
    *several, one = [len(request.parts) for request in server.requests]
    assert one == sum(several) == 20
    assert max(several) <= 3


def test_several_connections_begin_with_small_requests(tmp_path: Path) -> None:
    """While the server stores what has come over one connection, it should be getting more over the others."""
    paths = files_of(tmp_path, [100] * 60)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, peer={"batch": 18}, parallel_associations=2)
        alone = store(server.url, paths, peer={"batch": 18})
    assert sent.results == alone.results == ["stored"] * 60
    sizes: dict[int, list[int]] = {}
    for request in server.requests:
        sizes.setdefault(request.connection, []).append(len(request.parts))
    *several, one = sizes.values()
    assert one == [18, 18, 18, 6]
    for each in several:
        assert all(size <= most for size, most in zip(each, [5, 10, *[18] * len(each)], strict=False)), each
    assert sum(map(sum, several)) == 60


def test_as_many_connections_as_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes its time for each request gets further connections, and no more than are allowed."""
    monkeypatch.setattr(auto_count, "_SHORT", 0.05)
    monkeypatch.setattr(auto_count, "_LONG", 0.3)
    paths = files_of(tmp_path, [500] * 120)
    slow = SlowStore(0.03)
    with ScriptedWebServer(slow) as server:
        sent = store(server.url, paths, peer={"batch": 2}, parallel_associations=AutoAssociations(3))
    assert sent.results == ["stored"] * 120
    assert sorted(uid for each in server.requests for uid in each.uids) == sorted(map(instance_uid, range(1, 121)))
    assert 1 < slow.most <= 3


def test_membership_decides_and_not_the_status(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 4)

    def some(request: WebRequest) -> bytes:
        one, two, three, _ = request.uids
        return response(400, store_answer([three, one], {two: 0xA900}), content_type=None)

    with ScriptedWebServer(some) as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored", "refused", "stored", "refused"]
    assert sent.statuses == [0, 0xA900, 0, None]
    assert sent.reasons == ["", "", "", "NOT_IN_RESPONSE"]


@pytest.mark.parametrize("status", [200, 202, 409])
def test_what_the_answer_does_not_name_is_not_stored(tmp_path: Path, status: int) -> None:
    paths = files_of(tmp_path, [100] * 2)
    with ScriptedWebServer(response(status, store_answer([]))) as server:
        sent = store(server.url, paths)
    assert sent.results == ["refused"] * 2
    assert sent.reasons == ["NOT_IN_RESPONSE"] * 2
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["missing", "refused", "half"])
def test_files_that_the_system_cannot_send_by_itself_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Some file systems have no sendfile, and other systems than Linux have another one."""
    paths = files_of(tmp_path, [300_000, 3_000_001])
    original = os.sendfile
    calls = 0

    def refuse(target: int, source: int, offset: int, count: int) -> int:
        nonlocal calls
        calls += 1
        if kind == "half" and offset < 100_000:
            return original(target, source, offset, min(count, 50_000))
        raise OSError(errno.EINVAL, "no sendfile here")

    monkeypatch.setattr(tcp, "_sendfile", None if kind == "missing" else refuse)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored"] * 2
    assert server.requests[0].parts == [path.read_bytes() for path in paths]
    assert bool(calls) is (kind != "missing")


def test_descriptors_that_run_out_make_batches_smaller(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [30_000] * 60)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ScriptedWebServer() as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(open_descriptors()) + 40, hard))
        try:
            sent = store(server.url, paths, peer={"batch": 60})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sent.results == ["stored"] * 60
    assert 1 < len(server.requests) < 10


def test_a_list_that_is_still_growing(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 25)
    with ScriptedWebServer() as server:
        sent = store(server.url, Feed(iter(instances_of(paths))), peer={"batch": 10}, parallel_associations=2)
    assert sent.results == ["stored"] * 25
    assert sorted(uid for request in server.requests for uid in request.uids) == sorted(map(instance_uid, range(1, 26)))


@pytest.mark.parametrize("decompress", [False, True])
def test_compressed_instances_are_sent_as_they_are_unless_something_else_is_wanted(
    tmp_path: Path, decompress: bool
) -> None:
    path = tmp_path / "rle.dcm"
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = CT_CLASS, instance_uid(1)
    data_set.Rows = data_set.Columns = 8
    data_set.BitsAllocated = data_set.BitsStored = 8
    data_set.HighBit, data_set.PixelRepresentation, data_set.SamplesPerPixel = 7, 0, 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.PixelData = bytes(range(64))
    data_set["PixelData"].VR = "OB"
    data_set.compress(RLELossless, generate_instance_uid=False)
    data_set.save_as(path, enforce_file_format=True)
    with ScriptedWebServer() as server:
        sent = store(server.url, [path], decompress=decompress)
    assert sent.results == ["stored"]
    (part,) = server.requests[0].parts
    assert (part == path.read_bytes()) is not decompress
    assert server.requests[0].head.is_chunked is decompress
    arrived = dcmread(BytesIO(part))
    assert arrived.file_meta.TransferSyntaxUID == (ExplicitVRLittleEndian if decompress else RLELossless)
    assert arrived.pixel_array.tobytes() == bytes(range(64))


def test_a_data_set_in_memory_goes_as_a_whole_file() -> None:
    """With all elements of a meta header that PS3.10 7.1 wants."""
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = CT_CLASS, instance_uid(1)
    with ScriptedWebServer() as server:
        (outcome,) = send(data_set, WebPeer(server.url))
    assert outcome.result.value == "stored"
    (part,) = server.requests[0].parts
    meta = dcmread(BytesIO(part)).file_meta
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPInstanceUID == instance_uid(1)
    assert meta.ImplementationClassUID
