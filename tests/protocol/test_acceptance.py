"""The acceptor's answer to A-ASSOCIATE-RQ: who is taken, for what, in which role."""

from __future__ import annotations

import pytest
from hypothesis import given

from dcmsend.protocol import (
    BUSY,
    AcceptanceTerms,
    AcceptedContext,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    PresentationContext,
    RoleSelection,
    UpperLayer,
    UserInformation,
    answer_association,
    encode_pdu,
)
from property.protocol_values import associate_rqs
from protocol.messages import CT, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, PUSH

VERIFICATION = "1.2.840.10008.1.1"
TERMS = AcceptanceTerms("DCMSEND")
ARCHIVE_IS_SCP = RoleSelection(PUSH, scu_role=False, scp_role=True)


def request(
    *contexts: PresentationContext, roles: tuple[RoleSelection, ...] = (), called: str = "DCMSEND", max_length: int = 0
) -> AssociateRQ:
    return AssociateRQ(called, "ARCHIVE", contexts, UserInformation(max_length, role_selections=roles))


def push(*transfer_syntaxes: str, id_: int = 1) -> PresentationContext:
    return PresentationContext(id_, PUSH, transfer_syntaxes or (IMPLICIT_LITTLE,))


def accepted(asked: AssociateRQ, terms: AcceptanceTerms = TERMS) -> AssociateAC:
    answer = answer_association(asked, terms)
    assert isinstance(answer, AssociateAC)
    return answer


def test_an_archive_that_reports() -> None:
    asked = request(
        PresentationContext(1, VERIFICATION, (IMPLICIT_LITTLE,)), push(EXPLICIT_LITTLE, IMPLICIT_LITTLE, id_=3),
        roles=(ARCHIVE_IS_SCP,),
    )  # fmt: skip
    assert accepted(asked, AcceptanceTerms("DCMSEND", max_pdu_length=32768)) == AssociateAC(
        "DCMSEND", "ARCHIVE", (ContextResult(1, 0, IMPLICIT_LITTLE), ContextResult(3, 0, EXPLICIT_LITTLE)),
        UserInformation(32768, role_selections=(ARCHIVE_IS_SCP,)),
    )  # fmt: skip


def test_both_sides_agree() -> None:
    requestor, acceptor = UpperLayer(16384), UpperLayer(4096, is_acceptor=True)
    asked = request(push(EXPLICIT_LITTLE), PresentationContext(3, CT, (IMPLICIT_LITTLE,)), roles=(ARCHIVE_IS_SCP,))
    acceptor.receive_data(requestor.send(asked))
    requestor.receive_data(acceptor.send(accepted(asked)))
    assert requestor.accepted_contexts == acceptor.accepted_contexts == {1: AcceptedContext(1, PUSH, EXPLICIT_LITTLE)}


@pytest.mark.parametrize(
    ("asked", "terms", "rejection", "words"),
    [
        (request(push(), called="ANY-SCP"), TERMS, AssociateRJ(1, 1, 7), "Called AE Title Not Recognized"),
        (request(push(), called="dcmsend"), TERMS, AssociateRJ(1, 1, 7), "Called AE Title Not Recognized"),
        (
            request(push()), AcceptanceTerms("DCMSEND", frozenset({"OTHER"})), AssociateRJ(1, 1, 3),
            "Calling AE Title Not Recognized",
        ),
        (request(push()), AcceptanceTerms("DCMSEND", frozenset()), AssociateRJ(1, 1, 3), "Calling AE Title"),
        (
            AssociateRQ("DCMSEND", "A", (push(),), UserInformation(), "1.2.3"), TERMS, AssociateRJ(1, 1, 2),
            "App Context Name Not Supported",
        ),
        (
            AssociateRQ("DCMSEND", "A", (push(),), UserInformation(), protocol_version=2), TERMS, AssociateRJ(1, 2, 2),
            "Protocol Version Not Supported",
        ),
        (request(push(), max_length=13), TERMS, AssociateRJ(1, 2, 1), "No Reason"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_rejections(asked: AssociateRQ, terms: AcceptanceTerms, rejection: AssociateRJ, words: str) -> None:
    assert answer_association(asked, terms) == rejection
    assert words in rejection.describe()


def test_one_association_too_many_is_asked_to_come_again() -> None:
    assert BUSY.describe() == (
        "Result: Rejected Transient, Source: Service Provider (Presentation Related)\nReason: Local Limit Exceeded"
    )


@pytest.mark.parametrize(
    ("ours", "called"),
    [("DCMSEND", " DCMSEND"), (" DCMSEND", "DCMSEND"), ("A234567890123456789", "A234567890123456")],
)
def test_blanks_around_a_title_and_what_does_not_fit_do_not_count(ours: str, called: str) -> None:
    accepted(request(push(), called=called), AcceptanceTerms(ours))
    caller = AssociateRQ("US", called, (push(),), UserInformation())
    accepted(caller, AcceptanceTerms("US", frozenset({ours})))


@pytest.mark.parametrize(
    ("context", "result"),
    [
        (PresentationContext(1, CT, (IMPLICIT_LITTLE,)), 3),
        (PresentationContext(1, "1.2.840.10008.1.20.2", (IMPLICIT_LITTLE,)), 3),
        (push(EXPLICIT_BIG), 4),
        (PresentationContext(1, PUSH, ()), 4),
        (PresentationContext(2, PUSH, (IMPLICIT_LITTLE,)), 2),
    ],
    ids=["storage", "pull model", "big endian", "no transfer syntax", "even id"],
)
def test_contexts_that_are_refused(context: PresentationContext, result: int) -> None:
    answer = accepted(request(context, roles=(ARCHIVE_IS_SCP,)))
    (found,) = answer.context_results
    assert (found.id, found.result) == (context.id, result)
    assert found.transfer_syntax, "the item must not be empty"
    assert answer.user_information.role_selections == ()


def test_an_id_twice_is_no_context() -> None:
    answer = accepted(request(push(), PresentationContext(1, VERIFICATION, (IMPLICIT_LITTLE,)), push(id_=3)))
    assert [(result.id, result.result) for result in answer.context_results] == [(1, 2), (3, 0)]


@pytest.mark.parametrize(
    ("proposed", "agreed"),
    [
        ((), ()),
        ((ARCHIVE_IS_SCP,), (ARCHIVE_IS_SCP,)),
        ((RoleSelection(PUSH, True, True),), (ARCHIVE_IS_SCP,)),
        ((RoleSelection(PUSH, True, False),), None),
        ((RoleSelection(PUSH, False, False),), None),
        ((RoleSelection(CT, True, True), ARCHIVE_IS_SCP), (ARCHIVE_IS_SCP,)),
        ((RoleSelection(PUSH, True, False), ARCHIVE_IS_SCP), (ARCHIVE_IS_SCP,)),
    ],
    ids=["says nothing", "SCP", "both", "SCU", "neither", "of another SOP Class too", "twice, the last counts"],
)
def test_roles(proposed: tuple[RoleSelection, ...], agreed: tuple[RoleSelection, ...] | None) -> None:
    answer = accepted(request(push(), roles=proposed))
    assert answer.context_results[0].result == (1 if agreed is None else 0)
    assert answer.user_information.role_selections == (agreed or ())


def test_who_echoes_is_scu() -> None:
    echo = PresentationContext(1, VERIFICATION, (IMPLICIT_LITTLE,))
    answer = accepted(request(echo, roles=(RoleSelection(VERIFICATION, True, True),)))
    assert answer.user_information.role_selections == (RoleSelection(VERIFICATION, True, False),)
    refused = accepted(request(echo, roles=(RoleSelection(VERIFICATION, False, True),)))
    assert refused.context_results[0].result == 1


@given(associate_rqs)
def test_every_request_has_an_answer_that_can_be_sent(asked: AssociateRQ) -> None:
    for terms in (AcceptanceTerms(asked.called_ae_title), TERMS):
        answer = answer_association(asked, terms)
        assert encode_pdu(answer)
        if isinstance(answer, AssociateAC):
            ids = [result.id for result in answer.context_results]
            assert sorted(set(ids)) == sorted(ids)
            assert set(ids) == {context.id for context in asked.presentation_contexts}
