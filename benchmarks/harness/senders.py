"""The programs that send, and how each is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .programs import Programs

__all__ = ["SENDERS", "Command", "MissingProgram", "Sender"]


class MissingProgram(Exception):
    """A program is not installed."""


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        argv: program and arguments.
        environment: variables set beside the usual ones.
    """

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sender:
    """One way of sending.

    Attributes:
        title: for tables.
        command: (programs, options, port, what to send) -> Command; raises MissingProgram.
    """

    title: str
    command: Callable[[Programs, Sequence[str], int, Sequence[str]], Command]


def _ours(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
    scan = () if not inputs or inputs[0].endswith(".dcm") else ("+sd", "+r")
    where = ("127.0.0.1", str(port), *inputs) if inputs else ()
    return Command([str(programs.dcmsend), *scan, *options, *where])


def _dcmtk(name: str, best: bool, *usual: str) -> Callable[[Programs, Sequence[str], int, Sequence[str]], Command]:
    def command(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
        program = programs.find(name)
        if program is None:
            raise MissingProgram(f"DCMTK's {name} is not installed")
        scan = () if not inputs or inputs[0].endswith(".dcm") else ("+sd", "+r")
        fast = ("--max-send-pdu", "131072") if best else ()
        where = ("127.0.0.1", str(port), *inputs) if inputs else ()
        return Command([program, *usual, *fast, *scan, *options, *where], {"TCP_NODELAY": "1"} if best else {})

    return command


def _pynetdicom(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
    interpreter = programs.python_module("pynetdicom")
    if interpreter is None:
        raise MissingProgram("the Python package pynetdicom is not installed")
    return Command(
        [interpreter, "-m", "pynetdicom", "storescu", "127.0.0.1", str(port), *inputs, "-r", "-cx", "-q", *options]
    )


def _npm(package: str, script: str) -> Callable[[Programs, Sequence[str], int, Sequence[str]], Command]:
    def command(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
        found = programs.node_with(package)
        if found is None:
            how = "cannot be installed or built here" if programs.installs else "is not installed"
            raise MissingProgram(f"the npm package {package} {how}")
        node, environment = found
        path = Path(__file__).resolve().parent.parent / script
        return Command([node, str(path), str(port), *inputs, *options], environment)

    return command


def _pydcm(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
    interpreter = programs.python_with_pydcm()
    if interpreter is None:
        raise MissingProgram("the Python package pydcm is not installed (it needs Python 3.12)")
    script = Path(__file__).resolve().parent.parent / "pydcm_send.py"
    return Command([interpreter, str(script), str(port), *inputs, *options])


def _limit(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
    return Command([programs.compiled("limit"), str(port), *options, *inputs])


def _interpreter(programs: Programs, options: Sequence[str], port: int, inputs: Sequence[str]) -> Command:
    return Command([programs.interpreter, "-c", "pass"])


SENDERS: dict[str, Sender] = {
    "dcmsend": Sender("dcmsend (this project)", _ours),
    "dcmtk": Sender("DCMTK dcmsend as shipped", _dcmtk("dcmsend", False)),
    "dcmtk-best": Sender("DCMTK dcmsend at its best", _dcmtk("dcmsend", True)),
    "storescu": Sender("DCMTK storescu as shipped", _dcmtk("storescu", False, "-R")),
    "storescu-best": Sender("DCMTK storescu at its best", _dcmtk("storescu", True, "-R")),
    "pynetdicom": Sender("pynetdicom storescu", _pynetdicom),
    "dcmjs": Sender("dcmjs-dimse", _npm("dcmjs-dimse", "dcmjs_send.js")),
    "dimse-native": Sender("dicom-dimse-native", _npm("dicom-dimse-native", "dimse_native_send.js")),
    "pydcm": Sender("pydcm", _pydcm),
    "limit": Sender("limit (C, reads and writes only)", _limit),
    "python": Sender("bare Python interpreter", _interpreter),
}
