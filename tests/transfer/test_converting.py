"""Instances that are re-encoded on their way: the right bytes, the descriptors, files that change meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dcmsend import BytesSent, Observer, TransferOptions
from support.fixture_files import (
    CT_CLASS,
    DEFLATED,
    EB,
    EI,
    II,
    deflate,
    encode_data_set,
    instance,
    meta_header,
)
from support.peer_script import Accept, Respond, Script, insist_on, prefer
from support.sending import send_all, write_instances, write_large


def plain(number: int) -> Dataset:
    """Without a private element: implicit VR does not tell its VR."""
    data_set = instance(number)
    del data_set[0x00090010], data_set[0x00091001]
    return data_set


def write_mixed(folder: Path, count: int) -> list[Path]:
    """One instance after the other in another encoding, so that each second file at least has to be converted."""
    paths = []
    for number in range(count):
        syntax = (EI, II, EB, DEFLATED)[number % 4]
        data = encode_data_set(plain(number), EI if syntax == DEFLATED else syntax)
        path = folder / f"{number:04}.dcm"
        path.write_bytes(
            meta_header(CT_CLASS, str(plain(number).SOPInstanceUID), syntax)
            + (deflate(data) if syntax == DEFLATED else data)
        )
        paths.append(path)
    return paths


@pytest.mark.parametrize("target", [EI, EB, II])
def test_converted_and_passed_through_by_turns(tmp_path: Path, target: str) -> None:
    """A file must never be closed twice: the second time it would be the next one's descriptor."""
    files = write_mixed(tmp_path, 40)
    sent = send_all(files, Script(associate=Accept(prefer(target)), other_stores=Respond()), halt=True)
    assert sent.results == ["stored"] * 40
    assert [bytes(store.data_set) for store in sent.peer.stores] == [
        encode_data_set(plain(number), target) for number in range(40)
    ]
    assert {outcome.sent_syntax.uid for outcome in sent.outcomes if outcome.sent_syntax} == {target}
    lengths = [len(encode_data_set(plain(number), (EI, II, EB, EI)[number % 4])) for number in range(40)]
    assert [outcome.data_set_length for outcome in sent.outcomes] == lengths


def test_refused_conversions_give_their_files_back(tmp_path: Path) -> None:
    """The peer insists on what cannot be made of a native data set; nothing is sent, and no descriptor stays open."""
    files = write_mixed(tmp_path, 20)
    sent = send_all(files, Script(associate=Accept(insist_on("1.2.840.10008.1.2.4.50"))))
    assert set(sent.results) == {"failed"}
    assert set(sent.reasons) == {"not convertible"}
    assert sent.peer.stores == []


@pytest.mark.parametrize("options", [{"normalize": True}, {}])
def test_large_one_in_pieces(tmp_path: Path, options: dict[str, bool]) -> None:
    large = write_large(tmp_path / "large.dcm", 5 * 1024 * 1024)
    target = EI if options else II
    sent = send_all([large], Script(associate=Accept(insist_on(target))), **options)
    assert sent.results == ["stored"]
    data = bytes(sent.peer.stores[0].data_set)
    assert data[-5 * 1024 * 1024 :] == large.read_bytes()[-5 * 1024 * 1024 :]
    assert len(data) == sent.outcomes[0].bytes_sent
    assert TransferOptions(**options).normalize is bool(options)


class Changer(Observer):
    """Writes to a file when the first piece of it has been sent."""

    def __init__(self, path: Path) -> None:
        self._path: Path | None = path

    def bytes_sent(self, event: BytesSent) -> None:
        if event.number == 1 and self._path is not None:
            with self._path.open("r+b") as file:
                file.seek(-4, os.SEEK_END)
                file.write(b"\xff" * 4)
            self._path = None


@pytest.mark.parametrize("target", [II, EB])
def test_a_file_that_changes_while_it_is_converted(tmp_path: Path, target: str) -> None:
    large = write_large(tmp_path / "large.dcm", 8 * 1024 * 1024)
    os.utime(large, ns=(0, 10**18))
    files = [large, *write_instances(tmp_path, 1)]
    sent = send_all(files, Script(associate=Accept(insist_on(target))), observer=Changer(large))
    assert sent.results == ["failed", "stored"]
    assert sent.reasons[0] == "file changed"
    assert not sent.peer.connections[0].stores[0].complete
    assert sent.courses[0] == ["request", "abort 0 0"]
