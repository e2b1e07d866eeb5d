"""The page for people, in a real browser."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dcmsend import Instance, Peer, ReadMode, Reason, Result, StoreOutcome
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import Cancelled
from dcmsend.index import RejectedInput
from dcmsend.inputs import InputFile
from dcmsend.report import RunRecord
from dcmsend.report.field_source import FieldSource
from dcmsend.report.headline import headline
from dcmsend.report.html_report import HtmlReport
from dcmsend.report.page import MOST_ROWS
from dcmsend.report.run_fields import RunFields
from dcmsend.report.timeline import Timeline
from support.browser import Browser
from support.corpus import DATA
from support.peer_script import Respond, Script
from support.ports import free_port
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = DATA / "pydicom" / "CT_small.dcm"
HOSTILE = "<img src=x onerror=hacked()>\"'&{{7*7}}<%script>"
"""As it would stand in a name of a file, without a slash."""


@pytest.fixture(scope="module")
def started_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests, because its start costs more than most pages."""
    with Browser(tmp_path_factory.mktemp("browser") / "profile", seconds=900) as browser:
        yield browser


@pytest.fixture
def browser(started_browser: Browser) -> Browser:
    """As if it had just been started: nothing emulated, no page, nothing noted."""
    started_browser.call("Emulation.clearDeviceMetricsOverride")
    started_browser.call("Emulation.setEmulatedMedia", media="", features=[])
    started_browser.open("about:blank")
    started_browser.complaints.clear()
    started_browser.requests.clear()
    return started_browser


def report_of(dcmsend: str, folder: Path, script: Script, *arguments: str | Path) -> Path:
    page = folder / "report.html"
    with ScriptedPeer(script) as peer:
        done = run(dcmsend, "-nh", "+sd", "-aec", "ARCHIVE", "--report-html", page, *arguments, "127.0.0.1", peer.port,
                   folder / "study")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return page


def texts(browser: Browser, selector: str) -> list[str]:
    found: list[str] = browser.evaluate(f"[...document.querySelectorAll({selector!r})].map(each => each.textContent)")
    return found


@pytest.mark.peer("chromium")
def test_what_a_person_sees(dcmsend: str, tmp_path: Path, browser: Browser) -> None:
    write_instances(tmp_path / "study", 30)
    script = Script(stores={3: Respond(0xA700), 4: Respond(0xA700), 5: Respond(0xA900), 6: Respond(0xB000)})
    (tmp_path / "study" / "cut.dcm").write_bytes(CT.read_bytes()[:-100])
    (tmp_path / "study" / "notes.txt").write_text("no DICOM")
    page = report_of(dcmsend, tmp_path, script)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    browser.open(page)
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]
    assert browser.evaluate("document.scripts.length") == 0
    (headline,) = texts(browser, "h1")
    assert headline.endswith("4 of 31 instances have not arrived")
    assert texts(browser, "#numbers li")[:3] == ["31instances to send", "27stored", "3refused"]
    why = texts(browser, "#trouble + .scroll tbody td:nth-child(2)")
    first, *others = (each[:6] for each in why)
    assert first == "0xA700"  # the most frequent one; the others come as their files do
    assert sorted(others) == ["0xA900", "the fi"]
    advice = texts(browser, "#trouble + .scroll tbody td.advice")
    assert "Worth sending again." in advice[0]
    assert len(texts(browser, "table.files tbody tr")) == 4
    assert len(texts(browser, "table.good tbody tr")) == 27
    assert texts(browser, "svg > title")[0] == "Outcomes: 27 stored, 3 refused, 1 failed"
    widths = "[...document.querySelectorAll('svg')].map(each => each.getBoundingClientRect().width)"
    assert min(browser.evaluate(widths)) > 99


@pytest.mark.peer("chromium")
def test_no_harm_from_hostile_names(dcmsend: str, tmp_path: Path, browser: Browser) -> None:
    study = tmp_path / "study"
    write_instances(study, 3)
    data_set = pydicom.dcmread(CT)
    data_set.PatientName = HOSTILE
    data_set.PatientID = "</td></table><b>"
    data_set.save_as(study / f"{HOSTILE}\u202egnp.dcm")
    shutil.copy(study / f"{HOSTILE}\u202egnp.dcm", study / f"x{'y' * 200}.dcm")
    comment = Respond(0xC000, extra={0x0902: b"<script>hacked()</script> "})
    page = report_of(dcmsend, tmp_path, Script(other_stores=comment), "--report-patient", "-aec", "<b>A&B</b>")
    browser.open(page)
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]
    assert browser.evaluate("document.querySelectorAll('script, img, iframe, a').length") == 0
    paths = texts(browser, "td.path")
    assert any("\\u202egnp.dcm" in path for path in paths)
    whole = browser.evaluate("[...document.querySelectorAll('td.path')].map(each => each.title)")
    assert any(f"{HOSTILE}\\u202egnp.dcm" in path for path in whole)
    assert "\u202e" not in page.read_text()
    cells = " ".join(texts(browser, "td"))
    assert "<script>hacked()</script>" in cells
    assert "</td></table><b>" in cells
    assert "<b>A&B</b>" in texts(browser, "header")[0]
    for width in (360, 420, 1200):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        browser.open(page)
        assert browser.evaluate("innerWidth") == width
        assert browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), width
    assert browser.complaints == []
    assert set(browser.requests) == {page.as_uri()}


def outcome(index: int, result: Result = Result.STORED, **fields: Any) -> StoreOutcome:
    name = InputFile(f"missing/{index}.dcm")
    uid, syntax = f"1.2.3.{index}", EXPLICIT_VR_LITTLE_ENDIAN
    instance = Instance(name, "1.2.840.10008.5.1.4.1.1.2", uid, syntax, ReadMode.FILE_ONLY)
    status = 0 if result is Result.STORED else None
    return StoreOutcome(index, instance, result, status, association=1, message_id=1, bytes_sent=524_288, **fields)


def page_of(path: Path, outcomes: Iterator[StoreOutcome], rejected: Iterable[RejectedInput] = ()) -> Path:
    """A page made of outcomes that nobody has sent, and of inputs that were not taken."""
    record, source = RunRecord(), FieldSource()
    fields = RunFields(Peer("127.0.0.1", 104).facts, record, source)
    report = HtmlReport(str(path), fields, source)
    for each in outcomes:
        fields.outcome(each)
        report.outcome(each)
        record.add(each)
    for one in rejected:
        fields.rejected(one)
        report.rejected(one)
        record.reject(one)
    record.listed = record.all_found = record.ended = True
    report.finish(record)
    return path


@pytest.mark.peer("chromium")
@pytest.mark.parametrize(("failures", "number"), [(3, 20_000), (MOST_ROWS + 1000, 100_000)])
def test_a_hundred_thousand_outcomes(tmp_path: Path, browser: Browser, failures: int, number: int) -> None:
    """A page of a size that a browser opens at once: what failed, totals, and where the rest is."""
    failed = {"result": Result.FAILED, "reason": Reason.DATA_SET_BROKEN, "message": "Invalid stream"}
    outcomes = (outcome(n, **(failed if n <= failures else {})) for n in range(1, number + 1))
    page = page_of(tmp_path / "report.html", outcomes)
    browser.open(page)
    shown = min(failures, MOST_ROWS)
    assert len(texts(browser, "table.files tbody tr")) == shown
    assert browser.evaluate("document.querySelectorAll('*').length") < 1000 + 15 * shown
    assert page.stat().st_size < 40_000 + 600 * shown < 1_000_000
    body = texts(browser, "main")[0]
    assert "the report of --report-csv lists all" in body
    assert f"{number - failures:,}".replace(",", " ") in body
    assert browser.evaluate("document.querySelector('#files + details').open") == (failures <= 200)


@pytest.mark.peer("chromium")
def test_in_the_dark_and_on_paper(tmp_path: Path, browser: Browser) -> None:
    page = page_of(tmp_path / "report.html", (outcome(n) for n in range(1, 50)))
    browser.open(page)
    colours = {}
    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        style = "getComputedStyle(document.body)"
        colours[scheme] = [
            sum(map(int, browser.evaluate(f"{style}.{each}").removeprefix("rgb(").removesuffix(")").split(",")))
            for each in ("color", "backgroundColor")
        ]
    assert colours["light"][1] - colours["light"][0] > 500
    assert colours["dark"][0] - colours["dark"][1] > 500
    heights = "[...document.querySelectorAll('.more')].map(each => each.getBoundingClientRect().height)"
    assert 0 in browser.evaluate(heights)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert 0 not in browser.evaluate(heights)
    assert "missing/49.dcm" in browser.evaluate("document.querySelector('main').innerText")
    assert browser.pdf().startswith(b"%PDF")


def test_headlines(tmp_path: Path) -> None:
    def title(outcomes: list[StoreOutcome]) -> str:
        return page_of(tmp_path / "r.html", iter(outcomes)).read_text().partition("</title>")[0].partition("<title>")[2]

    assert title([]) == "Nothing was sent - dcmsend"
    assert title([outcome(1)]) == "The instance has arrived - dcmsend"
    assert title([outcome(1), outcome(2)]) == "All 2 instances have arrived - dcmsend"
    lost = outcome(2, Result.UNCONFIRMED, reason=Reason.CONNECTION_LOST)
    assert title([outcome(1), lost]) == "1 of 2 instances has not arrived - dcmsend"


def test_a_shard_that_has_nothing_to_send_is_no_failure() -> None:
    record = RunRecord()
    record.listed = record.all_found = record.ended = True
    record.other_shards = 5
    assert (headline(record, 0)["kind"], headline(record, 0)["is_empty"]) == ("good", False)
    record.error = Cancelled()
    assert headline(record, 0)["kind"] == "bad"


def test_run_without_an_association(dcmsend: str, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    done = run(dcmsend, "--report-html", page, "127.0.0.1", free_port(), CT)
    assert done.exit_code == 61
    assert "TCP Initialization Error: Connection refused" in page.read_text()


def test_to_standard_output(dcmsend: str) -> None:
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--report-html", "-", "127.0.0.1", peer.port, CT)
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.endswith("</html>")


def test_time_is_bounded() -> None:
    timeline = Timeline()
    for second in range(100_000):
        timeline.add(second, 10)
    assert len(timeline.instances) <= 120
    assert sum(timeline.instances) == 100_000
    assert sum(timeline.data) == 1_000_000
    assert timeline.step == 1024
