"""The command: chooses cases, runs them, writes results."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from .case import Case, Scale
from .cases import CASES
from .figures import figures, judge
from .machine import describe_machine, today
from .markdown import to_markdown
from .measuring import EntryResult, run_case
from .plots import draw_plots
from .programs import Programs

__all__ = ["main"]

HERE = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- benchmarks/run: begin -->", "<!-- benchmarks/run: end -->"
NOT_IN_SHORT_RUNS = ("orthanc", "dcmrecv", "growth", "associations")
AT_ONCE = 6
"""Cases of a short run that run beside each other: most of them wait for a line, or for a delayed acknowledgement."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 when every program that ran has delivered what it was to deliver, whatever time it took; else 1."""
    if not sys.platform.startswith("linux"):
        print("the benchmark needs Linux (epoll, /proc, LD_PRELOAD)", file=sys.stderr)
        return 2
    arguments = _parse(argv)
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    command = _dcmsend(arguments.dcmsend)
    if command is None:
        print("there is no installed dcmsend command beside this Python; name it with --dcmsend", file=sys.stderr)
        return 2
    names = arguments.case or [name for name in CASES if not (arguments.short and name in NOT_IN_SHORT_RUNS)]
    at_once = min(AT_ONCE, len(names)) if arguments.short else 1
    # Cases that run beside each other would all have their senders on the processors that are not the receivers'.
    pin = at_once == 1 and not arguments.no_pinning
    programs = Programs(command, cache, pin=pin, install=not arguments.short)
    scale = Scale(
        arguments.short, arguments.scale, arguments.rounds, arguments.slow, is_compiled=programs.is_compiled
    )
    shutil.rmtree(programs.running, ignore_errors=True)  # an interrupted run leaves it behind
    results = _start_results(arguments, programs)
    failed = False
    for case, measured in _measured([CASES[name](scale) for name in names], programs, cache, at_once):
        failed |= any(result.problem for result in measured)
        results["cases"][case.name] = _case_to_json(case, measured)
        results["cases"] = {key: results["cases"][key] for key in CASES if key in results["cases"]}
        _write(arguments, results)  # after each case: a full run takes long
        if at_once == 1 and not arguments.keep_files:
            shutil.rmtree(cache / "trees", ignore_errors=True)
    if not arguments.keep_files:
        shutil.rmtree(cache / "trees", ignore_errors=True)
    shutil.rmtree(programs.running, ignore_errors=True)
    print(to_markdown(results))
    return 1 if failed else 0


def _measured(
    cases: Sequence[Case], programs: Programs, cache: Path, at_once: int
) -> Iterator[tuple[Case, list[EntryResult]]]:
    """Each case with its results, as soon as they are there."""

    def measured(case: Case) -> tuple[Case, list[EntryResult]]:
        _tell(f"{case.name}: {case.title}")
        return case, run_case(case, programs, cache, lambda text: _tell(f"  {case.name}: {text}"))

    if at_once == 1:
        yield from map(measured, cases)
        return
    with ThreadPoolExecutor(at_once) as pool:  # its threads outlive the receivers, which end with who started them
        begun = [pool.submit(measured, case) for case in cases]
        try:
            for done in as_completed(begun):
                yield done.result()
        finally:  # who ends the run waits for no case that has not begun
            pool.shutdown(wait=False, cancel_futures=True)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run", description="Measures the installed dcmsend command against other programs."
    )
    option = parser.add_argument
    option("--case", action="append", choices=list(CASES), metavar="NAME",
           help=f"only this case; may be repeated. One of: {', '.join(CASES)}")
    option("--short", action="store_true", help="small numbers, a round or two, cases beside each other: "
           "whether all works, not how fast it is")
    option("--scale", type=float, default=1.0, help="multiply the numbers of files of a full run")
    option("--slow", type=float, default=1.0, metavar="FACTOR",
           help="multiply the numbers that slow programs send, from which is extrapolated")
    option("--rounds", type=int, default=0, help="rounds instead of those of the case")
    option("--json", type=Path, metavar="FILE", help="write the results as JSON")
    option("--merge", action="store_true", help="keep the other cases that are in the JSON file already")
    option("--markdown", type=Path, metavar="FILE", help="write the tables as Markdown")
    option("--plots", type=Path, metavar="FOLDER", help="write plots as SVG")
    option("--document", action="store_true", help="put tables and plots into docs/performance.md")
    option("--dcmsend", type=Path, metavar="PROGRAM", help="our command (default: the one beside this Python)")
    option("--cache", type=Path, default=_default_cache(), metavar="FOLDER",
           help="for compiled programs and files (default: %(default)s)")
    option("--no-pinning", action="store_true", help="let the null sink and its senders share processors")
    option("--keep-files", action="store_true", help="keep the files that were sent, for the next run")
    return parser.parse_args(argv)  # fmt: skip


def _default_cache() -> Path:
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "dcmsend-benchmarks"


def _dcmsend(wanted: Path | None) -> Path | None:
    if wanted is not None:
        return wanted if wanted.exists() else None
    for name in ("dcmsend", "dcmsend-py"):
        beside = Path(sys.executable).with_name(name)
        if beside.exists():
            return beside
    found = shutil.which("dcmsend-py")  # DCMTK has no command of this name
    return Path(found) if found else None


def _start_results(arguments: argparse.Namespace, programs: Programs) -> dict[str, Any]:
    earlier: dict[str, Any] = {}
    if arguments.merge and arguments.json is not None and arguments.json.exists():
        earlier = json.loads(arguments.json.read_text())["cases"]
    size = "short" if arguments.short else f"{arguments.scale:g} x the full numbers"
    return {
        "format": 1, "date": today(), "size": size, "machine": describe_machine(programs),
        "versions": programs.versions(), "cases": earlier,
    }  # fmt: skip


def _case_to_json(case: Case, measured: Sequence[EntryResult]) -> dict[str, Any]:
    return {
        "name": case.name, "title": case.title, "date": today(), "rounds": case.rounds, "remark": case.remark,
        "entries": [{**result.to_json(), "figures": figures(result)} for result in measured],
        "checks": [judge(check, measured) for check in case.checks],
    }  # fmt: skip


def _write(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.markdown is not None:
        arguments.markdown.write_text(to_markdown(results))
    if arguments.plots is not None:
        _write_plots(arguments.plots, results)
    if arguments.document:
        page = HERE.parent / "docs" / "performance.md"
        plots = _write_plots(page.with_name("performance"), results)
        pictures = "".join(f"![{name.removesuffix('.svg')}](performance/{name})\n\n" for name in plots)
        text = page.read_text(encoding="utf-8")
        inner = f"{BEGIN}\n\n{pictures}{to_markdown(results, level=3)}\n{END}"
        page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _found: inner, text, flags=re.DOTALL), encoding="utf-8")


def _write_plots(folder: Path, results: dict[str, Any]) -> list[str]:
    plots = draw_plots(results)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in plots.items():
        (folder / name).write_text(content, encoding="utf-8")
    return list(plots)


_began = time.monotonic()


def _tell(text: str) -> None:
    print(f"[{time.monotonic() - _began:7.1f}] {text}", file=sys.stderr, flush=True)
