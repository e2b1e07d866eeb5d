"""Questions by name: for what an archive has not named in its answer for a whole series.

Some archives do not name all that they have, without saying so.  Others take no list of UIDs, or say that they find
nothing when they get one.  So the empty answer to a list counts only when lists are known to work here: when the
archive has found something in one that was not its first UID.  A series in which it has found something before gives
such a UID, the witness, which is put at the end of a list.  Still others answer as if no names were given: what was not
asked for in an answer shows that, and then nothing follows from what is not in it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Final

from dcmsend.transfer import Verdict

from .archive import Archive, Kind
from .items import ProvableT, is_askable
from .series import Series

__all__ = ["Names"]

_LONGEST_LIST: Final = 60_000
"""Bytes of a list of UIDs; the witness is added to them."""
_MOST_ABSENT: Final = 10
"""Instances of a series that are asked for one by one without being found, before the others are not asked for."""


class Names:
    """Asks by name, as far as the archive is known to answer.

    Attributes:
        works: whether an instance was ever found by its name.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._takes_lists: bool | None = None
        self._takes_one = True
        self._lists_lost = 0
        self.works = False

    def ask(self, series: Series[ProvableT]) -> Iterator[tuple[ProvableT, Verdict]]:
        """Ask for what a round has not settled; yield what is proven.

        Notes in the series what is absent, and the trouble that there was.  All questions but a few find something, so
        that their number is bounded by that of the instances.  Raises Cancelled.
        """
        if not self._takes_one:
            return
        end = Kind.REFUSED
        if self._takes_lists is not False:
            for piece in _pieces(_askable(series)):
                end = yield from self._ask_list(series, piece)
                if end is not Kind.COMPLETE:
                    break
        if end is not Kind.COMPLETE:
            series.trouble = None
            yield from self._ask_singly(series, _askable(series))

    def _ask_list(self, series: Series[ProvableT], rest: list[str]) -> Generator[tuple[ProvableT, Verdict], None, Kind]:
        """Ask until nothing new is found, because answers to lists may be limited, too.

        Returns COMPLETE if another list may be asked for; otherwise the instances have to be asked for one by one.
        """
        while rest:
            with_witness = not self._takes_lists and series.witness and series.witness not in rest
            asked = [*rest, series.witness] if with_witness else rest
            answer = self._archive.ask(series.study_uid, series.series_uid, asked, by_name=True)
            if answer.kind not in (Kind.COMPLETE, Kind.LIMITED):
                self._note_trouble(answer.kind, is_list=len(asked) > 1)
                series.trouble = answer.reason
                return answer.kind
            self._lists_lost = 0
            if answer.named and not answer.others:
                self.works = True
                self._takes_lists = self._takes_lists or any(uid != asked[0] for uid in answer.named) or None
            found = answer.named.keys() & set(rest)
            if found:
                yield from series.take_named(answer)
                rest = [uid for uid in rest if uid not in found]
            elif answer.others:
                self._note_trouble(Kind.REFUSED, is_list=len(asked) > 1)
                return Kind.REFUSED
            elif answer.kind is Kind.LIMITED:
                series.trouble = answer.reason
                break
            elif with_witness and self._takes_lists:
                continue  # without the witness, which may have been all that the archive names at once
            elif self._takes_lists or len(asked) == 1:
                series.absent.update(rest)
                break
            else:
                if series.witness:
                    self._takes_lists = False
                return Kind.REFUSED
        return Kind.COMPLETE

    def _ask_singly(self, series: Series[ProvableT], uids: Sequence[str]) -> Iterator[tuple[ProvableT, Verdict]]:
        left = _MOST_ABSENT
        for uid in uids:
            answer = self._archive.ask(series.study_uid, series.series_uid, [uid], by_name=True)
            if answer.kind not in (Kind.COMPLETE, Kind.LIMITED):
                self._note_trouble(answer.kind, is_list=False)
                series.trouble = answer.reason
                return
            if uid in answer.named:
                self.works = self.works or not answer.others
                yield from series.take_named(answer)
                continue
            if answer.others:
                self._note_trouble(Kind.REFUSED, is_list=False)
                series.trouble = answer.reason
                return
            if answer.kind is Kind.COMPLETE:
                series.absent.add(uid)
            else:
                series.trouble = answer.reason
            left -= 1
            if not left:
                return

    def _note_trouble(self, kind: Kind, *, is_list: bool) -> None:
        if kind is Kind.REFUSED and not is_list:
            self._takes_one = False
        elif kind is Kind.REFUSED:
            self._takes_lists = False
        elif kind is Kind.LOST and is_list and not self._takes_lists:
            self._lists_lost += 1
            if self._lists_lost > 1:  # some archives abort the association
                self._takes_lists = False


def _askable(series: Series[ProvableT]) -> list[str]:
    return [uid for uid in series.unsettled() if is_askable(uid)]


def _pieces(uids: Sequence[str]) -> Iterator[list[str]]:
    """Lists that are not too long for one question."""
    piece: list[str] = []
    length = 0
    for uid in uids:
        if length + len(uid) + 1 > _LONGEST_LIST:
            yield piece
            piece, length = [], 0
        piece.append(uid)
        length += len(uid) + 1
    if piece:
        yield piece
