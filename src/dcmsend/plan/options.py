"""The options of presentation contexts."""

from __future__ import annotations

from enum import Enum

from dcmsend.dicom.record import Record

__all__ = ["Decompression", "PlanOptions"]


class Decompression(Enum):
    """Which compressed instances may be decompressed for a peer.  Source: DCMTK ``-dn``, ``+dls``, ``+dly``."""

    NEVER = "never"
    LOSSLESS = "lossless"
    LOSSY = "lossy"


class PlanOptions(Record):
    """How presentation contexts are proposed.

    Attributes:
        decompression: ``-dn``, ``+dls``, ``+dly``; None for what is usual: lossless for a Storage SCP, never for a web
            service, which takes instances as they are.
        no_illegal_proposal: what DCMTK does with ``-nip``: propose nothing for an instance with lossless compression
            that DCMTK cannot decode (JPEG 2000, HTJ2K, JPEG XL) or may not decompress.
        multiple_associations: whether a further association follows after 128 contexts (``+ma``; false with ``-ma``).
        halt_on_refusal: whether an instance for which no context may be proposed ends the run (false with ``-nh``).
    """

    decompression: Decompression | None = None
    no_illegal_proposal: bool = False
    multiple_associations: bool = True
    halt_on_refusal: bool = True
