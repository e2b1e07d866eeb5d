"""How many examples a property is tried with: a quarter in an ordinary run of the suite, all with ``--all-examples``.

Each run draws others, so what the ordinary runs leave out the next ones try.
"""

from __future__ import annotations

__all__ = ["all_are_tried", "examples", "try_all_examples"]

_SHARE = [4]


def try_all_examples() -> None:
    """Asked for before the tests are imported."""
    _SHARE[0] = 1


def all_are_tried() -> bool:
    """Whether this run looks for what the ordinary ones have not met; a promise kept by chance may be broken by it."""
    return _SHARE[0] == 1


def examples(most: int) -> int:
    """Of ``most`` examples, as many as this run tries."""
    return max(most // _SHARE[0], min(most, 20))
