"""The options of the proof."""

from __future__ import annotations

from dcmsend.dicom.record import Record

__all__ = ["CommitOptions", "VerifyOptions"]


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


class CommitOptions(Record):
    """How an archive is asked to commit itself to what it has (``--commit``).  Raises ValueError for impossible values.

    Attributes:
        port: TCP port on which reports are taken; None takes them only over the association of the request.
        address: the own address to listen on, ``""`` for all.
        report_from: AE title from which alone reports are taken; None for any, with a warning if it is not the peer's.
        wait: seconds without any answer after which the run waits no longer, 0 for a request without a wait; None is
            60, or 600 with a port.
        instances: most instances in one request, 1..10000.  Some archives need time by the square of it.
        outstanding: most requests without a report at a time, 1..100.

    Source: PS3.4 Annex J.
    """

    port: int | None = None
    address: str = ""
    report_from: str | None = None
    wait: float | None = None
    instances: int = 250
    outstanding: int = 4

    def check(self) -> None:
        if self.port is not None and not 0 <= self.port < 65536:
            raise ValueError("CommitOptions: impossible port")
        if self.wait is not None and not 0 <= self.wait < float("inf"):
            raise ValueError("CommitOptions: impossible wait")
        if not 0 < self.instances <= 10_000 or not 0 < self.outstanding <= 100:
            raise ValueError("CommitOptions: impossible number")

    @property
    def seconds(self) -> float:
        """The longest time without an answer; 0 for no wait."""
        return (60.0 if self.port is None else 600.0) if self.wait is None else self.wait
