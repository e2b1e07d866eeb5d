"""Turns an instance into bytes that are ready to be sent: opened, checked to its end, re-encoded where that is needed.

Nothing here knows how the bytes travel: a payload is a range of an open file, bytes in memory, or pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abilities import Abilities
from .files_ahead import FilesAhead
from .loaded_instance import DictionarySource, LoadedInstance, Recoding, load_instance
from .payload import BytesPayload, ChunkPayload, FileChanged, FilePayload, Payload

if TYPE_CHECKING:
    from .decode_workers import DecodeWorkers

__all__ = [
    "Abilities", "BytesPayload", "ChunkPayload", "DecodeWorkers", "DictionarySource", "FileChanged", "FilePayload",
    "FilesAhead", "LoadedInstance", "Payload", "Recoding", "load_instance",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name == "DecodeWorkers":
        from .decode_workers import DecodeWorkers

        return DecodeWorkers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
