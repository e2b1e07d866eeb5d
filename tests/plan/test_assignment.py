"""Which accepted context carries an instance whose own one was refused."""

from __future__ import annotations

from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.plan import choose_other_context
from plan.transfer_lists import DEFLATED, EB, EI, II, JPEG_LOSSLESS

CT, MR = "1.2.3.1", "1.2.3.2"


def choose(syntax: str, *accepted: tuple[int, str, str], possible: tuple[tuple[str, str], ...] = ()) -> int:
    def can_convert(source: TransferSyntax, target: TransferSyntax) -> bool:
        return (source.uid, target.uid) in possible

    rows = [(id_, sop_class, transfer_syntax(uid)) for id_, sop_class, uid in accepted]
    return choose_other_context(CT, transfer_syntax(syntax), rows, can_convert)


def test_none_is_accepted() -> None:
    assert choose(EI) == 0


def test_another_class_is_of_no_use() -> None:
    assert choose(EI, (1, MR, EI)) == 0


def test_one_that_it_can_be_converted_to() -> None:
    assert choose(JPEG_LOSSLESS, (1, MR, EI), (5, CT, II), possible=((JPEG_LOSSLESS, II),)) == 5


def test_one_that_it_cannot_be_converted_to() -> None:
    assert choose(JPEG_LOSSLESS, (5, CT, DEFLATED), possible=((JPEG_LOSSLESS, EI),)) == 0


def test_the_own_syntax_is_preferred_to_a_conversion() -> None:
    both = ((EB, II), (EB, EI))
    assert choose(EB, (1, CT, II), (3, CT, EI), (5, CT, EB), possible=both) == 5


def test_the_first_one_among_conversions() -> None:
    assert choose(EB, (1, CT, DEFLATED), (3, CT, II), (5, CT, EI), possible=((EB, II), (EB, EI))) == 3
