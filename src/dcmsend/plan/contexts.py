"""Which transfer syntaxes to propose for an instance.  Source: PS3.5 §10.1, PS3.4 B; DCMTK dcmsend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dcmsend.dicom.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
)

from .options import Decompression, PlanOptions

__all__ = ["CanDecode", "propose_transfer_syntaxes"]

CanDecode = Callable[[TransferSyntax], bool]
"""Whether the pixel data (or the deflated data set) of a transfer syntax can be turned into a native one."""

NATIVE: Final = (EXPLICIT_VR_LITTLE_ENDIAN.uid, EXPLICIT_VR_BIG_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)

_ALWAYS_CONVERTED: Final = frozenset({"1.2.840.10008.1.2.4.94", "1.2.840.113619.5.2"})
"""JPIP Referenced and GE's private syntax: no peer is offered them, they go out as native ones."""

_LOSSY_WITHOUT_CODEC: Final = frozenset({"1.2.840.10008.1.2.4.95"})
"""JPIP Referenced Deflate: with ``+dly`` DCMTK proposes native syntaxes for it although it has no codec."""


def propose_transfer_syntaxes(
    syntax: TransferSyntax, options: PlanOptions, can_decode: CanDecode
) -> tuple[tuple[str, ...], bool]:
    """The transfer syntaxes to propose, in order, and whether that is less than one could wish.

    Empty when ``-nip`` forbids to propose anything.  The second value asks for a warning: only the own syntax is
    proposed although conversion might be expected.
    """
    if syntax.is_native or syntax.uid in _ALWAYS_CONVERTED:
        return NATIVE, False
    own = (syntax.uid,)
    if not syntax.is_known:
        return own, True
    mode = options.decompression
    if syntax.is_lossy:
        if mode is Decompression.LOSSY:
            if can_decode(syntax) or syntax.uid in _LOSSY_WITHOUT_CODEC:
                return own + NATIVE, False
            return own, True
        return own, False
    if mode is not Decompression.NEVER and can_decode(syntax):
        return own + NATIVE, False
    if options.no_illegal_proposal:
        return (), True
    return own, True
