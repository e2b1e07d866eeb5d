"""A journal whose stored files are moved away: decides which files may be moved, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from dcmsend.errors import JournalError
from dcmsend.fork import keep_for_ever
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import Origin, Source
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import PeerFacts, StoreOutcome

from .database import open_read_only
from .journal import Journal
from .mover import Mover
from .options import JournalOptions
from .resume import Stored, StoredFiles
from .writer import time_of_row

if TYPE_CHECKING:
    from .proofs import Proofs
    from .staying import Staying

__all__ = ["MovingJournal"]


class MovingJournal:
    """A journal and a mover (``--move-sent``); see ``transfer.Ledger``.

    A file is moved after its outcome is kept, and only if the peer has answered 0000.  If a proof is needed, the file
    is moved after that is kept.  A file that a DICOMDIR refers to stays, and one whose instance the archive lacks.
    """

    def __init__(
        self,
        options: JournalOptions,
        peer: PeerFacts,
        interrupt: Interrupt,
        *,
        reads_dicomdir: bool = False,
        needs_proof: bool = False,
        fingerprint: str = "",
        stays: Staying | None = None,
    ) -> None:
        """Open both.  Raises JournalError.

        ``reads_dicomdir``: a DICOMDIR may refer to inputs; such files stay where they are.  ``needs_proof``: only files
        that the archive has confirmed are moved, by a later run or by ``move_proven``.  ``fingerprint``: as for
        ``Journal``.  ``stays``: as for ``open_journal``.
        """
        self._needs_proof = needs_proof
        # The earliest times of rows whose files this run may have moved.  They are of the clocks of those who sent the
        # files, on other hosts or in earlier runs: a time of our own would say nothing of them.
        self._first_sent = self._first_left = time.time_ns() // 1_000_000
        self._mover: Mover | None = None
        self._journal = Journal(options, peer, interrupt, self._on_commit, fingerprint=fingerprint)
        try:
            self._mover = Mover(options.move_sent, options.path, interrupt, may_stay=reads_dicomdir, stays=stays)
        except BaseException:
            self._journal.close()
            raise

    @property
    def error(self) -> JournalError | None:
        """Why the journal cannot be written any more."""
        return self._journal.error

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is a file of the journal, or lies where sent files are moved to."""
        if self._journal.leaves_out(item):
            return True
        stored = self._journal.stored
        if not item.is_lasting or not item.path or stored is None or self._mover is None or item.is_remote:
            return False
        directory, name = stored.key_of(item)
        return self._mover.holds(directory, name, stored.root_of(item))

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent, because it is stored and unchanged.  Raises JournalError."""
        mover, stored = self._mover, self._journal.stored
        assert mover is not None
        assert stored is not None
        if item.origin is Origin.DICOMDIR:
            mover.keep(item.path)
        found = self._journal.find(item)
        if found is None:
            return mover.has_moved and stored.was_stored(item, self._since)
        if self._is_due(found) and item.origin is not Origin.DICOMDIR and not item.is_remote:
            # An earlier run ended between the commit and the move.  A skipped file may stay unopened, but a moved file
            # disappears from here, so it has to be the file that was sent.
            with suppress(OSError, ValueError):
                identity = found.identity_of(item.path)
                if identity is None:
                    return False
                mover.wait_while_behind()
                self._first_left = min(self._first_left, found.time)
                mover.add(item, found.stamp, identity)
        return True

    def reject(self, rejected: RejectedInput) -> None:
        """Note that an input is broken; a file that a DICOMDIR refers to stays.  Raises JournalError."""
        if rejected.dicomdir is not None and rejected.path:
            self.keep(rejected.path)
        self._journal.reject(rejected)

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Keep a file in place, or ``all_below`` a directory, because a DICOMDIR (may) refer to it."""
        if self._mover is not None:
            self._mover.keep(path, all_below=all_below)

    def all_found(self) -> None:
        """Note that no further DICOMDIR will be found."""
        if self._mover is not None:
            self._mover.all_found()

    def was_moved(self, instance: Instance) -> bool:
        """Whether this run has stored a file that no longer exists; seldom asked."""
        with suppress(JournalError):
            # The journal's own connection belongs to the search.
            files = StoredFiles(open_read_only(self._journal.path)[0], self._journal.path)
            try:
                return files.was_stored(
                    instance.input, self._since, sop_instance_uid=instance.sop_instance_uid, follow=True
                )
            finally:
                files.close()
        return False

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """See ``Journal.is_unanswered``."""
        return self._journal.is_unanswered(outcome)

    def note(self, outcome: StoreOutcome) -> None:
        """Queue an outcome to be written soon; waits while too many files wait to be moved."""
        if self._mover is not None and self._mover.is_behind and self._journal.is_ours:
            self._mover.wait_while_behind()
        self._journal.note(outcome)

    def note_earlier(self, outcome: StoreOutcome) -> None:
        """See ``Journal.note_earlier``."""
        self._journal.note_earlier(outcome)

    def close(self) -> None:
        """Write the remaining outcomes and move the files; ``error`` tells whether the writing was possible.

        Does nothing in a forked child.
        """
        if not self._journal.is_ours:
            keep_for_ever(self)
            return
        self._journal.close_writer()
        if self._mover is not None:
            self._mover.close()
        self._journal.close()

    @property
    def path(self) -> str:
        """See ``Journal.path``."""
        return self._journal.path

    def stored_in(self, directory: bytes, *, deep: bool) -> Iterator[tuple[bytes, bytes, tuple[object, object], str]]:
        """See ``StoredFiles.stored_in``."""
        return self._journal.stored_in(directory, deep=deep)

    def flush(self) -> None:
        """See ``Journal.flush``."""
        self._journal.flush()

    @property
    def identity(self) -> str:
        """See ``Journal.identity``."""
        return self._journal.identity

    def proofs(self) -> Proofs:
        """See ``Journal.proofs``."""
        return self._journal.proofs()

    def move_proven(self, item: Source, identity: tuple[int, int] | None) -> None:
        """Move a file whose proof is kept; any other file stays.  Called on the thread that asks ``is_stored``.

        ``identity``: device and inode of the file that this run has sent; without it the file is opened again.

        Raises JournalError.
        """
        if not self._needs_proof or item.is_remote:
            return
        if identity is None:
            self.is_stored(item)
            return
        found = self._journal.find(item)
        if self._mover is not None and found is not None and self._is_due(found):
            self._mover.wait_while_behind()
            self._mover.add(item, found.stamp, identity)

    @property
    def _since(self) -> int:
        return min(self._first_sent, self._first_left)

    def _is_due(self, found: Stored) -> bool:
        # What the archive lacks stays, also if this run asks for no proof: it can only be sent again from here.
        return found.status == 0 and (found.is_proven or not (self._needs_proof or found.is_refuted))

    def _on_commit(self, outcomes: Sequence[StoreOutcome]) -> None:
        if self._mover is None or self._needs_proof:
            return
        for outcome in outcomes:
            item = outcome.instance.input
            if outcome.status == 0 and outcome.file_stamp is not None and not item.is_remote:
                if outcome.started and self._mover.takes(item):
                    self._first_sent = min(self._first_sent, time_of_row(outcome))
                self._mover.add(item, outcome.file_stamp, outcome.file_identity)
