"""The options ``--max-rate`` and ``--max-instances-rate``; loaded only if one of them is given."""

from __future__ import annotations

import re
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.transfer import Timetable

from .command_line import CommandLine
from .numbers import invalid_value, parse_limited
from .option_table import Limits

__all__ = ["rate_options"]

_RATE: Final = Limits(1, 10**12)
_ENTRY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]),(.+)")
_OFF: Final = "off"
_FORMS: Final = {"--max-rate": ("2M", "bytes"), "--max-instances-rate": ("50", "instances")}


def rate_options(line: CommandLine) -> dict[str, int | Timetable]:
    """The rates on the command line, by the names of ``TransferOptions``.

    Raises:
        UsageError: a value that is neither a number nor a timetable.
    """
    names = {"--max-rate": "max_rate", "--max-instances-rate": "max_instances_rate"}
    return {name: _rate(option, text) for option, name in names.items() if (text := line.value(option)) is not None}


def _rate(option: str, text: str) -> int | Timetable:
    if "," not in text and ":" not in text:
        try:
            return parse_limited(option, text, _RATE)
        except UsageError as error:
            raise UsageError(str(error), _form(option)) from None
    entries: dict[int, int] = {}
    for word in text.split():
        match = _ENTRY.fullmatch(word)
        if match is None:
            raise UsageError(str(invalid_value(option, text)), _form(option))
        minute = int(match[1]) * 60 + int(match[2])
        if minute in entries:
            raise UsageError(str(invalid_value(option, text)), f"{match[1]}:{match[2]} stands there twice")
        try:
            entries[minute] = 0 if match[3] == _OFF else parse_limited(option, match[3], _RATE)
        except UsageError as error:
            raise UsageError(str(error), _form(option)) from None
    return Timetable(tuple(sorted(entries.items())))


def _form(option: str) -> str:
    value, what = _FORMS[option]
    return f"write {value} ({what} a second), or a timetable in local time: \"08:00,{value} 18:00,{_OFF}\""
