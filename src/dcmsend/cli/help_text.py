"""Usage, version and decoder list, in DCMTK's layout."""

from __future__ import annotations

import os
import sys

from dcmsend.version import RELEASE_DATE, VERSION

from .option_table import OPTIONS, PARAMETERS, OptionRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

__all__ = ["HEADER", "IDENTIFICATION", "decoder_list_text", "usage_text", "version_text"]

IDENTIFICATION: Final = f"$dcmsend: dcmsend-py v{VERSION} {RELEASE_DATE} $"
"""The line with which DCMTK's programs identify themselves, with our name."""

HEADER: Final = f"{IDENTIFICATION}\n\ndcmsend: Simple DICOM storage SCU (sender)\n"
"""First lines of usage, version, decoder list and every command line error."""

_LONG_WIDTH: Final = max(len(row.long) for row in OPTIONS if not row.is_ours)
_SHORT_WIDTH: Final = max(len(row.short) for row in OPTIONS)
_WIDTH: Final = 79
_TEXT_COLUMN: Final = 2 + 2 + _SHORT_WIDTH + 2 + _LONG_WIDTH + 2


def usage_text(*, shows_all: bool = False) -> str:
    """The output of ``--help``, or of ``--help-all``, which shows our options at length; the last line is empty."""
    return "\n".join((HEADER.rstrip("\n"), *_usage_lines(shows_all), "", ""))


def _usage_lines(shows_all: bool) -> Iterator[str]:
    yield f"usage: dcmsend [options] {' '.join(name for name, _ in PARAMETERS)}..."
    yield "\nparameters:"
    for name, text in PARAMETERS:
        yield f"  {name.ljust(_TEXT_COLUMN - 4)}  {text}"
    group = subgroup = ""
    for row in OPTIONS:
        if row.is_ours and not shows_all:
            break
        if row.group != group:
            group, subgroup = row.group, ""
            yield ("" if group != OPTIONS[0].group else "\n") + f"{group}:"
        if row.subgroup != subgroup:
            subgroup = row.subgroup
            yield f"  {subgroup}:"
        yield from _option_lines(row)
    if not shows_all:
        yield from _lines_of_ours()


def _lines_of_ours() -> Iterator[str]:
    """One line for each group of our options, with the names of as many as fit."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in OPTIONS:
        if row.is_ours:
            names.setdefault((row.group, row.subgroup), []).append(row.short or row.long)
    group, column = "", 0
    for (heading, subgroup), members in names.items():
        if heading != group:
            group = heading
            column = 4 + max(len(_short(other)) for first, other in names if first == group)
            yield f"{group}:"
        yield f"  {_short(subgroup)}".ljust(column) + _as_many_as_fit(members, _WIDTH - column)
    yield ""
    yield "--help-all shows all of them; @FILE stands for the arguments in FILE."


def _short(subgroup: str) -> str:
    return subgroup.partition(" (")[0]


def _as_many_as_fit(names: list[str], width: int) -> str:
    """The first names, and dots if there are more."""
    count = len(names)
    while count > 1 and len(", ".join(names[:count]) + ", ..." * (count < len(names))) > width:
        count -= 1
    return ", ".join(names[:count]) + ", ..." * (count < len(names))


def _option_lines(row: OptionRow) -> Iterator[str]:
    indent = 4 if row.subgroup else 2
    names = " " * indent + row.short.ljust(_SHORT_WIDTH + 4 - indent) + "  " + row.long
    texts = [row.value, *row.text] if row.value else list(row.text)
    if len(names) + 2 > _TEXT_COLUMN:  # our long names get a line of their own, so that DCMTK's columns stay
        yield names
    else:
        yield f"{names.ljust(_TEXT_COLUMN)}{texts.pop(0)}"
    for text in texts:
        yield " " * _TEXT_COLUMN + text


def _is_compiled() -> bool:
    """Whether this is a wheel with compiled modules: whether Python would load the walk from one (decision 21)."""
    from importlib.machinery import ExtensionFileLoader, PathFinder

    import dcmsend

    places = [f"{place}/dicom" for place in dcmsend.__path__]  # loading the package itself takes long
    found = PathFinder.find_spec("dcmsend.dicom.walk", places)
    return found is not None and isinstance(found.loader, ExtensionFileLoader)


def version_text() -> str:
    """The output of ``--version``."""
    import zlib

    implementation = sys.implementation
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown")
    release = ".".join(str(number) for number in sys.version_info[:3])
    return "\n".join((
        HEADER,
        f"Host type: {sys.platform}-{machine}",
        f"Character encoding: {sys.getfilesystemencoding()}",
        f"Build options: {implementation.name} {release}, {'compiled by mypyc' if _is_compiled() else 'pure Python'}",
        "",
        "External libraries used:",
        f"- ZLIB, Version {zlib.ZLIB_RUNTIME_VERSION}",
        "",
    ))


def decoder_list_text() -> str:
    """The output of ``--list-decoders``: the transfer syntaxes that this installation can really decode."""
    from dcmsend.dicom.transfer_syntax import transfer_syntax
    from dcmsend.dicom.transfer_syntax_table import TRANSFER_SYNTAXES
    from dcmsend.transcode import PACKAGE, decodable, missing

    syntaxes = map(transfer_syntax, TRANSFER_SYNTAXES)
    lines = [
        HEADER,
        "Transfer syntaxes supported natively:",
        *(f"- {syntax.name}" for syntax in syntaxes if syntax.is_native),
        "",
        "Transfer syntaxes supported by decoders:",
        *(f"- {syntax.name}" for syntax in decodable()),
        "",
    ]
    absent = missing()
    if absent:
        lines += [
            f"Transfer syntaxes that need the package {PACKAGE} (pip install {PACKAGE}):",
            *(f"- {syntax.name}" for syntax in absent),
            "",
        ]
    return "\n".join(lines)
