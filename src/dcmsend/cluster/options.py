"""The options of a cluster."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from dcmsend.dicom.record import FileNames, OptionalFileName, Record
from dcmsend.index import KeepTogether
from dcmsend.settings import Settings

__all__ = ["ClusterOptions", "check_settings", "is_on_loopback"]

_LOCAL: Final = re.compile(r"local:([1-9][0-9]{0,3})")
_ADDRESS: Final = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
_LOOPBACK: Final = re.compile(r"localhost|127\.[0-9.]+|\[::1\]")


def is_on_loopback(address: str) -> bool:
    """Whether only programs of this machine reach a scheduler's address."""
    match = _ADDRESS.fullmatch(address)
    return match is not None and _LOOPBACK.fullmatch(match[2]) is not None


class ClusterOptions(Record):
    """A cluster of Dask, and what it may do at once.  Raises ValueError for an address that cannot be used.

    Attributes:
        address: of a scheduler, ``tls://host:port`` or, on this machine only, ``tcp://127.0.0.1:port``; or ``local:N``
            for N worker processes of this machine, which are started for the run.
        tls: files with the certificate of the authority, our certificate and our key (PEM), for ``tls:``.
        limit: how many associations may be open at the same time over all workers; None for one a worker.
        password_file, ticket_file: where workers find the user's password, or ticket or token.
        key_password_file: where workers find the password of the private TLS key.
    """

    address: str
    tls: tuple[str, str, str] | None = None
    limit: int | None = None
    password_file: OptionalFileName = OptionalFileName()
    ticket_file: OptionalFileName = OptionalFileName()
    key_password_file: OptionalFileName = OptionalFileName()

    def _taken(self, name: str, value: Any) -> Any:
        if name == "tls" and value is not None:
            with suppress(TypeError):  # told below, in a sentence
                value = FileNames.taken(value)
        return super()._taken(name, value)

    def check(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError("ClusterOptions: impossible limit")
        if self.local_workers:
            if self.tls is not None:
                raise ValueError("ClusterOptions: workers of this machine need no certificates")
            return
        match = _ADDRESS.fullmatch(self.address)
        if match is None or not 0 < int(match[3]) < 65536:
            raise ValueError(f"ClusterOptions: no address of a scheduler: {self.address}")
        if (match[1] == "tls") is not (self.tls is not None):
            raise ValueError("ClusterOptions: certificates go with tls://, and tls:// with certificates")
        if self.tls is None and not is_on_loopback(self.address):
            raise ValueError("ClusterOptions: whoever reaches a scheduler can run programs: it has to be tls://")

    @property
    def local_workers(self) -> int:
        """How many workers are started on this machine; 0 for a cluster that runs already."""
        match = _LOCAL.fullmatch(self.address)
        return int(match[1]) if match else 0

    @property
    def place(self) -> tuple[str, int]:
        """Host and port of the scheduler."""
        match = _ADDRESS.fullmatch(self.address)
        assert match is not None
        return match[2].strip("[]"), int(match[3])

    @property
    def stays_here(self) -> bool:
        """Whether nothing that is sent to workers leaves this machine."""
        return bool(self.local_workers) or is_on_loopback(self.address)


def check_settings(settings: Settings) -> None:
    """Raise ValueError for settings with which no cluster can carry a run."""
    if settings.journal is None:
        raise ValueError("a cluster needs a journal: without it nobody knows what a worker that died has sent")
    if settings.inputs.shard is not None:
        raise ValueError("a cluster shares the inputs out itself: no shards")
    if settings.index.keep_together is not KeepTogether.NONE:
        raise ValueError("a cluster sends what belongs together over several associations")
    if not settings.plan.multiple_associations:
        raise ValueError("a cluster needs more than one association")
    if settings.journal.move_sent and settings.index.expand_dicomdir:
        raise ValueError("what a DICOMDIR refers to is known on the workers only: files cannot be moved")
