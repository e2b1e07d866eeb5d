"""Which transfer syntaxes are proposed: DCMTK's table, typed in row by row."""

from __future__ import annotations

import pytest

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.transfer_syntax_table import TRANSFER_SYNTAXES
from dcmsend.plan import PlanOptions, plan_association, propose_transfer_syntaxes
from plan.transfer_lists import (
    DECODABLE,
    EI,
    JPEG_LOSSLESS,
    MODES,
    NATIVE,
    PRIVATE_SYNTAX,
    can_decode,
    classes,
    entries,
    plan_from,
)

# What is proposed beside the own syntax: N the three native ones too, n only those, o nothing; ! with a remark.
# A capital X: with -nip nothing is proposed at all.
#                                     +dls  +dly  -dn
TABLE = {
    "1.2": ("n", "n", "n"),
    "1.2.1": ("n", "n", "n"),
    "1.2.2": ("n", "n", "n"),
    "1.2.1.99": ("N", "N", "o!X"),
    "1.2.4.50": ("o", "N", "o"),
    "1.2.4.51": ("o", "N", "o"),
    "1.2.4.52": ("o", "o!", "o"),
    "1.2.4.53": ("o", "N", "o"),
    "1.2.4.54": ("o", "o!", "o"),
    "1.2.4.55": ("o", "N", "o"),
    "1.2.4.56": ("o", "o!", "o"),
    "1.2.4.57": ("N", "N", "o!X"),
    "1.2.4.58": ("o", "o!", "o"),
    "1.2.4.59": ("o", "o!", "o"),
    "1.2.4.60": ("o", "o!", "o"),
    "1.2.4.61": ("o", "o!", "o"),
    "1.2.4.62": ("o", "o!", "o"),
    "1.2.4.63": ("o", "o!", "o"),
    "1.2.4.64": ("o", "o!", "o"),
    "1.2.4.65": ("o", "o!", "o"),
    "1.2.4.66": ("o", "o!", "o"),
    "1.2.4.70": ("N", "N", "o!X"),
    "1.2.4.80": ("N", "N", "o!X"),
    "1.2.4.81": ("o", "N", "o"),
    "1.2.4.90": ("o!X", "o!X", "o!X"),
    "1.2.4.91": ("o", "o!", "o"),
    "1.2.4.92": ("o!X", "o!X", "o!X"),
    "1.2.4.93": ("o", "o!", "o"),
    "1.2.4.94": ("n", "n", "n"),
    "1.2.4.95": ("o", "N", "o"),
    "1.2.4.100": ("o", "o!", "o"),
    "1.2.4.101": ("o", "o!", "o"),
    "1.2.4.102": ("o", "o!", "o"),
    "1.2.4.103": ("o", "o!", "o"),
    "1.2.4.104": ("o", "o!", "o"),
    "1.2.4.105": ("o", "o!", "o"),
    "1.2.4.106": ("o", "o!", "o"),
    "1.2.4.107": ("o", "o!", "o"),
    "1.2.4.108": ("o", "o!", "o"),
    "1.2.5": ("N", "N", "o!X"),
    "1.2.840.113619.5.2": ("n", "n", "n"),
}
ROWS = [
    (short if short.startswith("1.2.840.") else f"1.2.840.10008.{short}", mode, words[number])
    for short, words in TABLE.items()
    for number, mode in enumerate(MODES)
]


def expected(uid: str, word: str) -> tuple[str, ...]:
    return {"n": NATIVE, "N": (uid, *NATIVE), "o": (uid,)}[word[0]]


@pytest.mark.parametrize(("uid", "mode", "word"), ROWS)
def test_what_dcmtk_proposes(uid: str, mode: str, word: str) -> None:
    plan = plan_from(classes(1, syntax=uid), decompression=MODES[mode])
    assert [context.transfer_syntaxes for context in plan.contexts] == [expected(uid, word)]
    assert plan.refusals == ()
    assert len(plan.warnings) == word.count("!")


@pytest.mark.parametrize(("uid", "mode", "word"), ROWS)
def test_without_illegal_proposals(uid: str, mode: str, word: str) -> None:
    plan = plan_from(classes(1, syntax=uid), decompression=MODES[mode], no_illegal_proposal=True)
    if "X" in word:
        assert plan.contexts == ()
        assert plan.context_ids == b"\0"
        assert len(plan.refusals) == 1
    else:
        assert [context.transfer_syntaxes for context in plan.contexts] == [expected(uid, word)]
        assert plan.refusals == ()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("no_illegal_proposal", [False, True])
def test_unknown_syntax(mode: str, no_illegal_proposal: bool) -> None:
    options = {"decompression": MODES[mode], "no_illegal_proposal": no_illegal_proposal}
    plan = plan_from(classes(1, syntax=PRIVATE_SYNTAX), **options)
    assert [context.transfer_syntaxes for context in plan.contexts] == [(PRIVATE_SYNTAX,)]
    assert PRIVATE_SYNTAX in plan.warnings[0]


@pytest.mark.parametrize("uid", sorted(set(TRANSFER_SYNTAXES) - {uid for uid, _, _ in ROWS}))
@pytest.mark.parametrize("mode", MODES)
def test_syntaxes_younger_than_dcmtk_3_6_7_are_proposed_as_they_are(uid: str, mode: str) -> None:
    proposal = propose_transfer_syntaxes(transfer_syntax(uid), PlanOptions(decompression=MODES[mode]), can_decode)
    assert proposal == (uid,)


def test_the_table_above_has_all_decoders() -> None:
    with_native = {uid for uid, mode, word in ROWS if mode == "+dly" and word == "N"}
    assert with_native == DECODABLE | {"1.2.840.10008.1.2.4.95"}


def test_a_new_decoder_for_a_lossless_syntax_is_used() -> None:
    """Where a codec for JPEG 2000 is installed, the native syntaxes are offered as for any other lossless one."""
    uid = "1.2.840.10008.1.2.4.90"
    syntax = transfer_syntax(uid)
    assert propose_transfer_syntaxes(syntax, PlanOptions(), lambda _: True) == (uid, *NATIVE)
    never = PlanOptions(decompression=MODES["-dn"])
    assert propose_transfer_syntaxes(syntax, never, lambda _: True) == (uid,)


def test_a_decoder_dcmtk_lacks_changes_none_of_its_contexts() -> None:
    """What such a peer needs comes last: one context for each SOP Class that has no native one."""
    j2k, young = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
    rows = [("1.2.3.1", j2k), ("1.2.3.2", j2k), ("1.2.3.1", young), ("1.2.3.2", EI), ("1.2.3.1", JPEG_LOSSLESS)]
    plan = plan_association(entries(*rows), 0, PlanOptions(), lambda _: True)
    assert list(plan.context_ids) == [1, 3, 5, 7, 9]
    assert [(context.abstract_syntax, context.transfer_syntaxes) for context in plan.contexts] == [
        ("1.2.3.1", (j2k,)), ("1.2.3.2", (j2k,)), ("1.2.3.1", (young,)), ("1.2.3.2", NATIVE),
        ("1.2.3.1", (JPEG_LOSSLESS, *NATIVE)), ("1.2.3.1", NATIVE),
    ]  # fmt: skip
    assert plan.warnings == ()


def test_fallbacks_take_no_room_from_others() -> None:
    plan = plan_association(
        classes(*range(130), syntax="1.2.840.10008.1.2.4.90"), 0, PlanOptions(), lambda _: True
    )
    assert len(plan.contexts) == len(plan.context_ids) == 128
    assert {context.transfer_syntaxes for context in plan.contexts} == {("1.2.840.10008.1.2.4.90",)}


def test_a_remark_begins_with_the_words_dcmtk_uses() -> None:
    plan = plan_from(classes(1, syntax="1.2.840.10008.1.2.4.90"))
    assert plan.warnings[0].startswith("transfer syntax uses a lossless compression but we cannot decompress it, ")
    plan = plan_from(classes(1, syntax="1.2.840.10008.1.2.4.70"), decompression=MODES["-dn"])
    assert plan.warnings[0].startswith("transfer syntax uses a lossless compression but we are not allowed to")


def test_a_remark_comes_once_for_each_context() -> None:
    plan = plan_from(classes(1, 1, 2, 1, syntax="1.2.840.10008.1.2.4.90"))
    assert len(plan.contexts) == len(plan.warnings) == 2
