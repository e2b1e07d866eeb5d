"""The schema takes reports of a later release, which may have further fields, and still tells what is no report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.corpus import DATA
from support.peer_script import Respond, Script
from support.programs import installed_dcmsend
from support.report_schema import SCHEMA, STRICT_SCHEMA
from support.run import run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
MAPS = ("by_status", "by_sop_class", "by_syntax", "by_study")
"""Objects whose names are UIDs and numbers: what they hold may get further fields, they themselves do not."""


def part(schema: dict[str, Any], pointer: str) -> Draft202012Validator:
    named = {"$defs": schema["$defs"], "$ref": f"#/$defs/{pointer}"}
    return Draft202012Validator(named if pointer else schema)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any]]:
    """The report and all lines of a run with two answers, each with the part of the schema that describes it."""
    folder = tmp_path_factory.mktemp("told")
    reports = ("--report-json", "r.json", "--report-jsonl", "r.jsonl")
    with ScriptedPeer(Script(stores={2: Respond(0xA700)})) as peer:
        run(installed_dcmsend(), "-nh", *reports, "127.0.0.1", peer.port, CT, MR, __file__, cwd=folder)
    lines = (folder / "r.jsonl").read_text().splitlines()
    return [("", json.loads((folder / "r.json").read_text())), *(("line", json.loads(line)) for line in lines)]


def objects(value: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Every object in a report, those in it first."""
    for key, each in value.items() if isinstance(value, dict) else [("", each) for each in value]:
        if isinstance(each, dict | list):
            yield from objects(each, key)
    if isinstance(value, dict) and name not in MAPS:
        yield value


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"]


def test_further_fields_anywhere_are_taken(told: list[tuple[str, Any]]) -> None:
    changed = 0
    for pointer, report in told:
        for place in objects(report):
            assert part(STRICT_SCHEMA, pointer).is_valid(report)
            place["of a later release"] = {"any": ["thing"]}
            part(SCHEMA, pointer).validate(report)
            assert not part(STRICT_SCHEMA, pointer).is_valid(report), "the tests of reports would see it"
            del place["of a later release"]
            changed += 1
    assert changed > len(told)


def test_fields_that_are_missing_or_of_another_type_are_not(told: list[tuple[str, Any]]) -> None:
    (_, report), *_ = told
    validator = part(SCHEMA, "")
    for place, name in ((report, "totals"), (report["totals"], "stored"), (report["instances"][0], "outcome")):
        value = place.pop(name)
        assert not validator.is_valid(report), name
        place[name] = [value]
        assert not validator.is_valid(report), name
        place[name] = value
    validator.validate(report)
