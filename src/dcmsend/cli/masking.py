"""Keeps secrets out of messages when an option is mistyped, or is given what it does not take."""

from __future__ import annotations

from difflib import get_close_matches

from .option_table import OPTIONS, SECRET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["mask_option", "mask_ticket"]

_OTHER_WORDS: Final = frozenset((
    "jwt", "saml", "kerberos", "pass", "passwd", "passphrase", "passwort", "secret", "token", "bearer",
))  # fmt: skip
"""What people may call an option that takes a secret, beside the names of those that do."""
_LONGEST_NAME: Final = 4096
"""Bytes that the name of a file may have."""


def mask_option(argument: str) -> str:
    """An option that does not exist, without what may be a secret: ``-pwd***``, ``--password=***``."""
    word = argument.lstrip("-+")
    start = len(argument) - len(word)
    secret, known = _words()
    name = min((word.partition(mark)[0] for mark in "=:"), key=len)
    lower = name.lower()
    if len(name) < len(word) and lower not in known and get_close_matches(lower, secret, n=1, cutoff=0.7):
        return f"{argument[: start + len(name) + 1]}***"
    if name == word and get_close_matches(lower, known, n=1, cutoff=0.85):
        return argument  # another option, or the option alone
    glued = [each for each in secret if lower.startswith(each) and len(word) > len(each) and lower not in known]
    if glued:
        return f"{argument[: start + max(map(len, glued))]}***"
    return argument


def _words() -> tuple[frozenset[str], frozenset[str]]:
    """The names of options with secrets, without dashes, and of those without."""
    names = [(name.lstrip("-+"), row.long in SECRET) for row in OPTIONS for name in (row.long, row.short) if name]
    secret = frozenset(name for name, is_secret in names if is_secret)
    known = frozenset(name for name, is_secret in names if not is_secret)
    return secret | _OTHER_WORDS, known - _OTHER_WORDS - secret


def mask_ticket(value: str) -> str:
    """The name of a file with a ticket; nothing of it if it is the ticket itself (JWT: RFC 7519; SAML is XML)."""
    is_ticket = value.startswith(("eyJ", "<", "PD94", "PHNhbWw")) or len(value) > _LONGEST_NAME or "\n" in value
    return "***" if is_ticket else value
