"""Makes text safe for a terminal: names of files and answers of a peer must not control it."""

from __future__ import annotations

import io
import os
from typing import IO, Final

__all__ = ["open_stream", "visible", "visible_lines"]

_BIDI_CONTROLS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_VISIBLE: Final = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), *_BIDI_CONTROLS)},
    **{code: f"\\u{code:04x}" for code in range(0xDC80, 0xDD00)},  # undecodable bytes of a file name
}
_VISIBLE_LINES: Final = {code: escape for code, escape in _VISIBLE.items() if code != 0x0A}


def visible(text: object) -> str:
    """Text with control characters and direction marks shown as JSON escapes."""
    return str(text).translate(_VISIBLE)


def visible_lines(text: str) -> str:
    """The same, but line ends are kept."""
    return text.translate(_VISIBLE_LINES)


def open_stream(descriptor: int, *, errors: str = "strict") -> IO[str]:
    """A UTF-8 text stream on ``descriptor``, which it closes; on a terminal it escapes control characters."""
    if os.isatty(descriptor):
        return _TerminalText(open(descriptor, "wb"), "utf-8", errors, "\n")
    return open(descriptor, "w", encoding="utf-8", errors=errors, newline="\n")


class _TerminalText(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        return super().write(visible_lines(text))
