"""Reads the same files with DCMTK's dcmsend and with our scan: whether each accepts them, its reasons and remarks."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dcmsend.errors import InvalidInputFile
from dcmsend.index import IndexOptions, Instance, ReadMode, RejectedInput, scan
from dcmsend.inputs import InputOptions, find_inputs
from support.programs import dcmtk_program

__all__ = [
    "MODES",
    "Verdict",
    "collected_log",
    "dcmtk_lines",
    "dcmtk_names",
    "dcmtk_verdicts",
    "our_lines",
    "our_scan",
    "our_verdicts",
]

MODES = {"+fo": ReadMode.FILE_ONLY, "+f": ReadMode.FILE_OR_DATA_SET, "-f": ReadMode.DATA_SET_ONLY}
_LETTERS = {logging.DEBUG: "D", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "F"}
_MANY = 500  # files on one command line


class Verdict(NamedTuple):
    """The verdict on one file.

    Attributes:
        name: the file as given.
        reason: why it was rejected, None if it was not.
        sop_instance_uid: of an accepted one.
        remarks: W and E lines about its content, with their prefix.
    """

    name: str
    reason: str | None
    sop_instance_uid: str | None
    remarks: tuple[str, ...] = ()


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{_LETTERS[record.levelno]}: {record.getMessage()}")


@contextmanager
def collected_log(level: int = logging.DEBUG) -> Iterator[list[str]]:
    """The lines that the package logs, with the prefixes of the command line."""
    logger = logging.getLogger("dcmsend")
    collector, before = _Collector(), (logger.level, logger.propagate)
    logger.addHandler(collector)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield collector.lines
    finally:
        logger.removeHandler(collector)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def dcmtk_lines(*arguments: str | Path, cwd: Path | None = None, until: str = "in total, there are") -> list[str]:
    """What DCMTK's dcmsend says with ``-d`` before a certain line; it gets a port without a listener.

    ``arguments`` are options, then ``--``, then files.
    """
    program = dcmtk_program("dcmsend")
    assert program is not None
    texts = [os.fspath(argument) for argument in arguments]
    command = [program, "-d", *texts[: texts.index("--")], "127.0.0.1", "1", *texts[texts.index("--") + 1 :]]
    done = subprocess.run(command, capture_output=True, cwd=cwd, timeout=100)
    lines = os.fsdecode(done.stderr).split("\n")
    for number, line in enumerate(lines):
        if line.startswith(f"D: {until}"):
            return lines[:number]
    return [line for line in lines if line]


def dcmtk_names(*arguments: str | Path, cwd: Path | None = None) -> list[str]:
    """The files that DCMTK's dcmsend takes up, in their order."""
    found = (re.fullmatch(r"D: adding DICOM file '(.*)'", line) for line in dcmtk_lines("-nh", *arguments, cwd=cwd))
    return [match[1] for match in found if match]


def dcmtk_verdicts(names: Sequence[str], *options: str, cwd: Path | None = None) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for start in range(0, len(names), _MANY):
        some = names[start : start + _MANY]
        verdicts += _read_verdicts(dcmtk_lines("-nh", *options, "--", *some, cwd=cwd))
    return verdicts


def _read_verdicts(lines: Sequence[str]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for line in lines:
        if match := re.fullmatch(r"D: adding DICOM file '(.*)'", line):
            verdicts.append(Verdict(match[1], None, None))
        elif not verdicts:
            continue
        elif match := re.fullmatch(r"E: cannot add DICOM file to the transfer list: (.*): ([^:]*)", line):
            verdicts[-1] = verdicts[-1]._replace(reason=match[2])
        elif match := re.fullmatch(r"D: successfully added SOP instance (\S*) to the transfer list", line):
            verdicts[-1] = verdicts[-1]._replace(sop_instance_uid=match[1])
        elif line[:3] in ("W: ", "E: ") and not line.startswith("W: bad DICOM file: "):
            verdicts[-1] = verdicts[-1]._replace(remarks=(*verdicts[-1].remarks, line))
    return verdicts


def our_verdicts(names: Sequence[str], *options: str) -> list[Verdict]:
    with collected_log() as lines:
        our_scan(names, "-nh", *options)
        return _read_verdicts(lines)


def our_scan(names: Sequence[str], *options: str) -> tuple[list[Instance], list[RejectedInput]]:
    """Our scan with the meaning of DCMTK's options ``-nh -nuc +rd +f +fo -f``."""
    mode = next((MODES[option] for option in options if option in MODES), ReadMode.FILE_ONLY)
    index = IndexOptions(
        read_mode=mode,
        check_uids="-nuc" not in options,
        expand_dicomdir="+rd" in options,
        dicomdir_allow_outside=True,
        halt_on_invalid="-nh" not in options,
    )
    rejected: list[RejectedInput] = []
    return list(scan(find_inputs(names, InputOptions()), index, rejected.append)), rejected


def our_lines(names: Sequence[str], *options: str) -> list[str]:
    """The log of the scan, with an F line for the error that ends it, as the command line prints it."""
    with collected_log() as lines:
        try:
            if not our_scan(names, *options)[0]:
                lines.append("F: no valid input files to be processed")
        except InvalidInputFile as error:
            lines.append(f"F: {error}")
        return list(lines)
