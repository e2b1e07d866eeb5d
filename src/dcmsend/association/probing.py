"""Asks a peer which presentation contexts it accepts, without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from dcmsend.dicom.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from dcmsend.errors import RemoteProtocolError
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import CEchoRQ, CEchoRSP, PresentationContext
from dcmsend.transfer import TransferOptions

from .association import Association
from .negotiation_log import log_request, warn_of_adjustments
from .opening import end_association, open_association
from .peer import Peer

__all__ = ["ProbeAnswer", "echo", "probe"]

_VERIFICATION: Final = "1.2.840.10008.1.1"
_PATIENCE: Final = 1.0
"""Seconds to wait for a peer that violates the protocol."""
_REFUSALS: Final = {
    1: "refused by the user of the service", 2: "refused without a reason",
    3: "refused: SOP Class not supported", 4: "refused: none of these transfer syntaxes is supported",
}  # fmt: skip
"""Reasons of refused contexts.  Source: PS3.8 Table 9-18."""


class ProbeAnswer(NamedTuple):
    """A peer's answer to a set of presentation contexts.

    Attributes:
        accepted: (id, SOP Class UID, transfer syntax) of each accepted context, in the order of their ids.
        refusals: for each other context id, why it was refused, in words.
    """

    accepted: tuple[tuple[int, str, TransferSyntax], ...]
    refusals: dict[int, str]


def probe(
    peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions, interrupt: Interrupt
) -> ProbeAnswer:
    """Propose exactly these contexts, then release.  Raises NegotiationFailed, Cancelled."""
    association = _open(peer, contexts, options, interrupt)
    results = {result.id: result.result for result in association.answer.context_results} if association.answer else {}
    taken = {context[0] for context in association.accepted}
    refusals = {
        context.id: _REFUSALS.get(results.get(context.id, 2), "accepted in a way that cannot be used")
        for context in contexts if context.id not in taken
    }  # fmt: skip
    answer = ProbeAnswer(association.accepted, refusals)
    end_association(association)
    return answer


def echo(peer: Peer, options: TransferOptions, interrupt: Interrupt) -> int:
    """The status of a C-ECHO over an association of its own.  Source: PS3.7 §9.1.5.

    Raises NegotiationFailed, RemoteProtocolError when the peer accepts an association but no C-ECHO, and every error
    that may end an association.
    """
    context = PresentationContext(1, _VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN.uid,))
    association = _open(peer, (context,), options, interrupt)
    try:
        if not association.accepted:
            raise RemoteProtocolError("the peer does not take the Verification SOP Class")
        association.prepare_to_send()
        if association.unusable is not None:
            raise association.unusable
        association.send_message(1, CEchoRQ(1))
        command = association.receive(association.response_deadline()).command
    except BaseException:
        association.abort(_PATIENCE)
        raise
    if not isinstance(command, CEchoRSP):
        association.abort(_PATIENCE)
        raise RemoteProtocolError("the peer answers C-ECHO with something else")
    end_association(association)
    return command.status


def _open(
    peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions, interrupt: Interrupt
) -> Association:
    log_request(peer, contexts, options)
    warn_of_adjustments(peer, options)
    return open_association(peer, contexts, options, interrupt)
