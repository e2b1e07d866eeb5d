"""The options ``--cluster`` and ``--cluster-tls``; loaded only if one of them is given."""

from __future__ import annotations

import re
from typing import Final

from dcmsend.cluster import CarriedBy, ClusterOptions, check_cluster_package, is_on_loopback
from dcmsend.errors import UsageError
from dcmsend.inputs import without_secrets
from dcmsend.settings import Settings

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["cluster_carrier"]

_OPTION: Final = "--cluster"
_TLS: Final = "--cluster-tls"
_ENDS_WITH_PORT: Final = re.compile(r":[0-9]+\Z")
_TICKETS: Final = ("--kerberos", "--saml", "--jwt")


def cluster_carrier(line: CommandLine, settings: Settings) -> CarriedBy:
    """What makes the carrier of the run.

    Raises:
        UsageError: an address that cannot be used, options that cannot be used with a cluster, a missing package, a
            secret that would have to be sent to another host, files of TLS that cannot be used.
    """
    if not line.has(_OPTION):
        raise UsageError(f"{_TLS} only allowed with {_OPTION}")
    _check_others(line)
    options = _options(line, settings)
    carrier = CarriedBy(options)
    carrier.check(settings)
    check_cluster_package()
    return carrier


def _check_others(line: CommandLine) -> None:
    if not line.has("--journal"):
        raise UsageError(f"{_OPTION} only allowed with --journal")
    for option in ("--shard", "--probe-peer", "--dry-run"):
        if line.has(option):
            raise UsageError(f"{_OPTION} not allowed with {option}")
    if line.rightmost("--multi-associations", "--single-association") == "--single-association":
        raise UsageError(f"{_OPTION} not allowed with --single-association")
    if line.value("--keep-together") not in (None, "none"):
        raise UsageError(f"{_OPTION} not allowed with --keep-together")
    if line.has("--move-sent") and line.has("--read-from-dicomdir"):
        raise UsageError(f"{_OPTION} not allowed with --move-sent and --read-from-dicomdir")


def _options(line: CommandLine, settings: Settings) -> ClusterOptions:
    address = line.value(_OPTION) or ""
    files = line.values(_TLS)
    tls = (files[-1][0], files[-1][1], files[-1][2]) if files else None
    if address.startswith("tls://") and tls is None:
        raise UsageError(f"{_OPTION} {without_secrets(address)} only allowed with {_TLS}")
    if address.startswith("tcp://") and _ENDS_WITH_PORT.search(address) and not is_on_loopback(address):
        why = "whoever reaches a scheduler can run programs on its workers"
        raise UsageError(f"{_OPTION} only allowed with tls:// and {_TLS}, because {why}")
    count = settings.transfer.parallel_associations
    if not isinstance(count, int):
        raise UsageError(f"{_OPTION} not allowed with --parallel-associations auto: name the limit over all hosts")
    try:
        return ClusterOptions(
            address, tls,
            limit=count if line.has("--parallel-associations") else None,
            password_file=line.value("--password-file"),
            ticket_file=next((line.value(option) for option in _TICKETS if line.has(option)), None),
            key_password_file=line.value("--tls-key-password-file"),
        )  # fmt: skip
    except ValueError as error:
        if tls is not None and not address.startswith("tls://"):
            raise UsageError(f"{_TLS} only allowed with {_OPTION} tls://...") from error
        raise invalid_value(_OPTION, address) from error
