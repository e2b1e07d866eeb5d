"""Decompression inside a transfer: nothing of a broken instance leaves, and a request to end is heard."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from dcmsend import BytesSent, Decompression, Observer, Peer, PlanOptions, StoreOutcome, Transfer, TransferOptions, send
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import TranscodeError
from dcmsend.load import pixel_spool
from dcmsend.run.late_modules import load_late_modules
from dcmsend.transcode.registry import codec_for
from support.broken_package import break_imagecodecs
from support.compressed_files import Native, encapsulated_data_set
from support.corpus import NATIVE
from support.data_set_bytes import EXPLICIT_LITTLE, meta_header
from support.discarding_peer import DiscardingPeer
from support.fixture_files import SC_CLASS
from support.peer_script import Accept, Script, prefer, refuse
from support.run import run_measured
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer

ic = pytest.importorskip("imagecodecs")

JPEG_LOSSLESS, JPEG_BASELINE = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"
NATIVE_ONLY = Script(associate=Accept(contexts=prefer(NATIVE[0])))


def jpeg_lossless(pixels: np.ndarray) -> bytes:
    return bytes(ic.jpeg8_encode(pixels, lossless=True, bitspersample=8 * pixels.itemsize))


def write(path: Path, data_set: bytes, syntax: str) -> Path:
    path.write_bytes(meta_header(syntax, SC_CLASS, "1.2.3") + data_set)
    return path


def multi_frame(path: Path, frames: int, *, size: int = 64, broken: bool = False) -> Path:
    """Lossless JPEG, all frames alike, the last one without its end if ``broken``."""
    native = Native(rows=size, columns=size, frames=1)
    items = [jpeg_lossless(native.pixels()[0, 0])] * frames
    if broken:
        items[-1] = items[-1][: len(items[-1]) // 2]
    number = str(frames).encode()
    changes = {0x00280008: ("IS", number + b" " * (len(number) % 2))}
    return write(path, encapsulated_data_set(native, [b"", *items], changes), JPEG_LOSSLESS)


def transferred(
    files: list[Path], *scripts: Script, plan: PlanOptions | None = None
) -> tuple[list[StoreOutcome], ScriptedPeer]:
    with ScriptedPeer(*scripts) as peer:
        transfer = send(files, Peer("127.0.0.1", peer.port), plan=plan, transfer=TransferOptions(halt_on_failure=False))
        outcomes, error = run_transfer(transfer)
    assert error is None
    return list(outcomes), peer


@pytest.mark.parametrize(("frames", "limit"), [(1, 0), (5, 0), (33, 100_000)], ids=["one", "small", "in a file"])
def test_an_instance_whose_last_frame_is_broken_never_begins_to_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int, limit: int
) -> None:
    """Pixels above a limit, here a low one, are decoded into a file."""
    if limit:
        monkeypatch.setattr(pixel_spool, "LARGEST_IN_MEMORY", limit)
    made: list[pixel_spool.FileSpool] = []
    file_spool = pixel_spool.FileSpool

    def make() -> pixel_spool.FileSpool:
        made.append(file_spool())
        return made[-1]

    monkeypatch.setattr(pixel_spool, "FileSpool", make)
    files = [
        multi_frame(tmp_path / "good", 2), multi_frame(tmp_path / "bad", frames, broken=True),
        multi_frame(tmp_path / "last", 1),
    ]
    outcomes, peer = transferred(files, NATIVE_ONLY)
    assert len(made) == bool(limit)
    assert [outcome.result.value for outcome in outcomes] == ["stored", "failed", "stored"]
    assert outcomes[1].reason is not None
    assert outcomes[1].reason.value == "not convertible"
    (connection,) = peer.connections
    assert len(connection.stores) == 2
    assert not [event for event in connection.course if event.startswith("abort")]


class EndsIt(Observer):
    """Asks for the end when the first bytes of the first instance leave."""

    transfer: Transfer | None = None

    def bytes_sent(self, event: BytesSent) -> None:
        assert self.transfer is not None
        if event.number == 1:
            self.transfer.cancel()


def test_a_request_to_end_is_heard_while_the_next_instance_is_decoded(tmp_path: Path) -> None:
    files = [multi_frame(tmp_path / name, 40, size=512) for name in ("1", "2")]
    observer = EndsIt()
    with ScriptedPeer(NATIVE_ONLY) as peer:
        observer.transfer = send(files, Peer("127.0.0.1", peer.port), observer=observer)
        outcomes, error = run_transfer(observer.transfer)
    assert error is None
    assert [outcome.result.value for outcome in outcomes] == ["stored", "not attempted"]
    assert len(peer.connections[0].stores) == 1


@pytest.mark.parametrize(
    ("mode", "result"), [(Decompression.LOSSLESS, "failed"), (Decompression.LOSSY, "stored")], ids=["+dls", "+dly"]
)
def test_lossy_pixels_go_to_another_context_only_if_lossy_decompression_is_allowed(
    tmp_path: Path, mode: Decompression, result: str
) -> None:
    native = Native()
    lossy = encapsulated_data_set(native, [b"", bytes(ic.jpeg8_encode(native.pixels()[0, 0], level=90))])
    plain = EXPLICIT_LITTLE.encode(native.elements("1.2.3"))
    files = [write(tmp_path / "plain", plain, NATIVE[0]), write(tmp_path / "lossy", lossy, JPEG_BASELINE)]
    outcomes, _ = transferred(
        files, Script(associate=Accept(contexts=refuse(3))), plan=PlanOptions(decompression=mode)
    )
    assert [outcome.result.value for outcome in outcomes] == ["stored", result]


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decompressed pixels find no room, neither in memory nor in a file."""

    def make() -> None:
        raise pixel_spool._failure(OSError(28, "No space left on device"))

    monkeypatch.setattr(pixel_spool, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(pixel_spool, "FileSpool", make)


@pytest.mark.usefixtures("no_room")
def test_no_room_for_the_decompressed_pixels(tmp_path: Path) -> None:
    ((outcome,), peer) = transferred([multi_frame(tmp_path / "file", 2)], NATIVE_ONLY)
    assert outcome.result.value == "failed"
    assert outcome.message.startswith("Pixel representation cannot be changed; ")
    assert peer.connections[0].stores == []


def noise_and_its_run_lengths() -> tuple[bytes, bytes]:
    """Pixels of short packets, 64 x 64, and their frame."""
    pixels = np.random.default_rng(3).integers(0, 2, (64, 64), "u1")
    packed = ic.packbits_encode(pixels.tobytes())
    header = np.zeros(16, "<u4")
    header[:2] = 1, 64
    return pixels.tobytes(), header.tobytes() + packed + b"\0" * (len(packed) % 2)


@pytest.mark.usefixtures("no_room")
def test_run_lengths_need_no_room(tmp_path: Path) -> None:
    """Short packets are decoded once where there is room, and twice where there is none."""
    pixels, frame = noise_and_its_run_lengths()
    data_set = encapsulated_data_set(Native(rows=64, columns=64, frames=2), [b"", frame, frame])
    ((outcome,), peer) = transferred([write(tmp_path / "file", data_set, RLE)], NATIVE_ONLY)
    assert outcome.result.value == "stored", outcome.message
    (stored,) = peer.connections[0].stores
    assert stored.data_set.count(2 * pixels) == 1


@pytest.mark.usefixtures("no_room")
def test_damaged_run_lengths_without_room(tmp_path: Path) -> None:
    _, frame = noise_and_its_run_lengths()
    data_set = encapsulated_data_set(Native(rows=64, columns=64, frames=2), [b"", frame, frame[:-100]])
    ((outcome,), peer) = transferred([write(tmp_path / "file", data_set, RLE)], NATIVE_ONLY)
    assert outcome.result.value == "failed"
    assert "frame 2" in outcome.message
    assert "space" not in outcome.message
    assert peer.connections[0].stores == []


def test_a_package_that_cannot_be_loaded_fails_its_images_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is installed, so native pixels are proposed; run lengths do without it."""
    _, frame = noise_and_its_run_lengths()
    run_lengths = encapsulated_data_set(Native(rows=64, columns=64), [b"", frame])
    files = [
        write(tmp_path / "RLE", run_lengths, RLE),
        *(multi_frame(tmp_path / name, 1) for name in ("JPEG", "other")),
        write(tmp_path / "plain", EXPLICIT_LITTLE.encode(Native().elements("1.2.3")), NATIVE[0]),
    ]
    break_imagecodecs(monkeypatch)
    outcomes, peer = transferred(files, NATIVE_ONLY)
    assert [outcome.result.value for outcome in outcomes] == ["stored", "failed", "failed", "stored"]
    for outcome in outcomes[1:3]:
        assert outcome.reason is not None
        assert outcome.reason.value == "not convertible"
        assert "imagecodecs cannot be loaded: OSError: libcodec.so: cannot open shared object file" in outcome.message
    assert len(peer.connections) == 1


def test_a_package_that_cannot_be_loaded_is_no_obstacle_where_few_files_may_be_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_imagecodecs(monkeypatch)
    load_late_modules()
    with pytest.raises(TranscodeError) as raised:
        codec_for(transfer_syntax("1.2.840.10008.1.2.4.50"))
    assert "OSError: libcodec.so" in raised.value.detail, "the reason is that of the first attempt"


@pytest.mark.parametrize("decode_workers", [0, -1])
def test_impossible_number_of_workers(decode_workers: int) -> None:
    with pytest.raises(ValueError, match="decode_workers"):
        TransferOptions(decode_workers=decode_workers)


def rle(pixels: np.ndarray) -> bytes:
    packed = [ic.packbits_encode((pixels >> shift).astype("u1").tobytes()) for shift in (8, 0)]
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(packed[0])
    return header.tobytes() + packed[0] + packed[1]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("syntax", "encode", "count"), [(JPEG_LOSSLESS, jpeg_lossless, 150), (RLE, rle, 150)], ids=["JPEG", "RLE"]
)
def test_hundreds_of_megabytes_in_little_memory(
    syntax: str, encode: object, count: int, dcmsend: str, tmp_path: Path
) -> None:
    """Decoded completely before they are sent, and each byte arrives."""
    native = Native(rows=1024, columns=1024, allocated=16, stored=16)
    y, x = np.mgrid[0:1024, 0:1024]
    pixels = ((x // 64 + y // 64) * 517).astype("<u2")
    frame = encode(pixels)  # type: ignore[operator]
    plain = {element[0]: element for element in native.elements("1.2.3")}
    del plain[0xFFFCFFFC], plain[0x7FE00010]
    plain[0x00280008] = (0x00280008, "IS", str(count).encode().ljust(4))
    head = EXPLICIT_LITTLE.encode([plain[tag] for tag in sorted(plain)])
    with (tmp_path / "file").open("wb") as file:
        file.write(meta_header(syntax, SC_CLASS, "1.2.3") + head + EXPLICIT_LITTLE.header(0x7FE00010, "OB", 0xFFFFFFFF))
        file.write(EXPLICIT_LITTLE.item_header(0xE000, 0))
        item = EXPLICIT_LITTLE.item_header(0xE000, len(frame) + len(frame) % 2) + frame + b"\0" * (len(frame) % 2)
        for _ in range(count):
            file.write(item)
        file.write(EXPLICIT_LITTLE.item_header(0xE0DD, 0))
    expected = head + EXPLICIT_LITTLE.header(0x7FE00010, "OW", count * pixels.nbytes)
    crc32 = zlib.crc32(expected)
    for _ in range(count):
        crc32 = zlib.crc32(pixels.tobytes(), crc32)
    with DiscardingPeer(preferred=NATIVE[0]) as peer:
        done, peak = run_measured(tmp_path, dcmsend, "127.0.0.1", peer.port, tmp_path / "file")
    assert done.exit_code == 0, done.stderr
    (stored,) = peer.stored
    assert (stored.length, stored.crc32) == (len(expected) + count * pixels.nbytes, crc32)
    assert peak < 150 << 20
