"""Runs of elements that come again are stepped over: whatever comes, a walk finds what it would without that."""

from __future__ import annotations

from random import Random

import pytest

from dcmsend.dicom import walk_headers
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.walk_encoding import EXPLICIT_BIG, EXPLICIT_LITTLE
from dcmsend.dicom.walk_headers import HeadersByNoted, Run
from dcmsend.dicom.walk_notes import NOTED_UIDS
from dcmsend.dicom.walk_vrs import implicit_vrs
from support.data_set_bytes import ENCODINGS, Element, Encoding, Items
from support.random_data_sets import damaged
from support.walking import SYNTAXES, Listener, findings

EXPLICIT = next(encoding for encoding in ENCODINGS.values() if encoding.is_explicit and encoding.order == "<")
PLAIN = (
    (0x00080005, "CS"), (0x00080020, "DA"), (0x00080030, "TM"), (0x00080060, "CS"), (0x00100010, "PN"),
    (0x00100020, "LO"), (0x00180050, "DS"), (0x00180060, "DS"), (0x00200010, "SH"), (0x00200013, "IS"),
    (0x00280010, "US"), (0x00280011, "US"), (0x00281050, "DS"), (0x00281051, "DS"),
)  # fmt: skip
UIDS = (0x00080018, 0x00081155, 0x00189999, 0x0020000D, 0x00200052)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests have taught the walk is forgotten."""
    for known in (EXPLICIT_LITTLE, EXPLICIT_BIG, implicit_vrs(default_dictionary())):
        monkeypatch.setattr(known, "headers", HeadersByNoted())


def value(random: Random, vr: str) -> bytes:
    """Of different lengths, and seldom one that is wrong."""
    if vr == "UI":
        return random.choice((b"1.2.3\0", b"1.2.34", b"1.2.3\0", b"1.2.34", b"1.2 34"))
    if vr == "US":
        return random.choice((b"\0\2", b"\1\0", b"\0\2\0\2"))
    return random.choice((b"ABCD", b"EFGH", b"AB", b"ABCDEF", b"", b"ABC" if random.random() < 0.05 else b"XY"))


def template(random: Random) -> list[Element]:
    """Elements in the right order, most of them ordinary, a few of them UIDs, sequences and private."""
    chosen = [(tag, vr, value(random, vr)) for tag, vr in PLAIN if random.random() < 0.9]
    chosen += [(tag, "UI", value(random, "UI")) for tag in UIDS if random.random() < 0.7]
    if random.random() < 0.4:
        chosen += [(0x00091001, "LO", b"mine"), (0x00090010, "LO", b"ME")]
    elements: list[Element] = list(chosen)
    if random.random() < 0.5:
        items = [chosen[: random.randrange(len(chosen))] for _ in range(random.randrange(1, 4))]
        elements.append((0x00081140, "SQ", Items([sorted(item) for item in items], random.random() < 0.5, True)))
    return sorted(elements, key=lambda element: element[0])


def changed(random: Random, elements: list[Element]) -> list[Element]:
    """The next instance of the series: a few values differ, seldom an element is gone or at the wrong place."""
    result = list(elements)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        place = random.randrange(len(result))
        tag, vr, old = result[place]
        result[place] = (tag, vr, old if vr == "SQ" else value(random, vr))
    if random.random() < 0.05:
        del result[random.randrange(len(result))]
    if random.random() < 0.05:
        result.insert(random.randrange(len(result)), result[random.randrange(len(result))])
    return result


@pytest.mark.parametrize("seed", range(30))
def test_series_of_instances_that_differ_a_little(seed: int) -> None:
    random = Random(seed)
    for encoding, syntax in SYNTAXES.items():
        series = [template(random) for _ in range(3)]
        for number in range(60):
            elements = changed(random, series[number // 20 if seed % 2 else random.randrange(3)])
            data = encoding.encode(elements)
            if random.random() < 0.2:
                data = damaged(random, data, 0)
            assert findings(data, syntax) == findings(data, syntax, Listener()), number


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_runs_at_the_end_of_what_is_read_at_once(encoding: Encoding) -> None:
    """The walk reads 16 KiB and more at once; a run may lie at any place of it, and the data set end in any run."""
    random, syntax = Random(1), SYNTAXES[encoding]
    elements = [(0x00180000 | number, "LO", b"ABCDEFGH"[: number % 5 * 2]) for number in range(0x10, 0x900)]
    whole = encoding.encode(elements)
    assert len(whole) > 24 * 1024
    for _ in range(3):
        assert findings(whole, syntax) == findings(whole, syntax, Listener())
    assert all(len(run.content) <= walk_headers._LONGEST_RUN for run in runs())
    for cut in random.sample(range(len(whole)), 150):
        assert findings(whole[:cut], syntax) == findings(whole[:cut], syntax, Listener()), cut


@pytest.mark.parametrize("count", range(1, 8))
def test_items_that_end_within_a_run(count: int) -> None:
    """What follows an item, or its sequence, may be what has followed there in a run."""
    elements: list[Element] = [(0x00180010 + number, "LO", b"ABCD") for number in range(7)]
    syntax = SYNTAXES[EXPLICIT]
    for _ in range(3):
        findings(EXPLICIT.encode(elements), syntax)
    content = EXPLICIT.encode(elements[:count])
    for missing in (0, 0, 2, 4, 6, 8):
        item = EXPLICIT.item_header(0xE000, len(content) - missing) + content
        for following in (elements[count:], elements):
            data = EXPLICIT.header(0x00081140, "SQ", len(item)) + item + EXPLICIT.encode(following)
            assert findings(data, syntax) == findings(data, syntax, Listener()), missing


def test_a_uid_with_white_space_is_found_within_a_run() -> None:
    syntax = SYNTAXES[EXPLICIT]
    elements: list[Element] = [(0x00180010 + number, "LO", b"ABCD") for number in range(6)]
    elements[3] = (0x00180013, "UI", b"1.2.34")
    for _ in range(4):
        assert not findings(EXPLICIT.encode(elements), syntax)["repairs"]  # type: ignore[index]
    elements[3] = (0x00180013, "UI", b"1.2. 4")
    for _ in range(4):
        assert findings(EXPLICIT.encode(elements), syntax)["repairs"] == ("a UID contains white space",)  # type: ignore[index]


def runs(noted: frozenset[int] = NOTED_UIDS) -> list[Run]:
    meanings = EXPLICIT_LITTLE.headers.of(noted).meanings.values()
    return [run for _tag, _step, run in meanings if run is not None and run.step]


def test_what_differs_from_instance_to_instance_is_walked_and_the_rest_is_not() -> None:
    """The number of an instance has a digit more in the second half; its UID always has the same length."""
    syntax = SYNTAXES[EXPLICIT]
    for number in range(90, 120):
        elements: list[Element] = [
            (0x00080005, "CS", b"ISO_IR 100"), (0x00080018, "UI", b"1.2.%03d\0" % number),
            (0x00080020, "DA", b"20261130"), (0x00080030, "TM", b"12"), (0x00080060, "CS", b"CT"),
            (0x00100010, "PN", b"A^B "), (0x00100020, "LO", b"7 "),
            (0x0020000D, "UI", b"1.2.3\0"), (0x00200010, "SH", b"1 "), (0x00200011, "IS", b"2 "),
            (0x00200013, "IS", b"%d" % number + b" " * (number > 99)), (0x00280010, "US", b"\0\2"),
            (0x00280011, "US", b"\0\2"), (0x00281050, "DS", b"40"), (0x00281051, "DS", b"400 "),
        ]  # fmt: skip
        data = EXPLICIT.encode(elements)
        assert findings(data, syntax) == findings(data, syntax, Listener())
    used = {(run.content[:8], run.tag) for run in runs() if run.met >= 26}
    assert used == {
        (EXPLICIT.header(0x00080020, "DA", 8), 0x00100020),
        (EXPLICIT.header(0x00280010, "US", 2), 0x00281051),
    }  # fmt: skip


def test_the_next_series_has_runs_of_its_own() -> None:
    """All of its values are others; a run of the series before is made anew, in full, not cut."""
    syntax = SYNTAXES[EXPLICIT]
    for value in (b"ABCD", b"EFGH", b"IJKL"):
        for _ in range(20):
            findings(EXPLICIT.encode([(0x00180010 + n, "LO", value) for n in range(20)]), syntax)
        (run,) = (run for run in runs() if run.met)
        assert run.met >= 18
        assert (run.content[:12], run.tag) == (EXPLICIT.header(0x00180010, "LO", 4) + value, 0x00180023)


def test_all_runs_together_have_a_limit() -> None:
    """Each element is the first one of a data set once, so that a run begins at each."""
    syntax = SYNTAXES[EXPLICIT]
    most = 0
    for number in range(100):
        elements: list[Element] = [(0x00190000 | number << 8 | n, "LO", b"ABCDEFGHABCDEFGH") for n in range(0x10, 0x60)]
        for n in (0, *range(70)):
            findings(EXPLICIT.encode(elements[n:]), syntax)
        most = max(most, sum(len(run.content) for run in runs()))
    assert 1 << 20 < most <= walk_headers._MOST_RUN_BYTES + walk_headers._LONGEST_RUN


def test_a_run_that_never_comes_again_is_given_up() -> None:
    """Each time one byte less is the same: a few cuts, and no more is tried."""
    syntax = SYNTAXES[EXPLICIT]
    first = EXPLICIT.header(0x00180010, "LO", 4)
    for length in range(40, 3, -1):
        elements: list[Element] = [(0x00180010 + n, "LO", b"ABCD" if n < length else b"EFGH") for n in range(42)]
        data = EXPLICIT.encode(elements)
        assert findings(data, syntax) == findings(data, syntax, Listener())
    meanings = EXPLICIT_LITTLE.headers.of(NOTED_UIDS).meanings
    assert meanings[first][2] is None
    for _ in range(2 * walk_headers._WALKS):
        findings(data, syntax)
    run = meanings[first][2]
    assert run is not None, "now and then it is tried again"
    assert run.met > 100
