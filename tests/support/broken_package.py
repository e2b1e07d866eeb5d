"""A package that is installed and cannot be loaded, as one that was built for another processor or system."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from dcmsend import transcode
from dcmsend.transcode import decoder_package, registry

__all__ = ["break_imagecodecs"]

_CODECS = ("jpeg", "jpeg_2000", "jpeg_ls", "jpeg_xl")


class _Broken(MetaPathFinder, Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "imagecodecs" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def __init__(self) -> None:
        self._was_tried = False

    def exec_module(self, module: ModuleType) -> None:
        if self._was_tried:
            raise ImportError("cannot load module more than once per process")  # numpy's words, whatever was wrong
        self._was_tried = True
        try:
            raise OSError("libcodec.so:\ncannot open shared object file")
        except OSError as error:  # numpy, too, raises a page of advice from what has happened
            raise RuntimeError("READ THIS") from error


def break_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on imagecodecs is found, with all its extensions, and raises an error when it is imported."""
    for name in ("imagecodecs", *(f"dcmsend.transcode.codecs.{codec}" for codec in _CODECS)):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(registry, "_installed", dict.fromkeys(("_jpeg8", "_jpegls", "_jpeg2k", "_jpegxl"), True))
    unasked = cache(decoder_package.package_failure.__wrapped__)
    for module in (decoder_package, transcode):
        monkeypatch.setattr(module, "package_failure", unasked)
    monkeypatch.setattr(sys, "meta_path", [_Broken(), *sys.meta_path])
