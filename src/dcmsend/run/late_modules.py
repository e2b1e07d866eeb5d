"""Loads modules before they are needed, where few files may be open: a module is a file, too."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from dcmsend.loggers import WARNING, get_logger

__all__ = ["load_late_modules"]

_PACKAGES = (
    "association", "dicom", "index", "inputs", "load", "plan", "protocol", "report", "transcode", "transcode.codecs",
    "transfer", "transport",
)  # fmt: skip
_OTHERS = ("fcntl", "tempfile", "termios")
"""Of the standard library, as far as the system has them."""


def load_late_modules() -> None:
    """Load what a run may need when all descriptors are in use.

    Where more files may be open a module is loaded when it is needed first, so that a start loads little.
    """
    from dcmsend.transcode import package_failure

    package_failure()  # remembers why the decoders cannot be loaded; below nobody is told
    get_logger("dcmsend.app").isEnabledFor(WARNING)  # loads ``logging``, and has it configured if that was put off
    root = __package__.rpartition(".")[0]
    for name in _OTHERS:
        _load(name)
    for name in ("advice", "explanations", *_PACKAGES):
        package = import_module(f"{root}.{name}")
        for found in iter_modules(getattr(package, "__path__", ())):
            _load(f"{package.__name__}.{found.name}")


def _load(name: str) -> None:
    try:
        import_module(name)
    except Exception:  # it needs a package that is not installed, or one that raises errors of many types
        return
