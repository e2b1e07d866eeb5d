"""The journal keeps outcomes from run to run, so that a later run sends only what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dcmsend.errors import JournalError
from dcmsend.reasons import NoJournal

from .options import JournalOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcmsend.inputs import Source
    from dcmsend.interrupt import Interrupt
    from dcmsend.transfer import PeerFacts

    from .journal import Journal
    from .journal_view import JournalView
    from .listing import JournalFilter, JournalGroup, JournalReader, JournalRow
    from .merge import merge_journals
    from .moving_journal import MovingJournal
    from .own_files import journal_files
    from .path_key import Directories
    from .proof_rows import OpenTransaction, StoredRow
    from .proofs import Proofs
    from .shared_uids import SharedUids
    from .staying import Staying

__all__ = [
    "Directories", "Journal", "JournalFilter", "JournalGroup", "JournalOptions", "JournalReader", "JournalRow",
    "JournalView", "MovingJournal", "OpenTransaction", "Proofs", "SharedUids", "Staying", "StoredRow",
    "error_in_use", "journal_files", "merge_journals", "open_journal", "own_inputs",
]  # fmt: skip


def open_journal(
    options: JournalOptions,
    peer: PeerFacts,
    interrupt: Interrupt,
    *,
    reads_dicomdir: bool = False,
    needs_proof: bool = False,
    fingerprint: str = "",
    stays: Staying | None = None,
    must_exist: bool = False,
) -> Journal | MovingJournal:
    """Open the journal of a run.  Raises JournalError.

    Args:
        reads_dicomdir: whether a DICOMDIR may refer to inputs; such files are not moved.
        needs_proof: whether files are moved only after the archive has confirmed them.
        fingerprint: of the options that change the bytes sent, ``""`` for none.
        stays: files that a DICOMDIR refers to; more are added while they are found.
        must_exist: whether there has to be a journal, because an empty one would say that all is well.
    """
    if must_exist:
        from .database import check_exists

        check_exists(options.path)
    if options.move_sent:
        from .moving_journal import MovingJournal

        return MovingJournal(
            options, peer, interrupt,
            reads_dicomdir=reads_dicomdir, needs_proof=needs_proof, fingerprint=fingerprint, stays=stays,
        )  # fmt: skip
    from .journal import Journal  # SQLite is loaded only where there is a journal

    return Journal(options, peer, interrupt, fingerprint=fingerprint)


def error_in_use(path: str) -> JournalError | None:
    """The error with which the journal could not be opened because another run uses it; None if none does."""
    from .lock import JournalLock

    try:
        JournalLock(path).release()
    except JournalError as error:
        return error if error.why is NoJournal.IN_USE else None
    return None


def own_inputs(path: str) -> Callable[[Source], bool]:
    """Tells which inputs are files of the journal, which need not be open."""
    from .own_files import OwnFiles
    from .path_key import Directories

    own, directories = OwnFiles(path), Directories()
    return lambda item: item.is_lasting and bool(item.path) and own.hold(*item.key(directories.resolve))


_HOMES: Final = {
    "Journal": "journal", "JournalView": "journal_view", "MovingJournal": "moving_journal", "Proofs": "proofs",
    "Directories": "path_key", "SharedUids": "shared_uids", "Staying": "staying",
    "journal_files": "own_files", "merge_journals": "merge", "OpenTransaction": "proof_rows", "StoredRow": "proof_rows",
    "JournalFilter": "listing", "JournalGroup": "listing", "JournalReader": "listing", "JournalRow": "listing",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name, and SQLite with it, when it is first used."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
