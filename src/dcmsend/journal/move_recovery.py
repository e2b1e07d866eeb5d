"""Finds moves that killed runs have left unfinished, completes or undoes them, and logs it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from dcmsend.loggers import get_logger

from .folder import Folder, is_surely_one_file
from .move_copy import begins_with
from .move_file import NotMoved, put_back
from .move_note import LeftNote, NotedMove, left_notes

__all__ = ["recover"]

_log = get_logger("dcmsend.app")


def recover(directory: str) -> None:
    """Recover unfinished moves to ``directory``.  Moves of a living run are not touched."""
    for note in left_notes(directory):
        is_done = False
        try:
            is_done = note.move is None or _recover(note, note.move)
        except (OSError, NotMoved) as error:
            reason = getattr(error, "strerror", None) or str(error)
            _log.warning("cannot put back what a killed run has left: %s: %s", note.move and note.move.source, reason)
        finally:
            note.close(leave=not is_done)


def _recover(note: LeftNote, move: NotedMove) -> bool:
    """Whether a move is finished now.  False if its names are not known on this machine, or in this container.

    Raises OSError, NotMoved.
    """
    try:
        folder = Folder(os.path.dirname(move.source))
    except FileNotFoundError:
        _log.warning("a killed run was moving '%s', whose directory cannot be found", move.source)
        return False
    with folder:
        name = os.path.basename(move.source)
        taken = note.taken(name)
        status = folder.status(taken)
        if status is not None and stat.S_ISREG(status.st_mode) and _is_placed(folder, taken, move.placed):
            folder.unlink(taken)
            _log.warning("moved to '%s', which a killed run had begun: %s", move.placed, move.source)
        elif status is not None:
            name = put_back(folder, name, note)
            if name == taken:
                raise NotMoved(f"too many files have that name; it is '{os.path.join(folder.path, name)}'")
            _log.warning("put back after a killed run had begun to move it: %s", os.path.join(folder.path, name))
        elif not os.path.lexists(move.source) and not os.path.lexists(move.target):
            return False
    _remove_copy(note, move.target)
    return True


def _is_placed(folder: Folder, taken: str, placed: str) -> bool:
    """Whether the taken file has its new name completely; an incomplete copy loses that name."""
    if not placed:
        return False
    with suppress(FileNotFoundError), Folder(os.path.dirname(placed)) as there:
        name = os.path.basename(placed)
        one, two = folder.status(taken), there.status(name)
        if one is None or two is None or not stat.S_ISREG(two.st_mode):
            return False
        if is_surely_one_file(one, two):
            return True
        if begins_with(folder, taken, there, name):
            if one.st_size == two.st_size:
                return True
            there.unlink(name)
    return False


def _remove_copy(note: LeftNote, target: str) -> None:
    """Remove what there is of a copy.  Raises NotMoved where nobody can tell: the note has to stay."""
    copy = os.path.join(os.path.dirname(target), note.copy)
    try:
        os.unlink(copy)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise NotMoved(f"what there is of a copy may be '{copy}': {error.strerror}") from error
    _log.warning("removed a copy that a killed run had not completed: %s", copy)
