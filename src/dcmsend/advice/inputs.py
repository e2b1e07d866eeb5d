"""Advice where no input was found."""

from __future__ import annotations

from typing import Final

from .situation import Situation

__all__ = ["for_nothing_found", "nothing_new"]


_CHOOSE_NAMES: Final = (
    "nothing was found, or --include and --exclude leave it out: they are compared with the whole path below the\n"
    "folder, so --include '**/*.dcm' takes names at any depth, --include '*.dcm' those on top"
)


_EMPTY_LIST: Final = "the list of files '{}' is empty"
_ADD_R: Final = "there are directories in it; add +r to take the files of the whole tree"


def nothing_new(situation: Situation) -> str:
    """Why a job that runs again and again has found nothing, as far as it is not just that there is nothing."""
    if situation.young:
        return f"{situation.young} {'are' if situation.young > 1 else 'is'} left for the next run"
    if situation.empty_list is not None:
        return _EMPTY_LIST.format(situation.empty_list)
    return _ADD_R if situation.has_sub_directories else ""


def for_nothing_found(situation: Situation) -> str:
    """What to name, or which option to add; the most probable reason alone."""
    if situation.young:
        future = f", {situation.from_the_future} of them in the future" if situation.from_the_future else ""
        if situation.young == 1:
            future = ", in the future" if future else ""
            return f"1 file was modified less than --min-age ago{future}; a later run takes it"
        return f"{situation.young} files were modified less than --min-age ago{future}; a later run takes them"
    if situation.empty_list is not None:
        return _EMPTY_LIST.format(situation.empty_list)
    if situation.dicomdir and situation.expands_dicomdir:
        return f"+rd wants the DICOMDIR itself, not its directory: {situation.dicomdir}"
    if situation.chooses_names:
        return _CHOOSE_NAMES
    if not situation.scans_directories:
        return "+sd takes the files of a directory, +sd +r those of the whole tree"
    if situation.has_sub_directories:
        return _ADD_R
    return "nothing was found" + (", or nothing of that pattern" if situation.has_pattern else "")
