"""Chooses the codec module for a transfer syntax, and tells whether the libraries it needs are installed.

No library is imported for that; the module of a codec is loaded when its first frame is decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.errors import TranscodeError

from . import decoder_package

if TYPE_CHECKING:
    from .codec import Codec

__all__ = ["PACKAGE", "can_decode", "codec_for", "decodable", "missing"]

PACKAGE: Final = "imagecodecs"
"""Package that has to be installed for the syntaxes that we do not decode ourselves."""


class _Row(NamedTuple):
    """The decoder of one transfer syntax.

    Attributes:
        module: name in ``codecs``; ``""`` for Deflated, which has no frames.
        extension: the extension module that it needs, ``""`` for none.
    """

    module: str
    extension: str = ""


_JPEG: Final = _Row("jpeg", "_jpeg8")
_JPEG_LS: Final = _Row("jpeg_ls", "_jpegls")
_JPEG_2000: Final = _Row("jpeg_2000", "_jpeg2k")
_JPEG_XL: Final = _Row("jpeg_xl", "_jpegxl")

_DECODERS: Final = {
    "1.2.840.10008.1.2." + suffix: row
    for suffix, row in (
        ("1.99", _Row("")),
        ("4.50", _JPEG),
        ("4.51", _JPEG),
        ("4.53", _JPEG),
        ("4.55", _JPEG),
        ("4.57", _JPEG),
        ("4.70", _JPEG),
        ("4.80", _JPEG_LS),
        ("4.81", _JPEG_LS),
        ("5", _Row("rle")),
        # DCMTK 3.6.7 has no decoder for the following ones.
        ("1.98", _Row("uncompressed")),
        ("4.90", _JPEG_2000),
        ("4.91", _JPEG_2000),
        ("4.110", _JPEG_XL),
        ("4.111", _JPEG_XL),
        ("4.112", _JPEG_XL),
        ("4.201", _JPEG_2000),
        ("4.202", _JPEG_2000),
        ("4.203", _JPEG_2000),
        ("8.1", _Row("deflated_frame")),
    )
}
"""Decoders in the order in which they are listed: DCMTK's, then ours."""

_installed: dict[str, bool] = {}


def _is_installed(extension: str) -> bool:
    """Whether the package has this extension module; searched for without importing either."""
    known = _installed.get(extension)
    if known is None:
        from importlib.machinery import PathFinder
        from importlib.util import find_spec

        package = find_spec(PACKAGE) if find_spec("numpy") is not None else None
        places = package.submodule_search_locations if package is not None else None
        known = bool(places) and PathFinder.find_spec(extension, list(places or ())) is not None
        _installed[extension] = known
    return known


def can_decode(syntax: TransferSyntax) -> bool:
    """Whether this installation can convert a data set in this transfer syntax to a native one."""
    row = _DECODERS.get(syntax.uid)
    return row is not None and (not row.extension or _is_installed(row.extension))


def decodable() -> list[TransferSyntax]:
    """All transfer syntaxes that this installation can decode, DCMTK's first."""
    return [syntax for syntax in map(transfer_syntax, _DECODERS) if can_decode(syntax)]


def missing() -> list[TransferSyntax]:
    """The transfer syntaxes that it could decode too if ``PACKAGE`` were installed."""
    return [syntax for syntax in map(transfer_syntax, _DECODERS) if not can_decode(syntax)]


def codec_for(syntax: TransferSyntax) -> Codec:
    """The codec module for the frames of this transfer syntax.

    Raises TranscodeError when there is none, or when a library that it needs is not installed or cannot be loaded.
    """
    row = _DECODERS.get(syntax.uid)
    if row is None or not row.module:
        raise TranscodeError("Pixel representation cannot be changed", f"there is no decoder for {syntax.name}")
    if not can_decode(syntax):
        raise TranscodeError(
            "Pixel representation cannot be changed",
            f"decoding {syntax.name} needs the package {PACKAGE}: pip install {PACKAGE}",
        )
    from importlib import import_module

    failure = decoder_package.package_failure() if row.extension else ""
    if not failure:
        try:
            return import_module(f"{__package__}.codecs.{row.module}")  # type: ignore[return-value]
        except Exception as error:  # a library for another processor or system raises errors of many types
            failure = decoder_package.cause_of(error)
    detail = f"decoding {syntax.name}: the package {PACKAGE} cannot be loaded: {failure}"
    raise TranscodeError("Pixel representation cannot be changed", detail)
