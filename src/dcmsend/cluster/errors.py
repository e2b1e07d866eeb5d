"""The error of a run that has no cluster to run on."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import ConnectFailed, SessionFailed

__all__ = ["READ_BY_WORKERS", "SAME_EVERYWHERE", "ClusterUnusable"]

READ_BY_WORKERS: Final = 'a program that starts workers has to send below: if __name__ == "__main__":'
"""What a program must have that starts workers: each of them reads it, and would start workers, too."""
SAME_EVERYWHERE: Final = "install the same version of dcmsend on all hosts, for the Python that runs the workers there"
"""What to do where a worker has another version, or none."""


class ClusterUnusable(SessionFailed):
    """The cluster cannot be reached, has no worker, or its workers cannot do the work.

    ``is_final``: a person has to act before a later run can succeed, e.g. because versions differ.
    """

    prefix = "cannot use the cluster"
    is_of_receiver = False

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(ConnectFailed(reason))

    @property
    def is_permanent(self) -> bool:
        """See ``SessionFailed``."""
        return self.is_final
