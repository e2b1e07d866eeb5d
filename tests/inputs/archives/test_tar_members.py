"""The members of tar archives as inputs."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from dcmsend.errors import DataSetError
from dcmsend.inputs import FileChanged, missing_package
from dcmsend.inputs.archives import inflating
from support.archives import content_of, members
from support.descriptors import open_descriptors
from support.tar_files import COMPRESSED, END, compress, entry, header, summed, tar_of

LARGE = bytes(range(256)) * 12000
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def results(path: Path) -> dict[str, bytes | str]:
    """Content, or the reason why there is none, by what follows the name of the archive."""
    found: dict[str, bytes | str] = {}
    for item in members(path):
        name = item.path.removeprefix(str(path))
        assert name not in found
        try:
            found[name] = content_of(item)
        except DataSetError as error:
            found[name] = str(error)
            with pytest.raises(DataSetError):
                item.open_beginning(10)
    return found


def written(path: Path, data: bytes) -> dict[str, bytes | str]:
    path.write_bytes(data)
    return results(path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["", *COMPRESSED])
def test_every_byte_of_every_format(tmp_path: Path, form: str, suffix: str) -> None:
    contents = {"a": b"", "b/c": b"x", "b/d": os.urandom(5000), "large": LARGE, "u/\u00e4\u4e2d.dcm": b"umlaut"}
    contents[f"{'p' * 90}/{'n' * 95}"] = b"512 bytes of it" * 100
    if form != "ustar":
        contents["long/" * 100 + "n"] = b"long"
    data = tar_of(contents, FORMS[form])
    path = tmp_path / ("in.tar." + suffix if suffix else "in.tar")
    path.write_bytes(compress(data, suffix) if suffix else data)
    before = open_descriptors()
    found = members(path)
    assert [item.path for item in found] == [f"{path}!/{name}" for name in contents]
    for item, content in zip(found, contents.values(), strict=True):
        for head_size in (0, 1, 4999, 5000, 5001, 20_000):
            assert item.open_beginning(head_size) == (-1, content[:head_size])
            assert content_of(item, head_size) == content
    found.clear()
    del item
    assert open_descriptors() <= before


def test_what_a_journal_and_reports_know(tmp_path: Path) -> None:
    path = tmp_path / "in.tar"
    path.write_bytes(tar_of({"d/a": b"12345", "b": b"6"}))
    first, second = members(path)
    status = path.stat()
    assert first.look() == first.open(10).stamp == (status.st_size, status.st_mtime_ns)
    assert first.key(lambda name: os.fsencode(os.path.realpath(name))) == (os.fsencode(f"{path}!"), b"d/a")
    assert (first.etag, second.etag) == ("-512", "-1536")
    os.utime(path, (1, 1))
    with pytest.raises(FileChanged):
        first.open(10)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_compressed_archive_that_was_changed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"in.tar.{suffix}"
    path.write_bytes(compress(tar_of({"a": b"1", "b": LARGE}), suffix))
    _, item = members(path)
    assert item.etag == "-1536"
    os.utime(path, (1, 1))
    with pytest.raises(FileChanged):
        item.open(10)


def test_a_member_goes_out_of_the_archive_itself(tmp_path: Path) -> None:
    path = tmp_path / "in.tar"
    path.write_bytes(tar_of({"a": b"1", "b": LARGE}))
    _, item = members(path)
    file = item.open(16)
    assert os.fstat(file.descriptor).st_ino == path.stat().st_ino
    assert (file.start, file.size) == (1536, len(LARGE))
    file.close()


def test_what_is_no_file(tmp_path: Path) -> None:
    assert written(
        tmp_path / "in.tar",
        header(b"d/", 0, b"5")
        + header(b"old/", 0, b"\0")
        + header(b"label", 0, b"V")
        + entry(b"dump/", b"Yfile\0", b"D")
        + entry(b"a", b"1")
        + header(b"link", 0, b"2", b"a")
        + header(b"null", 0, b"3")
        + header(b"disk", 0, b"4")
        + header(b"pipe", 0, b"6")
        + entry(b"contiguous", b"7", b"7")
        + entry(b"strange", b"s", b"s")
        + entry(b"vendor", b"Z", b"Z")
        + entry(b"rest", b"M", b"M")
        + entry(b"inner.TAR.gz", b"\x1f\x8b")
        + entry(b"z", b"26")
        + END,
    ) == {
        "!/a": b"1",
        "!/link": "a link: what it leads to is only sent if it is a member itself",
        "!/null": "a device or a pipe",
        "!/disk": "a device or a pipe",
        "!/pipe": "a device or a pipe",
        "!/contiguous": b"7",
        "!/strange": b"s",
        "!/vendor": "of a kind that is not known",
        "!/rest": "a part of a file that begins in another archive",
        "!/inner.TAR.gz": "an archive inside an archive: unpack it first",
        "!/z": b"26",
    }


@pytest.mark.parametrize("suffix", ["", *COMPRESSED])
def test_hard_links_have_the_content_of_what_they_name(tmp_path: Path, suffix: str) -> None:
    lost = "a hard link to what is no member before it, or cannot be read"
    data = (
        entry(b"./d/a", LARGE)
        + entry(b"/b", b"2")
        + header(b"to-a", 0, b"1", b"d/a")
        + header(b"to-link", 77, b"1", b"to-a")
        + header(b"to-b", 0, b"1", b"b")
        + header(b"symbolic", 0, b"2", b"b")
        + header(b"to-symbolic", 0, b"1", b"symbolic")
        + header(b"to-itself", 0, b"1", b"to-itself")
        + header(b"ahead", 0, b"1", b"z")
        + entry(b"z", b"26")
        + END
    )
    path = tmp_path / ("in.tar." + suffix if suffix else "in.tar")
    assert written(path, compress(data, suffix) if suffix else data) == {
        "!/./d/a": LARGE,
        "!/b": b"2",
        "!/to-a": LARGE,
        "!/to-link": LARGE,
        "!/to-b": b"2",
        "!/symbolic": "a link: what it leads to is only sent if it is a member itself",
        "!/to-symbolic": lost,
        "!/to-itself": lost,
        "!/ahead": lost,
        "!/z": b"26",
    }


@pytest.mark.parametrize("suffix", ["", *COMPRESSED])
def test_a_hard_link_never_has_the_content_of_an_older_member(tmp_path: Path, suffix: str) -> None:
    """Unpacked, it would be the newer one of that name, which cannot be sent."""
    newer = header(b"a", 0, b"2", b"elsewhere") + header(b"b", 0, b"1", b"./a")
    data = entry(b"a", b"older") + newer + entry(b"a", b"newest") + header(b"c", 0, b"1", b"a") + END
    path = tmp_path / f"in.tar{suffix and '.'}{suffix}"
    found = written(path, compress(data, suffix) if suffix else data)
    contents = [content for content in found.values() if isinstance(content, bytes)]
    assert contents == [b"older", b"newest", b"newest"]
    assert found["!/b"] == "a hard link to what is no member before it, or cannot be read"


def test_names_that_come_more_than_once(tmp_path: Path) -> None:
    data = tar_of([("a", b"1"), ("a (2)", b"2"), ("a", b"3"), ("a", b"4"), ("", b"5")])
    names = ["a", "a (2)", "a (3)", "a (4)", "(no name)"]
    assert written(tmp_path / "in.tar", data) == {
        f"!/{name}": b"%d" % number for number, name in enumerate(names, 1)
    }


def test_sparse_files_of_every_form(tmp_path: Path) -> None:
    reason = "a sparse file: pack the archive again without sparse files"
    old = bytearray(header(b"old", 512, b"S", magic=b"ustar  \0"))
    old[482] = 1
    pax = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n27 GNU.sparse.name=d/named\n"
    data = summed(old) + bytes(504) + b"\1" + bytes(7) + bytes(512) + b"x" * 512
    data += entry(b"PaxHeader", pax, b"x") + entry(b"GNUSparseFile.0/named", b"1\n0\n1\n") + entry(b"z", b"26") + END
    assert written(tmp_path / "in.tar", data) == {"!/old": reason, "!/d/named": reason, "!/z": b"26"}


def pax_record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length = len(b"%d" % length) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def test_extended_headers(tmp_path: Path) -> None:
    size = pax_record(b"size", b"600") + pax_record(b"path", b"big\xff")
    zero = header(b"short", 0)
    content = b"c" * 600 + bytes(424)
    assert written(
        tmp_path / "in.tar",
        entry(b"g", pax_record(b"comment", b"of all"), b"g")
        + entry(b"p", size, b"x") + zero + content
        + entry(b"p", b"12 no record", b"x") + entry(b"damaged", b"1")
        + entry(b"p", pax_record(b"size", b"-5"), b"x") + entry(b"negative", b"1")
        + entry(b"p", pax_record(b"comment", b"x" * (1 << 20)), b"x") + entry(b"huge", b"1")
        + entry(b"p", pax_record(b"path", b"n" * 70_000), b"x") + entry(b"", b"1")
        + entry(b"././@LongLink", b"n" * 70_000, b"L") + entry(b"long", b"1")
        + entry(b"././@LongLink", b"n" * 300 + b"\0", b"L") + entry(b"nnn", b"1")
        + END,
    ) == {
        "!/big\udcff": b"c" * 600,
        "!/damaged": "its extended header is damaged",
        "!/negative": "its extended header is damaged",
        "!/huge": "its extended header is longer than 1 MiB",
        "!/" + "n" * 100: "its name is longer than 64 KiB",
        "!/long": "its name is longer than 64 KiB",
        "!/" + "n" * 300: b"1",
    }  # fmt: skip


def test_numbers_of_every_form(tmp_path: Path) -> None:
    binary, spaced, signed = (bytearray(header(name, 3)) for name in (b"binary", b"spaced", b"signed\xe4"))
    binary[124:136] = b"\x80" + (3).to_bytes(11, "big")
    spaced[124:136] = b"         3 \0"
    old_sum = sum(signed[:148] + signed[156:]) + 256
    signed[148:156] = b"%06o\0 " % (old_sum - 256)
    data = b"".join(head + b"abc" + bytes(509) for head in (summed(binary), summed(spaced), bytes(signed)))
    assert written(tmp_path / "in.tar", data + END) == dict.fromkeys(
        ("!/binary", "!/spaced", "!/signed\udce4"), b"abc"
    )


@pytest.mark.parametrize(
    "field", [b"\xff" * 12, b"0000000000x\0", b"00000000009\0", b"+0000000003\0", b"\x80" + b"\xff" * 11]
)
def test_a_size_that_is_none_ends_the_archive(tmp_path: Path, field: bytes) -> None:
    block = bytearray(header(b"b", 0))
    block[124:136] = field
    data = entry(b"a", b"1") + summed(block) + entry(b"c", b"3") + END
    assert written(tmp_path / "in.tar", data) == {"!/a": b"1", "": "the header at byte 1024 is damaged"}


def test_archives_one_behind_the_other(tmp_path: Path) -> None:
    first, second = tar_of({"a": b"1"}), tar_of({"b": b"2"})
    assert written(tmp_path / "in.tar", first + second) == {"!/a": b"1", "!/b": b"2"}
    for suffix in COMPRESSED:
        data = compress(first, suffix) + compress(second, suffix)
        assert written(tmp_path / f"in.tar.{suffix}", data) == {"!/a": b"1", "!/b": b"2"}


def test_frames_of_zstandard_that_are_to_be_skipped(tmp_path: Path) -> None:
    """Source: RFC 8878 3.1.2; pzstd writes one before each frame, seekable files end with one."""
    frames = [compress(part, "zst") for part in (tar_of({"a": b"1"}), tar_of({"b": b"2"}))]
    skipped = [bytes((mark,)) + b"\x2a\x4d\x18" + bytes((size, 0, 0, 0)) + b"s" * size for mark, size in (
        (0x50, 4), (0x5F, 200), (0x53, 0),
    )]  # fmt: skip
    expected: dict[str, bytes | str] = {"!/a": b"1", "!/b": b"2"}
    everywhere = skipped[0] + frames[0] + skipped[1] + skipped[2] + frames[1] + skipped[0]
    assert written(tmp_path / "in.tar.zst", everywhere) == expected
    assert written(tmp_path / "named", everywhere) == expected
    assert written(tmp_path / "in.tar.zst", frames[0] + frames[1] + skipped[1]) == expected
    cut = written(tmp_path / "in.tar.zst", frames[0] + frames[1] + skipped[1][:-1])
    size = len(frames[0] + frames[1] + skipped[1]) - 1
    assert cut == expected | {"": f"the archive is cut at byte {size}, within its compressed data"}
    other = written(tmp_path / "in.tar.zst", frames[0] + b"\x60" + skipped[0][1:])
    assert other.keys() == {"!/a", ""}


def test_a_star_prefix_is_shorter(tmp_path: Path) -> None:
    block = bytearray(header(b"name", 1))
    block[345:348] = b"dir"
    block[476:487] = b"07000000000"
    block[508:512] = b"tar\0"
    assert written(tmp_path / "in.tar", summed(block) + b"1" + bytes(511) + END) == {"!/dir/name": b"1"}


def test_more_members_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcmsend.inputs.archives.tar_archive.MOST_MEMBERS", 2)
    data = tar_of({"a": b"1", "b": b"2", "c": b"3"})
    assert written(tmp_path / "in.tar", data) == {"!/a": b"1", "!/b": b"2", "": "more than 2 members"}


def test_gnu_tar_writes_what_we_read(tmp_path: Path) -> None:
    import subprocess

    tree = tmp_path / "tree"
    (tree / ("deep" * 50)).mkdir(parents=True)
    (tree / "a").write_bytes(LARGE)
    os.link(tree / "a", tree / "b")
    (tree / ("deep" * 50) / ("n" * 120)).write_bytes(b"n")
    for form in ("gnu", "posix", "oldgnu"):
        path = tmp_path / f"{form}.tar"
        subprocess.run(["tar", "--sort=name", f"--format={form}", "-cf", path, "-C", tree, "."], check=True)
        assert results(path) == {"!/./a": LARGE, "!/./b": LARGE, f"!/./{'deep' * 50}/{'n' * 120}": b"n"}


def test_standard_library_agrees(tmp_path: Path) -> None:
    data = tar_of({f"{n}": os.urandom(n * 37) for n in range(100)})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = {f"!/{info.name}": archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    assert written(tmp_path / "in.tar", data) == expected


def test_the_missing_package_is_told_for_a_signed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what may be a signature."""
    monkeypatch.setattr(inflating, "has_zstd", lambda: False)
    assert missing_package(["a.zip", "https://h/b.tar.zst?sig=SECRET"]) == ("https://h/b.tar.zst", "zstandard")
