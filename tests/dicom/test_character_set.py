"""Text of data sets, by its Specific Character Set.  Source: PS3.3 C.12.1.1.2, PS3.5 6.1.2.5."""

from __future__ import annotations

import pytest

from dcmsend.dicom.character_set import decode_text


@pytest.mark.parametrize(
    ("value", "character_set", "text"),
    [
        (b"M\xfcller", b"ISO_IR 100", "Müller"),
        (b"M\xfcller", b"ISO 2022 IR 100", "Müller"),
        (b"M\x1b-A\xfcller", b"\\ISO 2022 IR 100", "Müller"),
        (b"M\x1b-A\xfcller", b"ISO 2022 IR 6\\ISO 2022 IR 100", "Müller"),
        (b"\x1b-L\xbb\xee\xda", b"ISO 2022 IR 6\\ISO 2022 IR 144", "Люк"),
        (b"M\x1b-A\xfcller^\x1b-L\xbb\xee\xda", b"\\ISO 2022 IR 100\\ISO 2022 IR 144", "Müller^Люк"),
        (b"M\xfcller^\x1b-L\xbb\xee\xda", b"ISO 2022 IR 100\\ISO 2022 IR 144", "Müller^Люк"),
        (b"M\xfcller^\x1b-L\xbb\xee\xda\\\xfcber", b"ISO 2022 IR 100\\ISO 2022 IR 144", "Müller^Люк\\über"),
        (b"M\x1b-A\xfcller^\xee", b"ISO 2022 IR 144\\ISO 2022 IR 100", "Müller^ю"),
        (b"M\xfcller\x1b", b"ISO_IR 100\\ISO 2022 IR 144", "Müller\x1b"),
        (b"M\x1b-A\xfcller", b"", "M\x1b-A\ufffdller"),
        (b"Yamada\x1b$B;3ED\x1b(B", b"\\ISO 2022 IR 87", "Yamada山田"),
    ],
)
def test_texts(value: bytes, character_set: bytes, text: str) -> None:
    assert decode_text(value, character_set) == text
