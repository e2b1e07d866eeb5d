"""What the two ways to carry inputs have to know of a run."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from dcmsend.dicom.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from dcmsend.inputs import Fetcher, Selection, Share
    from dcmsend.interrupt import Interrupt
    from dcmsend.report import RunRecord
    from dcmsend.settings import Settings
    from dcmsend.transfer import Ledger, Observer

__all__ = ["Circumstances"]


class Circumstances(Value):
    """What a carrier has to know of the run that it works for.

    Attributes:
        settings: what the user has asked for.
        record: the facts of the run, filled while it goes on.
        interrupt: ends the work early.
        observer: is told of all that happens; None if nobody is.
        ledger: keeps what is stored; None if nothing is kept.
        share: tells which inputs belong to other runs; None if none do.
        fetcher: admits objects of stores to be fetched as a whole; None to fetch their first bytes only.
        selection: tells which inputs are left out by their names; None if none are.
    """

    __slots__ = ("settings", "record", "interrupt", "observer", "ledger", "share", "fetcher", "selection")

    def __init__(
        self,
        settings: Settings,
        record: RunRecord,
        interrupt: Interrupt,
        observer: Observer | None = None,
        ledger: Ledger | None = None,
        share: Share | None = None,
        fetcher: Callable[[], Fetcher] | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.settings: Final = settings
        self.record: Final = record
        self.interrupt: Final = interrupt
        self.observer: Final = observer
        self.ledger: Final = ledger
        self.share: Final = share
        self.fetcher: Final = fetcher
        self.selection: Final = selection
