"""The receiver's address and titles, and the sessions with it: the same for every way to send."""

from __future__ import annotations

import threading
import time

from dcmsend.dicom.record import Record
from dcmsend.dicom.value import Value
from dcmsend.errors import AssociationError, DcmsendError, ProtocolError, SessionFailed, TransportError
from dcmsend.loggers import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.advice import Situation

__all__ = ["Counter", "Counts", "PeerFacts", "Timings", "blames_receiver", "log_end"]

_app_log = get_logger("dcmsend.app")


class PeerFacts(Record):
    """The receiver's address and titles, for reports, progress and journals; the same for every way to send.

    Attributes:
        host: name or address as given.
        port: TCP port, 1..65535.
        called_ae_title: as given.
        calling_ae_title: as given.
        is_secured: whether connections use TLS.
        url: of a web service, without credentials; ``""`` for a DIMSE peer.  The AE titles are then empty.
    """

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    is_secured: bool = False
    url: str = ""

    @property
    def label(self) -> str:
        """The receiver as one word, e.g. ``ARCHIVE@10.1.2.3:104`` or ``https://archive.example/dicom-web``."""
        if self.url:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.called_ae_title}@{host}:{self.port}"

    @property
    def situation(self) -> Situation:
        """The facts about the receiver on which advice depends."""
        from dcmsend.advice import Situation

        return Situation(
            self.host, self.port, self.called_ae_title, self.calling_ae_title, uses_tls=self.is_secured, url=self.url
        )


class Counts(Value):
    """The sessions and contexts opened so far.

    Attributes:
        sessions: how many the receiver has answered, also if it then accepted nothing.
        contexts: presentation contexts proposed in them.
    """

    __slots__ = ("sessions", "contexts")  # noqa: RUF023  (the order of the arguments)

    def __init__(self, sessions: int = 0, contexts: int = 0) -> None:
        self.sessions: Final = sessions
        self.contexts: Final = contexts


class Counter:
    """Counts over all sessions of a transfer; thread-safe."""

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """The number of sessions the receiver answered (also if it then accepted nothing), and of contexts proposed."""
        return self._counts

    def add(self, contexts: int = 0) -> int:
        """Count a session; return its number, from 1."""
        with self._lock:
            self._counts = Counts(self._counts.sessions + 1, self._counts.contexts + contexts)
            return self._counts.sessions


class Timings:
    """The time a session spends waiting; updated while it runs.

    Attributes:
        began: when the session was made, by ``time.perf_counter``.
        waiting: seconds spent waiting for answers.
    """

    __slots__ = ("began", "waiting")

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.waiting = 0.0


def blames_receiver(error: DcmsendError | None) -> bool:
    """Whether the receiver, the line or the access to it has ended a session, and not a file of ours."""
    if isinstance(error, SessionFailed):
        return True
    return isinstance(getattr(error, "cause", error), AssociationError | TransportError | ProtocolError)


def log_end(error: DcmsendError, facts: PeerFacts | None = None) -> None:
    """Log the error that ends the run, with help on further lines; SessionFailed needs ``facts``."""
    from dcmsend.advice import Situation, with_explanation  # only needed after a failure

    situation = Situation() if facts is None else facts.situation
    _app_log.critical("%s", with_explanation(error, situation))
