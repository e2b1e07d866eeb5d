"""Moves one file: takes it away under a temporary name in one step, checks it, and puts it in its new place or back.

Only the file that was sent is moved, and no file of anyone else is replaced, whatever others do meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

from .folder import (
    CANNOT,
    NAME_BYTES,
    Folder,
    fitting,
    is_surely_one_file,
    link,
    open_below,
    rename_new,
    sync_directory,
)
from .move_copy import copy_file, fill, have_same_bytes
from .move_note import MoveNote

__all__ = ["NotMoved", "SentFile", "move_file", "put_back"]

_MOST_NAMES: Final = 100


class NotMoved(Exception):
    """A file stays where it is; the text says why.

    Attributes:
        is_left: whether the file, or what there is of a copy, still has its temporary name: the note has to stay.
    """

    def __init__(self, reason: str, *, is_left: bool = False) -> None:
        super().__init__(reason)
        self.is_left = is_left


class SentFile:
    """Recognises the file that was sent.

    Attributes:
        stamp: size in bytes and time of modification in nanoseconds.
        identity: device and inode, None where they are not known.
    """

    __slots__ = ("identity", "stamp")

    def __init__(self, stamp: tuple[int, int], identity: tuple[int, int] | None = None) -> None:
        self.stamp = stamp
        self.identity = identity

    def check(self, status: os.stat_result | None) -> None:
        """Check that ``status`` is that of the file.  Raises FileNotFoundError, NotMoved."""
        if status is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if not stat.S_ISREG(status.st_mode):
            raise NotMoved("it is a link" if stat.S_ISLNK(status.st_mode) else "it is no ordinary file")
        if (status.st_size, status.st_mtime_ns) != self.stamp:
            raise NotMoved("it was changed since it was sent")
        if self.identity not in (None, (status.st_dev, status.st_ino)):
            raise NotMoved("it was replaced since it was sent")


def move_file(
    source: str,
    target: str,
    stamp: tuple[int, int],
    *,
    identity: tuple[int, int] | None = None,
    note: MoveNote | None = None,
    outer: str = "",
) -> str:
    """Move ``source`` to ``target``, and make the directories above ``target``.

    Args:
        source, target: full names.
        stamp: size in bytes and time of modification in nanoseconds that the file must have.
        identity: device and inode that the file must have, None for any.
        note: where the next run finds an unfinished move.
        outer: the directory for all moved files, above ``target``; below it no link of another user is
            followed.

    Returns the new name: a name like ``target`` if ``target`` already is a file with the same bytes.
    Raises NotMoved, OSError; the file then has its old name, or the message tells its name.
    """
    sent, note = SentFile(stamp, identity), note or MoveNote()
    name = os.path.basename(source)
    with Folder(os.path.dirname(source)) as here:
        sent.check(here.status(name))
        directory = os.path.dirname(target)
        if not outer:
            os.makedirs(directory, exist_ok=True)
        with open_below(outer or directory, directory) as there:
            note.begin(source, target)
            taken = note.taken(name)
            try:
                here.rename(name, taken)  # an error of a network's file system does not say that it was not done
                if there.status(taken) is not None:  # both names lead to one directory
                    raise NotMoved("it is there already")
                sent.check(here.status(taken))
                new_name = _Place(here, taken, there, sent, note).give(os.path.basename(target))
            except BaseException as error:
                put_back(here, name, note, error)
                if not (isinstance(error, NotMoved) and error.is_left):
                    note.clear()
                raise
            note.clear()
            return os.path.join(there.path, new_name)


class _Place:
    """Gives the taken file a name in another directory."""

    def __init__(self, here: Folder, taken: str, there: Folder, sent: SentFile, note: MoveNote) -> None:
        self._here, self._taken, self._there = here, taken, there
        self._sent, self._note = sent, note

    def give(self, name: str) -> str:
        """Give the file ``name``, or a name like it; return that name.  Raises NotMoved, OSError."""
        for new_name in (name, *_further_names(name)):
            try:
                if not self._moves(new_name):
                    self._copy(new_name)
            except FileExistsError:
                if new_name == name and not self._is_same(name):
                    break
            else:
                return new_name
        raise NotMoved("the name is taken")

    def _moves(self, name: str) -> bool:
        """Whether the file could be moved without a copy.  Raises FileExistsError if the name exists."""
        try:
            rename_new(self._here, self._taken, self._there, name)
            self._look_again(name)
            return True
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            if error.errno not in CANNOT:
                raise
        _check_free(self._there, name)
        self._note.place(os.path.join(self._there.path, name))
        try:
            link(self._here, self._taken, self._there, name)
        except OSError as error:
            if error.errno != errno.EXDEV and error.errno not in CANNOT:
                raise
            return False
        self._here.unlink(self._taken)
        self._look_again(name)
        return True

    def _look_again(self, name: str) -> None:
        """Take the file back if a process that has it open has written to it since the last look.

        Raises NotMoved.
        """
        try:
            self._sent.check(self._there.status(name))
        except FileNotFoundError:
            return  # another run has fetched the file already
        except NotMoved:
            here, there = self._here, self._there
            os.rename(there.at(name), here.at(self._taken), src_dir_fd=there.fd, dst_dir_fd=here.fd)
            raise

    def _copy(self, name: str) -> None:
        """Copy the file.  Raises FileExistsError if the name exists."""
        here, there, copy = self._here, self._there, self._note.copy
        _check_free(there, name)
        try:
            copy_file(here, self._taken, there, copy)
            self._sent.check(here.status(self._taken))
            _check_free(there, name)  # the copy has taken its time
            self._note.place(os.path.join(there.path, name))
            _rename_by_steps(there, copy, name, self._note)
        except BaseException:
            self._remove_copy()
            raise
        sync_directory(there.path)
        self._sent.check(here.status(self._taken))  # a process that has the file open may still write to it
        here.unlink(self._taken)

    def _remove_copy(self) -> None:
        """Remove what there is of a copy.  Raises NotMoved where nobody can tell, so that the next run does it."""
        there, copy = self._there, self._note.copy
        try:
            if there.status(copy) is not None:
                there.unlink(copy)
        except OSError as error:
            place = os.path.join(there.path, copy)
            raise NotMoved(f"what there is of a copy may be '{place}': {error.strerror}", is_left=True) from error

    def _is_same(self, name: str) -> bool:
        """Whether a name there is a file with the same bytes."""
        one, two = self._here.status(self._taken), self._there.status(name)
        if one is None or two is None or not stat.S_ISREG(two.st_mode) or one.st_size != two.st_size:
            return False
        return is_surely_one_file(one, two) or have_same_bytes(self._here, self._taken, self._there, name)


def _check_free(folder: Folder, name: str) -> None:
    """Before a name is noted: what has it already is somebody else's, and recovery must not take it for a copy of ours.

    Raises FileExistsError.
    """
    if folder.status(name) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _rename_by_steps(folder: Folder, name: str, new_name: str, note: MoveNote) -> None:
    """Rename within a directory, in one step if the system can, else in several; never replaces a file.

    Raises FileExistsError, OSError.
    """
    try:
        rename_new(folder, name, folder, new_name)
        return
    except OSError as error:
        if error.errno not in CANNOT:
            raise
    _check_free(folder, new_name)
    note.place(os.path.join(folder.path, new_name))
    try:
        link(folder, name, folder, new_name)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
        fill(folder, name, new_name)
    folder.unlink(name)


def put_back(folder: Folder, name: str, note: MoveNote, error: BaseException | None = None) -> str:
    """Give the taken file its old name again, or a name like it if the old one exists by now.

    Returns the name of the file.
    Raises NotMoved, with the name if it is not the old one, unless ``error`` is None; also where nobody can tell.
    """
    taken = note.taken(name)
    place = os.path.join(folder.path, taken)
    try:
        status = folder.status(taken)
    except OSError as failure:
        raise NotMoved(f"it may be '{place}' now: {failure.strerror}", is_left=True) from error
    if status is None:  # it was not taken, or another run has taken this run for dead, and put the file back
        return name
    new_name = taken
    try:
        for new_name in (name, *_further_names(name)):
            try:
                if stat.S_ISDIR(status.st_mode) and folder.status(new_name) is None:
                    folder.rename(taken, new_name)  # replaces at most an empty directory
                else:
                    _rename_by_steps(folder, taken, new_name, note)
                break
            except FileExistsError:
                continue
        else:
            new_name = taken
    except OSError as failure:
        raise NotMoved(f"it cannot be put back, and is '{place}' now: {failure.strerror}", is_left=True) from error
    if error is not None and new_name != name:
        raise NotMoved(
            f"it was replaced while it was moved; what was there before is '{os.path.join(folder.path, new_name)}'",
            is_left=new_name == taken,
        ) from error
    return new_name


def _further_names(name: str) -> Iterator[str]:
    """Names like ``name``, with its extension: ``a-2.dcm``, ``a-3.dcm``, ..."""
    stem, extension = os.path.splitext(name)
    for number in range(2, _MOST_NAMES):
        end = f"-{number}{extension}"
        yield fitting(stem, NAME_BYTES - len(os.fsencode(end))) + end
