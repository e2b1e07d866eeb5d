"""The behaviour of the peer of a random line."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from support.peer_script import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    GARBAGE,
    IMPLICIT_LITTLE,
    RELEASE_REQUEST,
    Abort,
    Accept,
    AssociateAnswer,
    Close,
    ContextAnswer,
    Reject,
    Respond,
    Script,
    StoreAnswer,
    first_syntax,
    prefer,
    refuse,
)

__all__ = ["ChosenPeer", "choose_peer"]

DEFLATED = "1.2.840.10008.1.2.1.99"
_STATUSES = (0x0000, 0x0001, 0xB000, 0xB006, 0xB007, 0xA700, 0xA900, 0xC000, 0xCFFF, 0x0110, 0x0111, 0x0122, 0x0124,
             0xFE00, 0xFF00, 0xFFFE, 0xFFFF)  # fmt: skip
_LOSSES: tuple[StoreAnswer, ...] = (Abort(), Abort(2, 1), Close(), Close(reset=True), RELEASE_REQUEST, GARBAGE)


@dataclass(frozen=True)
class ChosenPeer:
    """One script for each connection, the last one for all further ones.

    Attributes:
        kinds: peculiarities: ``refusal`` of contexts, ``rejection`` of the association, ``loss`` of an
            association, ``status`` other than success, ``misread`` status, ``tiny`` PDUs.
    """

    scripts: tuple[Script, ...] = (Script(),)
    description: str = "accepts everything"
    kinds: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.description


Choice = tuple[Script, str, set[str]]


def choose_peer(chance: random.Random) -> ChosenPeer:
    """Usually one script, sometimes two or three."""
    makers: tuple[Callable[[random.Random], Choice], ...] = (_plain, _syntax, _refusing, _statuses, _losing, _rejecting)
    chosen = [
        chance.choices(makers, (5, 6, 2, 3, 2, 1))[0](chance) for _ in range(chance.choices((1, 2, 3), (10, 2, 1))[0])
    ]
    kinds = set().union(*(kinds for _, _, kinds in chosen))
    return ChosenPeer(tuple(each for each, _, _ in chosen), ", then ".join(t for _, t, _ in chosen), frozenset(kinds))


def _accept(chance: random.Random, contexts: ContextAnswer) -> tuple[Accept, str, set[str]]:
    if chance.random() < 0.8:
        return Accept(contexts), "", set()
    length = chance.choice((0, 4096, 8192, 16384, 32768, 131072, 200000, 2048, 700))
    return Accept(contexts, length), f" in PDUs of {length}", {"tiny"} if 0 < length < 4096 else set()


def _plain(chance: random.Random) -> Choice:
    accept, text, kinds = _accept(chance, first_syntax)
    return Script(accept), "accepts everything" + text, kinds


def _syntax(chance: random.Random) -> Choice:
    wanted = chance.choice(((IMPLICIT_LITTLE,), (EXPLICIT_LITTLE,), (EXPLICIT_BIG,), (DEFLATED,),
                            (IMPLICIT_LITTLE, EXPLICIT_BIG)))  # fmt: skip
    accept, text, kinds = _accept(chance, prefer(*wanted))
    return Script(accept), f"accepts {' or '.join(wanted)} only{text}", kinds | {"refusal", "conversion"}


def _refusing(chance: random.Random) -> Choice:
    ids = chance.choice(((), (1,), (3,), (1, 5), (3, 7)))
    result = chance.choice((1, 2, 3, 4))
    accept, text, kinds = _accept(chance, refuse(*ids, result=result))
    return Script(accept), f"refuses contexts {ids or 'all'} with {result}{text}", kinds | {"refusal"}


def _statuses(chance: random.Random) -> Choice:
    answers = {chance.randint(1, 4): Respond(chance.choice(_STATUSES)) for _ in range(chance.randint(1, 3))}
    other = Respond(chance.choice((0, 0, 0, 0xA700, chance.randrange(1 << 16))))
    given = [each.status for each in (*answers.values(), other)]
    kinds = {"status"} | ({"misread"} if {0xFFFF, 0xFFFE} & set(given) else set())
    text = ", ".join(f"store {number}: 0x{each.status:04X}" for number, each in sorted(answers.items()))
    return Script(stores=answers, other_stores=other), f"{text}, others: 0x{other.status:04X}", kinds


def _losing(chance: random.Random) -> Choice:
    if chance.random() < 0.2:
        end = chance.choice((Abort(), Close()))
        return Script(release=end), f"answers the release with {end}", {"loss"}
    number, answer = chance.randint(1, 4), chance.choice(_LOSSES)
    return Script(stores={number: answer}), f"store {number}: {answer}", {"loss"}


def _rejecting(chance: random.Random) -> Choice:
    answers: tuple[AssociateAnswer, ...] = (
        Abort(), Close(), Reject(2, 3, 1), Reject(1, 2, 2),
        Reject(chance.choice((1, 2)), 1, chance.choice((1, 2, 3, 7))), Accept(list_contexts=False),
    )  # fmt: skip
    answer = chance.choice(answers)
    return Script(answer), f"answers the request with {answer}", {"rejection", "loss"}
