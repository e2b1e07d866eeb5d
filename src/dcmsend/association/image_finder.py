"""Asks an archive which instances of a series it has: C-FIND at the IMAGE level.  Source: PS3.4 C.4.1, C.6.2."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from dcmsend.errors import PeerDataSetError
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import (
    STUDY_ROOT_FIND,
    CFindRQ,
    CFindRSP,
    ImageQuery,
    Message,
    decode_image_match,
    encode_image_query,
)
from dcmsend.transfer import Holdings, TransferOptions

from .exchange import Exchange
from .peer import Peer

__all__ = ["ImageFinder"]

_MOST_FURTHER: Final = 1_000_000
"""Answers beyond one for each instance that was asked for, after which the archive is not listened to any longer."""


class ImageFinder:
    """Asks one archive about one series after the other, over an association that stays open; used by one thread."""

    def __init__(self, peer: Peer, options: TransferOptions, interrupt: Interrupt) -> None:
        self._exchange = Exchange(peer, STUDY_ROOT_FIND, options, interrupt)

    def open(self) -> None:
        """Open the association, to see whether the archive takes such questions.

        Raises NegotiationFailed, SopClassRefused, RemoteProtocolError, Cancelled.
        """
        self._exchange.open()

    def find(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        """Which of the ``wanted`` SOP Instance UIDs the archive has in a series.

        By default the archive is asked for the whole series; ``by_name`` asks for these instances alone, with a list of
        at most about 60 kB of UIDs.
        Raises NegotiationFailed, SopClassRefused, RemoteProtocolError, AssociationAborted, AssociationReleased,
        ConnectionLost, TimedOut, Cancelled; the next question then opens a new association.
        """
        exchange = self._exchange
        syntax = exchange.open()
        query = ImageQuery(study_uid, series_uid, tuple(wanted) if by_name else ())
        request = CFindRQ(exchange.next_message_id(), STUDY_ROOT_FIND)
        availability: dict[str, str] = {}
        others = further = 0
        for message in exchange.ask(request, encode_image_query(query, syntax), "the answer to C-FIND"):
            response = self._response(message, request)
            if not response.is_pending:
                return Holdings(availability, others, response.status)
            if message.data_set is None:
                raise exchange.broken("the answer to C-FIND lacks its Identifier")
            try:
                match = decode_image_match(message.data_set, syntax)
            except PeerDataSetError as error:
                raise exchange.broken(f"the answer to C-FIND cannot be read: {error}") from error
            uid = match.sop_instance_uid
            if uid in wanted:
                is_known = uid in availability
                Holdings.note(availability, uid, match.instance_availability)
                if not is_known:
                    continue
            else:
                others += 1
            further += 1
            if further > _MOST_FURTHER:
                raise exchange.broken("the archive answers C-FIND without end")
        raise AssertionError  # ``ask`` goes on until the last answer

    def close(self) -> None:
        """Release the association; never raises, may be called twice."""
        self._exchange.close()

    def _response(self, message: Message, request: CFindRQ) -> CFindRSP:
        command = message.command
        if not isinstance(command, CFindRSP) or command.message_id_responded_to != request.message_id:
            raise self._exchange.broken("the peer answers C-FIND with something else")
        return command
