"""DICOMweb messages: converts addresses, requests and answers to values and back, and does no I/O.

``WebAddress`` is where the service is, ``Multipart`` what stands around the files of a store request, ``StoreResponse``
what the server says of them.  Source: PS3.18.
"""

from __future__ import annotations

from .address import WebAddress
from .failure_reason import ALREADY_EXISTS, failure_text
from .multipart import Multipart, new_boundary
from .qido import instances_query, parse_instances
from .response_unreadable import ResponseUnreadable
from .retry_after import retry_after
from .store_response import StoreResponse, parse_store_response

__all__ = [
    "ALREADY_EXISTS",
    "Multipart",
    "ResponseUnreadable",
    "StoreResponse",
    "WebAddress",
    "failure_text",
    "instances_query",
    "new_boundary",
    "parse_instances",
    "parse_store_response",
    "retry_after",
]
