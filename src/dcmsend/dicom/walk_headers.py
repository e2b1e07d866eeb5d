"""What element headers mean, remembered from one data set to the next, and runs of elements that come again.

Most instances of a series have the same headers, and differ in the values of a few elements.  What lies between these
was walked before, byte for byte, so the walk steps over all of it at once.
"""

from __future__ import annotations

from .vr import WHITE_SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["HeadersByNoted", "KnownHeaders", "Run"]

_MOST_KINDS: Final = 8
"""Most sets of noted tags for which headers are remembered; a run of the program has one or two."""
_MOST_HEADERS: Final = 16384
"""Most element headers remembered; a series has a few hundred different ones."""
_MOST_RUN_BYTES: Final = 2 << 20
"""Most bytes of all runs that were made since everything was forgotten; a series has some thousands."""

_LONGEST_RUN: Final = 1024
"""Most bytes of one run."""
_FEWEST: Final = 3
"""Fewest elements of a run; fewer are as fast one by one."""
_USEFUL: Final = 8
"""A run that was met so often was worth making: when other bytes come, it is made anew from these."""
_MOST_CUTS: Final = 8
"""A run that was not worth it is cut before its first byte that differs; after so many cuts it is given up."""
_WALKS: Final = 1024
"""After so many walks, those of nested encodings included, runs that were given up are tried again: what differed in
those instances may not in others."""


class Run:
    """Bytes from the header of an ordinary element to the header of a later one, which is the end of them.

    Attributes:
        content: the bytes.
        reach: distance between the two headers.
        tag, step: meaning of the later header.
        met: how often the same bytes have come again.
        cuts: how often the run was cut.
    """

    __slots__ = ("content", "cuts", "met", "reach", "step", "tag")

    def __init__(self, content: bytes, tag: int, step: int, cuts: int = 0) -> None:
        self.content = content
        self.reach = len(content) - 8
        self.tag = tag
        self.step = step
        self.met = 0
        self.cuts = cuts


_UNTRIED: Final = Run(bytes(8), 0, 0)
"""Stands for the run of a header from which none was made so far; its content is no header."""

Meaning = tuple[int, int, Run | None]
"""Of the first eight bytes of an element: its tag, and the distance to the next one.  The distance is negative for a
value that has to be read, and 0 where a sequence or item is entered or left.  Last, the run that begins there."""


class KnownHeaders:
    """Meanings of the headers of ordinary elements, at any place, for walks that note the same tags.

    Attributes:
        meanings: by the first eight bytes of an element.
    """

    __slots__ = ("_noted", "_run_bytes", "_walks", "meanings")

    def __init__(self, noted: frozenset[int]) -> None:
        self._noted = noted
        self._run_bytes = 0
        self._walks = 0
        self.meanings: dict[bytes, Meaning] = {}

    def begin_walk(self) -> None:
        """Note that a walk begins, or comes (back) to this encoding; now and then all runs are tried again."""
        self._walks += 1
        if self._walks % _WALKS == 0:
            for header, (tag, step, run) in tuple(self.meanings.items()):
                if run is None and step > 0:
                    self.meanings[header] = tag, step, _UNTRIED

    def remember(self, header: bytes, tag: int, step: int, run: Run | None = _UNTRIED) -> None:
        """Note a meaning; everything is forgotten first when it has become too much."""
        if len(self.meanings) >= _MOST_HEADERS or self._run_bytes > _MOST_RUN_BYTES:
            self.meanings.clear()
            self._run_bytes = 0
        self.meanings[header] = tag, step, run if step > 0 else None

    def other_run(self, before: Run, tag: int, step: int, window: bytes, start: int, last: int) -> Run | None:
        """The run that takes the place of ``before``, whose bytes are others; None if it would be too short.

        Args:
            tag, step: meaning of the first header.
            window: bytes of the data set.
            start: place of the first header.
            last: last place at which a header may begin.
        """
        content = before.content
        is_cut = before is not _UNTRIED and before.met < _USEFUL
        run = None
        if not is_cut or before.cuts < _MOST_CUTS:
            last = min(last, start + (len(content) if is_cut else _LONGEST_RUN) - 8)
            run = self._run(tag, step, window, start, last, content if is_cut else b"", before.cuts + is_cut)
        self._run_bytes += 0 if run is None else len(run.content)
        self.remember(window[start : start + 8], tag, step, run)
        return run

    def _run(
        self, tag: int, step: int, window: bytes, start: int, last: int, content: bytes, cuts: int
    ) -> Run | None:
        """The longest run; with ``content``, no longer than the bytes are the same."""
        at, count = start, 1
        end, end_tag, end_step = start, 0, 0
        while True:
            following = at + abs(step)
            if step < 0:
                value = window[at + 8 : following]
                if value.translate(None, WHITE_SPACE) != value:
                    break
            elif count >= _FEWEST:
                end, end_tag, end_step = at, tag, step
            if following > last:
                break
            if content and window[at + 8 : following + 8] != content[at + 8 - start : following + 8 - start]:
                break
            known = self.meanings.get(window[following : following + 8])
            if known is None or known[0] <= tag or not known[1] or known[0] in self._noted:
                break
            tag, step = known[0], known[1]
            at = following
            count += 1
        return Run(window[start : end + 8], end_tag, end_step, cuts) if end > start else None


class HeadersByNoted:
    """Known headers, separate for each set of noted tags, because walks that note other tags skip other elements."""

    __slots__ = ("_headers",)

    def __init__(self) -> None:
        self._headers: dict[frozenset[int], KnownHeaders] = {}

    def of(self, noted: frozenset[int]) -> KnownHeaders:
        """The known headers of walks that note ``noted``, for one that begins; it adds to them."""
        headers = self._headers.get(noted)
        if headers is None:
            if len(self._headers) >= _MOST_KINDS:
                self._headers.clear()
            headers = self._headers[noted] = KnownHeaders(noted)
        headers.begin_walk()
        return headers
