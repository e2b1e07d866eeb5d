"""The programs in ``scripts/`` as modules, so that their parts can be tried."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

__all__ = ["load_script"]


def load_script(name: str) -> ModuleType:
    """The module that a file in ``scripts/`` is, loaded anew; ``name`` is without its suffix."""
    path = Path(__file__).parents[2] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
