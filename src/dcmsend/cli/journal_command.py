"""``dcmsend-journal``: shows, filters and exports a journal, even during a run, without ever writing to it.

``dcmsend-journal merge`` merges many journals into one, ``dcmsend-journal report`` writes reports on one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NoReturn

from dcmsend.advice import Situation, with_explanation
from dcmsend.errors import JournalError, ReportError
from dcmsend.journal import JournalFilter, JournalGroup, JournalReader, JournalRow, merge_journals
from dcmsend.protocol import status_name
from dcmsend.report import format_time, status_field, visible_lines
from dcmsend.transfer import ProofState, Reason, Result
from dcmsend.version import VERSION

from .exit_code import ExitCode
from .journal_fields import (
    JOURNAL_FIELDS,
    csv_lines,
    flat_fields,
    group_fields,
    peer_fields,
    proof_name,
    result_name,
    row_fields,
)
from .terminal import drop_output, is_terminal, make_harmless, to_bytes

__all__ = ["console", "journal_parser", "main", "merge_parser", "report_parser"]

_RESULTS: Final = {
    result.value.replace(" ", "_"): result for result in Result if result is not Result.NOT_ATTEMPTED
}
_REASONS: Final = tuple(reason.name.lower() for reason in Reason)
_MERGE: Final = "merge"
_REPORT: Final = "report"
_FORMATS: Final = ("text", "json", "csv", "paths", "paths0")
_Proofs = dict[ProofState | None, int]


class _OutputFailed(Exception):
    """The standard output cannot be written."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: error: {_one_line(message)} (--help shows all options)\n")

    def print_help(self, file: object = None) -> None:
        """Write the help as everything else: what argparse does with errors depends on Python's version."""
        _write((self.format_help(),))


def journal_parser() -> argparse.ArgumentParser:
    """The parser of the options; the manual page is made from it, too."""
    parser = _Parser(
        prog="dcmsend-journal",
        description="Show a journal of dcmsend: its totals, or the instances that the filters want.  "
        "'dcmsend-journal merge' makes one journal of many, 'dcmsend-journal report' writes reports on all of it; "
        "journals of such names are ./merge and ./report.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", help="file that dcmsend --journal has made")
    parser.add_argument(
        "--outcome", action="append", choices=tuple(_RESULTS), default=[],
        help="only instances with this outcome; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--status", action="append", type=_status, default=[], metavar="CODE",
        help="only instances for which the peer answered so, e.g. 0xA700; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--reason", action="append", choices=_REASONS, default=[], metavar="NAME",
        help="only instances without an answer for this reason, e.g. connection_lost; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--path", action="append", default=[], metavar="GLOB",
        help="only files whose full name matches; * matches a slash too; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=_FORMATS,
        help="how instances are listed: text (default), json, csv, or only names of files, each ended by a line end "
        "(paths) or a NUL byte (paths0) for --files-from0",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list instances also without a filter or a format")
    parser.add_argument("--totals", action="store_true", help="count the wanted instances instead of listing them")
    parser.add_argument("--check", action="store_true", help="read all of the journal and tell whether it is damaged")
    parser.add_argument("--version", action="version", version=f"dcmsend-journal {VERSION}")
    return parser


def merge_parser() -> argparse.ArgumentParser:
    """The parser of ``merge``."""
    parser = _Parser(
        prog="dcmsend-journal merge",
        description="Bring all that journals of the same peer know into one, and show its totals.",
        allow_abbrev=False,
    )
    parser.add_argument("target", metavar="out", help="journal that takes it all; made if it is not there")
    parser.add_argument("sources", metavar="in", nargs="+", help="journals that are read; they are not changed")
    return parser


def report_parser() -> argparse.ArgumentParser:
    """The parser of ``report``."""
    parser = _Parser(
        prog="dcmsend-journal report",
        description="Write reports on everything in a journal, over all its runs.",
        allow_abbrev=False,
    )
    parser.add_argument("journal", help="file that dcmsend --journal has made")
    parser.add_argument("--html", metavar="FILE", help="write a page for people (- is the standard output)")
    parser.add_argument("--json", metavar="FILE", help="write one JSON object")
    parser.add_argument("--csv", metavar="FILE", help="write comma separated values")
    return parser


def console() -> None:
    """The installed command."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; ``argv`` is without the program's name.  Returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        if arguments[:1] == [_MERGE]:
            return _merge(merge_parser().parse_args(arguments[1:]))
        if arguments[:1] == [_REPORT]:
            return _report(report_parser().parse_args(arguments[1:]))
        options = journal_parser().parse_args(arguments)
        with JournalReader(options.journal) as reader:
            return _show(reader, options)
    except JournalError as error:
        text = make_harmless(f"dcmsend-journal: {with_explanation(error, Situation())}")
        sys.stderr.write(text.replace("\n", "\\x0a") + "\n")
        return ExitCode.JOURNAL
    except ReportError as error:
        text = make_harmless(f"dcmsend-journal: {error}: {error.reason}")
        sys.stderr.write(text.replace("\n", "\\x0a") + "\n")
        return ExitCode.CANNOT_WRITE_REPORT
    except BrokenPipeError:  # the reader of the pipe does not want the rest
        drop_output()
        return ExitCode.OK
    except _OutputFailed as error:
        sys.stderr.write(f"dcmsend-journal: cannot write to the standard output: {error}\n")
        return ExitCode.CANNOT_WRITE_REPORT
    except Exception as error:  # a bug: show one line and no traceback
        text = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(make_harmless(f"dcmsend-journal: internal error: {text}") + "\n")
        return ExitCode.INTERNAL_ERROR
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _merge(options: argparse.Namespace) -> int:
    merge_journals(options.target, options.sources)
    with JournalReader(options.target) as reader:
        _write(_count_text(reader, reader.totals(JournalFilter()), reader.proofs(JournalFilter())))
    return ExitCode.OK


def _report(options: argparse.Namespace) -> int:
    files = {kind: path for kind in ("html", "json", "csv") if (path := getattr(options, kind)) is not None}
    if not files or not all(files.values()):
        report_parser().error("name a file with --html, --json or --csv")
    if list(files.values()).count("-") > 1:
        report_parser().error("the standard output can be only one report")
    from dcmsend.run import Written, WrittenKind, written_twice

    written = [Written(f"--{kind}", path) for kind, path in files.items()]
    both = written_twice((*written, Written("journal", options.journal, WrittenKind.JOURNAL)))
    if both is not None:
        report_parser().error(f"{both[0].called} not allowed with {both[1].called} for the same file")
    from .journal_report import write_reports  # seldom needed

    with JournalReader(options.journal) as reader:
        write_reports(reader, options.journal, files)
    return ExitCode.OK


def _show(reader: JournalReader, options: argparse.Namespace) -> int:
    if options.check:
        damage = reader.find_damage()
        if damage:
            raise JournalError(options.journal, f"is damaged: {damage}")
        _write((f"{options.journal}: no damage found\n",))
        return ExitCode.OK
    wanted = JournalFilter(
        tuple(_RESULTS[name] for name in options.outcome), tuple(options.status), tuple(options.reason),
        tuple(options.path),
    )  # fmt: skip
    has_filter = wanted != JournalFilter()
    if options.totals or not (has_filter or options.list or options.format):
        style = options.format or "text"
        if style not in _TOTALS:
            journal_parser().error(f"--totals not allowed with --format {style}")
        _write(_TOTALS[style](reader, reader.totals(wanted), reader.proofs(wanted)))
    else:
        _write(_LISTS[options.format or "text"](reader.rows(wanted)))
    return ExitCode.OK


def _status(text: str) -> int:
    number = int(text, 16 if text.lower().startswith("0x") else 10)
    if not 0 <= number <= 0xFFFF:
        raise ValueError
    return number


_status.__name__ = "status"  # the name that argparse shows in messages


def _write(texts: Iterable[str]) -> None:
    """Write file names with their own bytes, whatever the locale is; escape control characters on a terminal."""
    if sys.stdout is None:
        raise _OutputFailed("there is no standard output")
    stream = sys.stdout.buffer
    shown = visible_lines if is_terminal(sys.stdout) else str
    try:
        for text in texts:
            stream.write(to_bytes(shown(text)))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise _OutputFailed(error.strerror or str(error)) from error


def _one_line(text: str) -> str:
    return make_harmless(text).replace("\n", "\\x0a")


def _list_text(rows: Iterator[JournalRow]) -> Iterator[str]:
    for row in rows:
        answer = status_field(row.status) or row.reason or ""
        if row.proof is not None:
            answer += f" {proof_name(row.proof.state)}"
        yield (
            f"{result_name(row.result):12} {answer:20} {format_time(row.time) or '':24} "
            f"{_one_line(row.sop_instance_uid)} {_one_line(row.path)}\n"
        )


def _list_json(rows: Iterator[JournalRow]) -> Iterator[str]:
    separator = "[\n"
    for row in rows:
        yield f"{separator} {json.dumps(row_fields(row), ensure_ascii=False)}"
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _list_csv(rows: Iterator[JournalRow]) -> Iterator[str]:
    flat = (flat_fields(row_fields(row)) for row in rows)
    return csv_lines(JOURNAL_FIELDS, ([fields.get(name) for name in JOURNAL_FIELDS] for fields in flat))


def _list_paths(end: str) -> Callable[[Iterator[JournalRow]], Iterator[str]]:
    return lambda rows: (f"{row.path}{end}" for row in rows)


_LISTS: Final[dict[str, Callable[[Iterator[JournalRow]], Iterator[str]]]] = {
    "text": _list_text, "json": _list_json, "csv": _list_csv, "paths": _list_paths("\n"), "paths0": _list_paths("\0"),
}  # fmt: skip


def _count_text(reader: JournalReader, groups: list[JournalGroup], proofs: _Proofs) -> Iterator[str]:
    binding = reader.binding
    yield f"journal of {_one_line(str(binding))}, begun {format_time(binding.created / 1000)}\n"
    for result in _RESULTS.values():
        mine = [group for group in groups if group.result is result]
        yield f"{result_name(result):12} {sum(group.instances for group in mine):12}\n"
        for group in mine:
            answer = _one_line(group.reason or "")
            if group.status is not None:
                answer = f"{status_field(group.status)} {status_name(group.status)}"
            if group.status != 0:
                yield f"  {group.instances:23}  {answer}\n"
    for state, count in proofs.items():
        yield f"{proof_name(state):12} {count:12}  of those stored\n"
    waiting = reader.waiting_transactions()
    if waiting.oldest is not None:
        yield (
            f"{'waiting':12} {waiting.instances:12}  in open transactions: {waiting.number}, "
            f"the oldest of {format_time(waiting.oldest)}\n"
        )


def _count_json(reader: JournalReader, groups: list[JournalGroup], proofs: _Proofs) -> Iterator[str]:
    binding = reader.binding
    totals = dict.fromkeys(_RESULTS, 0)
    for group in groups:
        totals[result_name(group.result)] += group.instances
    waiting = reader.waiting_transactions()
    transactions = {**waiting._asdict(), "oldest": format_time(waiting.oldest or 0.0)}
    yield json.dumps(
        {
            "peer": peer_fields(reader),
            "created": format_time(binding.created / 1000),
            "opened": format_time(binding.opened / 1000),
            "totals": totals,
            "groups": [group_fields(group) for group in groups],
            **({"proofs": {proof_name(state): count for state, count in proofs.items()}} if proofs else {}),
            **({"open_transactions": transactions} if waiting.number else {}),
        },
        ensure_ascii=False,
        indent=1,
    ) + "\n"


def _count_csv(reader: JournalReader, groups: list[JournalGroup], _proofs: _Proofs) -> Iterator[str]:
    return csv_lines(("outcome", "status", "reason", "instances"), (group_fields(group).values() for group in groups))


_TOTALS: Final[dict[str, Callable[[JournalReader, list[JournalGroup], _Proofs], Iterator[str]]]] = {
    "text": _count_text, "json": _count_json, "csv": _count_csv,
}  # fmt: skip
