"""A web service as the receiver, in all reports and in the progress."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from dcmsend.report import Progress, ReportOptions, RunRecord, format_text_report, open_reports
from dcmsend.report.progress_text import progress_screen
from dcmsend.transfer import PeerFacts
from support.report_schema import STRICT_SCHEMA

DOCS = Path(__file__).parents[2] / "docs"
URL = "https://archive.example/dicom-web"
FACTS = PeerFacts("archive.example", 443, "", "", is_secured=True, url=URL)


def test_one_word_for_the_peer() -> None:
    assert FACTS.label == URL
    assert FACTS.replace(url="", called_ae_title="A").label == "A@archive.example:443"


def test_text_report() -> None:
    lines = "".join(format_text_report(FACTS, (), "")).splitlines()
    assert lines[3] == f"Communication Peer : {URL}"
    assert lines[4].startswith("Current Date/Time  : ")


@pytest.mark.parametrize("peer", [FACTS, PeerFacts("archive", 104, "VNA", "ME")], ids=["web", "DIMSE"])
def test_other_reports(tmp_path: Path, peer: PeerFacts) -> None:
    path = {kind: str(tmp_path / f"report.{kind}") for kind in ("json", "jsonl", "html")}
    options = ReportOptions(json_report=path["json"], jsonl_report=path["jsonl"], html_report=path["html"])
    record = RunRecord()
    reports = open_reports(options, peer, record, None)
    record.listed = record.ended = True
    reports.finish(record, None)
    told = json.loads(Path(path["json"]).read_text())
    jsonschema.validate(told, STRICT_SCHEMA)
    first = json.loads(Path(path["jsonl"]).read_text().splitlines()[0])
    page = Path(path["html"]).read_text()
    assert first["peer"] == told["peer"]
    if peer.url:
        assert told["peer"] == {
            "host": "archive.example", "port": 443, "called": "", "calling": "", "tls": True, "url": URL
        }  # fmt: skip
        assert f"Sent to {URL}</p>" in page
        assert "Associations" not in page
    else:
        assert told["peer"] == {"host": "archive", "port": 104, "called": "VNA", "calling": "ME", "tls": False}
        assert "Sent to VNA at archive, port 104, as ME</p>" in page
        assert "Connections" not in page


def test_progress() -> None:
    state = Progress(RunRecord(), FACTS, 4).state()
    line = progress_screen(state, 120)[0]
    assert line.startswith(f"sending to {URL} ")
    assert "0 of 4 connections" in line
    assert "1 connection " in progress_screen(state._replace(most_associations=1), 120)[0]
