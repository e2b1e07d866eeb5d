"""The bytes of a data set that is ready to be sent: a range of an open file, bytes in memory, or pieces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from dcmsend.inputs import FileChanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checksum import Checksum

__all__ = ["BytesPayload", "ChunkPayload", "FilePayload", "Payload", "read_into"]


class BytesPayload:
    """A small data set that is in memory already."""

    __slots__ = ("data",)

    def __init__(self, data: memoryview) -> None:
        self.data = data

    def close(self) -> None:
        """Does nothing: no file is open."""


class FilePayload:
    """A range of bytes of an open file, which the payload owns.

    ``check_unchanged`` is called after the last byte, so that a file that was written to meanwhile never counts as
    sent.

    Attributes:
        descriptor: of the open file; -1 after ``close``.
        offset: position in the file of the first byte.
        length: number of bytes.
        state: size in bytes and time of modification in nanoseconds when the file was opened; None for an anonymous
            file, which nobody else can change.
        closer: closes the descriptor, or keeps it to be used again.
        checksum: takes all bytes of the range, and is finished before the last one is sent; None if there is none.
    """

    __slots__ = ("checksum", "closer", "descriptor", "length", "offset", "state")

    def __init__(
        self,
        descriptor: int,
        offset: int,
        length: int,
        state: tuple[int, int] | None,
        checksum: Checksum | None = None,
        closer: Callable[[int], None] = os.close,
    ) -> None:
        self.checksum = checksum
        self.closer = closer
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.state = state

    def check_unchanged(self) -> None:
        """Compare the file with its state when it was opened.  Raises FileChanged, OSError."""
        check_unchanged(self.descriptor, self.state)

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self.descriptor >= 0:
            self.closer(self.descriptor)
            self.descriptor = -1


class ChunkPayload:
    """A data set that comes in pieces, e.g. from the encoder.

    Attributes:
        chunks: the pieces in order, used once; the iterator raises FileUnreadable, DataSetError, TranscodeError.
    """

    __slots__ = ("_close", "chunks")

    def __init__(self, chunks: Iterator[bytes | memoryview], close: Callable[[], None]) -> None:
        self.chunks = chunks
        self._close = close

    def close(self) -> None:
        """Close the file; may be called twice."""
        close, self._close = self._close, _nothing
        close()


Payload = BytesPayload | FilePayload | ChunkPayload


def check_unchanged(fd: int, state: tuple[int, int] | None) -> None:
    """Compare size and time of modification (nanoseconds) of an open file.  Raises FileChanged, OSError."""
    if state is None:
        return
    status = os.fstat(fd)
    if (status.st_size, status.st_mtime_ns) != state:
        raise FileChanged("the file was changed while it was sent")


def _nothing() -> None:
    """Replaces the close function of a payload that was closed."""


read_into: Callable[[int, Sequence[memoryview], int], int]
if hasattr(os, "preadv"):
    read_into = os.preadv
else:  # Windows, and macOS before 11
    from dcmsend.inputs import preadv_by_seeking as read_into
