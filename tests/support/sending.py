"""A transfer by the library against a scripted peer, run to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcmsend import IndexOptions, Observer, Peer, PlanOptions, StoreOutcome, Transfer, TransferOptions, send
from dcmsend.errors import DcmsendError
from support.fixture_files import CT_CLASS, EI, UID_ROOT, explicit_element, meta_header
from support.peer_script import Script
from support.scripted_peer import ScriptedPeer

__all__ = ["Sent", "instance_uid", "run_transfer", "send_all", "tiny_data_set", "write_instances", "write_large"]


@dataclass(frozen=True)
class Sent:
    """A transfer that has come to its end.

    Attributes:
        outcomes: in the order in which they came.
        error: the error raised after the last one, None for none.
        peer: stopped, so its record is complete.
    """

    outcomes: tuple[StoreOutcome, ...]
    error: DcmsendError | None
    transfer: Transfer
    peer: ScriptedPeer

    @property
    def results(self) -> list[str]:
        return [outcome.result.value for outcome in self.outcomes]

    @property
    def reasons(self) -> list[str]:
        return ["" if outcome.reason is None else outcome.reason.value for outcome in self.outcomes]

    @property
    def courses(self) -> list[list[str]]:
        """The peer's record of each connection, without the end of the stream."""
        ends = ("end", "lost")
        return [[each for each in link.course if not each.startswith(ends)] for link in self.peer.connections]


def run_transfer(transfer: Transfer) -> tuple[tuple[StoreOutcome, ...], DcmsendError | None]:
    """Iterate a transfer to its end: the outcomes, and the error raised after them."""
    outcomes: list[StoreOutcome] = []
    try:
        for outcome in transfer:
            outcomes.append(outcome)  # noqa: PERF402  (extend would lose them when an error is raised)
    except DcmsendError as error:
        return tuple(outcomes), error
    return tuple(outcomes), None


def send_all(
    items: Iterable[Any],
    *scripts: Script,
    halt: bool = False,
    port: int | None = None,
    observer: Observer | None = None,
    plan: PlanOptions | None = None,
    index: IndexOptions | None = None,
    **options: Any,
) -> Sent:
    """Send to a scripted peer; ``halt`` is the command's default, not the library's.

    ``port`` is another one than the peer's (a relay's); ``options`` are those of ``TransferOptions``.
    """
    peer = ScriptedPeer(*scripts)
    with peer:
        transfer = send(
            items,
            Peer("127.0.0.1", port or peer.port),
            observer=observer,
            plan=plan or PlanOptions(halt_on_refusal=halt),
            index=index,
            transfer=TransferOptions(halt_on_failure=halt, **{"acse_timeout": 10, **options}),
        )
        outcomes, error = run_transfer(transfer)
    return Sent(outcomes, error, transfer, peer)


def instance_uid(number: int) -> str:
    """SOP Instance UID of the files below."""
    return f"{UID_ROOT}.40.{number}"


def tiny_data_set(number: int, sop_class_uid: str = CT_CLASS) -> bytes:
    """An instance without pixels in Explicit VR Little Endian."""
    return (
        explicit_element(0x0008, 0x0016, "UI", sop_class_uid.encode(), pad=b"\0")
        + explicit_element(0x0008, 0x0018, "UI", instance_uid(number).encode(), pad=b"\0")
        + explicit_element(0x0010, 0x0010, "PN", b"Test^Transfer")
    )


def write_instances(folder: Path, count: int, classes: Sequence[str] = (CT_CLASS,), first: int = 1) -> list[Path]:
    """Small complete files; their numbers count from ``first``, their SOP Classes go round."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(first, first + count):
        sop_class = classes[(number - first) % len(classes)]
        path = folder / f"{number:06d}.dcm"
        path.write_bytes(meta_header(sop_class, instance_uid(number), EI) + tiny_data_set(number, sop_class))
        paths.append(path)
    return paths


def write_large(path: Path, length: int, number: int = 900) -> Path:
    """An instance with ``length`` bytes of Pixel Data that differ from place to place."""
    head = meta_header(CT_CLASS, instance_uid(number), EI) + tiny_data_set(number)
    block = bytes(range(256)) * 256
    with path.open("wb") as file:
        file.write(head + b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little"))
        for start in range(0, length, len(block)):
            file.write((start // len(block)).to_bytes(4, "little") + block[4 : min(len(block), length - start)])
    return path
