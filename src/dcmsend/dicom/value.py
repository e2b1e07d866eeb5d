"""Base of small values of which many are made."""

from __future__ import annotations

__all__ = ["Value"]


class Value:
    """An immutable value, equal to another of the same type with equal fields.

    A subclass lists its fields in ``__slots__``, in the order of its constructor's arguments, and assigns them as
    ``Final``. Not a dataclass: defining one costs about twenty times as much, and a plain send defines thirty.
    """

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or type(self) is not type(other):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"
