"""Reads the report that ``--create-report-file`` writes."""

from __future__ import annotations

from dataclasses import dataclass

TITLE = "Detailed Report on the Transfer of Instances"


@dataclass(frozen=True)
class ReportFile:
    """A report in parts.

    Attributes:
        heading: the lines before the first entry, the date masked.
        entries: for each instance its fields by name, in order.
        summary: the closing part, from its first line to the end of the file.
    """

    heading: tuple[str, ...]
    entries: tuple[dict[str, str], ...]
    summary: str

    def column(self, field: str) -> list[str]:
        return [entry[field] for entry in self.entries]


def parse_report(text: str) -> ReportFile:
    """Take a report to pieces; AssertionError if the frame is not the documented one."""
    body, found, summary = text.partition("Status Summary\n")
    assert found, text
    assert body.startswith(TITLE + "\n"), text
    heading, *blocks = body.removesuffix("\n\n").split("\n\nNumber ")
    lines = []
    for line in heading.removesuffix("\n").split("\n"):
        name, separator, value = line.partition("Current Date/Time  : ")
        if separator:
            assert [name, *(len(part) for part in value.split())] == ["", 10, 8], line
            line = separator + "DATE TIME"
        lines.append(line)
    entries = tuple(_fields("Number " + block.removesuffix("\n")) for block in blocks)
    return ReportFile(tuple(lines), entries, found + summary)


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, separator, value = line.partition(": ")
        assert len(name) == 14, repr(line)
        assert separator, repr(line)
        fields[name.rstrip()] = value
    return fields
