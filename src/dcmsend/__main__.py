"""Runs the command as ``python -m dcmsend``."""

from __future__ import annotations

from dcmsend.cli.console import console

if __name__ == "__main__":
    console()
