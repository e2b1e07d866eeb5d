"""How a transfer list is cut into associations, against a model that follows DCMTK's rule word by word."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

import dcmsend.transcode  # noqa: F401 - the plan loads it where it needs it; no example should be the first
from dcmsend.plan import MAX_CONTEXTS, AssociationPlan
from plan.transfer_lists import (
    DEFLATED,
    EB,
    EI,
    II,
    JPEG_2000_LOSSLESS,
    JPEG_LOSSLESS,
    NATIVE,
    PRIVATE_SYNTAX,
    Entry,
    all_plans,
    classes,
    entries,
    plan_from,
)

SYNTAXES = (EI, EB, II, DEFLATED, JPEG_LOSSLESS, JPEG_2000_LOSSLESS, "1.2.840.10008.1.2.4.50", PRIVATE_SYNTAX)
few = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(SYNTAXES)), max_size=60)
many = st.lists(st.tuples(st.integers(1, 200), st.sampled_from(SYNTAXES)), min_size=120, max_size=420)
LISTS = st.one_of(few, many).map(lambda rows: entries(*((f"1.2.3.{number}", uid) for number, uid in rows)))


def shape(plans: Sequence[AssociationPlan]) -> list[tuple[int, int]]:
    """(instances, contexts) of each association."""
    return [(plan.end - plan.first, len(plan.contexts)) for plan in plans]


# --- the cases that are told of DCMTK


def test_128_classes_and_the_first_one_again() -> None:
    assert shape(list(all_plans(classes(*range(128), 0)))) == [(128, 128), (1, 1)]


def test_127_classes_the_first_one_again_and_two_more() -> None:
    assert shape(list(all_plans(classes(*range(127), 0, 127, 128)))) == [(129, 128), (1, 1)]


def test_129_and_132_classes() -> None:
    assert shape(list(all_plans(classes(*range(129))))) == [(128, 128), (1, 1)]
    assert shape(list(all_plans(classes(*range(132))))) == [(128, 128), (4, 4)]


def test_exactly_128_classes() -> None:
    assert shape(list(all_plans(classes(*range(128))))) == [(128, 128)]


def test_contexts_are_made_anew_in_the_next_association() -> None:
    first, second = all_plans(classes(*range(128), 5, 7, 5))
    assert list(first.context_ids) == list(range(1, 256, 2))
    assert list(second.context_ids) == [1, 3, 1]
    assert [context.abstract_syntax for context in second.contexts] == ["1.2.3.5", "1.2.3.7"]


def test_uncompressed_instances_of_a_class_share_a_context_and_compressed_ones_do_not() -> None:
    plan = plan_from(entries(*(("1.2.3", uid) for uid in (EI, EB, II, DEFLATED, JPEG_LOSSLESS, DEFLATED))))
    assert list(plan.context_ids) == [1, 1, 1, 3, 5, 3]


def test_nothing_to_plan() -> None:
    assert shape([plan_from([])]) == [(0, 0)]


def test_refused_instance_ends_the_plan_or_is_left_out() -> None:
    rows = entries(("1.2.3", EI), ("1.2.3", JPEG_2000_LOSSLESS), ("1.2.3", EI))
    halting = plan_from(rows, no_illegal_proposal=True)
    assert list(halting.context_ids) == [1, 0]
    going_on = plan_from(rows, no_illegal_proposal=True, halt_on_refusal=False)
    assert list(going_on.context_ids) == [1, 0, 1]
    assert len(halting.refusals) == len(going_on.refusals) == 1


def test_nothing_but_refused_instances_comes_to_an_end() -> None:
    plans = list(all_plans(classes(1, 2, syntax=JPEG_2000_LOSSLESS), no_illegal_proposal=True, halt_on_refusal=False))
    assert shape(plans) == [(2, 0)]


# --- any list


@given(LISTS, st.booleans())
def test_every_instance_is_planned_once_and_in_order(rows: list[Entry], careful: bool) -> None:
    plans = list(all_plans(rows, no_illegal_proposal=careful, halt_on_refusal=False))
    assert [plan.first for plan in plans] == [0, *(plan.end for plan in plans)][: len(plans)]
    assert sum(len(plan.context_ids) for plan in plans) == len(rows)


@given(LISTS)
def test_contexts_are_legal(rows: list[Entry]) -> None:
    for plan in all_plans(rows):
        assert len(plan.contexts) <= MAX_CONTEXTS == 128
        assert [context.id for context in plan.contexts] == [2 * number + 1 for number in range(len(plan.contexts))]
        assert all(0 < context.id < 256 and context.id % 2 for context in plan.contexts)
        assert all(context.transfer_syntaxes for context in plan.contexts)
        assert len({(each.abstract_syntax, each.transfer_syntaxes) for each in plan.contexts}) == len(plan.contexts)


@given(LISTS)
def test_an_instance_gets_a_context_of_its_class_that_offers_its_syntax_first(rows: list[Entry]) -> None:
    for plan in all_plans(rows):
        contexts = {context.id: context for context in plan.contexts}
        for entry, context_id in zip(rows[plan.first : plan.end], plan.context_ids, strict=True):
            context = contexts[context_id]
            assert context.abstract_syntax == entry.sop_class_uid
            if entry.transfer_syntax.uid in NATIVE:
                assert context.transfer_syntaxes == NATIVE
            else:
                assert context.transfer_syntaxes[0] == entry.transfer_syntax.uid


@given(LISTS, st.booleans(), st.booleans())
def test_like_the_model(rows: list[Entry], careful: bool, halt: bool) -> None:
    options = {"no_illegal_proposal": careful, "halt_on_refusal": halt}
    first = 0
    while first < len(rows):
        plan = plan_from(rows, first, **options)
        assert list(plan.context_ids) == model(rows, first, careful=careful, halt=halt)
        if halt and 0 in plan.context_ids:
            break
        first = plan.end


def model(rows: Sequence[Entry], first: int, *, careful: bool, halt: bool) -> list[int]:
    """The context id of each instance: for each one the list is searched backwards for one it may share."""
    ids: list[int] = []
    made = 0
    for position in range(first, len(rows)):
        if made == 128:
            break
        entry = rows[position]
        for earlier in range(position - 1, first - 1, -1):
            if ids[earlier - first] and may_share(entry, rows[earlier]):
                ids.append(ids[earlier - first])
                break
        else:
            if careful and entry.transfer_syntax.uid == JPEG_2000_LOSSLESS:
                ids.append(0)
                if halt:
                    break
            else:
                made += 1
                ids.append(2 * made - 1)
    return ids


def may_share(one: Entry, other: Entry) -> bool:
    both_native = one.transfer_syntax.uid in NATIVE and other.transfer_syntax.uid in NATIVE
    same = one.transfer_syntax.uid == other.transfer_syntax.uid
    return one.sop_class_uid == other.sop_class_uid and (both_native or same)
