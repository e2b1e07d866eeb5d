"""File systems that number no files: Google Drive, and some WebDAV clients for Windows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["unnumbered_files"]


@contextmanager
def unnumbered_files() -> Iterator[None]:
    """Inside, any two files of a device look like one to who compares device and inode."""
    stat = os.stat

    def without_number(*arguments: Any, **options: Any) -> os.stat_result:
        status = stat(*arguments, **options)
        return os.stat_result((status.st_mode, 0, *status[2:]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", without_number)
        yield
