"""The transactions of a run: the journal keeps them; reports come in from several threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from dcmsend.errors import JournalError
from dcmsend.interrupt import WAIT_SLICE
from dcmsend.loggers import get_logger
from dcmsend.proof import Reported

if TYPE_CHECKING:
    from dcmsend.journal import Proofs, StoredRow
    from dcmsend.transfer import CommitmentAnswer, Proof

__all__ = ["JournalTransactions"]

_MOST_WAITING: Final = 200
"""Reports that nobody has looked at yet, before further ones are in the journal alone or, once somebody looks, before
another archive's association has to wait."""
_PROCESSING_FAILURE: Final = 0x0110
_RESOURCE_LIMITATION: Final = 0x0213

_log = get_logger("dcmsend.app")


class JournalTransactions:
    """Keeps ``proof.Transactions``; thread-safe.  Between two openings of the journal reports have to wait.

    A report is answered with success only after it is kept, also if it is unknown or comes twice: some archives repeat
    for ever what is answered otherwise.
    """

    def __init__(self, peer: str) -> None:
        """``peer`` is the archive as the journal names it, ``AET@host:port``."""
        self._peer = peer
        self._changed = threading.Condition()
        self._proofs: Proofs | None = None
        self._reports: deque[Reported[StoredRow]] = deque()
        self._is_looked_at = False
        self._untold_after: int | None = None  # mark in the journal, which alone has the reports since then
        self._is_over = False
        self._error: JournalError | None = None

    def use(self, proofs: Proofs | None) -> None:
        """Keep transactions in the proofs of a journal, which nobody else uses; None before it is closed."""
        with self._changed:
            self._proofs = proofs
            self._is_over = self._is_over and proofs is None
            self._changed.notify_all()

    # -- reports

    def take(self, answer: CommitmentAnswer) -> int:
        """Keep a report; return the status of the response to it."""
        with self._changed:
            return self._take(answer)

    def take_in_turn(self, answer: CommitmentAnswer) -> int:
        """As ``take``, on a thread that may wait until there is a journal, and for somebody who looks at the others.

        While files are sent nobody does, perhaps for hours: archives end associations on which there is no answer.
        """
        with self._changed:
            while not self._is_over and (self._proofs is None or (self._is_looked_at and self._is_full)):
                self._changed.wait(WAIT_SLICE)
            return self._take(answer)

    @property
    def _is_full(self) -> bool:
        return len(self._reports) >= _MOST_WAITING

    def _take(self, answer: CommitmentAnswer) -> int:
        if self._is_over or self._proofs is None:
            return _RESOURCE_LIMITATION
        uid, verdicts = answer.transaction_uid, answer.verdicts
        try:
            if self._is_full and not self._is_looked_at and self._untold_after is None:
                self._untold_after = self._proofs.newest_mark()
            proofs = self._proofs.answer_transaction(uid, verdicts)
        except JournalError as error:
            self._error = error
            self._changed.notify_all()
            return _PROCESSING_FAILURE
        if proofs is None:
            from dcmsend.association import shown  # whoever reaches the port may have written it

            _log.info("ignoring a report on a transaction that is not ours: %s", shown(uid))
            return 0
        self._tell_differences(answer, proofs)
        if proofs and self._untold_after is None:
            self._reports.append(Reported(uid, proofs))
            self._changed.notify_all()
        return 0

    def _tell_differences(self, answer: CommitmentAnswer, proofs: Sequence[tuple[StoredRow, object]]) -> None:
        if not proofs:
            _log.debug("a report has come again: transaction %s", answer.transaction_uid)
            return
        asked = {row.sop_instance_uid for row, _ in proofs}
        silent, strange = len(asked - answer.verdicts.keys()), len(answer.verdicts.keys() - asked)
        if silent:
            from dcmsend.advice import ASKED_AGAIN

            text = "the archive's report does not name %d of %d instances that it was asked for; %s"
            _log.warning(text, silent, len(asked), ASKED_AGAIN)
        if strange:
            _log.warning("ignoring %d instances in the archive's report that it was not asked for", strange)

    # -- ``proof.Transactions``, for one thread

    def open_uids(self) -> list[str]:
        """See ``proof.Transactions``."""
        with self._changed:
            return [each.uid for each in self._known.open_transactions()]

    def begin(self, uid: str, rows: Sequence[StoredRow]) -> list[StoredRow]:
        """See ``proof.Transactions``."""
        with self._changed:
            return self._known.begin_transaction(uid, rows, self._peer)

    def replace(self, old: str, new: str) -> list[StoredRow]:
        """See ``proof.Transactions``; empty if a report has come meanwhile."""
        with self._changed:
            try:
                return self._known.replace_transaction(old, new, self._peer)
            except ValueError:  # it is not open any more
                return []

    def refuse(self, uid: str, reason: int | str | None) -> list[StoredRow]:
        """See ``proof.Transactions``."""
        with self._changed:
            return self._known.refuse_transaction(uid, reason)

    def rows_of(self, uid: str) -> list[StoredRow]:
        """See ``proof.Transactions``."""
        with self._changed:
            return self._known.rows_of(uid)

    def is_last_copy(self, row: StoredRow) -> bool:
        """See ``proof.Transactions``."""
        with self._changed:
            return self._known.is_last_copy(row)

    def still(self) -> AbstractContextManager[object]:
        """See ``proof.Transactions``."""
        return self._changed

    def wait(self, seconds: float) -> Reported[StoredRow] | None:
        """See ``proof.Transactions``.  Raises JournalError if a report could not be kept."""
        until = time.monotonic() + seconds
        with self._changed:
            self._is_looked_at = True
            while True:
                if self._error is not None:
                    raise self._error
                if self._reports:
                    self._changed.notify_all()
                    return self._reports.popleft()
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def untold(self) -> Iterator[tuple[StoredRow, Proof]]:
        """See ``proof.Transactions``."""
        with self._changed:
            after, self._untold_after = self._untold_after, None
            return iter(()) if after is None else self._known.reported(after, self._known.newest_mark())

    def finish(self) -> None:
        """See ``proof.Transactions``."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @property
    def _known(self) -> Proofs:
        assert self._proofs is not None
        return self._proofs
