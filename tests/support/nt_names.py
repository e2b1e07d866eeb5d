"""Names as Windows has them, for modules that take ``os`` apart into ``os.sep`` and ``os.path``."""

from __future__ import annotations

import ntpath
import os
from types import ModuleType
from typing import Any, Final

import pytest

__all__ = ["with_names_of_windows"]

_NAMES: Final[dict[str, Any]] = {"sep": "\\", "altsep": "/", "path": ntpath}


class _WindowsOs:
    """The module ``os`` with other separators; everything else is asked of the real one."""

    def __getattr__(self, name: str) -> Any:
        return _NAMES[name] if name in _NAMES else getattr(os, name)


def with_names_of_windows(monkeypatch: pytest.MonkeyPatch, module: ModuleType, **constants: Any) -> None:
    """Have a module split names as on Windows; ``constants`` are those that it makes of ``os`` when it is imported."""
    monkeypatch.setattr(module, "os", _WindowsOs())
    for name, value in constants.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
