"""Carries a run over the workers of a Dask cluster.

The driver lists the inputs, keeps the only journal and hands out batches; each worker sends its batch as a local run
does, and tells what becomes of it while it is sent.  Dask repeats nothing: the driver does, without what is stored.
"""

from __future__ import annotations

from .errors import ClusterUnusable
from .options import ClusterOptions, check_settings, is_on_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .link import check_cluster_package
    from .maker import CarriedBy

__all__ = [
    "CarriedBy", "ClusterOptions", "ClusterUnusable", "check_cluster_package", "check_settings", "is_on_loopback",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load what works with a cluster when it is first used."""
    if name == "CarriedBy":
        from .maker import CarriedBy

        return CarriedBy
    if name == "check_cluster_package":
        from .link import check_cluster_package

        return check_cluster_package
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
