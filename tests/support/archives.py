"""Archives as inputs: what they hold, and what a run makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcmsend import InputOptions, Peer, RejectedInput, StoreOutcome, send
from dcmsend.inputs import InputFile, Source
from dcmsend.inputs.archives import expand_archives

__all__ = ["ARCHIVES", "ArchiveRun", "content_of", "members", "send_archives"]

ARCHIVES = InputOptions(scan_directories=True, recurse=True, archives=True)


@dataclass(frozen=True)
class ArchiveRun:
    """A transfer that has come to its end."""

    outcomes: Sequence[StoreOutcome]
    rejected: Sequence[RejectedInput]
    already_stored: int

    @property
    def results(self) -> dict[str, str]:
        """Result, or the reason why there is none, by the last part of the path."""
        results = {os.path.basename(each.instance.input.path): each.result.value for each in self.outcomes}
        return results | {os.path.basename(each.path): each.reason for each in self.rejected}


def members(*archives: Path) -> list[Source]:
    """What the archives are expanded to."""
    return list(expand_archives(InputFile(str(path)) for path in archives))


def content_of(member: Source, head_size: int = 16) -> bytes:
    """All bytes of an input, read as a run reads them."""
    file = member.open(head_size)
    try:
        content = file.source().read_at(0, file.size)
    finally:
        file.close()
    assert content.startswith(file.head)
    return content


def send_archives(items: Iterable[Path] | Path, port: int, **options: Any) -> ArchiveRun:
    """Send by the library; ``options`` are those of ``send``."""
    transfer = send(items, Peer("127.0.0.1", port), **{"inputs": ARCHIVES, **options})
    return ArchiveRun(list(transfer), list(transfer.rejected), transfer.already_stored)
