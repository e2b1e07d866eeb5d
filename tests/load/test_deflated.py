"""Deflated files that hold more than their data set: what is told is what is sent."""

from __future__ import annotations

import zlib
from pathlib import Path
from random import Random

import pytest

from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.errors import DataSetError
from dcmsend.index import IndexOptions, scan
from dcmsend.inputs import InputFile
from dcmsend.load.loaded_instance import LoadedInstance, load_instance
from support.data_set_bytes import EXPLICIT_LITTLE, Element, file_with
from support.run import run
from support.scripted_peer import ScriptedPeer

DEFLATED = "1.2.840.10008.1.2.1.99"
UIDS: list[Element] = [(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0")]
PLAIN = EXPLICIT_LITTLE.encode([*UIDS, (0x00100020, "LO", b"P1")])
LOST = EXPLICIT_LITTLE.item_header(0xE00D, 0) + EXPLICIT_LITTLE.encode([(0x00100030, "DA", b"20200101")])
"""As behind a sequence of defined length whose writer does not count the item delimiter."""


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def loaded(path: Path, content: bytes) -> LoadedInstance:
    path.write_bytes(file_with(content, DEFLATED))
    item = InputFile(str(path))
    (instance,) = scan([item], IndexOptions())
    return load_instance(instance, item.open(16 * 1024), default_dictionary)


TRAILER = zlib.crc32(PLAIN).to_bytes(4, "little") + len(PLAIN).to_bytes(4, "little")


@pytest.mark.parametrize("padding", [b"", b"\0", TRAILER, TRAILER + b"\0"])
def test_a_sound_file_is_sent_as_it_stands(tmp_path: Path, padding: bytes) -> None:
    """Also with the zero byte that makes its length even (PS3.5 A.5), and with what many writers have from gzip."""
    instance = loaded(tmp_path / "file", deflated(PLAIN) + padding)
    assert (instance.must_be_encoded, instance.warnings) == ((), ())


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (deflated(PLAIN + LOST), f"item delimiter at {len(PLAIN)} of the inflated data set, outside of any item: "),
        (deflated(PLAIN) + bytes(34), "34 bytes behind the end of the deflate stream are not sent"),
        (deflated(PLAIN) + TRAILER[:7] + b"\1", "8 bytes behind the end of the deflate stream are not sent"),
        (deflated(PLAIN) + TRAILER + b"xx", "10 bytes behind the end of the deflate stream are not sent"),
        (deflated(PLAIN) + b"x", "1 byte behind the end of the deflate stream is not sent"),
        (deflated(PLAIN) + bytes(100_000), "100000 bytes behind the end of the deflate stream are not sent"),
    ],
    ids=["delimiter", "padding", "no trailer", "behind a trailer", "byte", "much"],
)
def test_what_is_not_sent_is_told(tmp_path: Path, dcmsend: str, content: bytes, warning: str) -> None:
    instance = loaded(tmp_path / "file", content)
    assert len(instance.must_be_encoded) == 1
    assert [text for text in instance.warnings if text.startswith(warning)]
    with ScriptedPeer() as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, tmp_path / "file")
        assert done.exit_code == 0, done.stderr
        (store,) = peer.stores
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(bytes(store.data_set)) == PLAIN
    assert inflater.unused_data in (b"", b"\0")
    assert f"W: {warning}" in done.stderr


def test_a_stream_that_is_cut_off_behind_the_data_set(tmp_path: Path) -> None:
    """What is missing is not known, as where no delimiter stands before it (D43)."""
    stream = deflated(PLAIN + LOST + Random(1).randbytes(400_000))
    with pytest.raises(DataSetError, match="premature end of stream"):
        loaded(tmp_path / "file", stream[:-20])


def test_a_stream_that_is_damaged_behind_the_data_set(tmp_path: Path) -> None:
    deflater = zlib.compressobj(wbits=-15)
    stream = deflater.compress(PLAIN + LOST + Random(1).randbytes(400_000)) + deflater.flush(zlib.Z_FULL_FLUSH)
    with pytest.raises(DataSetError, match="ZLib Error"):
        loaded(tmp_path / "file", stream + b"\xff" * 20)
