"""A way to send to a web service, and a way to ask it, without a web service: for what a run makes of them.

What is sent goes to a Storage SCP, so that outcomes are real ones.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from dcmsend import stow
from dcmsend.association import DimseTarget, Peer
from dcmsend.errors import DcmsendError
from dcmsend.plan import PlanOptions
from dcmsend.stow import WebPeer
from dcmsend.transfer import Holdings, TransferOptions

__all__ = ["WebDoubles"]


class WebDoubles:
    """What takes the place of ``stow``; made before the run.

    Attributes:
        port: of the Storage SCP on this machine.
        holds: whether the archive has what it is asked for.
        error: raised by each question.
        targets: the peer with which a target was made, the options, and whether to decompress, each time.
        asked: the peer of each question, study, series and UIDs.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.port = 0
        self.holds = True
        self.error: DcmsendError | None = None
        self.targets: list[tuple[WebPeer, TransferOptions, bool]] = []
        self.asked: list[tuple[WebPeer, str, str, set[str]]] = []
        for name, double in (("StowTarget", self._make_target), ("SeriesFinder", self._make_finder)):
            monkeypatch.setitem(vars(stow), name, double)

    def _make_target(
        self, peer: WebPeer, options: TransferOptions, *others: Any, decompress: bool = False
    ) -> DimseTarget:
        self.targets.append((peer, options, decompress))
        return DimseTarget(Peer("127.0.0.1", self.port), options, PlanOptions(), *others)

    def _make_finder(self, peer: WebPeer, *_: Any) -> _Finder:
        return _Finder(self, peer)


class _Finder:
    def __init__(self, doubles: WebDoubles, peer: WebPeer) -> None:
        self._doubles = doubles
        self._peer = peer

    def find(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        doubles = self._doubles
        doubles.asked.append((self._peer, study_uid, series_uid, set(wanted)))
        if doubles.error is not None:
            raise doubles.error
        return Holdings(dict.fromkeys(wanted, "ONLINE") if doubles.holds else {}, 0, 0)

    def close(self) -> None:
        pass
