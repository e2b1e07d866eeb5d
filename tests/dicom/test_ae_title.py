"""AE titles as they lie in A-ASSOCIATE PDUs."""

from __future__ import annotations

import pytest

from dcmsend.dicom.ae_title import cut_ae_title, encode_ae_title


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


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", None),
        ("x" * 16, None),
        ("x" * 17, "x" * 16),
        ("\u00d6" * 9, "\u00d6" * 8),
        ("x" + "\u00d6" * 8, "x" + "\u00d6" * 7 + "\udcc3"),
    ],
)
def test_what_is_sent_of_a_title_that_does_not_fit(text: str, cut: str | None) -> None:
    assert cut_ae_title(text) == cut
