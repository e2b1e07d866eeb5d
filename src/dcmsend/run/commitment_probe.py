"""Whether the peer takes requests for commitment, and whether its reports arrive: asked before anything is sent."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Final

from dcmsend.association import CommitmentRequester
from dcmsend.interrupt import Interrupt
from dcmsend.proof import new_transaction_uid
from dcmsend.settings import Settings
from dcmsend.transfer import CommitmentAnswer

from .committing import listen_for_reports

__all__ = ["CommitmentProbe"]

_CT_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
_PATIENCE: Final = 10.0
"""Seconds to wait for the report, unless the user says how long: an archive has nothing to look up for it."""
_LOOK: Final = 0.05


class CommitmentProbe:
    """Requests commitment for an instance that nobody has; the archive changes nothing, and reports a failure.

    Attributes:
        status: of the answer to the request.
        report: the archive's report, None if none has come in time.
        seconds: how long the report was waited for.
    """

    def __init__(self, settings: Settings, interrupt: Interrupt) -> None:
        """``settings.commit`` must not be None."""
        assert settings.commit is not None
        self._settings = settings
        self._interrupt = interrupt
        self._uid = new_transaction_uid()
        self._has_come = threading.Event()
        self.status = 0
        self.report: CommitmentAnswer | None = None
        self.seconds = settings.commit.wait or _PATIENCE

    def run(self) -> None:
        """Ask, and wait for the report.

        Raises CannotListen, UsageError, Cancelled, and what ``CommitmentRequester.request`` raises.
        """
        settings, interrupt = self._settings, self._interrupt
        listener = listen_for_reports(settings, self._take, interrupt)
        requester = CommitmentRequester(settings.dimse_peer, settings.transfer, interrupt, self._take)
        try:
            self.status = requester.request(self._uid, [(_CT_IMAGE_STORAGE, f"2.25.{uuid.uuid4().int}")])
            until = time.monotonic() + self.seconds
            while not self.status and not self._has_come.wait(_LOOK) and time.monotonic() < until:
                interrupt.check_request()
                requester.take_waiting()
        finally:
            requester.close()
            if listener is not None:
                listener.close()

    def _take(self, answer: CommitmentAnswer) -> int:
        if answer.transaction_uid == self._uid:
            self.report = answer
            self._has_come.set()
        return 0
