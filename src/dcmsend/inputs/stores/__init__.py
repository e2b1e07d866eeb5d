"""Objects of stores, and files on web servers, as inputs; loaded only where an address is named."""

from __future__ import annotations

from .errors import error_of_another_fetch
from .fetched_archive import FetchedArchive
from .fetcher import Fetcher
from .find import find_objects, look_up
from .names import SCHEMES, Place, is_url, without_secrets
from .store import Entry
from .stored_object import MissingObject, StoredObject
from .stores import Stores

__all__ = [
    "SCHEMES", "Entry", "FetchedArchive", "Fetcher", "MissingObject", "Place", "StoredObject", "Stores",
    "error_of_another_fetch", "find_objects", "is_url", "look_up", "without_secrets",
]  # fmt: skip
