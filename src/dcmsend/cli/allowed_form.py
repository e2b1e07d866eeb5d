"""What the command line takes instead of what somebody wrote; loaded only after a usage error."""

from __future__ import annotations

import os
import re

from dcmsend.advice import port_in_host
from dcmsend.errors import UsageError

from .option_table import PARAMETERS, Limits, find_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["address_as_host", "allowed_form", "bad_port_hint", "missing_parameter_hint"]

_PARAMETERS = " ".join(name for name, _ in PARAMETERS)
_NO_PORT = f"the second parameter is the port, a number from 1 to 65535: {_PARAMETERS}"
_NO_LIMIT = 10**9
_ANYTHING = ": string"
_WORDS = ": string constant"


def allowed_form(option: str, limits: Limits | None = None) -> str:
    """The values that an option takes, as the table of options has it; ``""`` if it takes any text."""
    row = find_option(option)
    if row is None or not row.value:
        return ""
    form = re.sub(r"\[(\w)\]", r"\1", row.value)
    if form.endswith(_WORDS):
        form = f"{form.removesuffix(_WORDS)}: {row.text[0].strip('()')}"
    if form.endswith(_ANYTHING):
        return ""
    limits = limits or row.limits
    if limits is not None and "integer" in form and ".." not in form:
        is_open = limits.high is None or limits.high >= _NO_LIMIT
        form += f", {limits.low} or more" if is_open else f", {limits.low} to {limits.high}"
    article = "" if form.startswith("seconds") else "an " if form[0] in "aeiou" else "a "
    return f"{option} takes {article}{form}"


def missing_parameter_hint(parameters: Sequence[str]) -> str:
    """What to write where a parameter is missing, or ``""``."""
    glued = next(filter(None, map(port_in_host, parameters[:1])), "")
    if not glued and len(parameters) == 2 and not parameters[1][:1].isdigit():  # a port begins with a digit
        return _NO_PORT
    return glued


def bad_port_hint(parameters: Sequence[str]) -> str:
    """Which parameter is wrong where the second one is no port."""
    host = parameters[0]
    glued = port_in_host(host)
    if glued:
        return glued
    if os.path.exists(host):
        return f"the parameters are {_PARAMETERS}, in this order, but the first one is the name of a file"
    return _NO_PORT


def address_as_host(host: str) -> UsageError:
    """The error for an address in the place of a host: whoever looks for such a host sends it to the name server."""
    from .masking import mask_url

    return UsageError(f"Invalid parameter value {mask_url(host)}", "--stow sends to the address of a web service")
