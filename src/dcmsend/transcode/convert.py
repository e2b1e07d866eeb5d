"""Converts one data set to another transfer syntax, or to the canonical form of its own, in two passes.

The first pass walks the data set and records its structure, because lengths stand before the bytes that they count.
The second pass streams the values.  Memory never holds a whole large value.  The output equals what DCMTK would send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
    transfer_syntax,
)
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import TranscodeError

from .codec import cannot_change
from .deflate import InflatingSource, deflated
from .layout import Layout
from .native_pixels import NativePixels
from .offset_tables import keep_offset_tables
from .reading import BufferedReader
from .recorder import StructureRecorder
from .registry import can_decode
from .spool import MemorySpool, RunJobs, Spool, run_in_turn
from .writing import DataSetWriter

if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["ConvertedDataSet", "can_convert", "convert_data_set"]

GE_PRIVATE: Final = transfer_syntax("1.2.840.113619.5.2")
"""Implicit VR Little Endian with big endian words in Pixel Data."""

_NEEDS_NO_CODEC: Final = (DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, GE_PRIVATE)


def can_convert(source: TransferSyntax, target: TransferSyntax) -> bool:
    """Whether a data set in ``source`` can be converted to ``target``."""
    if source.uid == target.uid:
        return source.is_native or source.is_encapsulated or source is DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    is_readable = source.is_native or source in _NEEDS_NO_CODEC or can_decode(source)
    return is_readable and (target.is_native or target is DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


class ConvertedDataSet:
    """A data set that is ready to be written in its target transfer syntax.

    Attributes:
        length: bytes in the target syntax; None for Deflated, where it is only known after writing.
        warnings: DCMTK's warnings, as far as a walk without conversion gives them, too.
        sop_class_uid, sop_instance_uid: (0008,0016) and (0008,0018).
    """

    __slots__ = (
        "_deflate_level", "_notes", "_pixels", "_writer", "length", "sop_class_uid", "sop_instance_uid", "warnings",
    )

    def __init__(
        self,
        writer: DataSetWriter,
        length: int | None,
        deflate_level: int,
        warnings: tuple[str, ...],
        uids: tuple[str, str],
        pixels: NativePixels,
        left_out: list[str],
    ) -> None:
        self._writer = writer
        self._pixels = pixels
        self._notes = tuple(("W", warning) for warning in left_out)
        self._deflate_level = deflate_level
        self.length = length
        self.warnings = warnings
        self.sop_class_uid, self.sop_instance_uid = uids

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """(level, text) of what only the conversion tells: what is left out, and remarks about compressed pixel data.

        Complete after ``decode``.
        """
        return (*self._notes, *self._pixels.notes)

    def decode(self, make_spool: Callable[[int], Spool] = MemorySpool, run: RunJobs = run_in_turn) -> None:
        """Decode compressed pixel data completely; without any it does nothing.  Must be called before ``chunks``.

        Args:
            make_spool: makes a spool for a number of bytes.
            run: runs the decoding jobs.

        Raises TranscodeError, DataSetError, FileUnreadable, and what the two arguments raise.
        """
        self._pixels.decode(make_spool, run)

    def close(self) -> None:
        """Free the decoded pixels; may be called twice."""
        self._pixels.close()

    def chunks(self) -> Iterator[bytes]:
        """The encoded data set in pieces of at most 256 KiB; may be called again.

        Raises DataSetError when the source has changed in the meantime, FileUnreadable from the source.
        """
        if self.length is None:
            return deflated(self._writer.chunks(), self._deflate_level)
        return self._writer.chunks()


def convert_data_set(
    source: ByteSource,
    source_syntax: TransferSyntax,
    target_syntax: TransferSyntax,
    *,
    dictionary: Callable[[], DataDictionary],
    deflate_level: int = 6,
    decompress: bool = True,
    keep_ybr: bool = False,
    origin: int = 0,
) -> ConvertedDataSet:
    """First pass over the data set that fills ``source``.

    Args:
        source: the data set as it is in the file, also deflated; it is read again by ``chunks()``.
        source_syntax, target_syntax: may be the same, which gives the canonical form.
        dictionary: returns the data dictionary; called when the data set does not name VRs.
        deflate_level: 0 to 9, as DCMTK's ``--compression-level``.
        decompress: false permits only another encoding of the same elements.
        origin: position of the data set in its file, for messages.
        keep_ybr: whether losslessly compressed YBR stays YBR instead of RGB.

    Raises DataSetError when the data set is corrupt, TranscodeError when there is no conversion, FileUnreadable.
    """
    if source_syntax.is_deflated:
        source, parsed_as = InflatingSource(source), EXPLICIT_VR_LITTLE_ENDIAN
    else:
        parsed_as = source_syntax
    recorder = StructureRecorder(
        source,
        is_big_endian=not parsed_as.is_little_endian,
        has_big_endian_pixels=parsed_as is GE_PRIVATE,
    )
    walked = walk_data_set(
        source,
        parsed_as,
        dictionary=dictionary,
        builder=recorder,
        origin=origin,
        vendor_vrs=not target_syntax.is_implicit_vr,
    )
    structure = recorder.finish()
    if not (target_syntax.is_native or target_syntax.is_encapsulated or target_syntax.is_deflated):
        raise TranscodeError(f"DIMSE Unsupported transfer syntax: {target_syntax.uid}")
    pixels = NativePixels(structure, source, source_syntax, keep_ybr=keep_ybr)
    if source_syntax.uid != target_syntax.uid:
        if target_syntax.is_encapsulated or (structure.encapsulated and not decompress):
            raise cannot_change(f"{source_syntax.name} -> {target_syntax.name}")
        if decompress:
            pixels.plan()
    elif structure.encapsulated:
        keep_offset_tables(structure, BufferedReader(source))
    layout = Layout(structure, is_explicit=not target_syntax.is_implicit_vr)
    return ConvertedDataSet(
        DataSetWriter(structure, layout, source, target_syntax),
        None if target_syntax.is_deflated else layout.sizes[0],
        deflate_level,
        walked.warnings,
        (walked.sop_class_uid, walked.sop_instance_uid),
        pixels,
        [warning for warning in recorder.warnings if warning not in walked.warnings],
    )
