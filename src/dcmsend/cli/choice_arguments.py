"""The options that choose inputs and instances; loaded only if one of them is given."""

from __future__ import annotations

from dcmsend.errors import UsageError
from dcmsend.index import ValueRule
from dcmsend.inputs import NameRule

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["name_rules", "value_rules"]


def name_rules(line: CommandLine) -> tuple[NameRule, ...]:
    """The patterns of ``--include`` and ``--exclude`` in the order in which they were given.

    Raises:
        UsageError: a pattern that cannot be read.
    """
    return tuple(_name_rule(option, text) for option, text in line.in_order("--include", "--exclude"))


def _name_rule(option: str, text: str) -> NameRule:
    try:
        return NameRule(text, option == "--include")
    except ValueError as error:
        raise UsageError(f"{invalid_value(option, text)}: {error}") from None


def value_rules(line: CommandLine) -> tuple[ValueRule, ...]:
    """The rules of ``--only`` and ``--skip``.

    Raises:
        UsageError: no rule, an unknown element.
    """
    return tuple(_value_rule(option, text) for option, text in line.in_order("--only", "--skip"))


def _value_rule(option: str, text: str) -> ValueRule:
    element, equals, pattern = text.partition("=")
    if not equals:
        raise UsageError(f"{invalid_value(option, text)}: write an element and a pattern, e.g. Modality=CT")
    try:
        return ValueRule(element, pattern, option == "--only")
    except ValueError as error:
        raise UsageError(f"{invalid_value(option, text)}: {error}") from None
