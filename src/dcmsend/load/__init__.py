"""Turns an instance into bytes that are ready to be sent: opens it, checks it to its end, encodes it anew if necessary.

This layer does not know how the bytes travel.  A payload is a range of an open file, bytes in memory, or pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abilities import Abilities
from .files_ahead import FilesAhead
from .loaded_instance import DictionarySource, LoadedInstance, Recoding, load_instance
from .payload import BytesPayload, ChunkPayload, FilePayload, Payload

if TYPE_CHECKING:
    from .checksum import Checksum
    from .decode_workers import DecodeWorkers

__all__ = [
    "Abilities", "BytesPayload", "Checksum", "ChunkPayload", "DecodeWorkers", "DictionarySource", "FilePayload",
    "FilesAhead", "LoadedInstance", "Payload", "Recoding", "load_instance",
]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "Checksum":
        from .checksum import Checksum

        return Checksum
    if name == "DecodeWorkers":
        from .decode_workers import DecodeWorkers

        return DecodeWorkers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
