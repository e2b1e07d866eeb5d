"""Encapsulated pixel data and its native value, which is decoded completely into a spool before it is written.

Source: PS3.5 8.2, A.4; changes to the data set are those of DCMTK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeVar

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DcmsendError, TranscodeError

from .buffers import Buffers
from .codec import Codec, FrameDecoder, Image, SizedCodec, VerifyingDecoder, cannot_change
from .frames import Frames, OffsetTables, divide
from .image_attributes import NUMBER_OF_FRAMES, ImageAttributes
from .layout import LARGEST_LENGTH
from .reading import BufferedReader
from .registry import codec_for
from .spool import Job, MemorySpool, RunJobs, Spool
from .structure import FRAGMENT, KIND, Structure
from .tiles import TileDecoder

__all__ = ["PixelData"]

_EXTENDED_OFFSET_TABLE: Final = 0x7FE00001
_OFFSET_TABLES: Final = (0x7FE00001, 0x7FE00002, 0x7FE00003)
_LOSSY_IMAGE_COMPRESSION: Final = 0x00282110
_LARGEST_TABLE: Final = 64 << 20
_LARGEST_FRAME: Final = 1 << 30
_PIECE: Final = 256 * 1024
_BATCH: Final = 1 << 20
"""Native bytes of one job; smaller frames are decoded several in a job."""
_MOST_FRAMES: Final = 1024
"""Frames of one job: what holds a frame of a few pixels is larger than they are."""


_Frame = TypeVar("_Frame", bytes, memoryview)
_Result = TypeVar("_Result")


def _open_decoder(
    codec: Codec, image: Image, syntax: TransferSyntax, first_frame: bytes, keep_ybr: bool
) -> FrameDecoder:
    """See ``Codec.open_decoder``; for tiled images some frames may be smaller."""
    if image.is_tiled and isinstance(codec, SizedCodec):
        return TileDecoder(codec, image, syntax, first_frame, keep_ybr)
    return codec.open_decoder(image, syntax, first_frame, keep_ybr)


class PixelData:
    """One encapsulated Pixel Data element that is to become native.

    Args:
        node: node of kind FRAGMENTS.
        source: the data set.
        syntax: how its frames are compressed.
        keep_ybr: whether losslessly compressed YBR stays as it is.

    Raises TranscodeError when attributes, fragments and first frame contradict each other, or cannot be decoded.

    Attributes:
        length: bytes of the native value, without padding.
        verifies_cheaply: whether ``verify`` is worth a try before ``decode``.
    """

    def __init__(
        self, structure: Structure, node: int, source: ByteSource, syntax: TransferSyntax, *, keep_ybr: bool
    ) -> None:
        self._structure = structure
        self._node = node
        self._spool: Spool = MemorySpool(0)
        self._is_verified = False
        codec = codec_for(syntax)
        self._damaged = codec.DAMAGED
        item = structure.parents[node]
        self._attributes = ImageAttributes(structure, item, BufferedReader(source))
        self._image: Image = self._attributes.image()
        self._frames = self._divide(source, codec.starts_frame)
        first = self._frames.read(0)
        self._decoder: FrameDecoder = self._guarded(
            0, partial(_open_decoder, codec, self._image, syntax, first, keep_ybr)
        )
        self.verifies_cheaply: Final = isinstance(self._decoder, VerifyingDecoder) and self._decoder.verifies_cheaply(
            first
        )
        native = self._decoder.native
        self._frame_bits = native.frame_bits(self._image)
        self._frame_length = (self._frame_bits + 7) // 8
        self.length = (self._frame_bits * len(self._frames) + 7) // 8
        if self._frame_length > _LARGEST_FRAME:
            raise cannot_change(f"a frame of {self._frame_length} bytes")
        if self.length > LARGEST_LENGTH - 1:
            raise cannot_change(f"native Pixel Data of {self.length} bytes does not fit a data element")

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """(level, text) for the log; ``decode`` may add more."""
        notes, decoder = self._decoder.native.notes, self._decoder
        if isinstance(decoder, TileDecoder) and decoder.padded:
            text = f"{decoder.padded} of {len(self._frames)} frames have fewer rows or columns than the data set says"
            notes += (("W", f"{text}: padded with black"),)
        return notes

    def _divide(self, source: ByteSource, starts_frame: Callable[[bytes, Image], bool]) -> Frames:
        structure, attributes = self._structure, self._attributes
        items = [node for node in structure.children(self._node) if structure.kinds[node] & KIND == FRAGMENT]
        if len(items) < 2:
            raise TranscodeError("Illegal call, perhaps wrong parameters", "encapsulated Pixel Data without fragments")
        positions = [structure.positions[node] for node in items]
        lengths = [structure.lengths[node] for node in items]
        tables = OffsetTables(
            source.read_at(positions[0], min(lengths[0], _LARGEST_TABLE)),
            attributes.value(_EXTENDED_OFFSET_TABLE, _LARGEST_TABLE),
        )
        frame_count = max(1, attributes.number_of_frames() or 1)
        image = self._image
        return divide(
            source, positions[1:], lengths[1:], frame_count, tables, lambda head: starts_frame(head, image)
        )

    def change_data_set(self) -> None:
        """Change the structure to native pixels, whose value is read from the spool."""
        attributes = self._attributes
        is_present = attributes.number_of_frames() is not None
        for tag, value in self._decoder.native.changes.items():
            # Lossy compression is noted for the instance's own pixels, not for those of an icon in it.
            if tag != _LOSSY_IMAGE_COMPRESSION or not self._structure.parents[self._node]:
                attributes.change(tag, value)
        if is_present:
            attributes.change(NUMBER_OF_FRAMES, str(len(self._frames)))
        for tag in _OFFSET_TABLES:
            attributes.drop(tag)
        self._structure.replace(self._node, "OW", self.length, self._pieces)

    def _pieces(self) -> Iterator[bytes]:
        """The native value, from the spool, or decoded while it is written."""
        if self._is_verified:
            yield from self._decoded_pieces()
            return
        for position in range(0, self.length, _PIECE):
            yield self._spool.read_at(position, min(_PIECE, self.length - position))

    def _decoded_pieces(self) -> Iterator[bytes]:
        size = self._frame_length
        rest = 0  # bytes left over from the previous frame, because pieces are multiples of eight bytes
        data = memoryview(bytearray(8 + size))
        decoder, buffers = self._decoder, Buffers()
        assert isinstance(decoder, VerifyingDecoder)
        for number in range(len(self._frames)):
            frame = self._frames.borrow(number, buffers)
            self._guarded(number, partial(decoder.decode, frame, data[rest : rest + size]))
            buffers.give_back(frame)
            end = rest + size & -8
            for start in range(0, end, _PIECE):
                yield bytes(data[start : min(start + _PIECE, end)])
            last, rest = end, (rest + size) % 8
            data[:rest] = data[last : last + rest]
        if rest:
            yield bytes(data[:rest])

    def decode(self, spool: Spool, run: RunJobs) -> None:
        """Decode all frames into ``spool``, which has room for ``length`` bytes and is closed by ``close``.

        Raises TranscodeError, DataSetError, FileUnreadable, and what the spool and ``run`` raise.
        """
        self._spool = spool
        if self._frame_bits % 8:
            self._decode_bits(spool)
        else:
            memory = self._memory_of_a_frame()
            run(self._jobs(spool, memory), memory)
        spool.finish()

    def verify(self, run: RunJobs) -> bool:
        """Check all frames without a spool; return False if that cannot be done, so that ``decode`` is needed.

        Raises the errors of ``decode``.
        """
        decoder = self._decoder
        if self._frame_bits % 8 or not isinstance(decoder, VerifyingDecoder):
            return False
        verify, buffers = decoder.verify, Buffers()

        def job(number: int, frame: memoryview) -> None:
            self._guarded(number, partial(verify, frame))
            buffers.give_back(frame)

        run(
            (partial(job, number, self._frames.borrow(number, buffers)) for number in range(len(self._frames))),
            self._memory_of_a_frame(),
        )
        self._is_verified = True
        return True

    def close(self) -> None:
        """Close the spool."""
        self._spool.close()

    def _memory_of_a_frame(self) -> int:
        """Bytes of the largest frame, decoded or compressed: one made to harm may be larger than its pixels."""
        return max(self._frame_length, self._frames.longest)

    def _jobs(self, spool: Spool, memory: int) -> Iterator[Job]:
        count = min(max(1, _BATCH // memory), _MOST_FRAMES)
        decoder, buffers = self._decoder, Buffers()
        verifying = decoder if isinstance(decoder, VerifyingDecoder) else None
        for start in range(0, len(self._frames), count):
            numbers = range(start, min(start + count, len(self._frames)))
            if verifying is not None:
                lent = [self._frames.borrow(number, buffers) for number in numbers]
                yield partial(self._decode_lent, verifying, start, lent, spool, buffers)
            else:
                frames = [self._frames.read(number) for number in numbers]
                yield partial(self._decode_frames, decoder.decode, start, frames, spool)

    def _decode_lent(
        self, decoder: VerifyingDecoder, start: int, frames: list[memoryview], spool: Spool, buffers: Buffers
    ) -> None:
        self._decode_frames(decoder.decode, start, frames, spool)
        for frame in frames:
            buffers.give_back(frame)

    def _decode_frames(
        self, decode: Callable[[_Frame, memoryview], None], start: int, frames: list[_Frame], spool: Spool
    ) -> None:
        size = self._frame_length
        with spool.reserve(start * size, len(frames) * size) as room:
            for number, frame in enumerate(frames):
                with room[number * size : (number + 1) * size] as target:
                    self._guarded(start + number, partial(decode, frame, target))
            spool.store(start * size, room)

    def _decode_frame(self, number: int, frame: bytes, target: memoryview) -> None:
        self._guarded(number, partial(self._decoder.decode, frame, target))

    def _guarded(self, number: int, work: Callable[[], _Result]) -> _Result:
        """Call ``work`` for a frame; an error then names the frame."""
        try:
            return work()
        except TranscodeError as error:
            raise TranscodeError(error.condition, f"frame {number + 1}: {error.detail}", error.remark) from error
        except DcmsendError:
            raise
        except Exception as error:  # libraries raise exceptions of many types
            detail = f"frame {number + 1}: {type(error).__name__}: {error}"
            raise TranscodeError(self._damaged, detail) from error

    def _decode_bits(self, spool: Spool) -> None:
        """Decode frames of single bits that are not multiples of eight, so that two frames share a byte.

        Source: PS3.5 8.1.1.
        """
        frame_bits, rest, rest_bits, position = self._frame_bits, 0, 0, 0
        for number in range(len(self._frames)):
            target = memoryview(bytearray(self._frame_length))
            self._decode_frame(number, self._frames.read(number), target)
            pixels = int.from_bytes(target, "little") & ((1 << frame_bits) - 1)
            rest |= pixels << rest_bits
            rest_bits += frame_bits
            whole = rest_bits // 8 if number < len(self._frames) - 1 else (rest_bits + 7) // 8
            with spool.reserve(position, whole) as room:
                room[:] = (rest & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
                spool.store(position, room)
            position += whole
            rest >>= 8 * whole
            rest_bits -= min(rest_bits, 8 * whole)
