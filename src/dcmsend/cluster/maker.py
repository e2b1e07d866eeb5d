"""Makes the carrier of a run, for a cluster that is named or that the caller has connected with."""

from __future__ import annotations

import sys
from multiprocessing import current_process
from typing import TYPE_CHECKING, Final

from dcmsend.settings import Settings
from dcmsend.transport import TlsOptions, load_tls

from .carrier import ClusterCarrier
from .errors import READ_BY_WORKERS, ClusterUnusable
from .options import ClusterOptions
from .parcel import check_secrets

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.run import Circumstances

__all__ = ["CarriedBy"]

_OF_THE_CLIENT: Final = ("", "", "")
"""In place of the files of TLS, which a client that is connected may have in memory only."""


class CarriedBy:
    """Makes the carrier of a run on a cluster; see ``run.CarrierMaker``."""

    def __init__(self, cluster: ClusterOptions | Client) -> None:
        """``cluster``: which one to connect with, or a connection that the caller has.

        Raises TypeError for what is neither; ValueError for a client that cannot be used, or that whoever reaches its
        scheduler can have run programs; ClusterUnusable for one that is closed.
        """
        self._client = None if isinstance(cluster, ClusterOptions) else cluster
        self._options = cluster if isinstance(cluster, ClusterOptions) else _options_of(cluster)

    def check(self, settings: Settings) -> None:
        """Raise UsageError if a secret of ``settings`` would have to be sent to another machine.

        Raises UsageError for files of TLS that cannot be used, too.
        Raises ClusterUnusable in a worker that has just been started by the program itself, and reads it.
        """
        check_secrets(settings, self._options)
        if self._options.tls is not None and self._client is None:
            authority, certificate, key = self._options.tls
            load_tls(TlsOptions(key, certificate, ca_files=(authority,)))  # Dask would only fail to connect
        if self._options.local_workers and getattr(current_process(), "_inheriting", False):
            text = "this process is a worker of it that reads the program first"
            raise ClusterUnusable(f"{self._options.address}: {text}; {READ_BY_WORKERS}", is_final=True)

    def __call__(self, run: Circumstances, /) -> ClusterCarrier:
        return ClusterCarrier(run, self._options, self._client)


def _options_of(client: Client) -> ClusterOptions:
    """What is to be known of a cluster that the caller has connected with: whether secrets may be sent there.

    Asks nobody: the scheduler may hang.  Raises as ``CarriedBy`` does.
    """
    distributed = sys.modules.get("distributed")  # who has a client has loaded it
    if distributed is None or not isinstance(client, distributed.Client):
        kind = type(client).__name__
        raise TypeError(f"cluster must be ClusterOptions or a dask.distributed.Client that is connected, not {kind}")
    if client.asynchronous:
        raise ValueError("cluster: the client is asynchronous, its answers go to its event loop; make another one")
    if client.status not in ("running", "connecting") or client.scheduler is None:
        raise ClusterUnusable(f"the client is {client.status}", is_final=True)
    address = str(client.scheduler.address)
    return ClusterOptions(address, _OF_THE_CLIENT if address.startswith("tls:") else None)
