"""The options of the proof."""

from __future__ import annotations

from dcmsend.dicom.record import Record

__all__ = ["VerifyOptions"]


class VerifyOptions(Record):
    """How an archive is asked which instances it has (``--verify``).  Raises ValueError for impossible values.

    Attributes:
        attempts: how often a series is asked for again while an instance is missing, or has no answer; 0..20.
        seconds: time from the first answer to the last further question; earlier ones come at a third of it, a ninth...
    """

    attempts: int = 3
    seconds: float = 60.0

    def check(self) -> None:
        if not 0 <= self.attempts <= 20:
            raise ValueError("VerifyOptions: impossible attempts")
        if not 0 <= self.seconds < float("inf"):
            raise ValueError("VerifyOptions: impossible seconds")
