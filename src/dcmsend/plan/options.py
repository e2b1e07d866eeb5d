"""What the user says about presentation contexts."""

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
        decompression: ``-dn``, ``+dls`` (default), ``+dly``.
        no_illegal_proposal: propose what DCMTK does with ``-nip``: nothing for an instance compressed without loss that
            it has no decoder for (JPEG 2000, HTJ2K, JPEG XL) or may not decompress.
        multiple_associations: go on with a further association after 128 contexts (``+ma``; false with ``-ma``).
        halt_on_refusal: an instance for which nothing may be proposed ends the run (false with ``-nh``).
    """

    decompression: Decompression = Decompression.LOSSLESS
    no_illegal_proposal: bool = False
    multiple_associations: bool = True
    halt_on_refusal: bool = True
