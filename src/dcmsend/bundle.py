"""Modules of a compiled wheel that lie in one file, so that a start need not look for each of a hundred and more.

The build writes the file (``scripts/compile_modules.py``); the pure wheel has none.  It holds bytecode for one release
of Python: any other one passes it over and reads the sources, which are in the wheel, too.
"""

from __future__ import annotations

import _imp
import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any, Final

__all__ = ["NAME", "BundleFinder", "use_bundle", "write_bundle"]

NAME: Final = "modules.bundle"
"""Name of the file, in the folder of the package."""

_TAG: Final = (sys.implementation.cache_tag or "").encode().ljust(24, b"\0")
"""The first bytes of the file: the Python for which it was made, as in the names of other files with bytecode."""
_LENGTH: Final = 8
"""Bytes in which the length of the index is written, after the tag."""


def write_bundle(codes: Mapping[str, tuple[CodeType, bool]]) -> bytes:
    """The content of the file, for the Python that runs this.

    ``codes`` has for each module, by its name with dots, its code and whether it is a package.
    """
    parts = {name: marshal.dumps(code) for name, (code, _) in codes.items()}
    index, position = {}, 0
    for name, part in parts.items():
        index[name] = (position, len(part), codes[name][1])
        position += len(part)
    head = marshal.dumps(index)
    return b"".join((_TAG, len(head).to_bytes(_LENGTH, "little"), head, *parts.values()))


def use_bundle(folder: str) -> None:
    """Import modules from the bundle in the folder of the package from now on, unless it is for another Python."""
    path = f"{folder}/{NAME}"
    with open(path, "rb") as file:
        if file.read(len(_TAG)) != _TAG:
            return
        size = int.from_bytes(file.read(_LENGTH), "little")
        index = marshal.loads(file.read(size))
    sys.meta_path.insert(0, BundleFinder(path, folder, len(_TAG) + _LENGTH + size, index))


class BundleFinder:
    """Finds and loads the modules of a bundle; a finder and a loader of ``importlib``.

    Args:
        path: the file.
        folder: that of the package, in which the sources are.
        begin: position of the first code.
        index: position from there, length, and whether it is a package, for each module.
    """

    def __init__(self, path: str, folder: str, begin: int, index: dict[str, tuple[int, int, bool]]) -> None:
        self._path = path
        self._folder = folder
        self._begin = begin
        self._index = index

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder; None also if the file has gone, then the sources may be there."""
        entry = self._index.get(name)
        if entry is None:
            return None
        position, size, is_package = entry
        try:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(self._begin + position)
                data = file.read(size)
        except OSError:
            return None
        loader: Any = self  # it has what importlib asks for, without inheriting from importlib.abc
        spec: ModuleSpec = _Spec(name, loader, origin=self._source(name), loader_state=data, is_package=is_package)
        if is_package:
            spec.submodule_search_locations = [self._source(name).rpartition("/")[0]]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """See importlib.abc.Loader."""

    def exec_module(self, module: ModuleType) -> None:
        """See importlib.abc.Loader."""
        spec = module.__spec__
        assert spec is not None
        data, spec.loader_state = spec.loader_state, None
        exec(self._code(module.__name__, data), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        """See importlib.abc.InspectLoader; ``python -m`` asks for it."""
        spec = self.find_spec(name)
        if spec is None:
            raise ImportError(f"{name} is not in the bundle", name=name)
        return self._code(name, spec.loader_state)

    def get_source(self, name: str) -> str | None:
        """See importlib.abc.InspectLoader; tracebacks ask for it."""
        try:
            with open(self._source(name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            return None

    def is_package(self, name: str) -> bool:
        """See importlib.abc.InspectLoader."""
        return name in self._index and self._index[name][2]

    def _code(self, name: str, data: bytes) -> CodeType:
        code: CodeType = marshal.loads(data)
        _imp._fix_co_filename(code, self._source(name))  # type: ignore[attr-defined]  # as zipimport does
        return code

    def _source(self, name: str) -> str:
        parts = name.split(".")[1:]
        if self.is_package(name):
            parts.append("__init__")
        return "/".join((self._folder, *parts)) + ".py"


_Spec = type(__spec__)
"""ModuleSpec, which is here already; importing ``importlib.machinery`` for it would cost a start what this saves."""
