"""Zip archives with a fault: each member ends in one outcome or one rejection with the reason, and no other is lost."""

from __future__ import annotations

import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import Reason
from dcmsend.load import members_ahead
from support.archives import ArchiveRun, members, send_archives
from support.discarding_peer import DiscardingPeer
from support.fixture_files import II
from support.peer_script import Accept, Script
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large

pytestmark = pytest.mark.usefixtures("library")

COUNT = 4
FAULTY = "000002.dcm"
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def contents(folder: Path, count: int = COUNT) -> dict[str, bytes]:
    """Small instances, and a large one as number 2."""
    made = {path.name: path.read_bytes() for path in write_instances(folder / "made", count)}
    made[FAULTY] = write_large(folder / "large", 100_000, 2).read_bytes()
    shutil.rmtree(folder / "made")
    (folder / "large").unlink()
    return made


def write_zip(path: Path, made: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in made.items():
            archive.writestr(name, content)
    return path


def run(folder: Path, path: Path | list[Path], **options: object) -> tuple[ArchiveRun, list[str]]:
    """A run with an archive, and the SOP Instance UIDs that have arrived."""
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, **options)
    arrived = [store.sop_instance_uid or "" for store in peer.stores]
    assert sum(each.result.value == "stored" for each in done.outcomes) == len(arrived)
    return done, arrived


def field(path: Path, name: str, offset: int, data: bytes, *, also_local: int | None = None) -> None:
    """Overwrite a field of the central directory entry of a member, and the same one of its local header."""
    content = bytearray(path.read_bytes())
    at = -1
    while True:
        at = content.index(CENTRAL, at + 1)
        (length,) = struct.unpack_from("<H", content, at + 28)
        if content[at + 46 : at + 46 + length] == name.encode():
            break
    content[at + offset : at + offset + len(data)] = data
    if also_local is not None:
        (local,) = struct.unpack_from("<L", content, at + 42)
        content[local + also_local : local + also_local + len(data)] = data
    path.write_bytes(content)


def damage(path: Path, name: str) -> None:
    """Flip a bit in the middle of the content of a member."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(name) + info.compress_size // 2] ^= 4
    path.write_bytes(content)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "encrypted": (lambda path: field(path, FAULTY, 8, b"\x01\0", also_local=6), "encrypted"),
    "deflate64": (lambda path: field(path, FAULTY, 10, b"\x09\0", also_local=8), "(Deflate64)"),
    "zstandard": (lambda path: field(path, FAULTY, 10, b"\x5d\0", also_local=8), "(Zstandard)"),
    "unknown method": (lambda path: field(path, FAULTY, 10, b"\x77\0", also_local=8), "(method 119)"),
    "content": (lambda path: damage(path, FAULTY), "damaged"),
    "crc": (lambda path: field(path, FAULTY, 16, b"1234"), "its CRC-32 is wrong"),
    "larger": (lambda path: field(path, FAULTY, 24, (200_000).to_bytes(4, "little")), ""),
    "smaller": (lambda path: field(path, FAULTY, 24, (50_000).to_bytes(4, "little")), ""),
    "bomb": (lambda path: field(path, FAULTY, 24, (1 << 31).to_bytes(4, "little")), ""),
    "offset": (lambda path: field(path, FAULTY, 42, b"\x05\0\0\0"), "not where it should be"),
    "offset of another": (lambda path: field(path, FAULTY, 42, b"\0\0\0\0"), ""),
    "offset behind the end": (lambda path: field(path, FAULTY, 42, b"\xf0\xff\xff\xff"), "not where it should be"),
    "link": (
        lambda path: field(path, FAULTY, 38, (stat.S_IFLNK << 16 | 0o777 << 16).to_bytes(4, "little")), "link"
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_member_with_a_fault(tmp_path: Path, fault: str, method: int) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path), method)
    spoil, reason = FAULTS[fault]
    spoil(path)
    done, arrived = run(tmp_path, path)
    results = done.results
    assert arrived == [instance_uid(number) for number in (1, 3, 4)]
    told = [each.message for each in done.outcomes if each.message] + [each.reason for each in done.rejected]
    assert len(told) == 1, told
    assert reason in told[0]
    assert len(results) == len(done.outcomes) + len(done.rejected) == COUNT
    assert all(each.is_dicom for each in done.rejected), "nobody has looked, so it may be one"


@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.parametrize("at", [0, 10, 300, 1_500_000, 2_999_999])
def test_damage_in_a_large_stored_member_ends_before_its_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, processors: int
) -> None:
    monkeypatch.setattr(members_ahead, "processors", lambda: processors)
    made = contents(tmp_path)
    made[FAULTY] = write_large(tmp_path / "large", 3_000_000, 2).read_bytes()[:-1] + b"."
    path = write_zip(tmp_path / "in.zip", made)
    content = bytearray(path.read_bytes())
    content[content.index(made[FAULTY]) + at] ^= 1
    path.write_bytes(content)
    with DiscardingPeer() as peer:
        done = send_archives(path, peer.port)
    assert sorted(each.sop_instance_uid for each in peer.stored) == [instance_uid(number) for number in (1, 3, 4)]
    assert done.results[FAULTY] == "failed"
    (failed,) = (each for each in done.outcomes if each.result.value == "failed")
    assert failed.reason is Reason.DATA_SET_BROKEN


def test_damage_in_a_member_that_is_encoded_anew(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path))
    damage(path, FAULTY)
    with ScriptedPeer(Script(Accept(lambda context: II))) as peer:
        done = send_archives(path, peer.port)
    assert done.results[FAULTY] == "failed"
    assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(number) for number in (1, 3, 4)]


def test_duplicate_names_are_all_sent(tmp_path: Path) -> None:
    made = contents(tmp_path)
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of each
        for content in made.values():
            archive.writestr("d/same.dcm", content)
        archive.writestr("/d/same.dcm", made[FAULTY])
    done, arrived = run(tmp_path, path)
    assert arrived == [instance_uid(number) for number in (1, 2, 3, 4, 2)]
    assert [each.instance.input.path for each in done.outcomes] == [
        f"{path}!/d/same.dcm", *(f"{path}!/d/same.dcm ({number})" for number in (2, 3, 4, 5))
    ]  # fmt: skip


def test_directories_names_and_other_files(tmp_path: Path) -> None:
    made = contents(tmp_path)
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("empty/", b"")
        archive.writestr("dir/", b"")
        archive.writestr("../up.dcm", made["000001.dcm"])
        archive.writestr("__MACOSX/._x", b"no DICOM file")
        archive.writestr("000003.dcm", made["000003.dcm"])
        archive.writestr("inner.ZIP", path.name.encode())
    done, arrived = run(tmp_path, path)
    assert arrived == [instance_uid(number) for number in (1, 3)]
    assert len(done.rejected) == 2
    assert [each.is_dicom for each in done.rejected] == [False, True]
    assert "an archive inside an archive" in done.rejected[1].reason


def test_a_directory_with_a_content_is_no_directory(tmp_path: Path) -> None:
    """One flipped bit of a name must not leave an instance out in silence."""
    path = write_zip(tmp_path / "in.zip", contents(tmp_path) | {"d/": b"", "w\\": b""})
    data = path.read_bytes()
    path.write_bytes(data.replace(FAULTY.encode(), FAULTY[:-1].encode() + b"/"))
    done, arrived = run(tmp_path, path)
    assert arrived == [instance_uid(number) for number in range(1, COUNT + 1)]
    assert len(done.outcomes) == COUNT
    assert not done.rejected


def test_names_in_code_page_437_and_in_utf_8(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", {"n\u00e9.dcm": b"1", "xx.dcm": b"2", "yy.dcm": b"3"})
    content = path.read_bytes().replace(b"xx.dcm", b"n\x82.dcm").replace(b"yy.dcm", b"n\xff.dcm")
    path.write_bytes(content)
    assert [item.path.rpartition("/")[2] for item in members(path)] == ["n\u00e9.dcm", "n\u00e9.dcm (2)", "n\u00a0.dcm"]
    at = content.rindex(CENTRAL)
    path.write_bytes(content[: at + 9] + b"\x08" + content[at + 10 :])  # UTF-8, which the name is not
    *_, last = members(path)
    assert last.path.endswith("n\udcff.dcm")
    assert last.key(str.encode)[1] == b"n\xff.dcm"


def test_data_descriptors_a_prefix_and_a_comment(tmp_path: Path) -> None:
    made = contents(tmp_path)
    path = tmp_path / "in.zip"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with path.open("wb") as file:
            pipe = _Pipe(file)
            with zipfile.ZipFile(pipe, "w", method) as archive:  # cannot seek back, so sizes follow the content
                for name, content in made.items():
                    archive.writestr(name, content)
                archive.comment = b"PK\x05\x06 is no end" * 3
        path.write_bytes(b"#!/bin/sh\n" * 1000 + path.read_bytes())
        _, arrived = run(tmp_path, path)
        assert arrived == [instance_uid(number) for number in (1, 2, 3, 4)]


def test_an_archive_before_the_archive_is_told(tmp_path: Path) -> None:
    made = contents(tmp_path)
    path = tmp_path / "in.zip"
    parts = [write_zip(path, dict([*made.items()][start : start + 2])).read_bytes() for start in (0, 2)]
    path.write_bytes(b"".join(parts))
    done, arrived = run(tmp_path, path)
    assert arrived == [instance_uid(number) for number in (3, 4)]
    assert [each.path for each in done.rejected] == [str(path)]
    assert f"its list of members says nothing of its first {len(parts[0])} bytes" in done.rejected[0].reason
    path.write_bytes(parts[0][-22:-14] + bytes(14) + parts[1])  # an empty one, which hides nothing
    done, arrived = run(tmp_path, path)
    assert (arrived, done.rejected) == ([instance_uid(number) for number in (3, 4)], [])


class _Pipe:
    """A file that cannot be read or positioned."""

    def __init__(self, file: object) -> None:
        self.write = file.write  # type: ignore[attr-defined]
        self.flush = file.flush  # type: ignore[attr-defined]


def test_zip64(tmp_path: Path) -> None:
    made = contents(tmp_path)
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in made.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                file.write(content)
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    _, _, _, count, size, offset, _ = struct.unpack_from("<4H2LH", content, end + 4)
    record = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1)
    full = b"PK\x05\x06" + b"\0" * 4 + b"\xff" * 12 + b"\0\0"
    at = content.index(CENTRAL)  # the first entry, with all its numbers in the extra field
    crc_at, name_length = at + 16, struct.unpack_from("<H", content, at + 28)[0]
    compressed, whole = struct.unpack_from("<2L", content, at + 20)
    extra = struct.pack("<2H3Q", 1, 24, whole, compressed, 0)
    entry = content[at : at + 46 + name_length] + extra
    entry[20:28] = b"\xff" * 8
    entry[30:32] = len(extra).to_bytes(2, "little")
    entry[42:46] = b"\xff" * 4
    assert crc_at == at + 16
    rest = content[at + 46 + name_length : end]
    record = record[:40] + (size + len(extra)).to_bytes(8, "little") + record[48:]
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, end + len(extra), 1)
    path.write_bytes(content[:at] + entry + rest + record + locator + full)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    _, arrived = run(tmp_path, path)
    assert arrived == [instance_uid(number) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("keep", "reason"),
    [(0, "the archive is empty"), (3, "it is no zip archive"), (100, "cut at byte 100"), (-30, "cut at byte")],
)
def test_an_archive_that_is_cut_is_one_rejection(tmp_path: Path, keep: int, reason: str) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path))
    good = shutil.copy(path, tmp_path / "good.zip")
    path.write_bytes(path.read_bytes()[:keep])
    done, arrived = run(tmp_path, [path, Path(good)])
    assert len(arrived) == COUNT
    (rejected,) = done.rejected
    assert rejected.path == str(path)
    assert rejected.is_dicom
    assert reason in rejected.reason


def test_a_damaged_list_of_members_still_gives_those_before(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path))
    content = bytearray(path.read_bytes())
    at = content.rindex(CENTRAL)
    content[at : at + 4] = b"????"
    path.write_bytes(content)
    done, arrived = run(tmp_path, path)
    assert len(arrived) == COUNT - 1
    assert [each.reason for each in done.rejected] == [
        "the archive is damaged: its list of members cannot be read behind the first 3"
    ]


def test_a_list_that_lacks_members_is_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path))
    content = bytearray(path.read_bytes())
    content[-12:-10] = content[-14:-12] = b"\x07\0"
    path.write_bytes(content)
    done, arrived = run(tmp_path, path)
    assert len(arrived) == COUNT
    assert [each.reason for each in done.rejected] == [
        "the archive is damaged: it says that it has 7 members, and lists 4"
    ]


def test_one_of_several_parts(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in.zip", contents(tmp_path))
    content = bytearray(path.read_bytes())
    content[-18:-16] = b"\x02\0"
    path.write_bytes(content)
    good = write_zip(tmp_path / "good.zip", contents(tmp_path))
    done, arrived = run(tmp_path, [path, good])
    assert len(arrived) == COUNT
    assert "one of several parts" in done.rejected[0].reason


def overlapping(kernel: bytes, count: int) -> bytes:
    """Members that quote each other's local headers, so that all of them share the kernel (D. Fifield, 2019)."""
    names = [b"%d" % number for number in range(count)]
    locals_ = [LOCAL + struct.pack("<5H3L2H", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name for name in names]
    data = b"".join(locals_) + kernel
    directory, at = b"", 0
    for name, header in zip(names, locals_, strict=True):
        size = len(data) - at - len(header)
        directory += CENTRAL + struct.pack(
            "<6H3L5H2L", 20, 20, 0, 0, 0, 0, 0, size, size, len(name), 0, 0, 0, 0, 0, at
        ) + name  # fmt: skip
        at += len(header)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, len(directory), len(data), 0)
    return data + directory + end


def test_a_bomb_of_overlapping_members(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    path.write_bytes(overlapping(bytes(100_000), 50))
    good = write_zip(tmp_path / "good.zip", contents(tmp_path))
    assert len(members(path)) == 50
    done, arrived = run(tmp_path, [path, good])
    assert len(arrived) == COUNT
    assert len(done.rejected) == 50
    assert sum("shares its bytes" in each.reason for each in done.rejected) == 49


def test_an_archive_that_cannot_be_read(tmp_path: Path) -> None:
    good = write_zip(tmp_path / "good.zip", contents(tmp_path))
    (tmp_path / "link.zip").symlink_to("nowhere")
    (tmp_path / "dir.zip").mkdir()
    shutil.copy(good, tmp_path / "dir.zip" / "file.zip")
    done, arrived = run(tmp_path, [tmp_path, tmp_path / "missing.zip"])
    assert len(arrived) == 2 * COUNT
    assert sorted((Path(each.path).name, each.reason, each.is_dicom) for each in done.rejected) == [
        ("link.zip", "No such file or directory", False),
        ("missing.zip", "No such file or directory", True),
    ]
