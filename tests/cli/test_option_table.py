"""The table of options, the usage text made from it, and DCMTK's usage text."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import takewhile

import pytest

from dcmsend.cli.help_text import usage_text
from dcmsend.cli.option_table import EXCLUSIVE, OPTIONS, PARAMETERS, STORESCU_GROUP, find_option
from support.programs import dcmtk_program
from support.run import run

_VALUE = re.compile(r"\[\w\][\w ]*: .*")


def test_names_are_unique_and_found() -> None:
    names = [name for row in OPTIONS for name in (row.long, row.short) if name]
    assert len(names) == len(set(names))
    for row in OPTIONS:
        assert row.long.startswith("--")
        assert find_option(row.long) is row
        assert not row.short or find_option(row.short) is row
    assert find_option("--verb") is None
    assert {row.long for row in OPTIONS if row.is_exclusive} == set(EXCLUSIVE)


def test_every_name_is_an_option_to_the_scanner() -> None:
    """A name whose second character is a digit would be taken for a parameter."""
    for row in OPTIONS:
        for name in (row.long, row.short):
            assert not name or (name[0] in "-+" and name[1] not in "0123456789")


def test_usage_text_fits_a_terminal_and_holds_every_option() -> None:
    lines = usage_text(shows_all=True).split("\n")
    assert all(len(line) < 80 and line == line.rstrip() for line in lines)
    for row in OPTIONS:
        # A description, which begins further to the right, may name other options.
        [line] = [line for line in lines if re.search(rf"^ {{2,12}}([-+]\w+ +)?{re.escape(row.long)}(\s|$)", line)]
        assert row.short in line
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name, _ in PARAMETERS)
    assert lines[-1] == ""
    assert lines[-2] == ""


def test_help_shows_our_groups_only(dcmsend: str) -> None:
    """DCMTK's options at length, then one line for each group of ours, which names some of them."""
    short, long = (run(dcmsend, option).stdout for option in ("--help", "--help-all"))
    assert (short, long) == (usage_text(), usage_text(shows_all=True))
    assert run(dcmsend).stdout == short
    lines = short.split("\n")
    assert all(len(line) < 80 and line == line.rstrip() for line in lines)
    dcmtk, _, ours = short.partition("\nfurther options")
    assert long.startswith(dcmtk)
    groups = list(dict.fromkeys((row.group, row.subgroup) for row in OPTIONS if row.is_ours))
    shown = [line for line in ours.split("\n") if line.startswith("  ")]
    assert len(shown) == len(groups)
    for (_, subgroup), line in zip(groups, shown, strict=True):
        assert line.startswith(f"  {subgroup.partition(' (')[0]} ")
        assert re.search(r" [-+]\w|--\w", line)
    assert "--help-all shows all of them" in short
    assert "--help-all shows" not in long


def test_our_options_come_last_and_have_no_short_names() -> None:
    """So that a later DCMTK can have every short name; those of storescu mean what they mean there."""
    ours = [row.is_ours for row in OPTIONS]
    assert ours == sorted(ours)
    assert all(not row.short for row in OPTIONS if row.is_ours and row.group != STORESCU_GROUP)
    assert {row.group for row in OPTIONS if row.is_ours}.isdisjoint(row.group for row in OPTIONS if not row.is_ours)


@pytest.mark.peer("dcmtk-dcmsend")
def test_layout_is_dcmtks() -> None:
    """Same headings, options and value descriptions at the same columns in the same order; the words are our own."""
    program = dcmtk_program("dcmsend")
    assert program is not None
    theirs = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    for shows_all in (False, True):
        assert list(_skeleton(usage_text(shows_all=shows_all))) == list(_skeleton(theirs))


@pytest.mark.peer("dcmtk")
def test_options_of_storescu_have_its_names_and_values() -> None:
    program = dcmtk_program("storescu")
    assert program is not None
    theirs = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    for row in OPTIONS:
        if row.group == STORESCU_GROUP:
            line = rf"^ +{re.escape(row.short)} +{re.escape(row.long)} +" + re.escape(row.value.partition(" (only")[0])
            assert re.search(line, theirs, flags=re.MULTILINE), row


def _skeleton(text: str) -> Iterator[str]:
    """Lines without descriptions; without what only a newer DCMTK or we have."""
    lines = text.split("\n")
    lines = list(takewhile(lambda line: not line.startswith("further options"), lines))
    for line in lines[1:]:
        option = re.match(r"( +(?:[-+]\w+)? +--[a-z-]+ *)(.*)", line)
        parameter = re.match(r"( {2}(?:peer|port|dcmfile-in) +)", line)
        if option and "--ip" not in line:
            yield option[1] + (option[2] if _VALUE.match(option[2]) else "")
        elif parameter:
            yield parameter[1]
        elif line != "  IP protocol version:" and (line.endswith(":") or line[:1].strip()):
            yield line
