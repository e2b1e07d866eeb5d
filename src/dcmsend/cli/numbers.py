"""Numbers on the command line: DCMTK's lenient ones, and the strict ones of our own options."""

from __future__ import annotations

from dcmsend.errors import UsageError

from .option_table import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.transfer import AutoAssociations

__all__ = [
    "check_limits", "invalid_value", "parse_count", "parse_duration", "parse_limited", "parse_parallel", "parse_port",
    "scan_unsigned",
]

_UNSIGNED_LONG_MAX: Final = 2**64 - 1
_COUNT: Final = r"([0-9]{1,18})(|k|M|G|Ki|Mi|Gi)"
_DURATION: Final = r"([0-9]{1,9})(|s|m|h)"
"""Few command lines need them, and so not the module for them either."""
_FACTORS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_PORT: Final = Limits(1, 65535)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def scan_unsigned(text: str) -> int | None:
    """Read a number as C's ``scanf("%lu")`` does; None if there is none.

    Text after the digits is ignored, a negative number wraps around, and too large a number becomes the largest.
    """
    text = text.lstrip(" \t\n\v\f\r")
    sign = text[:1] if text[:1] in ("+", "-") else ""
    rest = text[len(sign) :]
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > 20 or int(digits) > _UNSIGNED_LONG_MAX:
        return _UNSIGNED_LONG_MAX
    number = int(digits)
    return (_UNSIGNED_LONG_MAX + 1 - number) % (_UNSIGNED_LONG_MAX + 1) if sign == "-" else number


def check_limits(number: int, limits: Limits) -> str:
    """``underflow``, ``overflow`` or ``""``."""
    if number < limits.low:
        return "underflow"
    if limits.high is not None and number > limits.high:
        return "overflow"
    return ""


def invalid_value(option: str, text: str, *, fault: str = "", limits: Limits | None = None) -> UsageError:
    """The error for a value that an option does not take, in DCMTK's words, with the values that it takes.

    ``fault`` is ``underflow`` or ``overflow`` for a number outside ``limits``.
    """
    from dcmsend.inputs import without_secrets

    from .allowed_form import allowed_form  # only needed for an error message

    value = without_secrets(text)
    shown = f"{fault}: {value}" if fault else value
    message = f"Invalid value for option {option}" + (f" ({shown})" if shown else "")
    return UsageError(message, allowed_form(option, limits))


def parse_count(option: str, text: str, limits: Limits | None = None) -> int:
    """A whole number such as ``100``, ``20k``, ``3M``, ``64Ki``; option and ``limits`` are for the message.

    Raises:
        UsageError: the text has another form, e.g. a sign or a blank.
    """
    import re

    match = re.fullmatch(_COUNT, text)
    if match is None:
        raise invalid_value(option, text, limits=limits)
    return int(match[1]) * _FACTORS[match[2]]


def parse_limited(option: str, text: str, limits: Limits) -> int:
    """A whole number like that of ``parse_count``, within limits.  Raises UsageError."""
    number = parse_count(option, text, limits)
    fault = check_limits(number, limits)
    if fault:
        raise invalid_value(option, text, fault=fault, limits=limits)
    return number


def parse_parallel(option: str, text: str | None, limits: Limits) -> int | AutoAssociations | None:
    """How many at the same time: a number, ``auto``, or ``auto:`` and a number; None for None.  Raises UsageError."""
    if text is None:
        return None
    word, colon, number = text.partition(":")
    if word != "auto":
        return parse_limited(option, text, limits)
    from dcmsend.transfer import AutoAssociations  # seldom asked for

    return AutoAssociations(parse_limited(option, number, limits)) if colon else AutoAssociations()


def parse_port(parameters: list[str]) -> int:
    """The TCP port among the parameters of the command, read as DCMTK reads it.  Raises UsageError in its words."""
    text = parameters[1]
    number = scan_unsigned(text)
    fault = "" if number is None else check_limits(number, _PORT)
    if number is not None and not fault:
        return number
    from dcmsend.inputs import without_secrets

    from .allowed_form import bad_port_hint  # only needed for an error message

    shown = without_secrets(text)  # an address of a file, where the port was forgotten
    raise UsageError(f"Invalid parameter value {shown}" + (f" ({fault})" if fault else ""), bad_port_hint(parameters))


def parse_duration(option: str, text: str) -> int:
    """Seconds, from ``90``, ``90s``, ``15m`` or ``7h``; the option's name is for the message.

    Raises:
        UsageError: the text has another form, e.g. a sign, a blank or a fraction.
    """
    import re

    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise invalid_value(option, text)
    return int(match[1]) * _SECONDS[match[2]]
