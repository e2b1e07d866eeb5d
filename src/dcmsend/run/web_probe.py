"""Asks a web service, before anything is sent, whether it is there and lets us in; nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dcmsend.errors import Cancelled, DcmsendError, SessionFailed
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import TransferOptions

from .receiver import make_finder

if TYPE_CHECKING:
    from dcmsend.stow import WebPeer

__all__ = ["WebProbe"]

_NO_STUDY: Final = "2.25.1"
_NO_SERIES: Final = "2.25.2"
_NO_ACCESS: Final = (401, 403, 407)
"""UIDs that nobody gives: 1 and 2 are no UUIDs (PS3.5 B.2)."""


class WebProbe:
    """One question to a web service: for the instances of a series that nobody has.

    Attributes:
        answers_queries: whether it has answered the question (QIDO-RS).
        error: why not, None if it has or does not say.
    """

    def __init__(self, peer: WebPeer, options: TransferOptions, interrupt: Interrupt) -> None:
        self._peer = peer
        self._options = options
        self._interrupt = interrupt
        self.answers_queries = False
        self.error: DcmsendError | None = None

    def run(self) -> None:
        """Ask.  Raises SessionFailed if there is no connection or we are not let in, Cancelled."""
        finder = make_finder(self._peer, self._options, self._interrupt)
        try:
            self.answers_queries = finder.find(_NO_STUDY, _NO_SERIES, ()).status == 0
        except Cancelled:
            raise
        except SessionFailed as error:
            if not _takes_no_queries(error.cause):
                raise
            self.error = error.cause
        except DcmsendError as error:
            self.error = error
        finally:
            finder.close()


def _takes_no_queries(cause: DcmsendError) -> bool:
    """Whether the service has answered, and lets us in: it may store all the same."""
    from dcmsend.stow import HttpRefused  # loaded with the finder

    return isinstance(cause, HttpRefused) and cause.status not in _NO_ACCESS
