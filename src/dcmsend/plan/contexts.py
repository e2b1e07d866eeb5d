"""Chooses the transfer syntaxes to propose for an instance.  Source: PS3.5 §10.1, PS3.4 B; DCMTK dcmsend."""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.dicom.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
)

from .options import Decompression, PlanOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["NATIVE", "CanDecode", "are_proposed_together", "limitation", "propose_transfer_syntaxes"]

CanDecode = Callable[[TransferSyntax], bool]
"""Whether the pixel data (or the deflated data set) of a transfer syntax can be converted to native."""

NATIVE: Final = (EXPLICIT_VR_LITTLE_ENDIAN.uid, EXPLICIT_VR_BIG_ENDIAN.uid, IMPLICIT_VR_LITTLE_ENDIAN.uid)
"""Native syntaxes in the order in which they are proposed."""

_DECODED_BY_DCMTK: Final = frozenset(
    f"1.2.840.10008.1.2.{suffix}"
    for suffix in ("1.99", "4.50", "4.51", "4.53", "4.55", "4.57", "4.70", "4.80", "4.81", "4.95", "5")
)
"""Syntaxes that DCMTK 3.6.7 proposes in one context with the native ones."""

_ALWAYS_CONVERTED: Final = frozenset({"1.2.840.10008.1.2.4.94", "1.2.840.113619.5.2"})
"""JPIP Referenced and GE's private syntax: never proposed, always converted to native ones."""

_LOSSY_WITHOUT_CODEC: Final = frozenset({"1.2.840.10008.1.2.4.95"})
"""JPIP Referenced Deflate: with ``+dly`` DCMTK proposes native syntaxes for it although it has no codec."""


def propose_transfer_syntaxes(
    syntax: TransferSyntax, options: PlanOptions, can_decode: CanDecode
) -> tuple[str, ...]:
    """The transfer syntaxes to propose, in order; empty when ``-nip`` forbids any proposal."""
    if syntax.is_native or syntax.uid in _ALWAYS_CONVERTED:
        return NATIVE
    own = (syntax.uid,)
    mode = options.decompression
    # If DCMTK cannot decode a syntax, it proposes the native ones in a context of their own.  The first context then
    # lacks the default transfer syntax, which is exactly what -nip forbids.
    decodable = can_decode(syntax) and (syntax.uid in _DECODED_BY_DCMTK or not options.no_illegal_proposal)
    if syntax.is_lossy:
        decodable = decodable or syntax.uid in _LOSSY_WITHOUT_CODEC
        return own + NATIVE if mode is Decompression.LOSSY and decodable else own
    if mode is not Decompression.NEVER and decodable:
        return own + NATIVE
    # For lossy and unknown syntaxes the standard itself permits to propose no other one (PS3.5 10.1).
    return () if options.no_illegal_proposal and syntax.is_known else own


def are_proposed_together(syntax: TransferSyntax) -> bool:
    """Whether the native transfer syntaxes are proposed in the same context as a compressed one.

    The peer chooses within one context, and many peers choose a native syntax.  DCMTK leaves the choice to the peer if
    it can decode the compressed syntax.  For all others a peer that accepts the compressed syntax must get it, as it
    does from DCMTK, so the native ones get a context of their own.
    """
    return syntax.uid in _DECODED_BY_DCMTK


def limitation(syntax: TransferSyntax, proposal: tuple[str, ...], options: PlanOptions) -> str:
    """A remark if fewer syntaxes are proposed than a receiver may need, else ``""``.  It begins with DCMTK's words."""
    if not syntax.is_known:
        return f"transfer syntax is unknown, trying to propose only this one: {syntax.uid}"
    if len(proposal) > 1 or (syntax.is_lossy and options.decompression is not Decompression.LOSSY):
        return ""
    kind = "lossy" if syntax.is_lossy else "lossless"
    allowed = "are not allowed to" if options.decompression is Decompression.NEVER else "cannot"
    start = f"transfer syntax uses a {kind} compression but we {allowed} decompress it, "
    if not proposal:
        return start + "so we cannot add a presentation context for this SOP instance"
    return (
        start + "so we are not proposing any uncompressed transfer syntax\n"
        f"  (a receiver that does not take {syntax.name} will get nothing{_remedy(syntax, options)})"
    )


def _remedy(syntax: TransferSyntax, options: PlanOptions) -> str:
    """What would bring the decoder, if that is all that is missing."""
    from dcmsend.transcode import PACKAGE, missing

    is_wanted = options.decompression is not Decompression.NEVER
    return f"; pip install {PACKAGE} brings the decoder" if is_wanted and syntax in missing() else ""
