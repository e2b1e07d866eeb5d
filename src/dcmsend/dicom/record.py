"""Base of the option groups: written and checked like a dataclass, but cheap to define."""

from __future__ import annotations

import sys
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    import os
    from collections.abc import Sequence
    from typing import Any, ClassVar, TypeAlias, dataclass_transform

    _AnyName: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
else:

    def dataclass_transform(**_):
        return lambda kind: kind

__all__ = ["FileName", "FileNames", "OptionalFileName", "Record"]


def _decoded(path: Any) -> str:
    """As ``os.fsdecode``, which this folder does not use: nothing in it touches the system."""
    if not isinstance(path, str | bytes):
        if not hasattr(path, "__fspath__"):
            raise TypeError
        path = path.__fspath__()
    if isinstance(path, bytes):
        return path.decode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
    return str(path)


class FileName:
    """A field that takes any path and gives it as ``str``.  It is a descriptor for type checkers alone."""

    def __init__(self, default: str = "") -> None:
        self._default = default

    def __get__(self, record: object, owner: object) -> str:
        return self._default

    if TYPE_CHECKING:

        def __set__(self, record: object, value: _AnyName) -> None: ...

    @staticmethod
    def taken(value: Any) -> str:
        """The value as it is kept.  Raises TypeError for what is no path."""
        return _decoded(value)


class OptionalFileName:
    """As ``FileName``, or None, which is the default."""

    def __get__(self, record: object, owner: object) -> str | None:
        return None

    if TYPE_CHECKING:

        def __set__(self, record: object, value: _AnyName | None) -> None: ...

    @staticmethod
    def taken(value: Any) -> str | None:
        """The value as it is kept.  Raises TypeError for what is no path."""
        return None if value is None else _decoded(value)


class FileNames:
    """A field that takes any paths and gives them as a tuple of ``str``; the default is an empty one."""

    def __get__(self, record: object, owner: object) -> tuple[str, ...]:
        return ()

    if TYPE_CHECKING:

        def __set__(self, record: object, value: Sequence[_AnyName]) -> None: ...

    @staticmethod
    def taken(value: Any) -> tuple[str, ...]:
        """The value as it is kept.  Raises TypeError for one path alone, too: its letters would be taken for names."""
        if isinstance(value, str | bytes) or hasattr(value, "__fspath__"):
            raise TypeError
        return tuple(map(_decoded, value))


_PATHS: dict[str, tuple[Callable[[Any], object], str]] = {
    "FileName": (FileName.taken, "the name of a file"),
    "OptionalFileName": (OptionalFileName.taken, "the name of a file, or None"),
    "FileNames": (FileNames.taken, "names of files in a tuple"),
}
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "bytes": bytes,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "float | None": (int, float, type(None)),
    "None": type(None),
}
"""The values of the annotations that most fields have."""
_PROTOCOLS = frozenset(("Credentials", "TlsClient"))
"""What a class need not inherit from; the values are the business of ``check``."""
_SHOWN = {
    "FileName": "str | os.PathLike[str]",
    "OptionalFileName": "str | os.PathLike[str] | None",
    "FileNames": "Sequence[str | os.PathLike[str]]",
    "_Address": "WebAddress | str",
}
"""How a person reads what stands in a signature."""
_TUPLE = "tuple["


def _is_plain(value: Any, kind: str) -> bool:
    """Whether a value is of a kind of ``_PLAIN``; a truth value is no number here."""
    return isinstance(value, _PLAIN[kind]) and (kind == "bool" or not isinstance(value, bool))


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of the kind that an annotation names.

    A class is known by its name, because its module may not be loaded.
    """
    if kind in _PLAIN:
        return _is_plain(value, kind)
    if len(alternatives := _parted(kind, " | ")) > 1:
        return any(_fits(value, each) for each in alternatives)
    if not kind.startswith(_TUPLE):
        return kind in _PROTOCOLS or any(base.__name__ == kind for base in type(value).__mro__)
    if not isinstance(value, tuple):
        return False
    kinds = _parted(kind[len(_TUPLE) : -1], ", ")
    if kinds[-1] == "...":
        kinds = kinds[:1] * len(value)
    return len(kinds) == len(value) and all(map(_fits, value, kinds))


def _parted(kind: str, separator: str) -> list[str]:
    """The parts of an annotation between separators that stand outside of brackets."""
    parts: list[str] = []
    for part in kind.split(separator):
        if parts and parts[-1].count("[") > parts[-1].count("]"):
            parts[-1] += separator + part
        else:
            parts.append(part)
    return parts


def _name_of(annotation: Any) -> str:
    """An annotation as it is written; a module may have them as objects."""
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


class _Fields:
    """The signature of a record, for ``inspect.signature`` and for the completion of editors and shells."""

    def __get__(self, record: object, owner: type[Record]) -> inspect.Signature:
        if record is not None:
            raise AttributeError("__signature__")  # a record cannot be called
        return owner._signature()


@dataclass_transform(frozen_default=True)
class Record:
    """An immutable record of annotated fields, with defaults; compares and hashes by its values.

    Not a dataclass: importing ``dataclasses`` and defining ten of them takes longer than sending a small file.
    A subclass may check its values in ``check``, which is called when all fields are set.
    """

    __signature__: ClassVar[_Fields] = _Fields()
    _names: ClassVar[tuple[str, ...]] = ()
    _kinds: ClassVar[dict[str, str]] = {}
    """The annotation of each field."""
    _hidden: ClassVar[tuple[str, ...]] = ()
    """Fields whose values are secret and not shown in ``repr``."""

    def __init_subclass__(cls) -> None:
        own = cls.__dict__.get("__annotations__", {})  # noqa: RUF063  (a base's annotations are not wanted)
        cls._names = cls._names + tuple(name for name in own if not name.startswith("_"))
        cls._kinds = {**cls._kinds, **{name: _name_of(kind) for name, kind in own.items()}}

    @classmethod
    def _signature(cls) -> inspect.Signature:
        from inspect import Parameter, Signature  # slow to load

        kinds = {name: _SHOWN.get(cls._kinds[name], cls._kinds[name]) for name in cls._names}
        parameters = [
            Parameter(
                name, Parameter.POSITIONAL_OR_KEYWORD, annotation=kind, default=getattr(cls, name, Parameter.empty)
            )
            for name, kind in kinds.items()
        ]
        return Signature(parameters)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(self._names):
            raise TypeError(f"{type(self).__name__} takes {len(self._names)} values, not {len(args)}")
        values = dict(zip(self._names, args, strict=False))
        for name, value in kwargs.items():
            if name in values or name not in self._names:
                raise TypeError(f"{type(self).__name__}: {'two values for' if name in values else 'no field'} {name}")
            values[name] = value
        own = self.__dict__
        for name in self._names:
            if name in values:
                own[name] = self._taken(name, values[name])
            elif hasattr(type(self), name):
                own[name] = getattr(type(self), name)  # a default fits; type checkers see to that
            else:
                raise TypeError(f"{type(self).__name__}: no value for {name}")
        self.check()

    def _taken(self, name: str, value: Any) -> Any:
        """The value as it is kept.  Raises TypeError for a value of a wrong type."""
        kind = self._kinds[name]
        if kind in _PLAIN:
            if _is_plain(value, kind):
                return value
        elif kind in _PATHS:
            take, kind = _PATHS[kind]
            try:
                return take(value)
            except TypeError:
                pass
        else:
            if isinstance(value, list) and kind.startswith(_TUPLE):
                value = tuple(value)
            if _fits(value, kind):
                return value
        raise TypeError(f"{type(self).__name__}: {name} must be {kind}, not {type(value).__name__}")

    def check(self) -> None:
        """Raise ValueError for impossible values."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed; make another one with replace()")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def replace(self, **changes: Any) -> Any:
        """A copy in which some fields have other values."""
        return type(self)(**{**self.__dict__, **changes})

    def __replace__(self, **changes: Any) -> Any:
        """For ``copy.replace`` (Python 3.13)."""
        return self.replace(**changes)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{name}={'***' if name in self._hidden else repr(getattr(self, name))}" for name in self._names)
        return f"{type(self).__name__}({', '.join(shown)})"
