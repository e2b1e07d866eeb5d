"""AE titles as they lie in A-ASSOCIATE PDUs."""

from __future__ import annotations

import pytest

from dcmsend.dicom.ae_title import encode_ae_title, is_cut


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("DCMSEND", b"DCMSEND         "),
        ("", b"                "),
        (" lower\\case", b" lower\\case     "),
        ("SIXTEEN_LETTERS_", b"SIXTEEN_LETTERS_"),
        ("SIXTEEN_LETTERS_AND_MORE", b"SIXTEEN_LETTERS_"),
        ("K\u00d6LN", b"K\xc3\x96LN           "),
        ("K\udcd6LN", b"K\xd6LN            "),
    ],
)
def test_a_title_is_padded_or_cut_and_nothing_else(text: str, field: bytes) -> None:
    assert encode_ae_title(text) == field


@pytest.mark.parametrize(("text", "cut"), [("", False), ("x" * 16, False), ("x" * 17, True), ("\u00d6" * 9, True)])
def test_a_title_that_does_not_fit_is_known(text: str, cut: bool) -> None:
    assert is_cut(text) is cut
