"""Reads the ``.txt`` files beside it.

A line is ``bytes | explanation``; bytes are hexadecimal pairs (``00*32`` repeats one) and ``"text"`` in ASCII. Lines
that begin with ``#`` tell where the message comes from.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["read_vector"]

_TOKEN = re.compile(r'"(?P<text>[^"]*)"|(?P<pair>[0-9A-Fa-f]{2})(?:\*(?P<times>\d+))?|(?P<blank>\s+)|(?P<wrong>.)')


def read_vector(name: str) -> bytes:
    """The bytes of the vector with this name."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text("ascii").splitlines()
    parts: list[bytes] = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        fields, _, explanation = line.partition(" | ")
        assert explanation, f"{name}: a field without explanation: {line}"
        for token in _TOKEN.finditer(fields):
            assert token["wrong"] is None, f"{name}: neither bytes nor text: {line}"
            if token["text"] is not None:
                parts.append(token["text"].encode("ascii"))
            elif token["pair"] is not None:
                parts.append(bytes.fromhex(token["pair"]) * int(token["times"] or 1))
    return b"".join(parts)
