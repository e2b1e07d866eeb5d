"""A conversion needs no memory for the values it converts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.data_set_bytes import EXPLICIT_BIG, EXPLICIT_LITTLE
from support.run import run_measured

GIGABYTES = 2 << 30
CONVERT = """
import os, sys
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.transcode import convert_data_set

class File:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
    def read_at(self, position, size):
        return os.pread(self.fd, size, position)

path, source, target = sys.argv[1:]
result = convert_data_set(File(path), transfer_syntax(source), transfer_syntax(target), dictionary=default_dictionary)
print(result.length, sum(map(len, result.chunks())))
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", [EXPLICIT_LITTLE.uid, EXPLICIT_BIG.uid])
def test_two_gigabytes(target: str, tmp_path: Path) -> None:
    path = tmp_path / "data set"
    head = EXPLICIT_LITTLE.encode([(0x00080016, "UI", b"1.2\0")]) + EXPLICIT_LITTLE.header(0x7FE00010, "OW", GIGABYTES)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + GIGABYTES)
    done, peak = run_measured(tmp_path, sys.executable, "-c", CONVERT, path, EXPLICIT_LITTLE.uid, target)
    assert done.exit_code == 0, done.stderr
    announced, length = map(int, done.stdout.split())
    assert announced == length == len(head) + GIGABYTES
    assert peak < 150 << 20
