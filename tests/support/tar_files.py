"""Tar archives, also such as no well-behaved program writes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterable

import zstandard

__all__ = ["COMPRESSED", "END", "compress", "entry", "header", "tar_of"]

COMPRESSED = ("gz", "bz2", "xz", "zst")
END = bytes(1024)


def header(name: bytes, size: int, kind: bytes = b"0", target: bytes = b"", magic: bytes = b"ustar\00000") -> bytes:
    """One header with the right checksum."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = b"%011o\0" % size
    block[156:157] = kind
    block[157 : 157 + len(target)] = target
    block[257 : 257 + len(magic)] = magic
    return summed(block)


def summed(block: bytearray) -> bytes:
    """The header with the checksum of what is in it."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(name: bytes, content: bytes, kind: bytes = b"0") -> bytes:
    """A header and its content, padded."""
    return header(name, len(content), kind) + content + bytes(-len(content) % 512)


def tar_of(contents: dict[str, bytes] | Iterable[tuple[str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive as ``tarfile`` writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in contents.items() if isinstance(contents, dict) else contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def compress(data: bytes, kind: str) -> bytes:
    """As gz, bz2, xz or zst."""
    if kind == "gz":
        return gzip.compress(data, 1, mtime=0)
    if kind == "bz2":
        return bz2.compress(data, 1)
    if kind == "xz":
        return lzma.compress(data, preset=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)
