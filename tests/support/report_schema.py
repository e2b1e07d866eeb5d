"""The schema of JSON reports, as it is published and as the tests of the reports want it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

__all__ = ["SCHEMA", "STRICT_SCHEMA", "closed"]

_DOCS = Path(__file__).parents[2] / "docs"

SCHEMA: Final[dict[str, Any]] = json.loads((_DOCS / "report-schema.json").read_text("utf-8"))
"""As it is published: it takes fields that it does not know, as readers should."""


def closed(schema: Any) -> Any:
    """The same without fields that it does not name, so that no field goes out undescribed."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        parts.setdefault("additionalProperties", False)
    return parts


STRICT_SCHEMA: Final[dict[str, Any]] = closed(SCHEMA)
