"""Recognises a report of this program by its first bytes, so that the next one may replace it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_earlier_report"]

_CSV: Final = b"index,path,path_base64,size,mtime,sop_class_uid,"
_JSON: Final = re.compile(
    rb'\s*\{\s*(?:"type"\s*:\s*"start"\s*,\s*)?"schema_version"\s*:\s*"[\d.]+"\s*,\s*"program"\s*:\s*"dcmsend '
)
_PAGE: Final = re.compile(
    rb"<!DOCTYPE html>.{0,400}?"
    rb"(?:<meta name=\"generator\" content=\"dcmsend[ \"]"
    rb"|default-src 'none'; style-src 'unsafe-inline'.{0,300}?<title>[^<]* - dcmsend</title>)",  # older ones
    re.DOTALL,
)
_JOURNAL_CSV: Final = b"path,path_base64,size,mtime,sop_class_uid,sop_instance_uid,"
_METRICS: Final = b"# HELP dcmsend_run_info "
_CUT_OFF: Final = (_CSV, _JOURNAL_CSV, _METRICS, b'{"type": "start", "schema_version": "', b'{\n "schema_version": "')
"""Beginnings of incomplete reports, which a full disk may have left."""


def is_earlier_report(head: bytes) -> bool:
    """Whether ``head`` (4 KiB are enough) begins a JSON, JSON lines, CSV or HTML report, or metrics, or is empty."""
    if head.startswith((_CSV, _JOURNAL_CSV, _METRICS)) or any(beginning.startswith(head) for beginning in _CUT_OFF):
        return True
    return _JSON.match(head) is not None or _PAGE.match(head) is not None
