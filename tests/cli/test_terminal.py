"""Messages reach people whole, and do nothing else: hostile names, closed streams, broken pipes, full disks."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.cli.terminal import ErrorStream, make_harmless, to_bytes
from support.programs import installed_dcmsend
from support.terminal import all_written

from .both_programs import raw_run

HOSTILE = b"a\x1b]0;owned\x07b\x9b31m\xc2\x9bc\r\x7f\xe2\x80\xaed\xff"
LOG = b"F: bad DICOM file: "


@given(st.text())
def test_nothing_that_drives_a_terminal_is_left(text: str) -> None:
    harmless = make_harmless(text)
    assert not any((ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 for char in harmless)
    assert not set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c") & set(harmless)


@given(st.binary())
def test_names_come_out_as_they_are_on_disk(name: bytes) -> None:
    assert to_bytes(os.fsdecode(name)) == name


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_written(text: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    ErrorStream(stream).write(text)
    assert stream.buffer.getvalue() == to_bytes(text)  # type: ignore[attr-defined]


def test_ordinary_text_is_left_alone() -> None:
    assert make_harmless("Müller/胸部.dcm\nzweite Zeile") == "Müller/胸部.dcm\nzweite Zeile"


def test_name_in_a_pipe(tmp_path: Path) -> None:
    done = raw_run(installed_dcmsend(), ["localhost", "1", HOSTILE], tmp_path)
    assert done.returncode == 22
    assert LOG + HOSTILE + b": " in done.stderr


def test_name_on_a_terminal(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    done = subprocess.run([installed_dcmsend(), "localhost", "1", HOSTILE], stderr=follower, cwd=tmp_path, timeout=60)
    os.close(follower)
    shown = all_written(leader)
    assert done.returncode == 22
    escaped = rb"a\x1b]0;owned\x07b\x9b31m\x9bc\x0d\x7f\u202ed\xff"
    assert LOG + escaped + b": " in shown.replace(b"\r\n", b"\n")
    assert b"\x1b" not in shown


def test_name_that_holds_lines_has_a_prefix_in_each(tmp_path: Path) -> None:
    done = raw_run(installed_dcmsend(), ["localhost", "1", b"x\nF: forged"], tmp_path)
    assert b"F: bad DICOM file: x\nF: F: forged: No such file or directory\n" in done.stderr


@pytest.mark.parametrize("redirections", ["2>&-", ">&-", "2>&- >&- <&-", "2>/dev/full", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [("localhost 1 nofile", 22), ("-d localhost 1 nofile", 22), ("--bogus", 1), ("--help", 0), ("--version", 0)],
)
def test_streams_that_cannot_be_written(redirections: str, arguments: str, exit_code: int, tmp_path: Path) -> None:
    command = f"'{installed_dcmsend()}' {arguments} {redirections}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == exit_code
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--list-decoders"], ["-d", "localhost", "1", "nofile"]])
def test_reader_that_has_gone(arguments: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "dcmsend", *arguments], stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60
    )
    assert done.returncode == (0 if arguments[0].startswith("--") else 22)
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "dcmsend", *arguments], stdout=subprocess.PIPE, stderr=writer, cwd=tmp_path, timeout=60
    )
    os.close(writer)
    assert done.returncode == (0 if arguments[0].startswith("--") else 22)


def test_other_encodings_of_file_names(tmp_path: Path) -> None:
    """Under a locale without UTF-8, arguments and messages are still the same bytes."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = raw_run(installed_dcmsend(), ["localhost", "1", "é".encode()], tmp_path, **plain)
    assert LOG + "é: ".encode() in done.stderr
