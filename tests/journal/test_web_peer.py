"""A journal belongs to one URL, as it belongs to one DIMSE peer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcmsend.errors import JournalError
from dcmsend.interrupt import Interrupt
from dcmsend.journal import JournalOptions, JournalReader, JournalView, merge_journals, open_journal
from dcmsend.transfer import PeerFacts
from support.programs import installed_dcmsend
from support.run import run

URL = "https://archive.example/dicom-web"
WEB = PeerFacts("archive.example", 443, "", "", is_secured=True, url=URL)
DIMSE = PeerFacts("archive.example", 443, "", "")
OTHERS = (
    WEB.replace(url=f"{URL}/Other"),
    WEB.replace(url=f"{URL}".upper()),
    WEB.replace(host="archive", url="https://archive/dicom-web"),
    DIMSE,
    DIMSE.replace(called_ae_title="VNA"),
    DIMSE.replace(host=URL),
    DIMSE.replace(called_ae_title=URL),
)


def use(path: Path, peer: PeerFacts, *, resume: bool = True) -> None:
    """Open the journal as a run does, and close it."""
    open_journal(JournalOptions(str(path), resume=resume), peer, Interrupt(0.0)).close()


def test_the_same_url(tmp_path: Path) -> None:
    use(tmp_path / "journal", WEB, resume=False)
    use(tmp_path / "journal", WEB)
    JournalView(JournalOptions(str(tmp_path / "journal"), resume=True), WEB).close()


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_another_url_or_no_url(tmp_path: Path, other: PeerFacts) -> None:
    """In both directions, by a run and by a preview."""
    for mine, theirs in ((WEB, other), (other, WEB)):
        path = tmp_path / ("one" if mine is WEB else "two")
        use(path, mine, resume=False)
        for attempt in (use, lambda path, peer: JournalView(JournalOptions(str(path), resume=True), peer)):
            with pytest.raises(JournalError) as raised:
                attempt(path, theirs)
            assert raised.value.reason.startswith("belongs to another peer: ")
            assert URL in raised.value.reason
        use(path, mine)


def test_the_message(tmp_path: Path) -> None:
    use(tmp_path / "journal", WEB, resume=False)
    with pytest.raises(JournalError) as raised:
        use(tmp_path / "journal", PeerFacts("a", 104, "VNA", "ME"))
    assert raised.value.reason == f"belongs to another peer: {URL}, not VNA@a:104"


def test_merged(tmp_path: Path) -> None:
    for name in ("one", "two"):
        use(tmp_path / name, WEB, resume=False)
    use(tmp_path / "dimse", DIMSE, resume=False)
    merge_journals(str(tmp_path / "all"), [str(tmp_path / "one"), str(tmp_path / "two")])
    use(tmp_path / "all", WEB)
    with pytest.raises(JournalError, match="belongs to another peer"):
        merge_journals(str(tmp_path / "all"), [str(tmp_path / "dimse")])
    with JournalReader(str(tmp_path / "all")) as reader:
        assert (reader.binding.url, reader.binding.facts.url) == (URL, URL)


def test_shown(tmp_path: Path) -> None:
    use(tmp_path / "journal", WEB, resume=False)
    program = installed_dcmsend() + "-journal"
    text = run(program, tmp_path / "journal")
    assert text.stdout.startswith(f"journal of {URL}, begun ")
    told = run(program, tmp_path / "journal", "--totals", "--format", "json")
    assert json.loads(told.stdout)["peer"] == {"url": URL}
