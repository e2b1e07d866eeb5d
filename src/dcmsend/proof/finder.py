"""The interface through which an archive is asked: all that ``proof`` knows of a way to ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from dcmsend.transfer import Holdings

__all__ = ["Finder"]


class Finder(Protocol):
    """Asks one archive, one question at a time."""

    def find(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        """Which of the ``wanted`` SOP Instance UIDs the archive has in a series.

        By default the archive is asked for the whole series; ``by_name`` asks for these instances alone, at most 60 kB
        of UIDs.
        Raises SessionFailed, AssociationError, TransportError, RemoteProtocolError when there is no answer, Cancelled;
        the next question may have one all the same.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; never raises.  The next question opens another."""
        ...
