"""Turns an instance into bytes that are ready to be sent: opens it, checks it to its end, encodes it anew if necessary.

This layer does not know how the bytes travel.  A payload is a range of an open file, bytes in memory, or pieces.
"""

from __future__ import annotations

from .abilities import Abilities
from .files_ahead import FilesAhead
from .loaded_instance import DictionarySource, LoadedInstance, Recoding, load_instance
from .loader import EncodingOptions, Loader, field_of, file_failure, first_value, uid_failure
from .payload import BytesPayload, ChunkPayload, FilePayload, Payload, read_into
from .prepared import Failure, Prepared, explain, log_done, log_failure, log_notes, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checksum import Checksum
    from .decode_workers import DecodeWorkers
    from .pixel_spool import spool_trouble
    from .room import free_bytes

__all__ = [
    "Abilities", "BytesPayload", "Checksum", "ChunkPayload", "DecodeWorkers", "DictionarySource", "EncodingOptions",
    "Failure", "FilePayload", "FilesAhead", "LoadedInstance", "Loader", "Payload", "Prepared", "Recoding", "explain",
    "field_of", "file_failure", "first_value", "free_bytes", "load_instance", "log_done", "log_failure", "log_notes",
    "read_into", "reason_of", "spool_trouble", "uid_failure",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "Checksum":
        from .checksum import Checksum

        return Checksum
    if name == "free_bytes":
        from .room import free_bytes

        return free_bytes
    if name == "spool_trouble":
        from .pixel_spool import spool_trouble

        return spool_trouble
    if name == "DecodeWorkers":
        from .decode_workers import DecodeWorkers

        return DecodeWorkers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
