"""Asks a web service which instances of a series it has: QIDO-RS.  Source: PS3.18 10.6."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from dcmsend.dicomweb import ResponseUnreadable, instances_query, parse_instances
from dcmsend.errors import Cancelled, ConnectionLost, DcmsendError, RemoteProtocolError
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import Holdings, TransferOptions

from .errors import HttpRefused, WebSessionFailed, in_web_words
from .http_connection import Answer, HttpConnection
from .requests import Requests
from .web_peer import WebPeer

__all__ = ["SeriesFinder"]

_PAGE: Final = 200
"""Instances that are asked for at once: an answer has some kB for each, and is bounded.  A question for more is refused
by some services, as Microsoft's DICOM service."""

_MOST_FURTHER: Final = 1_000_000
"""Instances beyond those that were asked for, after which the service is not listened to any longer."""

_NO_ACCESS: Final = (401, 403, 407)
_BUSY: Final = (408, 425, 429, 503)
_NO_QUERIES: Final = frozenset({404, 405, 406, 410, 415, 501})
"""There is no QIDO-RS at this place, unless it was there before: some services say 404 of a series that they lack."""

_OUT_OF_RESOURCES: Final = 0xA700
_MORE_TO_SAY: Final = 0xB000
_NOT_UNDERSTOOD: Final = 0xC000
"""Statuses of ``Holdings``, as those of a C-FIND."""

_WHAT: Final = "the answer to the QIDO-RS request"
_NO_SEARCH: Final = "cannot search the web service (QIDO-RS)"


class SeriesFinder:
    """Asks one web service about one series after the other; used by one thread.  See ``proof.Finder``."""

    def __init__(self, peer: WebPeer, options: TransferOptions, interrupt: Interrupt) -> None:
        self._peer = peer
        self._connection = HttpConnection(peer, options, interrupt)
        self._requests = Requests(peer, interrupt)
        self._has_answered = False

    def find(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        """Which of the ``wanted`` SOP Instance UIDs the service has in a series.

        By default the service is asked for the whole series, page by page; ``by_name`` asks for each instance.
        Raises WebSessionFailed, HttpRefused, RemoteProtocolError, TransportError when there is no answer, Cancelled;
        the next question then opens a new connection.  A service that takes no queries raises a WebSessionFailed that
        is permanent.
        """
        try:
            if by_name:
                return self._find_each(study_uid, series_uid, wanted)
            return self._find_all(study_uid, series_uid, frozenset(wanted))
        except DcmsendError as error:
            self._connection.close()
            raise in_web_words(error) from error

    def close(self) -> None:
        """Close the connection; never raises, may be called twice."""
        self._connection.close()

    def _find_each(self, study_uid: str, series_uid: str, wanted: Collection[str]) -> Holdings:
        availability: dict[str, str] = {}
        for uid in wanted:
            page = self._page(study_uid, series_uid, 0, uid)
            if page is None:
                return Holdings(availability, 0, _OUT_OF_RESOURCES)
            named: dict[str, str] = {}
            for each, state in page[0]:
                Holdings.note(named, each, state)
            if uid in named:
                availability[uid] = named[uid]
            elif named:  # others: it does not care for names, or something on the way has answered without it
                return Holdings(availability, 0, _NOT_UNDERSTOOD)
        return Holdings(availability, 0, 0)

    def _find_all(self, study_uid: str, series_uid: str, wanted: frozenset[str]) -> Holdings:
        availability: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            page = self._page(study_uid, series_uid, len(seen))
            if page is None:
                return Holdings(availability, len(seen) - len(availability), _OUT_OF_RESOURCES)
            rows, is_limited = page
            before = len(seen)
            for uid, state in rows:
                seen.add(uid)
                if uid in wanted:
                    Holdings.note(availability, uid, state)
            others = len(seen) - len(availability)
            if others > _MOST_FURTHER:
                raise RemoteProtocolError("the server names instances without end")
            has_all = len(availability) == len(wanted) and len(rows) < _PAGE
            # A server may give fewer at once than it is asked for, so only a page without news is the last one.
            if has_all or len(seen) == before:
                # The same rows again: offsets are not understood, so nobody knows what else there is.
                is_limited = is_limited or (bool(rows) and len(availability) < len(wanted))
                return Holdings(availability, others, 0 if has_all or not is_limited else _MORE_TO_SAY)

    def _page(
        self, study_uid: str, series_uid: str, offset: int, sop_instance_uid: str = ""
    ) -> tuple[list[tuple[str, str]], bool] | None:
        """UID and availability of some instances, and whether the server says that it has more; None if it is busy."""
        parts, query = instances_query(study_uid, series_uid, limit=_PAGE, offset=offset)
        if sop_instance_uid:
            query = {**query, "SOPInstanceUID": sop_instance_uid}
        answer = self._ask(self._peer.address.path_of(*parts, **query))
        if (answer.status in _NO_ACCESS or self._requests.seem_over(answer.status)) and self._renew():
            answer = self._ask(self._peer.address.path_of(*parts, **query))
        if answer.status in _NO_ACCESS:
            raise WebSessionFailed(HttpRefused(answer.status, answer.phrase), prefix=_NO_SEARCH)
        self._requests.note_access(answer.status)
        if answer.status in _BUSY:
            return None
        if answer.status == 204 or (answer.status == 200 and not answer.body and _is_empty(answer)):
            self._has_answered = True
            return [], False
        if answer.status not in (200, 206):
            refused = HttpRefused(answer.status, answer.phrase)
            if 300 <= answer.status < 400 or (answer.status in _NO_QUERIES and not self._has_answered):
                raise WebSessionFailed(refused, prefix=_NO_SEARCH)
            raise refused
        try:
            rows = parse_instances(answer.body, answer.fields.get("content-type"))
        except ResponseUnreadable as error:
            raise RemoteProtocolError(f"the answer to QIDO-RS cannot be read: {error}") from error
        self._has_answered = True
        return rows, answer.fields.get("warning", "").lstrip().startswith("299")

    def _renew(self) -> bool:
        """Whether there are other credentials now.  Raises WebSessionFailed, Cancelled."""
        try:
            return self._requests.renew()
        except Cancelled:
            raise
        except DcmsendError as error:
            raise WebSessionFailed(error, prefix=_NO_SEARCH) from error

    def _ask(self, target: str) -> Answer:
        """Send a request, again if the server had closed the connection in the meantime; a search changes nothing."""
        is_fresh = not self._connection.is_open
        try:
            return self._ask_once(target)
        except ConnectionLost:
            if is_fresh:
                raise
        self._connection.close()
        return self._ask_once(target)

    def _ask_once(self, target: str) -> Answer:
        connection = self._connection
        try:
            connection.open()
            head = self._requests.search(connection, target)
        except Cancelled:
            raise
        except DcmsendError as error:
            raise WebSessionFailed(error, prefix=_NO_SEARCH) from error
        connection.send(head)
        return connection.answer(_WHAT)


def _is_empty(answer: Answer) -> bool:
    return answer.fields.get("content-length", "").strip() == "0"
