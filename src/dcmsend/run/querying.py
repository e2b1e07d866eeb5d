"""Proof by query, as a run does it: asks the archive series by series, and tells in the log what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.proof import ProvableT, SeriesRemark, Verifier, VerifyOptions
from dcmsend.transfer import TransferOptions, Verdict

from .receiver import make_finder

if TYPE_CHECKING:
    from dcmsend.association import Peer
    from dcmsend.journal import Proofs
    from dcmsend.stow import WebPeer

__all__ = ["ONCE", "Querying"]

ONCE: Final = VerifyOptions(attempts=0, seconds=0.0)

_log = get_logger("dcmsend.app")


class Querying:
    """Asks one archive which instances it has.

    Attributes:
        whole: series of which the archive has nothing that was sent, with the number of other instances in them.
    """

    def __init__(
        self, archive: Peer | WebPeer, options: TransferOptions, interrupt: Interrupt, *, is_asked_for: bool
    ) -> None:
        """``is_asked_for``: whether the user wants queries; otherwise an archive that takes none is no error."""
        self._archive = archive
        self._options = options
        self._interrupt = interrupt
        self._is_asked_for = is_asked_for
        self._has_told = False
        self.whole: dict[tuple[str, str], int] = {}

    def verdicts(self, items: Iterable[ProvableT], options: VerifyOptions) -> Iterator[tuple[ProvableT, Verdict]]:
        """Yield each item with its verdict, see ``Verifier.verify``.  Raises Cancelled."""
        finder = make_finder(self._archive, self._options, self._interrupt)
        verifier = Verifier(finder, options, self._interrupt, remark=self._note_remark)
        try:
            yield from verifier.verify(items)
        finally:
            finder.close()
            if verifier.given_up is not None and not self._has_told:
                self._has_told = True
                self._tell_error(verifier.error, verifier.given_up)

    def forget_proven(self, proofs: Proofs) -> None:
        """Forget the series of which something is proven, now or earlier."""
        self.whole = {series: others for series, others in self.whole.items() if not proofs.has_proven(*series)}

    def _note_remark(self, remark: SeriesRemark) -> None:
        if remark.is_whole_series:
            self.whole[remark.study_uid, remark.series_uid] = remark.others

    def _tell_error(self, error: DcmsendError | None, reason: int | str) -> None:
        from dcmsend.advice import cannot_be_asked

        why = error or (f"it answers with status 0x{reason:04X}" if isinstance(reason, int) else reason)
        if self._is_asked_for:
            advice = cannot_be_asked(by_web=bool(self._archive.facts.url))
            _log.error("cannot ask the archive what it has: %s\n%s", why, advice)
        else:
            _log.info("the archive cannot be asked what it has: %s", why)
