"""What the search for inputs has passed by: the facts on which hints and totals depend."""

from __future__ import annotations

__all__ = ["LeftOut"]


class LeftOut:
    """Counts what was met and not taken; filled by the thread that looks for inputs.

    Attributes:
        directories: named directories that were not searched.
        dicomdir: the DICOMDIR in the first of them that has one; ``""`` if none has.
        sub_directories: directories in searched ones that were not entered.
        unlisted: directories whose list of names broke off, so that nobody knows what else is in them.
        unsearchable: directories that cannot be opened, or lie too deep, and are not told of as inputs; and what may be
            one, as a link to a server that is away.
        young: files left for the next run, because they were modified a moment ago.
        from_the_future: those of them whose time lies in the future.
        dicomdirs: those of them that have the name of a DICOMDIR.
        empty_list: the first list of files without any name; None if there is none.
    """

    __slots__ = (
        "dicomdir", "dicomdirs", "directories", "empty_list", "from_the_future", "sub_directories", "unlisted",
        "unsearchable", "young",
    )  # fmt: skip

    def __init__(self) -> None:
        self.directories = 0
        self.dicomdir = ""
        self.sub_directories = 0
        self.unlisted = 0
        self.unsearchable = 0
        self.young = 0
        self.from_the_future = 0
        self.dicomdirs: list[str] = []
        self.empty_list: str | None = None

    @property
    def folders(self) -> int:
        """Directories of which something may be missing that nobody has counted."""
        return self.unlisted + self.unsearchable
