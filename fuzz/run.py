#!/usr/bin/env python3
"""Fuzzes all targets, one after the other, and reports how many inputs each has read.

    python fuzz/run.py [--seconds 60] [--target NAME ...] [--corpus FOLDER]

Needs the extra ``fuzz`` (atheris).  New inputs are kept in --corpus for the next time, the seeds are never changed.  An
input that breaks a promise is written to the folder ``fuzz/findings``, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
NAMES = (
    "pdu", "meta_header", "walk", "reencode", "dicomdir", "codestream", "message_data_set", "web_answer",
    "web_address", "command_file", "log_configuration", "dictionary_file", "terminal_text", "zip_archive",
    "tar_archive", "compressed_tar",
)  # fmt: skip


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Become the fuzzer of one target; does not return."""
    import atheris

    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["dcmsend"], enable_loader_override=False):
        import logging

        from targets import TARGETS
    logging.disable(logging.CRITICAL)
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


def run_target(name: str, seconds: int, corpus: Path) -> tuple[int, bool]:
    """The number of inputs that a target has read, and whether all promises held."""
    own, findings = corpus / name, HERE / "findings"
    own.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, str(Path(__file__).resolve()), "--one", name, f"-max_total_time={seconds}", "-max_len=4096",
        "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={findings / name}-", str(own),
        str(SEEDS / name),
    ]  # fmt: skip
    findings.mkdir(exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    count = int(found[1]) if found else 0
    if done.returncode or not count:
        print(done.stderr[-4000:], file=sys.stderr)
    if not any(findings.iterdir()):
        findings.rmdir()
    return count, done.returncode == 0 and count > 0


def main() -> int:
    """Run the chosen targets; return 1 if a promise was broken."""
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--target", action="append", choices=NAMES, help="only this one; may be repeated")
    parser.add_argument("--corpus", type=Path, help="where inputs are kept (default: nowhere)")
    arguments = parser.parse_args()
    total, is_good = 0, True
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.target or NAMES:
            count, is_well = run_target(name, arguments.seconds, arguments.corpus or Path(folder))
            total, is_good = total + count, is_good and is_well
            print(f"{name:<18} {count:>12,}  {'as promised' if is_well else 'A PROMISE IS BROKEN'}", flush=True)
    print(f"{'all':<18} {total:>12,}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
