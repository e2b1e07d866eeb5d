"""Archives that are objects of stores: fetched once as a whole, and given up with their last member."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import IndexOptions, InputOptions, JournalOptions, Peer, Result, RetryOptions, TransferOptions, send
from dcmsend.errors import NoValidInputFiles, StoreUnusable
from dcmsend.inputs import expand_archives, find_inputs
from dcmsend.inputs.ahead import THREADS
from dcmsend.inputs.stores import fetcher, stores
from dcmsend.inputs.stores.errors import StoreBusy
from dcmsend.inputs.stores.stored_object import StoredObject
from dcmsend.interrupt import Interrupt
from dcmsend.preview import preview
from dcmsend.reasons import Rejection
from dcmsend.settings import Preview, Settings
from support.descriptors import open_descriptors
from support.peer_script import Abort, Respond, Script
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large
from support.store_servers import Answer, StorePlace


def zip_of(paths: list[Path], method: int = zipfile.ZIP_STORED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for path in paths:
            archive.write(path, path.name)
    return data.getvalue()


def tar_of(paths: list[Path], mode: str = "w") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]
        for path in paths:
            archive.add(path, path.name)
    return data.getvalue()


PACKED: dict[str, Callable[[list[Path]], bytes]] = {
    "a.zip": zip_of,
    "b.ZIP": lambda paths: zip_of(paths, zipfile.ZIP_DEFLATED),
    "c.tar": tar_of,
    "d.tar.gz": lambda paths: tar_of(paths, "w:gz"),
}


def files(folder: Path, count: int, first: int = 1) -> list[Path]:
    """Small and large ones by turns."""
    paths = write_instances(folder, count, first=first)
    for number, path in enumerate(paths, first):
        if number % 3 == 0:
            write_large(path, 30_000 + 2 * number, number)
    return paths


def options_of(place: StorePlace, **options: object) -> InputOptions:
    return InputOptions(
        scan_directories=True, recurse=True, archives=True, storage_options=place.options, **options
    )  # type: ignore[arg-type]


def fill(place: StorePlace, folder: Path) -> int:
    """Four archives and a single object; returns how many instances they hold."""
    for number, (name, pack) in enumerate(PACKED.items()):
        place.put(name, pack(files(folder / name, 20, 1 + 20 * number)))
    place.put("single.dcm", files(folder / "single", 1, 81)[0].read_bytes())
    return 81


@pytest.mark.parametrize("associations", [1, 3])
def test_members_arrive_and_each_archive_is_fetched_once(
    store: StorePlace, tmp_path: Path, associations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = noted_fetchers(monkeypatch)
    count = fill(store, tmp_path / "in")
    before = open_descriptors()
    transfer = TransferOptions(parallel_associations=associations)
    with ScriptedPeer() as peer:
        outcomes = list(
            send([store.url], Peer("127.0.0.1", peer.port), inputs=options_of(store), transfer=transfer)
        )
        got = Counter(each.sop_instance_uid for each in peer.stores)
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * count
    assert got == {instance_uid(number): 1 for number in range(1, count + 1)}
    if store.requests:
        assert set(Counter(store.fetched).values()) == {1}
    paths = {outcome.instance.input.path for outcome in outcomes}
    assert store.url + "a.zip!/000001.dcm" in paths
    del outcomes
    assert all(each.ahead.count == each.held.count == 0 for each in made)
    assert not {each for each in open_descriptors() - before if "memfd" in each or "deleted" in each}


def noted_fetchers(monkeypatch: pytest.MonkeyPatch, *most_bytes: int) -> list[fetcher.Fetcher]:
    """The fetchers of all runs from now on, with another limit if one is given."""
    made: list[fetcher.Fetcher] = []
    init = fetcher.Fetcher.__init__

    def note(self: fetcher.Fetcher, *arguments: object) -> None:
        init(self, *arguments, *most_bytes)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(fetcher.Fetcher, "__init__", note)
    return made


def test_many_archives_are_kept_a_few_at_a_time(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a credit of four archives and a slow peer no more than eight are there at once."""
    monkeypatch.setattr(fetcher, "LARGEST_SUM", 4000)
    made = noted_fetchers(monkeypatch, fetcher.LARGEST_SUM)
    for number in range(40):
        web.put(f"{number:02d}.zip", zip_of(files(tmp_path / str(number), 2, 1 + 2 * number)))
    most = 0

    def look(request: object) -> None:
        nonlocal most
        most = max([most, *(each.ahead.count + each.held.count for each in made)])

    web.script = look
    with ScriptedPeer(Script(other_stores=Respond(delay=0.01))) as peer:
        outcomes = list(send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web)))
    assert len(outcomes) == 80
    assert 1 < most <= 10


def test_a_broken_association_fetches_no_archive_again(web: StorePlace, tmp_path: Path) -> None:
    count = fill(web, tmp_path / "in")
    options = TransferOptions(retry=RetryOptions(attempts=3, delay=0.01), halt_on_failure=False)
    with ScriptedPeer(Script(stores={7: Abort()}), Script(stores={30: Abort()}), Script()) as peer:
        outcomes = list(send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=options))
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * count
    assert {web.fetched.count(name) for name in PACKED} == {1}


def test_a_journal_knows_members(web: StorePlace, tmp_path: Path) -> None:
    count = fill(web, tmp_path / "in")
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedPeer(Script(stores={31: Respond(status=0xA700)}), Script()) as peer:
        where = Peer("127.0.0.1", peer.port)
        options = TransferOptions(halt_on_failure=False)
        first = list(send([web.url], where, inputs=options_of(web), journal=journal, transfer=options))
        assert Counter(outcome.result for outcome in first)[Result.STORED] == count - 1
        again = send([web.url], where, inputs=options_of(web), journal=journal)
        (outcome,) = again
    assert outcome.result is Result.STORED
    assert again.already_stored == count - 1


def test_an_archive_that_cannot_be_read_is_one_rejection(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_PAUSES", (0.01, 0.01))
    count = fill(web, tmp_path / "in")
    web.put("cut.zip", zip_of(files(tmp_path / "cut", 3))[:-30])
    web.put("gone.tar", b"")
    web.put("busy.tgz", b"")
    web.script = lambda request: (
        Answer(404) if request.name == "gone.tar" else Answer(503) if request.name == "busy.tgz" else None
    )
    with ScriptedPeer() as peer:
        transfer = send(
            [web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), index=IndexOptions(halt_on_invalid=False)
        )
        assert len(list(transfer)) == count
    found = {each.path.removeprefix(web.url): each.why for each in transfer.rejected}
    assert found == {
        "cut.zip": Rejection.MEMBER, "gone.tar": Rejection.UNREADABLE, "busy.tgz": Rejection.NOT_NOW,
    }  # fmt: skip


def test_an_archive_that_changes_after_the_list(s3: StorePlace, tmp_path: Path) -> None:
    pytest.importorskip("moto")
    s3.put("a.zip", zip_of(files(tmp_path / "old", 3)))
    new = zip_of(files(tmp_path / "new", 4))

    def change(request: object) -> None:
        if getattr(request, "name", "") == "a.zip":
            s3.script = lambda _: None
            s3.put("a.zip", new)

    s3.script = change
    with ScriptedPeer() as peer:
        transfer = send(
            [s3.url], Peer("127.0.0.1", peer.port), inputs=options_of(s3), index=IndexOptions(halt_on_invalid=False)
        )
        with pytest.raises(NoValidInputFiles):
            list(transfer)
    (rejected,) = transfer.rejected
    assert "changed" in rejected.reason


def test_a_preview_keeps_few_archives(web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last few, and those that are fetched once more just now, by as many threads as open inputs ahead."""
    monkeypatch.setattr(stores, "MOST_ARCHIVES", 2)
    for number in range(60):
        web.put(f"{number:02d}.zip", zip_of(files(tmp_path / str(number), 3, 1 + 3 * number)))
    most = 0

    def look(request: object) -> None:
        nonlocal most
        most = max(most, sum("memfd" in each or "deleted" in each for each in open_descriptors()))

    before = sum("memfd" in each or "deleted" in each for each in open_descriptors())
    web.script = look
    settings = Settings(Peer("127.0.0.1", 1), inputs=options_of(web), preview=Preview.DRY_RUN)
    lines: list[str] = []
    record = preview(settings, [web.url], lines.append, interrupt=Interrupt(), ask_peer=False)
    assert record.error is None
    assert lines[0].startswith("180 SOP instances to be sent")
    assert most - before <= 2 * THREADS


def test_a_member_whose_store_cannot_be_reached_may_be_sent_later(reached_once: StorePlace, tmp_path: Path) -> None:
    """It ends a run that still looks at what is there, but not one in which others are under way."""
    reached_once.put("a.zip", zip_of(files(tmp_path, 1)))
    inputs = options_of(reached_once)
    opened = stores.Stores(inputs)
    try:
        (member,) = expand_archives(find_inputs([reached_once.url], inputs, stores=lambda: opened))
        assert isinstance(member.container, StoredObject)
        assert member.container.uses is not None
        assert member.container.uses.put_away is not None
        member.container.uses.put_away()
        with pytest.raises(StoreBusy):
            member.open(100)
        with pytest.raises(StoreUnusable):
            member.open_beginning(100)
    finally:
        opened.close()


def test_a_signed_address_of_an_archive(web: StorePlace, tmp_path: Path) -> None:
    """What stands for the signature in its name does not hide what it is."""
    web.put("a.tar.gz", PACKED["d.tar.gz"](files(tmp_path / "in", 3)))
    with ScriptedPeer() as peer:
        outcomes = list(
            send([web.url + "a.tar.gz?sig=SECRET"], Peer("127.0.0.1", peer.port), inputs=options_of(web))
        )
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 3
