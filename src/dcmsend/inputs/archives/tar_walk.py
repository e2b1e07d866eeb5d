"""The members of a tar archive, in one pass from its first byte to its last, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from .tar_headers import BLOCK, LARGEST_SIZE, TarHeader, TarKind, parse_header, parse_pax

__all__ = ["TarEntry", "TarStream", "TarWalk"]

LONGEST_NAME: Final = 64 * 1024
LONGEST_PAX: Final = 1024 * 1024
LONGEST_END: Final = 64 * 1024 * 1024
"""Bytes of zeros that may follow the last member: tapes are written in records of up to some MiB."""

_ZEROS: Final = bytes(BLOCK)
_CHECK_EVERY: Final = 64
_WITHOUT_CONTENT: Final = (TarKind.HARD_LINK, TarKind.LINK, TarKind.SPECIAL, TarKind.DIRECTORY)


class TarStream(Protocol):
    """The bytes of an archive, from its first one on; inflated if it is compressed.

    Attributes:
        position: how many bytes were read or skipped.
        fault: why the bytes end before their time, as far as that is known; ``""`` if they just end.
    """

    @property
    def position(self) -> int: ...

    @property
    def fault(self) -> str: ...

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end.  Raises FileUnreadable."""
        ...

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes; return how many there were, fewer only at the end.  Raises FileUnreadable."""
        ...


class TarEntry(NamedTuple):
    """A member that is no directory.

    Attributes:
        name: as it stands in the archive.
        kind: a file, a link, or what else cannot be sent.
        offset: where its content begins, in bytes from the beginning of the (inflated) archive.
        size: bytes of content.
        present: how many of these the archive has: fewer if it is cut.
        target: for links, what the link names.
        beginning: the first bytes of the content.
        fault: why it cannot be sent although it is a file; ``""`` if it can.
    """

    name: bytes
    kind: TarKind
    offset: int
    size: int
    present: int
    target: bytes
    beginning: bytes
    fault: str


class TarWalk:
    """Walks over an archive once.

    Attributes:
        fault: after the walk, why the archive is not whole; ``""`` if it is.

    Args:
        stream: the archive.
        head_size: how many bytes of each member are read.
        check: called now and then, and may raise to end the walk.
        pass_over: called for each file with these bytes and the number of the others, which it takes from the stream;
            returns how many there were.  None skips them.
    """

    def __init__(
        self,
        stream: TarStream,
        head_size: int = 0,
        check: Callable[[], None] | None = None,
        pass_over: Callable[[bytes, int], int] | None = None,
    ) -> None:
        self.fault = ""
        self._pass_over = pass_over
        self._stream = stream
        self._head_size = head_size
        self._check = check
        self._next = _Extensions()
        self._global: dict[bytes, bytes] = {}

    def entries(self) -> Iterator[TarEntry]:
        """The members in the order of the archive; directories and what describes other members are left out.

        Archives that follow each other in one file are read as one.  Raises FileUnreadable.
        """
        stream, zeros, count = self._stream, 0, 0
        while len(block := stream.read(BLOCK)) == BLOCK:
            if block == _ZEROS:
                zeros += 1
                if zeros * BLOCK > LONGEST_END:
                    self.fault = f"more than {LONGEST_END >> 20} MiB of zeros follow its end"
                    return
                continue
            header = parse_header(block)
            if header is None:
                self.fault = _no_header(stream.position - BLOCK, zeros, count)
                return
            zeros = 0
            count += 1
            if self._check is not None and count % _CHECK_EVERY == 0:
                self._check()
            if (entry := self._entry(header)) is not None:
                yield entry
            if stream.fault:
                break
        self.fault = self._end(block, zeros)

    def _entry(self, header: TarHeader) -> TarEntry | None:
        """The member with this header, its content passed over; None if it is none."""
        stream, kind = self._stream, header.kind
        if kind in (TarKind.LONG_NAME, TarKind.LONG_TARGET, TarKind.EXTENDED, TarKind.GLOBAL):
            self._extend(header)
            return None
        extensions, self._next = self._next, _Extensions()
        has_more = header.has_more
        while has_more:
            block = stream.read(BLOCK)
            has_more = len(block) == BLOCK and block[504] != 0
        known = {**self._global, **extensions.pax} if self._global else extensions.pax
        name, target, size, fault = header.name, header.target, header.size, extensions.fault
        if known:
            name, target = known.get(b"path", name), known.get(b"linkpath", target)
            if b"size" in known and kind not in _WITHOUT_CONTENT:
                size = _decimal(known[b"size"])
            if any(key.startswith(b"GNU.sparse.") for key in known):
                name, kind = known.get(b"GNU.sparse.name", name), TarKind.SPARSE
        name, target = extensions.name or name, extensions.target or target
        if size < 0:
            size, fault = header.size, fault or "its extended header is damaged"
        if len(name) > LONGEST_NAME:
            name, fault = name[:100], fault or f"its name is longer than {LONGEST_NAME >> 10} KiB"
        offset = stream.position
        beginning = stream.read(min(size, self._head_size)) if kind is TarKind.FILE else b""
        left = size - len(beginning)
        if kind is TarKind.FILE and self._pass_over is not None:
            present = len(beginning) + self._pass_over(beginning, left)
        else:
            present = len(beginning) + stream.skip(left)
        if present == size:
            stream.skip(-size % BLOCK)
        is_old_directory = kind is TarKind.FILE and not size and name.endswith(b"/")
        if is_old_directory or kind in (TarKind.DIRECTORY, TarKind.LABEL):
            return None
        return TarEntry(name, kind, offset, size, present, target, beginning, fault)

    def _extend(self, header: TarHeader) -> None:
        """Keep what the content of this header tells about the next member, or about all."""
        extensions = self._next
        is_name = header.kind in (TarKind.LONG_NAME, TarKind.LONG_TARGET)
        if header.size > (LONGEST_NAME + 1 if is_name else LONGEST_PAX):
            self._stream.skip(header.size + -header.size % BLOCK)
            what = f"name is longer than {LONGEST_NAME >> 10} KiB" if is_name else (
                f"extended header is longer than {LONGEST_PAX >> 20} MiB"
            )  # fmt: skip
            extensions.fault = f"its {what}"
            return
        content = self._stream.read(header.size)
        self._stream.skip(-header.size % BLOCK)
        if is_name:
            text = content.split(b"\0", 1)[0]
            if header.kind is TarKind.LONG_NAME:
                extensions.name = text
            else:
                extensions.target = text
            return
        records = parse_pax(content)
        if records is None:
            extensions.fault = "its extended header is damaged"
        elif header.kind is TarKind.GLOBAL:
            self._global.update((key, records[key]) for key in (b"path", b"linkpath", b"size") if key in records)
        else:
            extensions.pax = records

    def _end(self, last: bytes, zeros: int) -> str:
        """What is wrong with the end of the archive, whose last, incomplete block is ``last``."""
        stream = self._stream
        if stream.fault:
            return stream.fault
        if zeros < 2:
            return f"the archive is cut at byte {stream.position}" if stream.position else "the archive is empty"
        return f"something follows its end at byte {stream.position - len(last)}" if last.strip(b"\0") else ""


class _Extensions:
    """What was told about the next member before its own header."""

    __slots__ = ("fault", "name", "pax", "target")

    def __init__(self) -> None:
        self.name = self.target = b""
        self.pax: dict[bytes, bytes] = {}
        self.fault = ""


def _decimal(value: bytes) -> int:
    """A number of an extended header, -1 if it is none."""
    number = int(value) if value.isdigit() and len(value) < 20 else -1
    return number if number <= LARGEST_SIZE else -1


def _no_header(position: int, zeros: int, count: int) -> str:
    if not count:
        return "it is no tar archive"
    return f"something follows its end at byte {position}" if zeros > 1 else f"the header at byte {position} is damaged"
