"""Turns a scanned command line into settings; values are checked in DCMTK's order, which decides the error shown."""

from __future__ import annotations

import os

from dcmsend.association import AddressFamily, Peer
from dcmsend.errors import UsageError
from dcmsend.index import IndexOptions, KeepTogether, ReadMode
from dcmsend.inputs import FileList, InputOptions
from dcmsend.loggers import CRITICAL, DEBUG, INFO, WARNING
from dcmsend.plan import Decompression, PlanOptions
from dcmsend.report import ReportOptions
from dcmsend.settings import Preview, Settings
from dcmsend.transfer import TransferOptions
from dcmsend.transport import without_rest

from .command_line import CommandLine
from .new_ways import check_archives, check_move_sent, is_new
from .numbers import (
    check_limits,
    invalid_value,
    parse_duration,
    parse_limited,
    parse_parallel,
    parse_port,
    scan_unsigned,
)
from .option_table import (
    JOURNAL_OPTIONS,
    PROGRESS,
    PROOF_OPTIONS,
    REPORT_OPTIONS,
    RETRY_OPTIONS,
    SECURITY_OPTIONS,
    WEB_OPTIONS,
    Limits,
    find_option,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeVar

    from dcmsend.index import ValueRule
    from dcmsend.journal import JournalOptions
    from dcmsend.stow import WebPeer

    _Meaning = TypeVar("_Meaning")

__all__ = ["LogChoice", "build_settings", "choose_logging"]

_MODE_LEVELS: Final = {
    "--debug": DEBUG, "--verbose": INFO, "--quiet": CRITICAL,
}
_READ_MODES: Final = {
    "--read-file": ReadMode.FILE_OR_DATA_SET,
    "--read-file-only": ReadMode.FILE_ONLY,
    "--read-dataset": ReadMode.DATA_SET_ONLY,
}
_RECURSION: Final = {"--no-recurse": False, "--recurse": True}
_DECOMPRESSION: Final = {
    "--decompress-never": Decompression.NEVER,
    "--decompress-lossless": Decompression.LOSSLESS,
    "--decompress-lossy": Decompression.LOSSY,
}
_ADDRESS_FAMILIES: Final = {
    "--ipv4": AddressFamily.IPV4, "--ipv6": AddressFamily.IPV6, "--ip-auto": AddressFamily.ANY,
}
_PREVIEWS: Final = {"--dry-run": Preview.DRY_RUN, "--probe-peer": Preview.PROBE_PEER}
_HALTING: Final = {"--no-halt": False, "--halt": True}
_MULTIPLE_ASSOCIATIONS: Final = {"--multi-associations": True, "--single-association": False}
_NUMBERS: Final = (
    "--compression-level", "--timeout", "--acse-timeout", "--dimse-timeout", "--max-pdu", "--max-send-pdu",
)
"""Options with limits, in the order in which DCMTK checks them."""
_PARALLEL: Final = Limits(1, 128)
_WINDOW: Final = Limits(2, 65535)
_LONGEST_WAIT: Final = 2_147_483
"""Longest wait in seconds, about 24 days; a longer one overflows the operating system's milliseconds."""


class LogChoice:
    """The logging options of the command line.

    Attributes:
        level: lowest ``logging`` level shown; ignored with a configuration file.
        config_file: log configuration file, not yet read; None for none.
        show_arguments: whether to log the expanded command line.
    """

    __slots__ = ("config_file", "level", "show_arguments")

    def __init__(self, level: int, config_file: str | None, show_arguments: bool) -> None:
        self.level: Final = level
        self.config_file: Final = config_file
        self.show_arguments: Final = show_arguments


def choose_logging(line: CommandLine) -> LogChoice:
    """The logging options, without reading the configuration file.

    Raises:
        UsageError: an unknown level, or options that exclude each other.
    """
    mode = line.rightmost(*_MODE_LEVELS)
    level = _MODE_LEVELS[mode] if mode else WARNING
    word = line.value("--log-level")
    config_file = line.value("--log-config")
    if word is not None:
        if mode:
            raise UsageError("--log-level not allowed with --verbose, --debug or --quiet")
        from .log_words import LOG_LEVELS

        if word.upper() not in LOG_LEVELS:
            raise UsageError("Invalid log level for --log-level option", invalid_value("--log-level", word).hint)
        level = LOG_LEVELS[word.upper()]
    if config_file is not None:
        if word is not None:
            raise UsageError("--log-config not allowed with --log-level")
        if mode:
            raise UsageError("--log-config not allowed with --verbose, --debug or --quiet")
    return LogChoice(level, config_file, line.has("--arguments"))


def build_settings(line: CommandLine, *, is_verbose: bool) -> tuple[Settings, list[str]]:
    """Settings and input names; ``is_verbose`` tells whether messages of level INFO are shown.

    Raises:
        UsageError: the first bad value in DCMTK's order; our own options are checked last.
    """
    _check_dependences(line, is_verbose)
    is_web = line.has("--stow")
    numbers = {option: number for option in _NUMBERS if (number := _number(line, option)) is not None}
    port = 0 if is_web else parse_port(line.parameters)
    halt = _halts(line)
    ways, archive = _proof(line)
    settings = Settings(
        inputs=_input_options(line),
        index=_index_options(line, halt),
        plan=_plan_options(line, halt),
        transfer=_transfer_options(line, numbers, halt),
        report=_report_options(line),
        peer=_receiver(line, port),  # last, because this may ask for passwords
        require_stored=line.has("--require-stored") or is_new(line),
        file_lists=_file_lists(line),
        preview=_choice(line, _PREVIEWS),
        send_while_scanning=line.has("--send-while-scanning"),
        journal=_journal(line),
        dictionary_files=tuple(name for name in os.environ.get("DCMDICTPATH", "").split(os.pathsep) if name),
        **ways,
    )
    if archive is not None:
        called, host, port = archive
        titles = {} if called is None else {"called_ae_title": called}
        settings = settings.replace(archive=settings.dimse_peer.replace(host=host, port=port, **titles))
    return settings, line.parameters[0 if is_web else 2 :]


def _halts(line: CommandLine) -> bool:
    chosen = _choice(line, _HALTING)
    return not is_new(line) if chosen is None else chosen


def _check_dependences(line: CommandLine, is_verbose: bool) -> None:
    scans = line.has("--scan-directories")
    if line.has("--verbose-pc") and not is_verbose:
        raise UsageError("--verbose-pc only allowed with verbose mode")
    if line.has("--scan-pattern") and not scans:
        raise UsageError("--scan-pattern only allowed with --scan-directories")
    if _choice(line, _RECURSION) and not scans:
        raise UsageError("--recurse only allowed with --scan-directories")
    if line.has("--probe-peer") and line.has("--dry-run"):
        raise UsageError("--probe-peer not allowed with --dry-run")
    check_move_sent(line)
    check_archives(line, _file_lists(line))
    for option in ("--parallel-associations", "--retry", "--send-while-scanning"):
        if line.has(option) and _choice(line, _MULTIPLE_ASSOCIATIONS) is False:
            raise UsageError(f"{option} not allowed with --single-association")
    if line.rightmost(*WEB_OPTIONS) is not None:
        from .web_arguments import check_web_options

        check_web_options(line)


def _receiver(line: CommandLine, port: int) -> Peer | WebPeer:
    if line.has("--stow"):
        from .web_arguments import web_peer

        return web_peer(line)
    if "://" in line.parameters[0]:
        from .allowed_form import address_as_host  # only needed for an error message

        raise address_as_host(line.parameters[0])
    return Peer(without_rest(line.parameters[0]), port, **_given(
        called_ae_title=line.value("--call"),
        calling_ae_title=line.value("--aetitle"),
        address_family=_choice(line, _ADDRESS_FAMILIES),
        **_security(line),
    ))


def _security(line: CommandLine) -> dict[str, Any]:
    if line.rightmost(*SECURITY_OPTIONS) is None:
        return {}
    from .identity_arguments import user_identity
    from .tls_arguments import tls_client

    return {"user_identity": user_identity(line), "tls": tls_client(line)}


def _journal(line: CommandLine) -> JournalOptions | None:
    if line.rightmost(*JOURNAL_OPTIONS) is None:
        return None
    from .journal_arguments import journal_options

    return journal_options(line)


def _proof(line: CommandLine) -> tuple[dict[str, Any], tuple[str | None, str, int] | None]:
    if line.rightmost(*PROOF_OPTIONS) is None:
        return {}, None
    from .proof_arguments import archive_address, proof_options

    return proof_options(line), archive_address(line)


def _input_options(line: CommandLine) -> InputOptions:
    return InputOptions(**_given(
        scan_directories=line.has("--scan-directories"),
        recurse=_choice(line, _RECURSION),
        scan_pattern=line.value("--scan-pattern"),
        min_age=_duration(line, "--min-age"),
        archives=line.has("--archives"),
        fetch_parallel=_strict_number(line, "--fetch-parallel", _PARALLEL),
        **_further_inputs(line),
    ))


def _further_inputs(line: CommandLine) -> dict[str, Any]:
    if line.rightmost("--include", "--exclude", "--shard", "--storage-option") is None:
        return {}
    from .choice_arguments import further_input_options

    return further_input_options(line)


def _value_rules(line: CommandLine) -> tuple[ValueRule, ...] | None:
    if line.rightmost("--only", "--skip") is None:
        return None
    from .choice_arguments import value_rules

    return value_rules(line)


def _file_lists(line: CommandLine) -> tuple[FileList, ...]:
    lists = [FileList(path) for (path,) in line.values("--files-from")]
    lists += [FileList(path, b"\0") for (path,) in line.values("--files-from0")]
    if sum(source.path == "-" for source in lists) > 1:
        raise UsageError("the standard input can be only one list of files")
    return tuple(lists)


def _index_options(line: CommandLine, halt: bool) -> IndexOptions:
    return IndexOptions(**_given(
        read_mode=_choice(line, _READ_MODES),
        check_uids=not line.has("--no-uid-checks"),
        expand_dicomdir=line.has("--read-from-dicomdir"),
        dicomdir_allow_outside=line.has("--dicomdir-allow-outside"),
        keep_together=_keep_together(line),
        halt_on_invalid=halt,
        value_rules=_value_rules(line),
        tells_once=line.uses_ours_beside(PROGRESS) or None,
    ))


def _keep_together(line: CommandLine) -> KeepTogether | None:
    word = line.value("--keep-together")
    if word is None:
        return None
    try:
        return KeepTogether(word)
    except ValueError:
        raise invalid_value("--keep-together", word) from None


def _plan_options(line: CommandLine, halt: bool) -> PlanOptions:
    return PlanOptions(**_given(
        decompression=_decompression(line),
        no_illegal_proposal=line.has("--no-illegal-proposal"),
        multiple_associations=_choice(line, _MULTIPLE_ASSOCIATIONS),
        halt_on_refusal=halt,
    ))


def _decompression(line: CommandLine) -> Decompression | None:
    """What may be decompressed; nothing is for a web service, unless the option is written."""
    chosen = _choice(line, _DECOMPRESSION)
    return Decompression.NEVER if chosen is None and line.has("--stow") else chosen


def _transfer_options(line: CommandLine, numbers: dict[str, int], halt: bool) -> TransferOptions:
    idle = line.value("--idle-timeout")
    return TransferOptions(**_given(
        connect_timeout=_wait(numbers.get("--timeout")),
        acse_timeout=_wait(numbers.get("--acse-timeout")),
        dimse_timeout=_wait(numbers.get("--dimse-timeout")),
        idle_timeout=None if idle is None else _wait(parse_duration("--idle-timeout", idle)),
        max_pdu=numbers.get("--max-pdu"),
        max_send_pdu=numbers.get("--max-send-pdu"),
        halt_on_failure=halt,
        convert=_decompression(line) is not Decompression.NEVER,
        deflate_level=numbers.get("--compression-level"),
        normalize=line.has("--normalize"),
        keep_ybr=line.has("--keep-ybr"),
        log_negotiation=line.has("--verbose-pc"),
        parallel_associations=parse_parallel(
            "--parallel-associations", line.value("--parallel-associations"), _PARALLEL
        ),
        async_window=_strict_number(line, "--async-window", _WINDOW),
        **_rates(line),
        **_retry_and_stop(line),
        tcp_no_delay=_environment_number("TCP_NODELAY") != 0,
        tcp_buffer_length=_environment_number("TCP_BUFFER_LENGTH"),
    ))


def _rates(line: CommandLine) -> dict[str, Any]:
    if line.rightmost("--max-rate", "--max-instances-rate") is None:
        return {}
    from .rate_arguments import rate_options

    return rate_options(line)


def _retry_and_stop(line: CommandLine) -> dict[str, Any]:
    if line.rightmost(*RETRY_OPTIONS) is None:
        return {}
    from .retry_arguments import retry_and_stop_options

    return retry_and_stop_options(line)


def _report_options(line: CommandLine) -> ReportOptions:
    if line.rightmost(*REPORT_OPTIONS) is None:
        return ReportOptions()
    from .report_arguments import report_options

    return report_options(line)


def _environment_number(name: str) -> int | None:
    """A number in the environment, read as DCMTK does; None if there is none that a C ``int`` can hold."""
    number = scan_unsigned(os.environ.get(name, ""))
    return number if number is not None and number < 2**31 else None


def _given(**values: Any) -> dict[str, Any]:
    """The values that were given; for the others each group of options has its own default."""
    return {name: value for name, value in values.items() if value is not None}


def _choice(line: CommandLine, meanings: dict[str, _Meaning]) -> _Meaning | None:
    """The meaning of the rightmost option of a group."""
    option = line.rightmost(*meanings)
    return None if option is None else meanings[option]


def _number(line: CommandLine, option: str) -> int | None:
    """The value of an option with limits; a negative number counts as missing, as in DCMTK."""
    row, text = find_option(option), line.value(option)
    if text is None or row is None or row.limits is None:
        return None
    number = None if text.lstrip(" \t\n\v\f\r").startswith("-") else scan_unsigned(text)
    if number is None:
        raise invalid_value(option, text)
    fault = check_limits(number, row.limits)
    if fault:
        raise invalid_value(option, text, fault=fault)
    return number


def _strict_number(line: CommandLine, option: str, limits: Limits) -> int | None:
    """The value of one of our own options that is a number."""
    text = line.value(option)
    return None if text is None else parse_limited(option, text, limits)


def _duration(line: CommandLine, option: str) -> float | None:
    text = line.value(option)
    return None if text is None else float(parse_duration(option, text))


def _wait(seconds: int | None) -> float | None:
    return None if seconds is None else float(min(seconds, _LONGEST_WAIT))
