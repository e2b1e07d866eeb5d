"""Instances for which nothing may be proposed, in a list that still grows: told once each, and no end of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

import pytest

from dcmsend.association.growing_stretch import GrowingStretch
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.plan import Decompression, PlanOptions, plan_open_association
from dcmsend.transfer import GrowingList, Pulled
from support.reading_judge import collected_log

NATIVE, LOSSLESS, LOSSY = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"
OPTIONS = PlanOptions(no_illegal_proposal=True, halt_on_refusal=False, decompression=Decompression.LOSSLESS)
"""With ``-nip`` nothing may be proposed for JPEG 2000 Part 2, which nobody can decode."""


class Growing(GrowingList):
    """A list of which some instances are known, and the others come one by one."""

    def __init__(self, known: str, later: str) -> None:
        self._instances = [_instance(kind) for kind in known]
        self._later = iter([_instance(kind) for kind in later])

    @property
    def kinds(self) -> list[Instance]:
        return list({instance.transfer_syntax.uid: instance for instance in self._instances}.values())

    def pull(self) -> Pulled:
        found = next(self._later, None)
        if found is None:
            return Pulled.END
        self._instances.append(found)
        return Pulled.ONE

    def pull_what_is_there(self, end: int) -> None: ...

    def run_ahead(self) -> None: ...

    def __len__(self) -> int:
        return len(self._instances)

    @overload
    def __getitem__(self, index: int) -> Instance: ...
    @overload
    def __getitem__(self, index: slice) -> list[Instance]: ...
    def __getitem__(self, index: int | slice) -> Instance | list[Instance]:
        return self._instances[index]

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances)


def _instance(kind: str) -> Instance:
    uid = {"n": NATIVE, "r": LOSSLESS, "l": LOSSY}[kind]
    return Instance(InputFile("file"), CT, "1.2.3", transfer_syntax(uid), ReadMode.FILE_ONLY)


def planned(known: str, later: str, first: int = 0) -> tuple[GrowingStretch, Growing, tuple[str, ...]]:
    growing = Growing(known, later)
    plan, table = plan_open_association(growing, first, OPTIONS, lambda _syntax: False, growing.kinds)
    return GrowingStretch(plan, None, growing, table), growing, plan.refusals


@pytest.mark.parametrize(("known", "first", "count"), [("nr", 0, 1), ("nrr", 0, 2), ("rn", 1, 0), ("rnrn", 3, 0)])
def test_a_refusal_is_told_of_the_instances_of_a_stretch(known: str, first: int, count: int) -> None:
    """Not of those before it, which have their outcomes."""
    _, _, refusals = planned(known, "", first)
    assert len(refusals) == count


@pytest.mark.parametrize(("known", "first"), [("nr", 0), ("rn", 1)])
def test_an_instance_of_a_kind_that_was_refused_ends_no_association(known: str, first: int) -> None:
    stretch, growing, _ = planned(known, "nrnr", first)
    with collected_log() as lines:
        while stretch.grow():
            pass
    assert stretch.end == len(growing) == 6
    ids = [stretch.context_id_of(index, growing[index]) for index in range(2, 6)]
    assert ids == [1, 0, 1, 0]
    assert len([line for line in lines if "we cannot add a presentation context" in line]) == 2


def test_an_instance_of_a_new_kind_ends_it() -> None:
    """Whether anything may be proposed for it is not known before the next one is planned."""
    stretch, _, _ = planned("nr", "nln")
    while stretch.grow():
        pass
    assert stretch.end == 3
    assert not stretch.may_grow


def test_where_nothing_at_all_may_be_proposed() -> None:
    """The next association may have something."""
    stretch, _, _ = planned("r", "rn")
    assert not stretch.is_possible
    assert not stretch.grow()
    assert stretch.end == 1
