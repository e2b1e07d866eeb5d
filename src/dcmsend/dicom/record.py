"""Base of the option groups: written and checked like a dataclass, but cheap to define."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

__all__ = ["Record"]


@dataclass_transform(frozen_default=True)
class Record:
    """An immutable record of annotated fields, with defaults; compares and hashes by its values.

    Not a dataclass: importing ``dataclasses`` and defining ten of them takes longer than sending a small file.
    A subclass may check its values in ``check``, which is called when all fields are set.
    """

    _names: ClassVar[tuple[str, ...]] = ()
    _hidden: ClassVar[tuple[str, ...]] = ()
    """Fields whose values are secret and not shown in ``repr``."""

    def __init_subclass__(cls) -> None:
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  (a base's annotations are not wanted)
        cls._names = cls._names + tuple(name for name in own if not name.startswith("_"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(self._names):
            raise TypeError(f"{type(self).__name__} takes {len(self._names)} values, not {len(args)}")
        values = dict(zip(self._names, args, strict=False))
        for name, value in kwargs.items():
            if name in values or name not in self._names:
                raise TypeError(f"{type(self).__name__}: {'two values for' if name in values else 'no field'} {name}")
            values[name] = value
        for name in self._names:
            if name not in values:
                if not hasattr(type(self), name):
                    raise TypeError(f"{type(self).__name__}: no value for {name}")
                values[name] = getattr(type(self), name)
        self.__dict__.update((name, values[name]) for name in self._names)
        self.check()

    def check(self) -> None:
        """Raise ValueError for impossible values."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed; make another one with replace()")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def replace(self, **changes: Any) -> Any:
        """A copy in which some fields have other values."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{name}={'***' if name in self._hidden else repr(getattr(self, name))}" for name in self._names)
        return f"{type(self).__name__}({', '.join(shown)})"
