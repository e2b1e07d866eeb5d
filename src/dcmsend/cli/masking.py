"""Keeps secrets out of error messages when an option is mistyped, or gets a value that it does not take."""

from __future__ import annotations

import re
from difflib import get_close_matches

from .option_table import OPTIONS, SECRET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["is_secret_with_another_dash", "mask_option", "mask_ticket", "mask_url"]

_OTHER_WORDS: Final = frozenset((
    "jwt", "saml", "kerberos", "pass", "passwd", "passphrase", "passwort", "psw", "pswd", "upw", "secret", "token",
    "bearer", "credential", "credentials", "auth", "apikey",
))  # fmt: skip
"""Names that users may give to an option with a secret, beside those of the real ones."""
_NO_VALUE: Final = frozenset(("--empty-password", "--null-passwd", "--std-passwd"))
"""Options that concern a secret, but take no value."""
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_SMALL_LETTERS: Final = re.compile(r"[a-z]+(?:-[a-z]+)*-?")
_MOST_LETTERS: Final = 16
"""Longest name of an option with a secret, and a few letters more."""
_STUCK: Final = re.compile(r"-(?=[pk])[a-z]|--key")
"""Beginnings to which users of other programs append a secret: ``-pSECRET``."""
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
"""Characters into which word processors change a hyphen-minus."""
_NUMBER: Final = re.compile(r"[0-9]{1,5}")
_USER: Final = re.compile(r"^([^:/?#]*:?//)?.*@", re.DOTALL)
_QUERY: Final = re.compile(r"([?#]).*", re.DOTALL)
_LONGEST_NAME: Final = 4096
"""Longest name of a file, in bytes."""


def mask_option(argument: str) -> str:
    """An unknown option without anything that may be a secret: ``-pwd***``, ``--password=***``.

    Text after the name of another option is shown, and so is a number that may be a port.
    """
    if "://" in argument:
        argument = mask_url(argument)
    word = argument.lstrip("-+" + _DASHES)
    start = len(argument) - len(word)
    secret, known, glued = _words()
    name = _NO_NAME.split(word, maxsplit=1)[0]
    lower = name.lower()
    if lower in known or (name == word and get_close_matches(lower, known, n=1, cutoff=0.85)):
        return argument
    length = _shown_length(name, secret, glued)
    if length < len(name):
        return f"{argument[: start + length]}***"
    stuck = _STUCK.match(argument)
    if name == word and stuck and stuck.end() < len(argument) and not _NUMBER.fullmatch(argument[stuck.end() :]):
        return f"{stuck[0]}***"
    value = word[len(name) + 1 :]
    if name == word or (_NUMBER.fullmatch(value) and not get_close_matches(lower, secret, n=1, cutoff=0.7)):
        return argument
    return f"{argument[: start + len(name) + 1]}***"


def is_secret_with_another_dash(argument: str) -> bool:
    """Whether a parameter is an option with a secret that begins with a word processor's dash.

    Taken for the name of a file it would be shown, and so would the secret that follows it.
    """
    name = _NO_NAME.split(argument.lstrip(_DASHES + "-"), maxsplit=1)[0]
    return argument.startswith(tuple(_DASHES)) and _length_of_secret_name(name, _words()[0]) > 0


def _shown_length(name: str, secret: frozenset[str], glued: frozenset[str]) -> int:
    """The number of characters to show: the name without a secret that may be glued to it."""
    lower = name.lower()
    if length := _length_of_secret_name(name, secret):
        return length
    if any(lower.startswith(each) for each in glued):
        return len(name)
    letters = _SMALL_LETTERS.match(name)
    if letters is None or _NUMBER.fullmatch(name[letters.end() :]):
        return len(name)
    return letters.end()


def _length_of_secret_name(name: str, secret: frozenset[str]) -> int:
    """The length of the name of an option with a secret, mistyped or not, within ``name``; 0 for none."""
    lower = name.lower()
    if lower in secret or get_close_matches(lower, secret, n=1, cutoff=0.85):
        return len(name)
    within = [lower.index(each) + len(each) for each in secret if each in lower[:_MOST_LETTERS]]
    if within:
        return max(within)
    for length in range(5, min(len(name), _MOST_LETTERS)):
        if get_close_matches(lower[:length], secret, n=1, cutoff=0.85):
            return length
    return 0


def _words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Names of options with secrets, without dashes; of those without; and of the latter those with a value."""
    names = [(name.lstrip("-+"), row) for row in OPTIONS for name in (row.long, row.short) if name]
    secret = {name for name, row in names if row.long in SECRET | _NO_VALUE} | _OTHER_WORDS
    known = {name for name, _ in names} - secret
    return frozenset(secret), frozenset(known), frozenset(n for n, row in names if row.value and n in known)


def mask_ticket(value: str) -> str:
    """The name of a file with a ticket; hidden if the value is the ticket itself.

    A JSON Web Token (RFC 7519) and XML begin as all of their kind do, and so do access tokens of Google.
    """
    is_ticket = value.startswith(("eyJ", "ya29.", "<", "PD94", "PHNhbWw"))
    if is_ticket or len(value) > _LONGEST_NAME or "\n" in value:
        return "***"
    from dcmsend.inputs import without_secrets  # only where a ticket is named

    return without_secrets(value)


def mask_url(value: str) -> str:
    """A URL without a user, a password, a query and a fragment, each of which may hold a secret."""
    head = _USER.sub(r"\g<1>***@", value)
    return _QUERY.sub(r"\g<1>***", head)
