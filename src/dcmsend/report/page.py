"""What the pages for people have in common: their templates, and how these show numbers, times and names."""

from __future__ import annotations

from datetime import datetime
from pkgutil import get_data
from typing import TYPE_CHECKING, Final

from dcmsend.errors import ReportError

from .amounts import format_bytes, format_count, format_duration
from .page_words import OUTCOME_WORDS
from .visible import visible, visible_lines

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["MOST_ROWS", "load_template", "middle", "moment"]

MOST_ROWS: Final = 1_000
"""Most instances that a page lists of each kind, so that it can be mailed; the other reports have all."""

_LONGEST_NAME: Final = 64
_BEGINNING: Final = 20
"""Characters of a long name that are shown, and of these before the gap; its end tells more."""


def load_template(path: str, name: str) -> Template:
    """A template of this folder; ``path`` is for the message.  Raises ReportError if the package is missing."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise ReportError(path, "it needs the package jinja2 (pip install jinja2)") from error
    environment = Environment(
        loader=FunctionLoader(_template_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        count=format_count, bytes=format_bytes, duration=format_duration, visible=visible,
        visible_lines=visible_lines, words=_words, moment=moment,
        middle=middle,
    )  # fmt: skip
    environment.globals.update(outcome_words=OUTCOME_WORDS, longest_name=_LONGEST_NAME)
    return environment.get_template(name)


def _template_text(name: str) -> str | None:
    """Of a file of this package, which may lie in an archive (``dcmsend.pyz``)."""
    data = get_data(__package__, name)
    return None if data is None else data.decode("utf-8")


def middle(name: str) -> str:
    """A name of a file, with a gap in its middle if it is long: the end tells which one it is."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_BEGINNING]}\u2026{name[_BEGINNING + 1 - _LONGEST_NAME :]}"


def moment(text: str | None) -> str:
    """An RFC 3339 time in UTC as ``2026-03-04 12:00:00 UTC (13:00:00 local time)``; once where both are the same."""
    if text is None:
        return ""
    time = datetime.fromisoformat(text)
    utc = f"{time:%Y-%m-%d %H:%M:%S} UTC"
    try:
        local = time.astimezone()
    except (OverflowError, ValueError, OSError):  # a year that the system has no local time for
        return utc
    if not local.utcoffset():
        return utc
    day = "" if local.date() == time.date() else f"{local:%Y-%m-%d} "
    return f"{utc} ({day}{local:%H:%M:%S} local time)"


def _words(name: str) -> str:
    return name.replace("_", " ")
