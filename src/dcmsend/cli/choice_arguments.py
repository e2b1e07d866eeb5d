"""The options that choose inputs and instances; loaded only if one of them is given."""

from __future__ import annotations

from typing import Any

from dcmsend.errors import UsageError
from dcmsend.index import ValueRule
from dcmsend.inputs import NameRule

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["further_input_options", "value_rules"]


def further_input_options(line: CommandLine) -> dict[str, Any]:
    """The seldom used options of ``InputOptions``: names, shards, stores.

    Raises:
        UsageError: a pattern that cannot be read, no such shard, a bad option for a store.
    """
    options: dict[str, Any] = {}
    if line.has("--shard"):
        from .shard_arguments import shard_option

        options["shard"] = shard_option(line)
    rules = [_name_rule(option, text) for option, text in line.in_order("--include", "--exclude")]
    if rules:
        options["name_rules"] = tuple(rules)
    if line.has("--storage-option"):
        from .store_arguments import storage_options

        options["storage_options"] = storage_options(line)
    return options


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
