"""``NamedTuple`` and ``Protocol`` for type checkers and for the program, which need not load ``typing`` for them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol
else:
    from collections import namedtuple

    class _NamedTupleType(type):
        """Makes a named tuple of a class: of its annotations the fields, of its values their defaults."""

        def __new__(cls, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = [namespace[field] for field in fields if field in namespace]
            made = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            for key, value in namespace.items():
                if key not in fields:
                    setattr(made, key, value)
            return made

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})

    class Protocol:
        """Nothing inherits from a protocol but another one, and nothing asks for it when the program runs."""

__all__ = ["NamedTuple", "Protocol"]
