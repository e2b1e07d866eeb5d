"""The instructions for a scripted peer: one ``Script`` for each connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from support import wire
from support.wire import ProposedContext

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"

ContextAnswer = Callable[[ProposedContext], "str | int"]


def first_syntax(context: ProposedContext) -> str | int:
    """Accept with the first proposed transfer syntax."""
    return context.transfer_syntaxes[0]


def prefer(*wanted: str) -> ContextAnswer:
    """Accept with the first of ``wanted`` that is proposed, else refuse (4, transfer syntaxes not supported)."""
    return lambda context: next((uid for uid in wanted if uid in context.transfer_syntaxes), 4)


def insist_on(transfer_syntax: str) -> ContextAnswer:
    """Accept with this transfer syntax whether it was proposed or not."""
    return lambda context: transfer_syntax


def refuse(*ids: int, result: int = 3) -> ContextAnswer:
    """Refuse the contexts with these ids (none given: every one), accept the others with their first syntax."""
    return lambda context: result if not ids or context.id in ids else first_syntax(context)


@dataclass(frozen=True)
class Accept:
    """Answer A-ASSOCIATE-AC.

    Attributes:
        contexts: transfer syntax to accept a context with, or the number (1..4) to refuse it with.
        list_contexts: false leaves the presentation contexts out of the answer.
        extra_user_items: encoded sub-items to add to the user information.
    """

    contexts: ContextAnswer = first_syntax
    max_pdu_length: int = 16384
    list_contexts: bool = True
    extra_user_items: bytes = b""


@dataclass(frozen=True)
class Reject:
    """Answer A-ASSOCIATE-RJ and wait for the close."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True)
class Abort:
    """Send A-ABORT and close."""

    source: int = 0
    reason: int = 0


@dataclass(frozen=True)
class Close:
    """Close the connection without a word; ``reset`` sends RST instead of FIN."""

    reset: bool = False


@dataclass(frozen=True)
class Silence:
    """Say nothing, keep reading."""


@dataclass(frozen=True)
class Send:
    """Send these bytes instead of an answer, keep reading."""

    data: bytes


@dataclass(frozen=True)
class Confirm:
    """Answer A-RELEASE-RP and wait for the close."""


@dataclass(frozen=True)
class Respond:
    """Answer a C-STORE-RQ.

    Attributes:
        delay: seconds to wait first (cut short when the peer is stopped).
        until: waits until this is true, at most two minutes (cut short when the peer is stopped).
        message_id, context_id, sop_instance_uid: other values than the request's.
        command_field: other command than C-STORE-RSP.
        omit: element numbers of group 0000 to leave out.
        extra: further command elements.
    """

    status: int = 0
    delay: float = 0.0
    until: Callable[[], bool] | None = None
    message_id: int | None = None
    context_id: int | None = None
    sop_instance_uid: str | None = None
    command_field: int = wire.C_STORE_RSP
    omit: tuple[int, ...] = ()
    extra: Mapping[int, int | bytes] = field(default_factory=dict)


RELEASE_REQUEST = Send(wire.release_request())
GARBAGE = Send(b"\x99\x00\x00\x00\x00\x04junk")

AssociateAnswer = Accept | Reject | Abort | Close | Silence | Send
StoreAnswer = Respond | Abort | Close | Silence | Send
ReleaseAnswer = Confirm | Abort | Close | Silence | Send


@dataclass(frozen=True)
class Script:
    """How one connection is treated.

    Attributes:
        stores: answers to the k-th C-STORE of the association (k from 1); all others get ``other_stores``.
        during: (bytes, answer): as soon as so many data set bytes of the k-th C-STORE are here, answer at once.
        close_after_abort: whether the peer closes the connection when it is aborted, as PS3.8 asks.
    """

    associate: AssociateAnswer = Accept()
    stores: Mapping[int, StoreAnswer] = field(default_factory=dict)
    other_stores: StoreAnswer = Respond()
    during: Mapping[int, tuple[int, StoreAnswer]] = field(default_factory=dict)
    release: ReleaseAnswer = Confirm()
    close_after_abort: bool = True
