"""Proofs on the page for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from dcmsend import Result
from dcmsend.report import ReportOptions
from dcmsend.report.page import MOST_ROWS
from dcmsend.transfer import InstanceProof, Proof, ProofState
from report.test_proof_reports import Told, outcome_of, proof_of
from support.browser import Browser

HOSTILE = "<img src=x onerror=hacked()>\"'&{{7*7}}<%script>\u202egnp.dcm"
VERIFIED, MISSING = Proof(ProofState.VERIFIED), Proof(ProofState.MISSING)
DENIED, SILENT = Proof(ProofState.DENIED, 0x0112, "2.25.1"), Proof(ProofState.NO_ANSWER, "timed_out")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as browser:
        yield browser


def texts(browser: Browser, selector: str) -> list[str]:
    found: list[str] = browser.evaluate(f"[...document.querySelectorAll({selector!r})].map(each => each.textContent)")
    return found


def page_of(folder: Path, results: Iterable[Result], events: Iterable[InstanceProof], name: str = "a.dcm") -> Path:
    told = Told(ReportOptions(html_report=str(folder / "r.html"), with_proof=True))
    told.outcomes(outcome_of(index, name, result) for index, result in enumerate(results, 1))
    told.proofs(events)
    told.finish()
    assert told.reports.error is None
    return folder / "r.html"


@pytest.mark.peer("chromium")
def test_what_a_person_sees(tmp_path: Path, browser: Browser) -> None:
    kinds = [VERIFIED, VERIFIED, MISSING, DENIED, SILENT, VERIFIED]
    events = [proof_of(index, HOSTILE, proof) for index, proof in enumerate(kinds, 1)]
    events += [proof_of(0, HOSTILE, VERIFIED), proof_of(0, "old.dcm", MISSING)]
    browser.open(page_of(tmp_path, [Result.STORED] * 6, events, HOSTILE))
    assert browser.complaints == []
    assert browser.evaluate("document.querySelectorAll('script, img, iframe, a').length") == 0
    assert texts(browser, "h1")[0].endswith("The archive denies or misses 3 of 8 stored instances")
    numbers = ["6instances to send", "6stored", "4verified", "1denied", "2missing", "1not proven yet"]
    assert texts(browser, "#numbers li")[:6] == numbers
    rows = [row.replace("\n", "") for row in texts(browser, "#proof + .scroll tbody tr")]
    assert rows == ["missing11", "denied0x0112, no such SOP Instance10", "not proven yettimed out10", "verified31"]
    unproven = texts(browser, "table.open tbody tr")
    assert len(unproven) == 4
    assert [("an earlier run" in row, "old.dcm" in row) for row in unproven] == [(False, False)] * 3 + [(True, True)]
    assert len(texts(browser, "#earlier tbody tr")) == 1
    paths = browser.evaluate("[...document.querySelectorAll('td.path')].map(each => each.title || each.textContent)")
    assert sum("\\u202egnp.dcm" in path for path in paths) == 3 + 1 + 6
    stored = texts(browser, "table.good tbody td:nth-child(3)")
    assert stored == ["verified", "verified", "missing", "denied", "not proven yet", "verified"]


@pytest.mark.peer("chromium")
def test_a_hundred_thousand_proofs(tmp_path: Path, browser: Browser) -> None:
    events = [proof_of(index, "a.dcm", SILENT if index % 2 else VERIFIED) for index in range(1, 50_001)]
    events += [proof_of(0, "b.dcm", VERIFIED) for _ in range(50_000)]
    page = page_of(tmp_path, [Result.STORED] * 50_000, events)
    browser.open(page)
    assert len(texts(browser, "table.open tbody tr")) == MOST_ROWS
    body = texts(browser, "main")[0]
    assert "The first 1 000 of 25 000 that are not proven; the report of --report-csv lists all" in body
    assert "Earlier runs have sent 50 000 that are proven, which are not listed here" in body
    assert page.stat().st_size < 40_000 + 600 * MOST_ROWS


@pytest.mark.parametrize(
    ("results", "proofs", "before", "text"),
    [
        (2, [VERIFIED] * 2, [], "All 2 instances have arrived, and the archive has confirmed all 2"),
        (1, [VERIFIED], [], "The instance has arrived, and the archive has confirmed it"),
        (2, [VERIFIED, MISSING], [], "1 of 2 stored instances is missing at the archive"),
        (2, [MISSING] * 2, [], "2 of 2 stored instances are missing at the archive"),
        (2, [VERIFIED, DENIED], [], "The archive does not commit itself to 1 of 2 stored instances"),
        (2, [MISSING, DENIED], [], "The archive denies or misses 2 of 2 stored instances"),
        (2, [VERIFIED, SILENT], [], "All 2 instances have arrived, but 1 of 2 is not proven yet"),
        (2, [SILENT, SILENT], [], "All 2 instances have arrived, but 2 of 2 are not proven yet"),
        (2, [], [], "All 2 instances have arrived, but 2 of 2 are not proven yet"),
        (2, [VERIFIED], [], "All 2 instances have arrived, but 1 of 2 is not proven yet"),
        (0, [], [VERIFIED] * 3, "Nothing was sent, and the archive has confirmed all 3"),
        (0, [], [VERIFIED, MISSING], "1 of 2 stored instances is missing at the archive"),
    ],
)  # fmt: skip
def test_headlines(tmp_path: Path, results: int, proofs: list[Proof], before: list[Proof], text: str) -> None:
    events = [proof_of(index, "a.dcm", proof) for index, proof in enumerate(proofs, 1)]
    events += [proof_of(0, "b.dcm", proof) for proof in before]
    page = page_of(tmp_path, [Result.STORED] * results, events).read_text()
    assert f"<title>{text} - dcmsend</title>" in page


def test_that_what_has_not_arrived_comes_before_what_is_not_proven(tmp_path: Path) -> None:
    events = [proof_of(1, "a.dcm", MISSING)]
    page = page_of(tmp_path, [Result.STORED, Result.REFUSED], events).read_text()
    assert "<title>1 of 2 instances has not arrived - dcmsend</title>" in page
