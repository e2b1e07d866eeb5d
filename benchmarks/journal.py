#!/usr/bin/env python3
"""How large a journal gets, how long a later run asks it, and what that takes in memory.

    python benchmarks/journal.py --rows 1000000
    python benchmarks/journal.py --rows 40000000 --directory /somewhere/with/8/GB

Rows are generated: 400 files a directory, named after their SOP Instance UIDs, as archives name them.  Then every file
is asked for as a run with --resume does (there is no such file, so the system answers its stat from memory), within
each directory in another order than that of the journal, as systems list them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dcmsend import Peer
from dcmsend.inputs import InputFile, Origin
from dcmsend.journal import JournalFilter, JournalReader
from dcmsend.journal.database import open_database, open_read_only
from dcmsend.journal.resume import StoredFiles

PEER = Peer("pacs.example.org", 104, "ARCHIVE").facts
PER_DIRECTORY = 400
ROOT = "/nowhere/archive"


def directory_name(number: int) -> str:
    """Year, month, day, study, series."""
    day = number // 12
    return f"{ROOT}/{2010 + day // 360}/{day // 30 % 12 + 1:02}/{day % 30 + 1:02}/{number % 12 // 4:04}/{number % 4:04}"


def instance_uid(number: int) -> str:
    """As long as those of usual devices."""
    return f"1.2.840.113619.2.{number % 900 + 100}.{number * 2654435761 % 10**12}.{number}.{number % 97}"


def generate(path: str, rows: int) -> None:
    """A journal of so many stored instances."""
    connection = open_database(path, PEER, resume=False)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("INSERT INTO sop_class VALUES (1, '1.2.840.10008.5.1.4.1.1.2')")
    now = time.time_ns()
    for first in range(0, rows, 400 * PER_DIRECTORY):
        connection.execute("BEGIN")
        for begin in range(first, min(rows, first + 400 * PER_DIRECTORY), PER_DIRECTORY):
            number = begin // PER_DIRECTORY + 1
            connection.execute("INSERT INTO directory VALUES (?, ?)", (number, directory_name(number).encode()))
            if number % 4 == 1:
                connection.execute("INSERT INTO study VALUES (?, ?)", (number // 4 + 1, f"{instance_uid(begin)}.1"))
            series = (number, (number - 1) // 4 + 1, f"{instance_uid(begin)}.2")
            connection.execute("INSERT INTO series VALUES (?, ?, ?)", series)
            connection.executemany(
                "INSERT INTO instance VALUES (?, ?, ?, ?, 0, 0, NULL, 1, ?, 1, ?, NULL, ?, NULL, NULL)",
                (
                    (number, f"{uid}.dcm".encode(), 526_000 + each % 4000, now - each, now // 10**6 + each, uid, number)
                    for each in range(begin, min(rows, begin + PER_DIRECTORY))
                    for uid in (instance_uid(each),)
                ),
            )
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def inputs(rows: int) -> Iterator[InputFile]:
    """Every file of the journal."""
    shuffled = random.Random(1)
    for begin in range(0, rows, PER_DIRECTORY):
        directory = directory_name(begin // PER_DIRECTORY + 1)
        names = [instance_uid(each) for each in range(begin, min(rows, begin + PER_DIRECTORY))]
        shuffled.shuffle(names)
        for name in names:
            yield InputFile(f"{directory}/{name}.dcm", Origin.DIRECTORY)


def ask(path: str, rows: int) -> dict[str, float]:
    """Ask for every file; also without asking, to know what the questions themselves cost."""
    begin = time.perf_counter()
    for _ in inputs(rows):
        pass
    idle = time.perf_counter() - begin
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    writing = open_database(path, PEER, resume=True)  # as in a run
    begin = time.perf_counter()
    stored = StoredFiles(open_read_only(path)[0], path)
    for item in inputs(rows):
        assert stored.find(item) is None  # known, but gone
    seconds = time.perf_counter() - begin - idle
    stored.close()
    writing.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": seconds, "memory_mb": grown / 1024}


def totals(path: str) -> dict[str, float]:
    """Count all rows, as the command does."""
    begin = time.perf_counter()
    with JournalReader(path) as reader:
        count = sum(group.instances for group in reader.totals(JournalFilter()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": time.perf_counter() - begin, "peak_mb": peak / 1024, "rows": count}


def own_process(what: str, path: str, rows: int) -> dict[str, float]:
    """Run one measure in a process of its own, so that its memory is its own."""
    argv = [sys.executable, __file__, "--measure", what, "--journal", path, "--rows", str(rows)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, default=None, help="where the journal is made (default: temporary)")
    parser.add_argument("--measure", choices=("ask", "totals"), help=argparse.SUPPRESS)
    parser.add_argument("--journal", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(ask(options.journal, options.rows) if options.measure == "ask" else totals(options.journal)))
        return
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        path = os.path.join(folder, "journal")
        begin = time.perf_counter()
        generate(path, options.rows)
        size = os.path.getsize(path)
        print(f"SQLite {sqlite3.sqlite_version}, {options.rows} rows generated in {time.perf_counter() - begin:.0f} s")
        print(f"size    {size / 1e9:.2f} GB, {size / options.rows:.0f} bytes a row", flush=True)
        asked = own_process("ask", path, options.rows)
        print(
            f"resume  {asked['seconds']:.0f} s, {asked['seconds'] / options.rows * 1e6:.1f} us a file, "
            f"{asked['memory_mb']:.0f} MB more memory",
            flush=True,
        )
        counted = own_process("totals", path, options.rows)
        assert counted["rows"] == options.rows
        print(f"totals  {counted['seconds']:.1f} s, {counted['peak_mb']:.0f} MB in all")


if __name__ == "__main__":
    main()
