"""The library's face: ``for outcome in send(paths, peer): ...``."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from dcmsend.association import Peer
from dcmsend.errors import Cancelled, DcmsendError
from dcmsend.fork import keep_for_ever, own
from dcmsend.index import IndexOptions, RejectedInput
from dcmsend.inputs import DataSetInput, InputOptions, Source, find_inputs
from dcmsend.interrupt import Interrupt
from dcmsend.journal import JournalOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import Summary
from dcmsend.run import Run
from dcmsend.settings import Settings
from dcmsend.transfer import Observer, StoreOutcome, TransferOptions

if TYPE_CHECKING:
    from dcmsend.inputs import Share

__all__ = ["Transfer", "send"]

_LONGEST_NAME: Final = 32767 if os.name == "nt" else 4096
"""Characters that the name of a file may have; elsewhere than on Windows no more bytes."""
_LONGEST_PART: Final = 255
"""Bytes that a name may have within its folder, on all usual file systems."""

# What is logged is shown only if the program asks for it.
logging.getLogger("dcmsend").addHandler(logging.NullHandler())


def send(
    items: Iterable[Any] | str | bytes | os.PathLike[str] | os.PathLike[bytes],
    peer: Peer,
    *,
    inputs: InputOptions | None = None,
    index: IndexOptions | None = None,
    plan: PlanOptions | None = None,
    transfer: TransferOptions | None = None,
    observer: Observer | None = None,
    send_while_scanning: bool = False,
    journal: JournalOptions | None = None,
) -> Transfer:
    """Send files, folders and pydicom data sets to a Storage SCP.

    Nothing happens before the result is iterated.  Iterating gives one ``StoreOutcome`` for each instance, in order,
    and then raises what ended the transfer early, if anything did: after the last outcome nothing is unknown.
    Differently from the command, folders are searched recursively, and an instance that cannot be sent does not end
    the transfer; pass options to change that.

    Args:
        items: paths (``str``, ``bytes`` or ``os.PathLike``) of files or folders, and ``pydicom.Dataset`` objects,
            freely mixed; or one of them.  All are looked at before the first one is sent.
        peer: where to, and under which AE titles.
        inputs: which files of folders are taken.
        index: how files are read and checked.
        plan: which presentation contexts are proposed.
        transfer: time-outs, PDU lengths, conversion.
        observer: is told of associations, bytes and outcomes while they happen.
        send_while_scanning: items are looked at only as they can be sent, and forgotten when they are done; for lists
            without an end in sight.  They are drawn on the threads that send, or on those
            that open files where that is slow.
        journal: where outcomes are kept, so that a later transfer sends only what is missing.

    Raises, while it is iterated: NoInputFiles, NoValidInputFiles, InvalidInputFile, NegotiationFailed, SendingFailed,
    PlanError, JournalError; all are ``DcmsendError``.  TypeError for an item of another type; at once for ``items``
    that are an open file, a number or anything else that is no list of items.
    """
    settings = Settings(
        peer=peer,
        inputs=inputs or InputOptions(scan_directories=True, recurse=True),
        index=index or IndexOptions(halt_on_invalid=False),
        plan=plan or PlanOptions(halt_on_refusal=False),
        transfer=transfer or TransferOptions(halt_on_failure=False),
        send_while_scanning=send_while_scanning,
        journal=journal,
    )
    if isinstance(items, str | bytes | os.PathLike) or _is_data_set(items):
        items = (items,)
    elif hasattr(items, "read") or isinstance(items, bytearray | memoryview) or not isinstance(items, Iterable):
        kind = type(items).__name__
        raise TypeError(f"items are paths or pydicom data sets, not an open file or what is in it: this is a {kind}")
    return Transfer(settings, items, observer)


class Transfer:
    """A transfer that runs while it is iterated; may be iterated once.

    As a context manager it gives the association back even if the loop is left early.  It stays with the process that
    iterates it: in a child that is forked meanwhile it cannot go on (RuntimeError), and its end there means nothing.
    """

    def __init__(self, settings: Settings, items: Iterable[Any], observer: Observer | None = None) -> None:
        self._process = os.getpid()
        self._run = Run(settings, keep_rejected=True)
        self._record = self._run.record
        self._interrupt = self._run.interrupt
        self._outcomes = self._run.send(_inputs_of(items, settings.inputs, self._interrupt, self._run.share), observer)

    def __iter__(self) -> Iterator[StoreOutcome]:
        process = self._process = os.getpid()
        own(self)
        try:
            for outcome in self._outcomes:  # not "yield from": that would close them in a child, too
                yield outcome
                if os.getpid() != process:
                    raise RuntimeError("a transfer can go on only in the process that began it")
        except Cancelled as error:
            if error.by != "caller":
                raise
        finally:
            self._close()

    def give_up(self) -> None:
        """Called in a child that was forked: nothing of the transfer ends there."""
        keep_for_ever(self._outcomes)

    def _close(self) -> None:
        if os.getpid() == self._process:
            self._outcomes.close()

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {result.value}" for result, count in self.summary.results.items() if count)
        return f"<Transfer: {counts or 'nothing yet'}>"

    @property
    def summary(self) -> Summary:
        """Counts of the outcomes so far."""
        return self._record.summary

    @property
    def rejected(self) -> tuple[RejectedInput, ...]:
        """Inputs that are no instances that can be sent, with the reason."""
        return tuple(self._record.rejected)

    @property
    def already_stored(self) -> int:
        """How many files were left out because the journal says that they are stored."""
        return self._record.already_stored

    @property
    def error(self) -> DcmsendError | None:
        """What ended the transfer early; None while it runs and at its normal end."""
        return self._record.error

    def cancel(self) -> None:
        """Ask for the end, from any thread: what is in flight is finished, the rest is not attempted."""
        self._interrupt.request()

    def abort(self) -> None:
        """Ask for the end at once, from any thread: the association is aborted."""
        self._interrupt.abort()


def _inputs_of(
    items: Iterable[Any], options: InputOptions, interrupt: Interrupt, share: Share | None
) -> Iterator[Source]:
    for number, item in enumerate(items, start=1):
        if isinstance(item, str | bytes | os.PathLike):
            name = os.fsdecode(item)
            if _may_be_content(name):
                raise TypeError(
                    f"item {number} is neither a path nor a pydicom.Dataset, but may be the content of a file"
                )
            yield from find_inputs((name,), options, interrupt.check_request, share)
        elif _is_data_set(item):
            data_set = DataSetInput(f"<data set {number}>", item)
            if share is None or not share.leaves(data_set):
                yield data_set
        else:
            raise TypeError(f"item {number} is neither a path nor a pydicom.Dataset but {type(item).__name__}")


def _may_be_content(name: str) -> bool:
    """Whether this is rather what a file holds than its name, which would be logged.

    No file can have such a name, or it has more than one line and no file has it.
    """
    if "\0" in name or len(name) > _LONGEST_NAME:
        return True
    has_lines = len(f"{name}.".splitlines()) > 1
    if len(name) <= _LONGEST_PART and not has_lines:
        return False
    try:
        os.lstat(name)
    except OSError as error:
        return has_lines or error.errno == errno.ENAMETOOLONG
    except ValueError:
        return has_lines
    return False


def _is_data_set(item: object) -> bool:
    pydicom = sys.modules.get("pydicom")  # who has a Dataset has loaded it
    return pydicom is not None and isinstance(item, pydicom.Dataset)
