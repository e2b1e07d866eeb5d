"""Instances of one group go over one association, in their order."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from dcmsend import IndexOptions, InputOptions, KeepTogether
from dcmsend.index import scan
from dcmsend.inputs import find_inputs
from dcmsend.transfer import work
from support.corpus import DATA
from support.fixture_files import CT_CLASS, EI, meta_header
from support.peer_script import Abort, Reject, Respond, Script
from support.sending import Sent, instance_uid, send_all, tiny_data_set
from support.series_files import write_series

FIRST_IS_SLOW = Script(stores={1: Respond(delay=2)})
"""So that others are open, and have something to do, before it goes on."""


def routes(sent: Sent, group_of: dict[str, str]) -> dict[str, list[tuple[int, str]]]:
    """For each group the associations and instances as the peer saw them."""
    found = defaultdict(list)
    for link in sent.peer.connections:
        for store in link.stores:
            found[group_of[store.sop_instance_uid or ""]].append((link.number, store.sop_instance_uid or ""))
    return found


@pytest.mark.parametrize("keep", [KeepTogether.SERIES, KeepTogether.STUDY])
@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(tmp_path: Path, keep: KeepTogether, seed: int) -> None:
    chance = random.Random(seed)
    names = [(f"1.2.{(series := chance.randint(1, 9)) % 3}", f"1.3.{series}") for _ in range(80)]
    sent = send_all(
        write_series(tmp_path, names), FIRST_IS_SLOW, Script(), parallel_associations=4,
        index=IndexOptions(keep_together=keep),
    )  # fmt: skip
    assert sent.results == ["stored"] * 80
    column = 0 if keep is KeepTogether.STUDY else 1
    groups = {instance_uid(number): name[column] for number, name in enumerate(names, start=1)}
    for route in routes(sent, groups).values():
        assert len({association for association, _ in route}) == 1
        assert [uid for _, uid in route] == sorted((uid for _, uid in route), key=lambda uid: int(uid.split(".")[-1]))
    assert sum(bool(link.stores) for link in sent.peer.connections) > 1


def test_directories_stay_together(tmp_path: Path) -> None:
    for name in "abcdef":
        write_series(tmp_path / name, [("1.1", "1.2")] * 6)
    for number, path in enumerate(sorted(tmp_path.rglob("0*")), start=1):
        path.write_bytes(meta_header(CT_CLASS, instance_uid(number), EI) + tiny_data_set(number))
    sent = send_all(
        [tmp_path], FIRST_IS_SLOW, Script(), parallel_associations=3,
        index=IndexOptions(keep_together=KeepTogether.DIRECTORY),
    )  # fmt: skip
    assert sent.results == ["stored"] * 36
    groups = {
        outcome.instance.sop_instance_uid: str(Path(outcome.instance.input.path).parent) for outcome in sent.outcomes
    }
    assert all(len({number for number, _ in route}) == 1 for route in routes(sent, groups).values())
    assert len({outcome.association for outcome in sent.outcomes}) > 1


@pytest.mark.parametrize("seed", range(15))
def test_nothing_is_lost_when_associations_are(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of an association that is given up go to others, one that is replaced keeps its groups."""
    monkeypatch.setattr(work, "_MAX_AHEAD", 10)
    chance = random.Random(seed)
    names = [("1.2", f"1.3.{chance.randint(1, 5)}") for _ in range(60)]
    scripts = [Script(stores={chance.randint(1, 12): Abort()}) for _ in range(4)]
    scripts += [Script(associate=Reject(2, 3, 2))] * chance.randint(0, 3)
    before = set(threading.enumerate())
    sent = send_all(
        write_series(tmp_path, names), *scripts, Script(), parallel_associations=3, idle_timeout=10,
        index=IndexOptions(keep_together=KeepTogether.SERIES),
    )  # fmt: skip
    assert set(threading.enumerate()) <= before
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, 61))
    uids = [store.sop_instance_uid for store in sent.peer.stores]
    assert len(set(uids)) == len(uids)
    if sent.error is None:
        assert set(sent.results) <= {"stored", "unconfirmed"}
        assert sent.results.count("unconfirmed") <= 4


@pytest.mark.parametrize(("keep", "keyword"), [
    (KeepTogether.SERIES, "SeriesInstanceUID"), (KeepTogether.STUDY, "StudyInstanceUID")])
def test_the_group_of_real_files_is_what_pydicom_reads(keep: KeepTogether, keyword: str) -> None:
    import pydicom

    options = IndexOptions(keep_together=keep, halt_on_invalid=False)
    found = find_inputs([str(DATA)], InputOptions(scan_directories=True, recurse=True))
    seen = 0
    for instance in scan(found, options):
        try:
            expected = pydicom.dcmread(instance.input.path, stop_before_pixels=True).get(keyword)
        except Exception:  # what pydicom cannot read proves nothing
            continue
        assert instance.group == str(expected or ""), instance.input.path
        seen += bool(expected)
    assert seen > 50


def test_no_header_is_read_unless_it_is_asked_for(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, [("1.1", "1.2")])
    (instance,) = scan(find_inputs([str(path)], InputOptions()), IndexOptions())
    assert instance.group == ""
