"""How many examples a property is tried with: a quarter in an ordinary run of the suite, all with ``--all-examples``.

Each run draws others, so what the ordinary runs leave out the next ones try.
"""

from __future__ import annotations

__all__ = ["examples", "try_all_examples"]

_SHARE = [4]


def try_all_examples() -> None:
    """Asked for before the tests are imported."""
    _SHARE[0] = 1


def examples(most: int) -> int:
    """Of ``most`` examples, as many as this run tries."""
    return max(most // _SHARE[0], min(most, 20))
