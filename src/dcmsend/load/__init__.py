"""Turns an instance into bytes that are ready to be sent: opened, checked to its end, re-encoded where that is needed.

Nothing here knows how the bytes travel: a payload is a range of an open file, bytes in memory, or pieces.
"""

from __future__ import annotations

from .abilities import Abilities
from .files_ahead import FilesAhead
from .loaded_instance import DictionarySource, LoadedInstance, Recoding, load_instance
from .payload import BytesPayload, ChunkPayload, FileChanged, FilePayload, Payload

__all__ = [
    "Abilities", "BytesPayload", "ChunkPayload", "DictionarySource", "FileChanged", "FilePayload", "FilesAhead",
    "LoadedInstance", "Payload", "Recoding", "load_instance",
]
