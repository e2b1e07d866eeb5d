"""What an answer to a STOW-RS request says of each of its instances.  Pure: no input, no output.

Membership decides: an instance is stored if its SOP Instance UID is in the Referenced SOP Sequence, and refused if it
is in the Failed SOP Sequence, whatever the status of the answer.  Servers answer 200 with nothing stored, and 400 with
much of it stored.  The status decides where no lists can be read, and for what the lists of a server that has not come
to the end of a request (5xx, 429 and such) do not name.  Source: PS3.18 10.5.3, I.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from dcmsend.dicomweb import ResponseUnreadable, StoreResponse, failure_text, parse_store_response, retry_after
from dcmsend.errors import DcmsendError, RemoteProtocolError
from dcmsend.reasons import Reason
from dcmsend.transfer import Result

from .errors import HttpRefused

if TYPE_CHECKING:
    from .http_connection import Answer
    from .part import Part

__all__ = ["Judgement", "Next", "SentPart", "Verdict", "in_doubt", "judge", "unanswered"]

_BUSY: Final = frozenset({408, 425, 429, 503, 507})
"""Not now: a later attempt may succeed."""

_BEFORE_ANYTHING: Final = frozenset({425, 429})
"""Of these the ones that are said before a request is looked at: nothing of it was stored.  The others are also said of
a request that was begun: by a proxy whose server breaks off before it answers, by a disk that is full in the middle."""

_NO_ACCESS: Final = frozenset({401, 403, 407})
_WRONG_PLACE: Final = frozenset({404, 405, 406, 410, 415, 421, 426, 501, 505, 511})
"""Whoever listens there does not take STOW-RS requests."""

_TOO_LARGE: Final = 413

_NOT_NAMED: Final = "the server's answer does not name the instance"
_NAMED_TWICE: Final = "the server's answer names the instance as stored and as refused"


class Next(Enum):
    """What follows after an answer."""

    GO_ON = "go on"
    BUSY = "the server cannot take anything now"
    SPLIT = "the request was too large: send its instances again, fewer at a time"
    ONE_BY_ONE = "the request was refused as a whole: each instance may be tried alone"
    NO_ACCESS = "send the instances again once, with new credentials"
    END = "the run has to end"


class SentPart(NamedTuple):
    """One instance of a request.

    Attributes:
        sop_instance_uid: of its data set.
        is_begun: whether any byte of it was handed to the system; of the first one, any byte of the request.
        is_complete: whether all of it was.
    """

    sop_instance_uid: str
    is_begun: bool = True
    is_complete: bool = True


class Verdict(NamedTuple):
    """What an answer says of one instance; the fields are those of a ``StoreOutcome``."""

    result: Result
    status: int | None = None
    reason: Reason | None = None
    message: str = ""


class Judgement(NamedTuple):
    """What an answer says.

    Attributes:
        next: what follows.
        verdicts: one for each part, in order; None for a part that was not stored and is not done with.
        error: what is wrong with the request as a whole; None if single instances have their answers.
        retry_after: seconds after which the server wants to be asked again; None if it does not say.
    """

    next: Next
    verdicts: tuple[Verdict | None, ...]
    error: DcmsendError | None = None
    retry_after: float | None = None


def judge(answer: Answer, parts: Sequence[SentPart], now: float) -> Judgement:
    """What an answer says of the parts of a request.  ``now`` is in seconds since the epoch, for Retry-After."""
    status = answer.status
    is_success = 200 <= status < 300
    try:
        response = parse_store_response(answer.body, answer.fields.get("content-type"))
    except ResponseUnreadable as error:
        if is_success:
            text = f"the server answers {status}, but not what it has stored: {error}"
            return _uncertain(parts, RemoteProtocolError(text))
        response = None
    is_named = [response is not None and _names(response, part) for part in parts]
    if response is None or not (is_success or any(is_named)):
        return _by_status(answer, parts, now)
    verdicts = tuple(_by_membership(response, part) for part in parts)
    if all(is_named) or not (status in _BUSY or (status >= 500 and status not in _WRONG_PLACE)):
        return Judgement(Next.GO_ON, verdicts)
    # The server has not come to the end of the request: the status says what became of the others.
    of_others = _by_status(answer, parts, now)
    return of_others._replace(verdicts=tuple(
        verdict if is_by_name else other
        for is_by_name, verdict, other in zip(is_named, verdicts, of_others.verdicts, strict=True)
    ))  # fmt: skip


def _names(response: StoreResponse, part: SentPart) -> bool:
    uid = part.sop_instance_uid
    return uid in response.referenced or uid in response.failed or uid in response.ambiguous


def _by_membership(response: StoreResponse, part: SentPart) -> Verdict | None:
    uid = part.sop_instance_uid
    if uid in response.referenced:
        if not part.is_complete:
            text = "the server calls the instance stored, but has not received all of it"
            return Verdict(Result.UNCONFIRMED, reason=Reason.PROTOCOL_ERROR, message=text)
        code = response.referenced[uid] or 0
        return Verdict(Result.STORED, code, message=failure_text(code) if code else "")
    if uid in response.failed:
        return _refused(response.failed[uid])
    if not part.is_begun:
        return None
    text = _NAMED_TWICE if uid in response.ambiguous else _NOT_NAMED
    return Verdict(Result.REFUSED, reason=Reason.NOT_IN_RESPONSE, message=text)


def _refused(code: int | None) -> Verdict:
    if not code:  # 0000 would mean success
        return Verdict(Result.REFUSED, reason=Reason.NOT_IN_RESPONSE, message="the server refuses it without a reason")
    return Verdict(Result.REFUSED, code, message=failure_text(code))


def _by_status(answer: Answer, parts: Sequence[SentPart], now: float) -> Judgement:
    status = answer.status
    nothing = (None,) * len(parts)
    refused = HttpRefused(status, answer.phrase, _detail(answer))
    if status in _NO_ACCESS:
        return Judgement(Next.NO_ACCESS, nothing, refused)
    if status in _WRONG_PLACE or 300 <= status < 400:
        return Judgement(Next.END, nothing, refused)
    if status == _TOO_LARGE:
        if len(parts) > 1:
            return Judgement(Next.SPLIT, nothing, refused)
        return Judgement(Next.GO_ON, (Verdict(Result.REFUSED, reason=Reason.TOO_LARGE, message=str(refused)),), refused)
    if status in _BUSY:
        not_stored = Verdict(Result.FAILED, reason=Reason.SERVER_BUSY, message=str(refused))
        unknown = not_stored if status in _BEFORE_ANYTHING else not_stored._replace(result=Result.UNCONFIRMED)
        wait = retry_after(answer.fields.get("retry-after", ""), now)
        verdicts = tuple(unknown if part.is_complete else not_stored for part in parts)
        return Judgement(Next.BUSY, verdicts, refused, wait)
    if status >= 500:
        return _uncertain(parts, refused)
    verdict = Verdict(Result.REFUSED, reason=Reason.NOT_IN_RESPONSE, message=f"{refused}; {_NOT_NAMED}")
    follows = Next.ONE_BY_ONE if len(parts) > 1 else Next.GO_ON
    return Judgement(follows, tuple(verdict if part.is_begun else None for part in parts), refused)


def in_doubt(judgement: Judgement, parts: Sequence[SentPart]) -> Judgement:
    """The same, if each instance is to be tried alone: what was sent to its end may be stored all the same.

    What a server has stored stands in lists, and a proxy may have put a page of its own over them.
    """
    verdicts = (
        verdict and verdict._replace(result=Result.UNCONFIRMED if part.is_complete else Result.FAILED)
        for verdict, part in zip(judgement.verdicts, parts, strict=True)
    )  # fmt: skip
    return judgement._replace(verdicts=tuple(verdicts))


def unanswered(part: SentPart | Part, reason: Reason, message: str) -> Verdict | None:
    """What is known of a part of a request without an answer that counts; None if it was not begun.

    What was not sent to its end has stored nothing: if the server has such an instance, it is somebody else's.
    """
    if not part.is_begun:
        return None
    return Verdict(Result.UNCONFIRMED if part.is_complete else Result.FAILED, reason=reason, message=message)


def _uncertain(parts: Sequence[SentPart], error: DcmsendError) -> Judgement:
    verdicts = tuple(unanswered(part, Reason.PROTOCOL_ERROR, str(error)) for part in parts)
    return Judgement(Next.GO_ON, verdicts, error)


def _detail(answer: Answer) -> str:
    """What a person should know beside the status; a new place is named without its query, which may be secret."""
    if 300 <= answer.status < 400:
        return f"it names {_place(answer.fields.get('location', ''))} instead, and redirections are not followed"
    return ""


def _place(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "a place that is no URL"
    text = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    return "".join(letter for letter in text[:200] if letter.isprintable()) or "nowhere"
