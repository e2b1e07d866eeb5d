"""A transfer to a web service, run to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DcmsendError
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities
from dcmsend.stow import StowTarget, WebPeer
from dcmsend.transcode import can_convert, can_decode
from dcmsend.transfer import Engine, Feed, Observer, RetryOptions, StoreOutcome, TransferOptions
from support.fixture_files import CT_CLASS, EI, explicit_element, meta_header
from support.memory_run import MemoryLedger
from support.sending import instance_uid, tiny_data_set

__all__ = ["Stored", "files_of", "instances_of", "store"]


@dataclass(frozen=True)
class Stored:
    """A transfer that has come to its end."""

    outcomes: tuple[StoreOutcome, ...]
    error: DcmsendError | None
    sessions: int
    waiting_share: float

    @property
    def results(self) -> list[str]:
        return [outcome.result.value for outcome in self.outcomes]

    @property
    def reasons(self) -> list[str]:
        return ["" if outcome.reason is None else outcome.reason.name for outcome in self.outcomes]

    @property
    def statuses(self) -> list[int | None]:
        return [outcome.status for outcome in self.outcomes]


def files_of(folder: Path, sizes: Sequence[int]) -> list[Path]:
    """A file with a meta header for each size: so many bytes of pixels after a tiny data set of one series."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, size in enumerate(sizes, start=1):
        data = tiny_data_set(number)
        data += explicit_element(0x0020, 0x000D, "UI", b"1.2.3.4", pad=b"\0")
        data += explicit_element(0x0020, 0x000E, "UI", b"1.2.3.4.5", pad=b"\0")
        if size:
            pixels = bytes(range(256)) * (size // 256 + 1)
            data += explicit_element(0x7FE0, 0x0010, "OW", pixels[: size & ~1])
        path = folder / f"{number:04d}.dcm"
        path.write_bytes(meta_header(CT_CLASS, instance_uid(number), EI) + data)
        paths.append(path)
    return paths


def instances_of(paths: Sequence[Path], *, group: str = "", mode: ReadMode = ReadMode.FILE_ONLY) -> list[Instance]:
    """The instances of ``files_of``."""
    return [
        Instance(InputFile(str(path)), CT_CLASS, instance_uid(number), transfer_syntax(EI), mode, group)
        for number, path in enumerate(paths, start=1)
    ]


def store(
    url: str,
    items: Iterable[Path] | Sequence[Instance] | Feed,
    *,
    peer: dict[str, Any] | None = None,
    attempts: int = 0,
    halt: bool = False,
    observer: Observer | None = None,
    interrupt: Interrupt | None = None,
    ledger: MemoryLedger | None = None,
    decompress: bool = False,
    **options: Any,
) -> Stored:
    """Send to a web service; ``peer`` are attributes of the ``WebPeer``, ``attempts`` further ones."""
    instances: Sequence[Instance] | Feed
    if isinstance(items, Feed):
        instances = items
    else:
        rows = list(items)
        instances = [row for row in rows if isinstance(row, Instance)] or instances_of(rows)  # type: ignore[arg-type]
    retry = RetryOptions(attempts=attempts, delay=0.01, longest_delay=options.pop("longest_delay", 1.0))
    chosen = TransferOptions(**{"halt_on_failure": halt, "retry": retry, "connect_timeout": 10.0, **options})
    abilities = Abilities(can_decode, can_convert, default_dictionary, None, frozenset())
    target = StowTarget(WebPeer(url, **(peer or {})), chosen, abilities, decompress=decompress)
    engine = Engine(instances, target, chosen, interrupt or Interrupt(), observer, ledger or MemoryLedger())
    with closing(target):
        outcomes = tuple(engine.run())
        return Stored(outcomes, engine.error, target.counts().sessions, engine.waiting_share)
