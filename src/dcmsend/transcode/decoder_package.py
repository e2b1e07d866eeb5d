"""Whether the libraries that decode can be loaded in this process."""

from __future__ import annotations

from functools import cache

__all__ = ["cause_of", "package_failure"]


@cache
def package_failure() -> str:
    """Why imagecodecs and numpy cannot be loaded, ``""`` if they can be.

    The first attempt tells: numpy lets no second one come to its true reason.
    """
    try:
        import imagecodecs  # noqa: F401
        import numpy  # noqa: F401
    except Exception as error:  # made for another processor or system: errors of many types
        return cause_of(error)
    return ""


def cause_of(error: BaseException) -> str:
    """What has happened first, in one line: libraries raise a page of advice because of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())
