"""Whether images can be decompressed where the user asks for it: told before a connection is opened."""

from __future__ import annotations

from typing import Final

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import UsageError
from dcmsend.loggers import get_logger
from dcmsend.plan import Decompression, PlanOptions

__all__ = ["check_decoders", "warn_of_images"]

_LOSSY: Final = "1.2.840.10008.1.2.4.50"
"""JPEG Baseline: what is compressed with loss is nearly always this or one of its family, of one decoder."""

_LOSSLESS: Final = "1.2.840.10008.1.2.4.70"
"""JPEG Lossless, the usual one."""

_log = get_logger("dcmsend.app")


def check_decoders(plan: PlanOptions, *, is_order: bool) -> None:
    """Raise UsageError if the user wants images decompressed, and the package for that is missing.

    Those compressed with loss always; those without only if ``is_order``: a web service takes what it gets.  A Storage
    SCP chooses: it may take them as they are, so nobody knows yet that something is not possible.
    """
    wanted = {Decompression.LOSSY: (_LOSSY, "with loss")}
    if is_order:
        wanted[Decompression.LOSSLESS] = _LOSSLESS, "without loss"
    if plan.decompression not in wanted:
        return
    from dcmsend.transcode import PACKAGE, can_decode

    uid, how = wanted[plan.decompression]
    if not can_decode(transfer_syntax(uid)):
        text = f"to decompress what is compressed {how}, the Python package {PACKAGE} is needed"
        raise UsageError(f"{text}: pip install {PACKAGE}", None)


def warn_of_images(plan: PlanOptions) -> None:
    """Warn if the user wants images decompressed, and a decoder is missing or the room for large ones.

    No more than a warning: nobody knows yet which images the receiver wants decompressed, and how large they are.
    """
    if plan.decompression not in (Decompression.LOSSLESS, Decompression.LOSSY):
        return
    from dcmsend.transcode import PACKAGE, can_decode

    if not can_decode(transfer_syntax(_LOSSLESS)):
        text = f"the Python package {PACKAGE} is not installed: pip install {PACKAGE}"
        _log.warning("most compressed images cannot be decompressed: %s", text)
    from dcmsend.load import spool_trouble  # where the pixels will go

    trouble = spool_trouble()
    if trouble:
        _log.warning("large images cannot be decompressed: %s", trouble)
