"""The values of members of an archive that can only be read from its beginning on are looked at while it is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend.index import IndexOptions, ValueRule, scan
from dcmsend.inputs import InputFile, expand_archives
from dcmsend.inputs.archives import passed_members
from support.archives import content_of
from support.data_set_bytes import ENCODINGS, Element, file_with
from support.tar_files import COMPRESSED, compress, tar_of

EI = ENCODINGS["explicit little"]
WITHOUT_NAME: list[Element] = [
    (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), (0x00080018, "UI", b"1.2.3.4\0"),
    (0x00090010, "LO", b"ACME"), (0x00091001, "OB", bytes(30_000)),
]  # fmt: skip
"""To know that it has no name, all of it is read: more than is kept of each member for the scan."""


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("is_kept_whole", [True, False], ids=["kept whole", "large"])
def test_what_was_looked_at_is_still_there_to_be_sent(
    suffix: str, is_kept_whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A large archive is read once for the values, and once to be sent: nobody has asked for members out of order."""
    for limit in ("MOST_ASKED", "MOST_ASKED_SEGMENTS"):
        monkeypatch.setattr(passed_members, limit, 0)
    monkeypatch.setattr(passed_members, "SEGMENT", 8 << 10)
    if not is_kept_whole:
        for limit in ("MOST_LISTED", "MOST_KEPT", "MOST_SEGMENTS"):
            monkeypatch.setattr(passed_members, limit, 0)
    path = tmp_path / f"in.tar.{suffix}"
    content = file_with(EI.encode(WITHOUT_NAME), EI.uid)
    path.write_bytes(compress(tar_of({str(number): content for number in range(4)}), suffix))
    options = IndexOptions(value_rules=(ValueRule("PatientName", "Nobody", takes=False),))
    items = [found.input for found in scan(expand_archives([InputFile(str(path))]), options)]
    assert len(items) == 4
    if is_kept_whole:
        assert [getattr(item, "effort", None) for item in items] == [0] * 4, "all are inflated still"
    assert [content_of(item) == content for item in items] == [True] * 4
    assert caplog.messages == []
    assert content_of(items[0]) == content
    assert [f"{path} is read again" in message for message in caplog.messages] == [True] * (not is_kept_whole)
