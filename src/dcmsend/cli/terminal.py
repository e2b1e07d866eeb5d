"""Writes text for people to standard output and standard error; file names and closed pipes cannot do harm."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TextIO

__all__ = ["ErrorStream", "drop_output", "is_terminal", "make_harmless", "to_bytes", "write_output"]

_BIDI_CONTROLS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A},
    **{code: f"\\u{code:04x}" for code in _BIDI_CONTROLS},
    **{0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)},  # undecodable bytes of a file name
}


def make_harmless(text: str) -> str:
    """Escape everything that could control a terminal: control characters, direction marks, undecodable bytes."""
    return text.translate(_ESCAPES)


def to_bytes(text: str) -> bytes:
    """Encode for a file or pipe; file names keep the bytes that they have in their directory."""
    encoding = sys.getfilesystemencoding()
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:  # the text comes from a peer or a data set, not from a file name
        return text.encode(encoding, "backslashreplace")


class ErrorStream:
    """A text stream of the process, to which every message is written at once, as bytes.

    If the stream fails (closed, broken pipe, full disk) the run goes on, and further messages are lost.

    Attributes:
        print_above: writes text above lines drawn at the bottom of the terminal; returns False if there are none.
    """

    __slots__ = ("_escape", "_stream", "print_above")

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.print_above: Callable[[str], bool] | None = None
        self._escape = is_terminal(stream)

    @classmethod
    def of_process(cls) -> ErrorStream:
        """The stream of standard error."""
        return cls(sys.stderr)

    def write(self, text: str) -> None:
        """Write text as it is, line ends included, and flush."""
        stream = self._stream
        if stream is None:
            return
        if self._escape:
            text = make_harmless(text)
        try:
            if self.print_above is not None and self.print_above(text):
                return
            buffer = getattr(stream, "buffer", None)
            if buffer is None:
                stream.write(text)
            else:
                buffer.write(to_bytes(text))
            stream.flush()
        except BrokenPipeError:
            self._stream = None
        except (OSError, ValueError):
            pass


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person may be watching a stream."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def write_output(text: str) -> None:
    """Write to standard output, whatever its encoding is; a reader that has closed it does not want the rest."""
    stream = sys.stdout
    if stream is None:
        return
    try:
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            stream.write(text)
        else:
            buffer.write(to_bytes(make_harmless(text) if is_terminal(stream) else text))
        stream.flush()
    except BrokenPipeError:
        drop_output()
    except (OSError, ValueError):
        pass


def drop_output() -> None:
    """Have the standard output go nowhere, also what it still holds, so that the interpreter can end in peace."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
