"""Writes the body of a request: part heads, and the bytes of instances straight from their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dcmsend.dicomweb import Multipart
from dcmsend.inputs import FileChanged, unreadable
from dcmsend.interrupt import Interrupt
from dcmsend.load import BytesPayload, FilePayload, read_into

from .batch import Batch
from .http_connection import HttpConnection
from .part import Part

if TYPE_CHECKING:
    from dcmsend.transfer import Pace

__all__ = ["BodyWriter"]

_PIECE: Final = 1 << 20
"""Bytes handed to the system at once; between two pieces the writer looks whether an answer has come."""

_END: Final = 16 * 1024
"""Bytes at the end of a file that are read: they go out only once the file is known to be unchanged."""

_SMALL: Final = 64 * 1024
"""Files up to this size are read as a whole, and several of them go out together."""

_MOST_GATHERED: Final = 256 * 1024


class BodyWriter:
    """Writes requests to one connection.

    Args:
        progress: is told of an instance, and of how many bytes of it were handed to the system.
    """

    def __init__(
        self,
        connection: HttpConnection,
        interrupt: Interrupt,
        pace: Pace | None,
        progress: Callable[[Part, int], None] | None,
    ) -> None:
        self._connection = connection
        self._interrupt = interrupt
        self._pace = pace
        self._progress = progress
        self._buffer: memoryview | None = None
        self._gathered: list[bytes | memoryview] = []
        self._size = 0
        self._shares: list[tuple[Part, int, int, bool]] = []  # part, position, bytes, whether the part ends there
        self._handed = 0
        self._is_streamed = False
        self._has_turn = False
        self.current: Part | None = None

    @property
    def _piece(self) -> int:
        """Bytes to send at a time; fewer where the rate is limited now."""
        return _PIECE if self._pace is None else min(_PIECE, self._pace.piece)

    def wait_for_turn(self) -> None:
        """Return when the next request may begin, as far as the rate of instances goes.

        Call it before the connection is looked at: servers close those that are idle for long.
        """
        if self._pace is not None and not self._has_turn:
            self._pace.wait_for_instance(self._interrupt)
            self._has_turn = True

    def write(self, head: bytes, batch: Batch, multipart: Multipart) -> None:
        """Write a whole request.  ``current`` is the part that is being read, while there is one.

        Raises Answered when an answer comes before the end; ConnectionLost, TimedOut, Cancelled; FileUnreadable,
        DataSetError, TranscodeError when ``current`` cannot be read to its end.
        """
        self._gathered.clear()
        self._shares.clear()
        self._size = 0
        self._is_streamed = batch.is_streamed
        # The first one begins with the request: a server that refuses its head would else be asked again for ever.
        first = batch.parts[0]
        if self._is_streamed:
            try:
                self._send(memoryview(head))
            finally:
                first.is_begun = self._handed > 0
        else:
            self._shares.append((first, 0, 0, False))
            self._gather(head)
        for part in batch.parts:
            if not self._has_turn and self._pace is not None and self._pace.limits_instances:
                self._flush()  # servers close a connection on which nothing comes while a turn is waited for
            self.wait_for_turn()
            self._has_turn = False
            self.current = part
            self._write(part, multipart)
            self.current = None
        self._gather(multipart.closing)
        self._flush()
        if self._is_streamed:
            self._send(memoryview(b"0\r\n\r\n"))

    def _write(self, part: Part, multipart: Multipart) -> None:
        self._shares.append((part, self._size, 0, False))
        self._gather(multipart.part_head)
        self._gather(part.before)
        payload = part.payload
        if isinstance(payload, BytesPayload):
            self._gather(payload.data, part)
        elif isinstance(payload, FilePayload):
            self._write_file(part, payload)
        elif payload is not None:
            for chunk in payload.chunks:
                self._gather(chunk, part)
        self._gather(multipart.part_end)
        self._shares.append((part, self._size, 0, True))
        if not part.is_lent:
            part.close()
        if self._size >= _MOST_GATHERED:
            self._flush()

    def _write_file(self, part: Part, payload: FilePayload) -> None:
        """The range of a file, the most of it without a copy if the connection can do that."""
        offset, end = payload.offset, payload.offset + payload.length
        if payload.checksum is None and payload.length > _SMALL and self._connection.sends_files:
            offset = self._send_file(part, payload, end - _END)
        while offset < end:
            data = self._read(payload, offset, end)
            offset += len(data)
            if offset == end and len(data) <= _SMALL:
                self._gather(bytes(data), part)
                continue
            self._flush()
            try:
                self._send(data)
            finally:
                self._note(part, self._handed)

    def _send_file(self, part: Part, payload: FilePayload, end: int) -> int:
        """Send what lies before ``end``; return the position up to which that was possible."""
        self._flush()
        offset = payload.offset
        while offset < end:
            count = min(self._piece, end - offset)
            if self._pace is not None:
                self._pace.wait_for_bytes(count, self._interrupt)
            self._connection.look()
            part.is_lent = True
            sent = self._connection.send_file(payload.descriptor, offset, count)
            offset += sent
            self._note(part, sent)
            if sent < count:
                break
        return offset

    def _read(self, payload: FilePayload, offset: int, end: int) -> memoryview:
        """The next bytes of a file, up to a piece; with the last ones, check that the file is what it was.

        Raises FileChanged, FileUnreadable, DataSetError.
        """
        if self._buffer is None:
            self._buffer = memoryview(bytearray(_PIECE))
        wanted = min(end - offset, _PIECE)
        got = 0
        try:
            while got < wanted:
                count = read_into(payload.descriptor, (self._buffer[got:wanted],), offset + got)
                if not count:
                    raise FileChanged(f"the file ends {end - offset - got} bytes earlier than when it was checked")
                got += count
            data = self._buffer[:got]
            if payload.checksum is not None:
                payload.checksum.take((data,))
            if offset + got == end:
                if payload.checksum is not None:
                    payload.checksum.finish(payload.descriptor)
                payload.check_unchanged()
        except OSError as error:
            raise unreadable(error) from error
        return data

    def _gather(self, data: bytes | memoryview, part: Part | None = None) -> None:
        """Keep bytes to be sent together with others; those of ``part`` count for it."""
        if not data:
            return
        if part is not None:
            self._shares.append((part, self._size, len(data), False))
        self._gathered.append(data)
        self._size += len(data)
        if part is not None and self._size >= _MOST_GATHERED:
            self._flush()

    def _flush(self) -> None:
        """Send what was gathered; also if that is not possible to the end, its parts know how far they have come."""
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._size = 0
        frame = b""
        if self._is_streamed:
            frame = b"%x\r\n" % len(data)
            data = b"%b%b\r\n" % (frame, data)
        try:
            self._send(memoryview(data))
        finally:
            self._note_shares(self._handed - len(frame))

    def _note_shares(self, handed: int) -> None:
        """Note what became of the parts in what was gathered, when the system has taken so many bytes of it."""
        shares, self._shares = self._shares, []
        for part, position, count, is_end in shares:
            if is_end:
                part.is_complete = handed >= position
            elif handed > position:
                part.is_begun = True
                if count:
                    self._note(part, min(count, handed - position))

    def _send(self, data: memoryview) -> None:
        """Send bytes; ``_handed`` is how many of them the system has taken, also if this raises."""
        self._handed = 0
        while self._handed < len(data):
            piece = data[self._handed : self._handed + self._piece]
            if self._pace is not None:
                self._pace.wait_for_bytes(len(piece), self._interrupt)
            self._connection.look()  # before and not after: an answer to the last byte is not an early one
            try:
                self._connection.send(piece)
            except Exception:
                self._handed += self._connection.taken
                raise
            self._handed += len(piece)

    def _note(self, part: Part, count: int) -> None:
        part.sent += count
        if self._progress is not None and count:
            self._progress(part, count)
