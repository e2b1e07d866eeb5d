"""What may be given to ``send``: paths, folders, iterables of all kinds, pydicom data sets."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dcmsend import IndexOptions, InputOptions, Peer, Shard, TransferOptions, send
from dcmsend.errors import (
    DataSetError,
    FileUnreadable,
    InvalidInputFile,
    NoInputFiles,
    NoValidInputFiles,
    SendingFailed,
)
from support.corpus import DATA
from support.fixture_files import CT_CLASS, DEFLATED, EB, EI, II, instance, meta_header, read_data_set
from support.peer_script import Accept, Script, insist_on
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, instance_uid, run_transfer, send_all, tiny_data_set, write_instances

CT = DATA / "pydicom" / "CT_small.dcm"


def uids(sent: Sent) -> list[str | None]:
    return [store.sop_instance_uid for store in sent.peer.stores]


# --- paths


def test_one_path(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1)
    for one in (path, str(path), bytes(path), PurePosixPath(path)):
        sent = send_all(one)  # type: ignore[arg-type]
        assert uids(sent) == [instance_uid(1)]
        assert sent.outcomes[0].instance.input.path == str(path)


@pytest.mark.parametrize("kind", [list, tuple, iter, set, dict.fromkeys])
def test_iterables(tmp_path: Path, kind: Any) -> None:
    files = write_instances(tmp_path, 3)
    assert sorted(map(str, uids(send_all(kind(files))))) == [instance_uid(number) for number in (1, 2, 3)]


def test_generator(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)

    def wanted() -> Iterator[Path]:
        yield files[2]
        yield files[0]

    assert uids(send_all(wanted())) == [instance_uid(3), instance_uid(1)]


def test_an_error_of_the_generator_is_the_callers(tmp_path: Path) -> None:
    def broken() -> Iterator[Path]:
        yield from write_instances(tmp_path, 1)
        raise ZeroDivisionError

    with ScriptedPeer() as peer:
        transfer = send(broken(), Peer("127.0.0.1", peer.port))
        with pytest.raises(ZeroDivisionError):
            list(transfer)
    assert peer.connections == []


def test_folders_are_searched_to_the_bottom(tmp_path: Path) -> None:
    write_instances(tmp_path / "a", 2)
    write_instances(tmp_path / "a" / "b" / "c", 1, first=3)
    sent = send_all(tmp_path / "a")  # type: ignore[arg-type]
    assert sorted(map(str, uids(sent))) == [instance_uid(number) for number in (1, 2, 3)]


def test_folders_by_other_rules(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)
    files[1].rename(tmp_path / "image.ima")
    write_instances(tmp_path / "deeper", 1, first=9)
    with ScriptedPeer() as peer:
        options = InputOptions(scan_directories=True, recurse=False, scan_pattern="*.dcm")
        list(send(tmp_path, Peer("127.0.0.1", peer.port), inputs=options))
    assert sorted(str(store.sop_instance_uid) for store in peer.stores) == [instance_uid(1), instance_uid(3)]


def test_file_name_that_is_not_utf_8(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1)
    odd = bytes(tmp_path) + b"/caf\xe9.dcm"
    path.rename(odd.decode("utf-8", "surrogateescape"))
    assert uids(send_all([odd])) == [instance_uid(1)]


def test_nothing_to_send(tmp_path: Path) -> None:
    for nothing in ([], (), iter(())):
        sent = send_all(nothing)
        assert isinstance(sent.error, NoInputFiles)
        assert (sent.outcomes, sent.peer.connections) == ((), [])
    (tmp_path / "empty").mkdir()
    assert isinstance(send_all([tmp_path / "empty"]).error, NoInputFiles)


def test_what_is_no_dicom_is_told_and_left_out(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 1)
    (tmp_path / "notes.txt").write_text("no DICOM")
    sent = send_all([tmp_path / "notes.txt", tmp_path / "missing", *files])
    assert sent.results == ["stored"]
    assert [Path(row.path).name for row in sent.transfer.rejected] == ["notes.txt", "missing"]
    assert not sent.transfer.rejected[0].is_dicom
    assert sent.transfer.rejected[1].reason == "No such file or directory"


def test_nothing_but_what_is_no_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")
    sent = send_all(tmp_path)  # type: ignore[arg-type]
    assert isinstance(sent.error, NoValidInputFiles)
    assert len(sent.transfer.rejected) == 1
    assert sent.peer.connections == []


def test_halt_at_the_first_bad_input(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 1)
    sent = send_all([*files, tmp_path / "missing"], index=IndexOptions(halt_on_invalid=True))
    assert isinstance(sent.error, InvalidInputFile)
    assert sent.error.path == str(tmp_path / "missing")
    assert (sent.results, sent.reasons) == (["not attempted"], ["halted"])
    assert sent.peer.connections == []


def test_neither_path_nor_data_set(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 1)
    for wrong in (None, 7, object(), {"SOPClassUID": "1.2"}, ["nested"]):
        with pytest.raises(TypeError, match="item 2"):
            send_all([*files, wrong])


# --- data sets


def make_data_set(number: int = 1) -> Dataset:
    """Made from nothing: no meta header, no encoding."""
    data_set = Dataset()
    data_set.SOPClassUID = CT_CLASS
    data_set.SOPInstanceUID = instance_uid(number)
    data_set.PatientName = "Test^Transfer"
    return data_set


def with_meta(data_set: Dataset, syntax: UID | str) -> Dataset:
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(syntax)
    return data_set


def received(sent: Sent, position: int = 0) -> tuple[bytes, str]:
    """A data set as it came, and its transfer syntax."""
    outcome = sent.outcomes[position]
    assert outcome.result.value == "stored", outcome
    assert outcome.sent_syntax is not None
    return bytes(sent.peer.stores[position].data_set), outcome.sent_syntax.uid


def test_one_data_set_made_from_nothing() -> None:
    sent = send_all(make_data_set())
    assert received(sent) == (tiny_data_set(1), EI)
    assert sent.outcomes[0].instance.input.path == "<data set 1>"


def test_data_sets_and_paths_mixed(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1, first=2)
    sent = send_all([make_data_set(1), path, make_data_set(3)])
    assert uids(sent) == [instance_uid(number) for number in (1, 2, 3)]
    assert [Path(each.instance.input.path).name for each in sent.outcomes] == [
        "<data set 1>", "000002.dcm", "<data set 3>",
    ]  # fmt: skip


@pytest.mark.parametrize("accepted", [EI, EB, II])
@pytest.mark.parametrize("own", [EI, EB, II])
def test_native_data_sets_reach_the_peer_in_what_it_wants(own: str, accepted: str) -> None:
    data_set = with_meta(instance(5), own)
    if own == EB:  # as pydicom wants it: pixels are already in the byte order of the meta header
        data_set.PixelData = swap(data_set.PixelData)
    sent = send_all([data_set], Script(associate=Accept(insist_on(accepted))))
    data, syntax = received(sent)
    assert syntax == accepted
    decoded = read_data_set(data, accepted)
    if accepted == EB:
        decoded.PixelData = swap(decoded.PixelData)
    expected = instance(5)
    assert decoded.PixelData == expected.PixelData
    assert decoded.PatientName == expected.PatientName
    assert decoded[0x00091001].value in ("private", b"private ")


def swap(data: bytes) -> bytes:
    swapped = bytearray(data)
    swapped[::2], swapped[1::2] = data[1::2], data[::2]
    return bytes(swapped)


@pytest.mark.parametrize(
    "name",
    [
        "pydicom/CT_small.dcm", "pydicom/MR_small_implicit.dcm", "pydicom/MR_small_bigendian.dcm",
        "pydicom/ExplVR_BigEnd.dcm", "pydicom/JPEG2000.dcm", "pydicom/MR_small_RLE.dcm", "pydicom/JPEG-lossy.dcm",
        "pydicom/rtplan.dcm", "pydicom/waveform_ecg.dcm", "dcmqi/segmentations/23x38x3/seg/label.seg",
    ],
)  # fmt: skip
def test_data_set_of_a_file_is_sent_like_the_file(name: str) -> None:
    """What pydicom has read and not changed goes out in the file's own syntax, with the same content."""
    path = DATA / name
    data_set = pydicom.dcmread(path)
    syntax = data_set.file_meta.TransferSyntaxUID
    sent = send_all([data_set, path], Script(associate=Accept(insist_on(syntax))))
    (from_memory, first_syntax), (from_file, second_syntax) = received(sent, 0), received(sent, 1)
    assert first_syntax == second_syntax == syntax
    one, other = (read_data_set(data, syntax) for data in (from_memory, from_file))
    for tag in [tag for tag in other.keys() if tag.element == 0]:  # noqa: SIM118  (pydicom writes no group lengths)
        del other[tag]
    assert one == other


@pytest.mark.parametrize("name", ["pydicom/CT_small.dcm", "pydicom/MR_small_bigendian.dcm"])
def test_data_set_of_a_file_without_its_meta_header(name: str) -> None:
    """It is encoded as it was read."""
    data_set = pydicom.dcmread(DATA / name)
    syntax = data_set.file_meta.TransferSyntaxUID
    del data_set.file_meta
    sent = send_all([data_set, DATA / name], Script(associate=Accept(insist_on(syntax))))
    assert received(sent, 0)[1] == received(sent, 1)[1] == syntax


def test_deflated_data_set() -> None:
    sent = send_all([with_meta(instance(5), DEFLATED)])
    data, syntax = received(sent)
    assert syntax == DEFLATED
    assert len(data) % 2 == 0
    inflated = zlib.decompressobj(-15).decompress(data)
    assert read_data_set(inflated, EI).PixelData == instance(5).PixelData
    assert sent.outcomes[0].data_set_length == len(inflated)


def test_changed_data_set_is_sent_as_changed() -> None:
    data_set = pydicom.dcmread(CT)
    data_set.PatientName = "Somebody^Else"
    data_set.SOPInstanceUID = "1.2.3.4.5.6"
    sent = send_all(data_set)
    data, syntax = received(sent)
    assert read_data_set(data, syntax).PatientName == "Somebody^Else"
    assert uids(sent) == ["1.2.3.4.5.6"]
    assert sent.outcomes[0].instance.sop_instance_uid == "1.2.3.4.5.6"


@pytest.mark.parametrize("make", [make_data_set, lambda: pydicom.dcmread(CT), lambda: with_meta(instance(5), II)])
def test_the_callers_data_set_is_left_alone(make: Any) -> None:
    data_set = make()
    before = copy.deepcopy(data_set)
    send_all(data_set)
    assert data_set == before
    assert getattr(data_set, "file_meta", None) == getattr(before, "file_meta", None)


@pytest.mark.parametrize("attribute", ["SOPClassUID", "SOPInstanceUID"])
def test_data_set_without_uids(attribute: str) -> None:
    data_set = make_data_set()
    delattr(data_set, attribute)
    sent = send_all([data_set])
    assert isinstance(sent.error, NoValidInputFiles)
    (row,) = sent.transfer.rejected
    assert (row.path, row.is_dicom) == ("<data set 1>", True)
    assert "UID" in row.reason


@pytest.mark.parametrize("attribute", ["SOPClassUID", "SOPInstanceUID", "TransferSyntaxUID"])
def test_data_set_with_a_uid_that_no_meta_header_can_hold(attribute: str) -> None:
    """It is left out like any other with a wrong UID, and the others are sent."""
    data_set = with_meta(make_data_set(), ExplicitVRLittleEndian)
    holder = data_set.file_meta if attribute == "TransferSyntaxUID" else data_set
    with pytest.warns(UserWarning, match="exceeds the maximum length"):
        setattr(holder, attribute, "1" * 70_000)
    sent = send_all([data_set, make_data_set(2)])
    assert [rejected.path for rejected in sent.transfer.rejected] == ["<data set 1>"]
    assert sent.results == ["stored"]


@pytest.mark.parametrize("attribute", ["SOPClassUID", "SOPInstanceUID", "TransferSyntaxUID"])
def test_data_set_with_a_uid_that_pydicom_cannot_read(attribute: str) -> None:
    """pydicom converts a value that it has read when it is asked for; the others are sent."""
    data_set = with_unreadable(attribute)
    sent = send_all([data_set, make_data_set(2)])
    assert [rejected.path for rejected in sent.transfer.rejected] == ["<data set 1>"]
    assert sent.results == ["stored"]


def test_data_set_with_a_uid_that_pydicom_cannot_read_has_a_shard() -> None:
    items = [with_unreadable("SOPInstanceUID"), make_data_set(2)]
    with ScriptedPeer() as peer:
        transfer = send(items, Peer("127.0.0.1", peer.port), inputs=InputOptions(shard=Shard(1, 1)))
        outcomes, _ = run_transfer(transfer)
    assert [rejected.path for rejected in transfer.rejected] == ["<data set 1>"]
    assert [outcome.result.value for outcome in outcomes] == ["stored"]


def with_unreadable(attribute: str) -> Dataset:
    """A data set with an element as pydicom keeps it from a file, of a VR that is none."""
    data_set = with_meta(make_data_set(), ExplicitVRLittleEndian)
    holder = data_set.file_meta if attribute == "TransferSyntaxUID" else data_set
    holder[attribute] = RawDataElement(Tag(attribute), "ZZ", 4, b"1.2\0", 0, False, True)
    return data_set


def test_data_set_that_pydicom_cannot_encode() -> None:
    data_set = make_data_set()
    data_set.add_new(0x00280010, "US", "not a number")
    sent = send_all([data_set, make_data_set(2)], halt=True)
    assert sent.results == ["failed", "not attempted"]
    assert sent.reasons[0] == "data set broken"
    assert isinstance(sent.error, SendingFailed)
    assert isinstance(sent.error.cause, DataSetError)
    assert "pydicom" in sent.error.cause.detail


def test_data_set_with_odd_values_is_repaired() -> None:
    """pydicom writes some values with an odd length; on the wire all are even."""
    data_set = make_data_set()
    data_set.add_new(0x00091001, "OB", b"odd")
    data_set.add_new(0x00091002, "UN", b"odd")
    data, _ = received(send_all([data_set]))
    decoded = read_data_set(data, EI)
    assert decoded[0x00091001].value == decoded[0x00091002].value == b"odd\0"


def test_data_set_in_a_private_syntax() -> None:
    private = "1.3.6.1.4.1.99999.7.4.1"
    data_set = with_meta(make_data_set(), private)
    sent = send_all([data_set], index=IndexOptions(check_uids=False, halt_on_invalid=False))
    assert received(sent) == (tiny_data_set(1), private)


def test_big_and_little_endian_constants_agree_with_pydicom() -> None:
    assert (str(ExplicitVRLittleEndian), str(ExplicitVRBigEndian), str(ImplicitVRLittleEndian)) == (EI, EB, II)


def test_errors_say_what_was_wrong_with_a_file(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1)
    path.write_bytes(meta_header(CT_CLASS, "1.2.3", EI) + tiny_data_set(1)[:-3])
    with ScriptedPeer() as peer:
        transfer = send(path, Peer("127.0.0.1", peer.port), transfer=TransferOptions(halt_on_failure=True))
        outcomes, error = run_transfer(transfer)
    assert [outcome.result.value for outcome in outcomes] == ["failed"]
    assert isinstance(error, SendingFailed)
    assert isinstance(error.cause, DataSetError)
    assert not isinstance(error.cause, FileUnreadable)
    assert error.cause.detail


@pytest.mark.parametrize("syntax", [EI, EB, II])
@pytest.mark.parametrize("is_read", [False, True], ids=["made", "read"])
def test_sending_a_data_set_leaves_it_as_it_was(tmp_path: Path, syntax: str, is_read: bool) -> None:
    """Down to the items of sequences; pydicom settles there what a VR of two meanings is."""
    data_set = with_meta(instance(1), ExplicitVRLittleEndian)
    data_set.PixelRepresentation = 1
    data_set.add_new(0x00280106, "US or SS", 5)  # Smallest Image Pixel Value
    item = Dataset()
    item.add_new(0x00280106, "US or SS", 7)
    data_set.add_new(0x00400260, "SQ", [item])
    if is_read:
        data_set = pydicom.dcmread(CT)
    data_set["PixelData"].is_undefined_length = True
    before = copy.deepcopy(data_set)
    elements = {id(element) for element in data_set}
    sent = send_all([data_set], Script(associate=Accept(insist_on(syntax))))
    assert sent.results == ["stored"]
    assert data_set == before
    assert {id(element) for element in data_set} == elements
    assert data_set["PixelData"].is_undefined_length is True
    if not is_read:
        assert data_set[0x00280106].VR == data_set[0x00400260].value[0][0x00280106].VR == "US or SS"


def test_outcomes_of_data_sets_have_a_hash() -> None:
    sent = send_all([make_data_set(1), make_data_set(2)])
    outcomes = set(sent.outcomes)
    assert len(outcomes) == 2
    first = sent.outcomes[0]
    same = copy.deepcopy(first)
    assert same == first
    assert hash(same) == hash(first)
    assert {first.instance: 1, first.instance.input: 2}
