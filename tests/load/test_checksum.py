"""The checksum of a member of an archive costs no memory, whatever lies before its data set."""

from __future__ import annotations

import tracemalloc
import zlib
from contextlib import nullcontext
from pathlib import Path

import pytest

from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.errors import DataSetError
from dcmsend.index import IndexOptions, scan
from dcmsend.inputs import InputFile, OpenFile, open_input
from dcmsend.load.loaded_instance import load_instance
from dcmsend.load.payload import FilePayload
from support.data_set_bytes import EXPLICIT_LITTLE, meta_header

DATA_SET = EXPLICIT_LITTLE.encode([
    (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0"), (0x00100020, "LO", b"P1"),
])  # fmt: skip


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_long_meta_header_is_read_in_pieces(tmp_path: Path, is_damaged: bool) -> None:
    meta = meta_header(EXPLICIT_LITTLE.uid)[132 + 12 :] + EXPLICIT_LITTLE.encode([(0x00020102, "OB", bytes(4_000_000))])
    head = bytes(128) + b"DICM" + EXPLICIT_LITTLE.element(0x00020000, "UL", ("L", len(meta)))
    content = head + meta + DATA_SET
    path = tmp_path / "file"
    path.write_bytes(content)
    (instance,) = scan([InputFile(str(path))], IndexOptions())
    status = path.stat()
    stamp = status.st_size, status.st_mtime_ns
    crc = zlib.crc32(content) ^ is_damaged
    file = OpenFile.of_member(open_input(str(path)), len(content), content[: 16 * 1024], stamp, crc=crc)
    loaded = load_instance(instance, file, default_dictionary)
    tracemalloc.start()
    try:
        payload = loaded.as_it_stands()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    try:
        assert peak < 1_000_000
        assert isinstance(payload, FilePayload)
        assert payload.checksum is not None
        payload.checksum.take([memoryview(DATA_SET)])
        with pytest.raises(DataSetError, match="CRC-32") if is_damaged else nullcontext():
            payload.checksum.finish(payload.descriptor)
    finally:
        payload.close()
