"""What is suggested to somebody who wrote an option that does not exist."""

from __future__ import annotations

import pytest

from dcmsend.cli.option_table import OPTIONS
from dcmsend.cli.suggestion import suggestion
from support.programs import installed_dcmsend
from support.run import run


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("--verbos", "did you mean --verbose or --verbose-pc?"),
        ("--timeuot", "did you mean --timeout?"),
        ("-aetitle", "did you mean --aetitle?"),
        ("--AETITLE", "did you mean --aetitle?"),
        ("+recurse", "did you mean --recurse or --no-recurse?"),
        ("--report", "did you mean --report-json or --report-jsonl or --report-csv?"),
        ("--call=PACS", "put the value after a space: --call PACS"),
        ("-aecPACS", "put the value after a space: -aec PACS"),
        ("-ta5", "put the value after a space: -ta 5"),
        ("-aes", "did you mean -aec or -aet?"),
        ("--xyzzy", ""),
        ("--", ""),
        ("-V", ""),
    ],
)
def test_suggestion(written: str, suggested: str) -> None:
    assert suggestion(written).strip() == suggested
    done = run(installed_dcmsend(), "peer", "104", "file", written)
    lines = done.stderr.splitlines()
    assert done.exit_code == 1
    assert f"error: Unknown option {written}" in lines
    hints = [line.strip() for line in lines if line.startswith(" " * 7)]
    assert hints == [*([suggested] if suggested else []), "--help shows all options"]


def test_with_a_value_of_the_wrong_form() -> None:
    """What may be a secret is not shown; the option is suggested all the same."""
    done = run(installed_dcmsend(), "peer", "104", "file", "-aes=SECRET")
    assert "did you mean -aec or -aet?" in done.stderr
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("row", [row for row in OPTIONS if len(row.long) > 8], ids=lambda row: row.long)
def test_one_wrong_letter(row: object) -> None:
    long = getattr(row, "long", "")
    assert long in suggestion(long[:5] + "_" + long[6:])
