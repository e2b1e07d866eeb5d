"""Turns all pixel data of one data set, icons included, into native pixel data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import TranscodeError

from .codec import cannot_change
from .pixel_data import PixelData
from .spool import MemorySpool, RunJobs, Spool, run_in_turn
from .structure import DROPPED, Structure

__all__ = ["NativePixels"]

_PIXEL_DATA: Final = 0x7FE00010
_FLOAT_PIXEL_DATA: Final = (0x7FE00008, 0x7FE00009)
_PIXEL_DATA_PROVIDER_URL: Final = 0x00287FE0
_LARGEST_ICONS: Final = 16 << 20
"""Most bytes of all icons together; one icon rarely has more than 64 KiB."""


class NativePixels:
    """The native values of all encapsulated pixel data of a data set.

    Attributes:
        notes: (level, text) for the log.
    """

    def __init__(
        self, structure: Structure, source: ByteSource, source_syntax: TransferSyntax, *, keep_ybr: bool
    ) -> None:
        self._structure = structure
        self._source = source
        self._syntax = source_syntax
        self._keep_ybr = keep_ybr
        self._elements: list[PixelData] = []
        self._decoded: list[PixelData] = []
        self._icon_bytes = 0
        self.notes: list[tuple[str, str]] = []

    def plan(self) -> None:
        """Decide the native form of each element, and change the structure accordingly; icons are decoded at once.

        Raises TranscodeError when an element cannot be decoded, DataSetError, FileUnreadable.
        """
        structure = self._structure
        if structure.find(_PIXEL_DATA_PROVIDER_URL) is not None:
            raise cannot_change("the pixel data are somewhere else, at the place that Pixel Data Provider URL names")
        if not self._syntax.is_encapsulated:
            return
        if any(structure.find(tag) is not None for tag in _FLOAT_PIXEL_DATA):
            raise cannot_change(f"floating point pixel data in {self._syntax.name}")
        if _PIXEL_DATA not in structure.tags:
            self.notes.append(("W", "DcmDataset: No pixel data present, nothing to decompress"))
        for node in structure.encapsulated:
            if structure.tags[node] != _PIXEL_DATA:
                raise cannot_change("there are fragments in another element than Pixel Data")
            if not self._is_dropped(node):
                self._plan_element(node)

    def _is_dropped(self, node: int) -> bool:
        structure = self._structure
        while node and not structure.kinds[node] & DROPPED:
            node = structure.parents[node]
        return node != 0

    def _plan_element(self, node: int) -> None:
        structure = self._structure
        sequence = structure.parents[structure.parents[node]]
        if structure.tags[sequence] != 0x00880200:
            element = self._open(node)
            element.change_data_set()
            self._elements.append(element)
            return
        try:
            element = self._open(node)
            self._icon_bytes += element.length
            if self._icon_bytes > _LARGEST_ICONS:
                raise cannot_change("too large")
            element.decode(MemorySpool(element.length), run_in_turn)
        except TranscodeError as error:
            # A broken icon should not prevent the instance from being sent; DCMTK would not send it at all.
            structure.remove(sequence)
            self.notes.append(("W", f"Icon Image Sequence is left out, it cannot be decompressed: {error.detail}"))
        else:
            element.change_data_set()
            self._decoded.append(element)

    def _open(self, node: int) -> PixelData:
        element = PixelData(self._structure, node, self._source, self._syntax, keep_ybr=self._keep_ybr)
        self._note(element)
        return element

    def _note(self, element: PixelData) -> None:
        self.notes.extend(note for note in element.notes if note not in self.notes)

    def decode(self, make_spool: Callable[[int], Spool], run: RunJobs) -> None:
        """Decode all frames.  See ``ConvertedDataSet.decode``."""
        for element in self._elements:
            if element.verifies_cheaply and element.verify(run):
                continue
            self._decoded.append(element)
            try:
                element.decode(make_spool(element.length), run)
            except TranscodeError:
                element.close()
                if not element.verify(run):  # it needs no room for pixels, and says again what is wrong with them
                    raise
            self._note(element)

    def close(self) -> None:
        """Close all spools."""
        for element in self._decoded:
            element.close()
