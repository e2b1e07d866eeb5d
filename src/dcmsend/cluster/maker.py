"""Makes the carrier of a run, for a cluster that is named or that the caller has connected with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dcmsend.interrupt import Interrupt
from dcmsend.report import RunRecord
from dcmsend.settings import Settings
from dcmsend.transfer import Ledger, Observer

from .carrier import ClusterCarrier
from .options import ClusterOptions
from .parcel import check_secrets

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.inputs import Fetcher, Selection, Share

__all__ = ["carried_by"]


class carried_by:  # noqa: N801  (a function with a state, as ``functools.partial``)
    """Makes the carrier of a run on a cluster; see ``run.CarrierMaker``."""

    def __init__(self, cluster: ClusterOptions | Client) -> None:
        """``cluster``: which one to connect with, or a connection that the caller has."""
        self._client = None if isinstance(cluster, ClusterOptions) else cluster
        self._options = cluster if isinstance(cluster, ClusterOptions) else _options_of(cluster)

    def check(self, settings: Settings) -> None:
        """Raise UsageError if a secret of ``settings`` would have to be sent to another machine."""
        check_secrets(settings, self._options)

    def __call__(
        self,
        settings: Settings,
        record: RunRecord,
        interrupt: Interrupt,
        observer: Observer | None,
        ledger: Ledger | None,
        share: Share | None = None,
        fetcher: Callable[[], Fetcher] | None = None,
        selection: Selection | None = None,
    ) -> ClusterCarrier:
        assert ledger is not None
        return ClusterCarrier(settings, record, interrupt, observer, ledger, self._options, self._client)


def _options_of(client: Client) -> ClusterOptions:
    """What is to be known of a cluster that the caller has connected with: whether secrets may be sent there."""
    address = str(client.scheduler_info()["address"])
    security = client.security
    if not address.startswith("tls:") or security is None:
        return ClusterOptions(address)
    return ClusterOptions(address, (security.tls_ca_file, security.tls_client_cert, security.tls_client_key))
