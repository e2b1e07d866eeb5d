"""Finds the programs that take part, and compiles our own small ones."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import suppress
from functools import cache as cache_calls
from pathlib import Path

__all__ = ["PACKAGES", "PYDCM", "Programs", "clean_environment"]

PACKAGES = {"dcmjs-dimse": "0.3.3", "dicom-dimse-native": "2.6.1"}
"""Version of each npm package that sends; the second one is made of DCMTK's sources."""
PYDCM = "pydcm==0.5.0"
_PYTHONS_OF_PYDCM = ("python3.14", "python3.13", "python3.12")
_LONGEST_INSTALL = 180

_VARIANTS = {"null_sink_tls": ("null_sink", "-DWITH_TLS", "-lssl", "-lcrypto")}
"""Programs that are made of another one's source: its name, and more words for the compiler."""

C_SOURCES = Path(__file__).resolve().parent.parent / "c"
_MEANINGFUL_VARIABLES = ("TCP_NODELAY", "TCP_BUFFER_LENGTH", "DCMDICTPATH", "PYTHON")
"""How the names of variables begin that change how a program works, or how fast."""


def clean_environment(**changes: str) -> dict[str, str]:
    """Our environment without what would change a sender or receiver, and with ``changes``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_MEANINGFUL_VARIABLES)}
    return {**kept, **changes}


class Programs:
    """Where everything is.

    Attributes:
        dcmsend: our command.
        options: the long options that it lists.
        is_compiled: whether it comes from a compiled wheel.
        interpreter: the Python that runs it.
        running: a folder for what is needed while cases run.
        installs: whether packages that are missing are installed.
        receiver_processors, sender_processors: where our own receivers, and those who send to them, may run ("all" for
            anywhere): a receiver is another machine, it takes no time from the sender.
        find, python_module, node_with, python_with_pydcm: see the methods behind them; each question
            is asked once.
    """

    def __init__(self, dcmsend: Path, cache: Path, *, pin: bool = True, install: bool = False) -> None:
        self._npm = cache / "npm"
        self._pydcm = cache / "pydcm"
        self.running = cache / "running"
        self.installs = install
        processors = sorted(os.sched_getaffinity(0))
        is_pinned = pin and len(processors) > 1
        self.receiver_processors = str(processors[-1]) if is_pinned else "all"
        self.sender_processors = ",".join(map(str, processors[:-1])) if is_pinned else "all"
        self.dcmsend = dcmsend
        self._binaries = cache / "bin"
        self._compiling: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        listing = self.output([str(dcmsend), "--help-all"])
        self.is_compiled = "compiled by mypyc" in self.output([str(dcmsend), "--version"])
        self.options = frozenset(re.findall(r"(?<!\S)--[a-z][-a-z0-9]*", listing))
        self.interpreter = _interpreter_of(dcmsend)
        self.find = cache_calls(self._find)
        self.python_module = cache_calls(self._python_module)
        self.node_with = cache_calls(self._node_with)
        self.python_with_pydcm = cache_calls(self._python_with_pydcm)

    def _find(self, name: str) -> str | None:
        """A program of DCMTK or Orthanc on the search path, never one of a Python environment."""
        own = (self.dcmsend.parent.resolve(), Path(sys.executable).parent)
        for folder in [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/sbin", "/usr/local/bin"]:
            if not folder or Path(folder) in own or Path(folder).resolve() in own:
                continue
            found = shutil.which(name, path=folder)
            if found is not None and not _is_script(Path(found)):
                return found
        return None

    def compiled(self, name: str) -> str:
        """Our own program ``name`` (``*.so``: library), compiled if need be.  Raises RuntimeError.

        Who asks for one that is just being compiled waits for it.
        """
        with self._compiling[name]:
            return self._compiled(name)

    def _compiled(self, name: str) -> str:
        origin, *more = _VARIANTS.get(name, (name,))
        source = C_SOURCES / f"{origin.removesuffix('.so')}.c"
        stamp = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
        target = self._binaries / f"{stamp}-{name}"
        if target.exists():
            return str(target)
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("there is no C compiler")
        self._binaries.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        shared = ["-shared", "-fPIC"] if name.endswith(".so") else []
        command = [compiler, "-O2", "-Wall", *shared, "-o", str(unfinished), str(source), "-ldl", *more]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{source.name} cannot be compiled: {done.stderr[-500:]}")
        unfinished.replace(target)
        return str(target)

    def _python_module(self, name: str) -> str | None:
        """An interpreter that has the package ``name``."""
        for interpreter in dict.fromkeys((sys.executable, self.interpreter)):
            code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
            if subprocess.run([interpreter, "-c", code], capture_output=True).returncode == 0:
                return interpreter
        return None

    def _python_with_pydcm(self) -> str | None:
        """An interpreter that has the package pydcm, which needs Python 3.12.

        Where none has it, it is installed into an environment in the cache, once, if ``install`` was asked for and
        there is such a Python.
        """
        own = self._pydcm / "bin" / "python"
        found = str(own) if own.exists() else self.python_module("pydcm")
        if found is not None or not self.installs:
            return found
        for name in _PYTHONS_OF_PYDCM:
            with suppress(OSError, subprocess.SubprocessError):
                make = [[name, "-m", "venv", str(self._pydcm)], [str(own), "-m", "pip", "install", "--quiet", PYDCM]]
                for command in make:
                    subprocess.run(command, capture_output=True, timeout=_LONGEST_INSTALL, check=True)
                return str(own)
            shutil.rmtree(self._pydcm, ignore_errors=True)
        return None

    def _node_with(self, package: str) -> tuple[str, dict[str, str]] | None:
        """Node.js and what it needs in its environment to find an npm package, one of PACKAGES.

        Nothing where it is found by itself (NODE_PATH is respected); else it is installed into the cache, once, if
        ``install`` was asked for and npm is there.  One that has to be built is missing where it cannot be.
        """
        node = shutil.which("node")
        if node is None:
            return None
        folder = self._npm / package
        environment = {"NODE_PATH": str(folder / "node_modules")}
        for needed in ({}, environment):
            if _finds(node, package, needed):
                return node, needed
        npm = shutil.which("npm")
        if npm is None or not self.installs:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        wanted = f"{package}@{PACKAGES[package]}"
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), wanted]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, cwd=folder, timeout=_LONGEST_INSTALL)
        return (node, environment) if _finds(node, package, environment) else None

    def versions(self) -> dict[str, str]:
        """What takes part, by name, as far as it tells."""
        asked = {
            "dcmsend": str(self.dcmsend),
            "DCMTK": self.find("dcmsend"),
            "Orthanc": self.find("Orthanc"),
            "Python": self.interpreter,
            "C compiler": os.environ.get("CC") or shutil.which("cc"),
        }
        found = {}
        for name, program in asked.items():
            if program is not None:
                first = self.output([program, "--version"]).strip().splitlines()[:1]
                words = " ".join(first).strip("$ ").split()
                words = [word for word in words if "/" not in word and not word.endswith(":")]
                # "v3.6.7" is a word with "v" for the search of the pages, where -v is an option.
                found[name] = " ".join(re.sub(r"^v(?=\d)", "", word) for word in words)
        found["dcmsend"] += ", compiled by mypyc" if self.is_compiled else ", pure Python"
        pydcm = self.python_with_pydcm()
        if pydcm is not None:
            code = "import importlib.metadata, platform; print(importlib.metadata.version('pydcm'), 'on Python', "
            found["pydcm"] = self.output([pydcm, "-c", f"{code}platform.python_version())"]).strip()
        interpreter = self.python_module("pynetdicom")
        for package in PACKAGES:
            node = self.node_with(package)
            if node is not None:
                code = f"console.log(require('{package}/package.json').version)"
                environment = {**os.environ, **node[1]}
                done = subprocess.run([node[0], "-e", code], capture_output=True, text=True, env=environment)
                found[package] = done.stdout.strip()
        if interpreter is not None:
            code = "import importlib.metadata; print(importlib.metadata.version('pynetdicom'))"
            found["pynetdicom"] = self.output([interpreter, "-c", code]).strip()
        return found

    def output(self, command: list[str]) -> str:
        """Standard output of a command."""
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=clean_environment())
        return done.stdout


def _finds(node: str, package: str, environment: dict[str, str]) -> bool:
    command = [node, "-e", f"require('{package}')"]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment}).returncode == 0


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _interpreter_of(command: Path) -> str:
    """The Python in the first line of an installed command."""
    with command.open("rb") as file:
        line = file.readline(4096).decode(errors="replace")
    words = line[2:].split() if line.startswith("#!") else []
    if words and "python" in words[0] and Path(words[0]).exists():
        return words[0]
    return sys.executable
