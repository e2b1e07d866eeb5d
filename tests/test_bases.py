"""Our ``NamedTuple`` makes the same tuples as that of ``typing``."""

from __future__ import annotations

import pickle
import typing

import pytest

from dcmsend import bases
from dcmsend.index import Instance


class Theirs(typing.NamedTuple):
    """What it is."""

    number: int
    name: str = "nobody"
    more: tuple[int, ...] = ()

    @property
    def shown(self) -> str:
        """A property."""
        return f"{self.number} {self.name}"

    def __repr__(self) -> str:
        return self.shown


class Ours(bases.NamedTuple):
    """What it is."""

    number: int
    name: str = "nobody"
    more: tuple[int, ...] = ()

    @property
    def shown(self) -> str:
        """A property."""
        return f"{self.number} {self.name}"

    def __repr__(self) -> str:
        return self.shown


class Further(Ours):
    """A subclass, as it is with those of ``typing``, adds no field."""

    __slots__ = ()


def test_a_tuple_is_made_as_by_typing() -> None:
    for facts in ("_fields", "_field_defaults", "__doc__", "__module__", "__mro__", "__slots__"):
        theirs, ours = getattr(Theirs, facts), getattr(Ours, facts)
        assert (ours[1:] if facts == "__mro__" else ours) == (theirs[1:] if facts == "__mro__" else theirs)
    assert Ours.__qualname__ == Ours.__name__ == "Ours"
    assert typing.get_type_hints(Ours) == typing.get_type_hints(Theirs)
    assert set(vars(Ours)) >= set(vars(Theirs)) - {"__orig_bases__"}


@pytest.mark.parametrize("values", [(1,), (1, "somebody"), (1, "somebody", (2, 3))])
def test_a_tuple_is_a_value_as_by_typing(values: tuple[object, ...]) -> None:
    ours, theirs = Ours._make(Ours(*values)), Theirs(*values)  # type: ignore[arg-type]
    assert tuple(ours) == tuple(theirs)
    assert hash(ours) == hash(theirs)
    assert repr(ours) == repr(theirs) == ours.shown
    assert ours._asdict() == theirs._asdict()
    assert tuple(ours._replace(number=7)) == tuple(theirs._replace(number=7))
    assert pickle.loads(pickle.dumps(ours)) == ours


@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_a_field_without_a_value_is_missed(kind: type[Ours]) -> None:
    with pytest.raises(TypeError, match="number"):
        kind()  # type: ignore[call-arg]


def test_a_subclass_is_one() -> None:
    further = Further(1)
    assert isinstance(further, Ours)
    assert type(pickle.loads(pickle.dumps(further))) is Further
    assert not hasattr(further, "__dict__")


def test_our_own_are_made_so() -> None:
    assert Instance.__mro__ == (Instance, tuple, object)
    assert Instance._field_defaults == {"group": "", "facts": None}
