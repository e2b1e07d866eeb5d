"""The options of a transfer."""

from __future__ import annotations

from dcmsend.dicom.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .timetable import Timetable

__all__ = ["MAX_FRUITLESS", "AutoAssociations", "RetryOptions", "TransferOptions"]

MAX_FRUITLESS: Final = 3
"""Sessions in a row without a single answer after which the run ends; those ended by a file of ours do not count."""

SHORTEST_PDU: Final = 14
"""Length of a P-DATA-TF PDU with two bytes of data."""


def _check(name: str, is_possible: bool, group: str = "TransferOptions") -> None:
    if not is_possible:
        raise ValueError(f"{group}: impossible {name}")


def _is_rate(rate: int | Timetable) -> bool:
    return not isinstance(rate, int) or rate >= 0


class AutoAssociations(Record):
    """As many associations as turn out to be useful (``--parallel-associations auto``).  Raises ValueError.

    Attributes:
        most: how many may be open at the same time, from 1.
    """

    most: int = 8

    def check(self) -> None:
        _check("most", self.most >= 1, "AutoAssociations")


class RetryOptions(Record):
    """Which failures are retried, and when.  Times in seconds.  Raises ValueError for impossible values.

    Retried are: no connection, a transient rejection, a lost or aborted association, a time-out, no answer to a
    completely sent instance, and the statuses 0xA7xx and 0x0110.

    Attributes:
        attempts: further attempts for each instance, 0 for none (``--retry``).
        delay: before the next attempt; doubled as long as nothing is stored, varied at random by 25 %
            (``--retry-delay``).
        longest_delay: upper limit of the doubling.
        max_time: the run gives up when no instance was stored for so long (``--retry-max-time``).
    """

    attempts: int = 0
    delay: float = 5.0
    longest_delay: float = 300.0
    max_time: float = 3600.0

    def check(self) -> None:
        _check("attempts", self.attempts >= 0, "RetryOptions")
        _check("delay", self.delay >= 0, "RetryOptions")
        _check("longest_delay", self.longest_delay >= 0, "RetryOptions")
        _check("max_time", self.max_time >= 0, "RetryOptions")


class TransferOptions(Record):
    """The options of a transfer.  Times in seconds, sizes in bytes.  Raises ValueError for impossible values.

    Attributes:
        connect_timeout: for the TCP connect (``-to``); None leaves it to the operating system.
        acse_timeout: for A-ASSOCIATE-AC, A-RELEASE-RP and the close after A-ABORT (``-ta``).
        dimse_timeout: for a C-STORE response (``-td``); None waits as long as bytes move, see ``idle_timeout``.
        idle_timeout: the association ends when no byte moved in either direction for so long; 0 for no limit.
        max_pdu: longest PDU we announce to receive (``-pdu``).
        max_send_pdu: longest PDU we send, at least 14, None for what the peer takes (``--max-send-pdu``).
        halt_on_failure: whether the first instance that cannot be sent ends the run (false with ``-nh``).
        convert: whether data sets may be sent in another transfer syntax than the file's (false with ``-dn``).
        deflate_level: zlib level 0..9 for Deflated, None to pass deflated data sets through (``+cl``).
        normalize: whether every data set is encoded anew, canonically (``--normalize``).
        keep_ybr: whether losslessly compressed YBR pixels stay YBR when they are decompressed (``--keep-ybr``).
        decode_workers: threads that decompress the frames of one instance, from 1.
        parallel_associations: how many associations are open at the same time, from 1; an ``AutoAssociations`` lets
            the transfer find out how many are useful, while it runs.
        async_window: how many unanswered requests to negotiate, 2..65535; 0 for no negotiation (PS3.7 D.3.3.3).
        max_rate: bytes a second over all associations, 0 for no limit, or a timetable; PDU headers count.
        max_instances_rate: instances a second over all associations, 0 for no limit, or a timetable.
        tcp_no_delay: whether the Nagle algorithm is off (environment ``TCP_NODELAY=0`` leaves it on).
        tcp_buffer_length: socket buffers, None for the system's own tuning (environment ``TCP_BUFFER_LENGTH``).
        log_negotiation: whether both sides of the negotiation are logged at level INFO already (``+v``).
        drain_seconds: how long to wait for answers after a stop request.
        retry: which failures are retried, and how often.
        stop_after_failures: the run ends after so many instances in a row that are not stored; 0 for no limit.
        stop_at: end of the time window, in seconds since the epoch; None for no limit (``--stop-at``).
        max_duration: for the whole transfer, the search for inputs included; None for no limit (``--max-duration``).
    """

    connect_timeout: float | None = None
    acse_timeout: float = 30.0
    dimse_timeout: float | None = None
    idle_timeout: float = 300.0
    max_pdu: int = 16384
    max_send_pdu: int | None = None
    halt_on_failure: bool = True
    convert: bool = True
    deflate_level: int | None = None
    normalize: bool = False
    keep_ybr: bool = False
    decode_workers: int = 2
    parallel_associations: int | AutoAssociations = 1
    async_window: int = 0
    max_rate: int | Timetable = 0
    max_instances_rate: int | Timetable = 0
    tcp_no_delay: bool = True
    tcp_buffer_length: int | None = None
    log_negotiation: bool = False
    drain_seconds: float = 10.0
    retry: RetryOptions = RetryOptions()
    stop_after_failures: int = 0
    stop_at: float | None = None
    max_duration: float | None = None

    @property
    def most_associations(self) -> int:
        """How many associations may be open at the same time."""
        number = self.parallel_associations
        return number if isinstance(number, int) else number.most

    def check(self) -> None:
        _check("acse_timeout", self.acse_timeout > 0)
        _check("connect_timeout", self.connect_timeout is None or self.connect_timeout > 0)
        _check("dimse_timeout", self.dimse_timeout is None or self.dimse_timeout > 0)
        _check("idle_timeout", self.idle_timeout >= 0)
        _check("drain_seconds", self.drain_seconds >= 0)
        _check("stop_after_failures", self.stop_after_failures >= 0)
        _check("stop_at", self.stop_at is None or self.stop_at >= 0)
        _check("max_duration", self.max_duration is None or self.max_duration > 0)
        _check("parallel_associations", self.most_associations >= 1)
        _check("async_window", 0 <= self.async_window <= 65535)
        _check("max_rate", _is_rate(self.max_rate))
        _check("max_instances_rate", _is_rate(self.max_instances_rate))
        _check("max_pdu", 1 < self.max_pdu < 1 << 32)
        _check("max_send_pdu", self.max_send_pdu is None or self.max_send_pdu >= SHORTEST_PDU)
        _check("deflate_level", self.deflate_level is None or 0 <= self.deflate_level <= 9)
        _check("decode_workers", self.decode_workers >= 1)
        _check("tcp_buffer_length", self.tcp_buffer_length is None or self.tcp_buffer_length >= 0)
