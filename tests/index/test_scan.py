"""The scan as its callers see it: lazy, in order, every bad input told once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from dcmsend.errors import FileUnreadable, InvalidInputFile
from dcmsend.index import IndexOptions, RejectedInput, scan
from dcmsend.inputs import DataSetInput, InputFile, InputOptions, Origin, find_inputs
from dcmsend.inputs.file_source import open_input
from dcmsend.reasons import Rejection
from support.corpus import DATA
from support.data_set_bytes import file_with
from support.descriptors import open_descriptors
from support.reading_judge import collected_log

EXPLICIT = "1.2.840.10008.1.2.1"
GO_ON = IndexOptions(halt_on_invalid=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good").write_bytes(file_with(b"", EXPLICIT))
    (tmp_path / "text").write_text("nothing of the kind " * 20)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "short").write_bytes(file_with(b"", EXPLICIT)[:200])
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path


def inputs(folder: Path, *names: str, origin: Origin = Origin.PARAMETER) -> list[InputFile]:
    return [InputFile(str(folder / name) if name else "", origin) for name in names]


def test_the_first_bad_input_ends_the_scan_after_what_was_good(folder: Path) -> None:
    found = scan(inputs(folder, "good", "text", "good"), IndexOptions())
    assert next(found).sop_instance_uid == "1.2.3.4"
    with pytest.raises(InvalidInputFile) as error:
        next(found)
    assert str(error.value) == f"bad DICOM file: {folder / 'text'}: File meta information header missing"


def test_bad_inputs_are_told_and_left_out(folder: Path) -> None:
    rejected: list[RejectedInput] = []
    with collected_log() as lines:
        names = ("good", "text", "", "empty", "short", "missing", "good")
        found = list(scan(inputs(folder, *names), GO_ON, rejected.append))
    assert [instance.input.path for instance in found] == [str(folder / "good")] * 2
    assert [(Path(row.path).name, row.reason, row.is_dicom) for row in rejected] == [
        ("text", "File meta information header missing", False),
        ("", "Illegal parameter", False),
        ("empty", "End of stream", False),
        ("short", "I/O suspension or premature end of stream", True),
        ("missing", os.strerror(2), True),  # named by the user: it may be what he wanted to send
    ]
    assert "E: cannot add DICOM file with empty filename" in lines
    assert "W: bad DICOM file: <empty string>: Illegal parameter, ignoring file" in lines
    assert f"E: cannot add DICOM file to the transfer list: {folder / 'empty'}: End of stream" in lines


@pytest.mark.parametrize("target", ["nowhere", "link", "image/below", "x" * 256])
def test_a_link_of_a_directory_that_leads_nowhere_is_no_dicom_file(folder: Path, target: str) -> None:
    """Also one that leads to itself."""
    (folder / "image").touch()
    (folder / "link").symlink_to(target)
    rejected: list[RejectedInput] = []
    list(scan(inputs(folder, "link", origin=Origin.DIRECTORY), GO_ON, rejected.append))
    list(scan(inputs(folder, "link"), GO_ON, rejected.append))
    assert [row.is_dicom for row in rejected] == [False, True]


@pytest.mark.skipif(os.mkdir not in os.supports_dir_fd, reason="nobody can make such a path there")
@pytest.mark.parametrize("kind", ["directory", "file"])
def test_what_has_too_long_a_path_may_be_a_dicom_file(tmp_path: Path, kind: str) -> None:
    """The system names it, and cannot open it by all the names that it lies below."""
    longest, name = os.pathconf(tmp_path, "PC_PATH_MAX"), "d" * 250
    length, place = len(str(tmp_path)), os.open(tmp_path, os.O_RDONLY)
    try:
        while length + len(name) + 1 < longest + (len(name) if kind == "directory" else 0):
            os.mkdir(name, dir_fd=place)
            above, place = place, os.open(name, os.O_RDONLY, dir_fd=place)
            os.close(above)
            length += len(name) + 1
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=place))
    finally:
        os.close(place)
    rejected: list[RejectedInput] = []
    assert not list(scan(find_inputs([str(tmp_path)], InputOptions(True, True)), GO_ON, rejected.append))
    assert [(row.reason, row.is_dicom) for row in rejected] == [(os.strerror(errno.ENAMETOOLONG), True)]
    shutil.rmtree(tmp_path / name)


@pytest.mark.parametrize(("fault", "name"), [("class", "dicomdir"), ("text", "dicomdir"), ("text", "DICOMDIR.;1")])
def test_beside_a_dicomdir_that_is_rejected_all_stays(folder: Path, fault: str, name: str) -> None:
    """Nobody knows what it refers to, whatever is wrong with it: here the class of the DICOMDIR is none."""
    whole = (DATA / "fileset" / "DICOMDIR").read_bytes()
    other = whole.replace(b"1.2.840.10008.1.3.10", b"1.2.840.10008.1.3.99")
    assert other != whole
    (folder / name).write_bytes(other if fault == "class" else b"nothing of the kind " * 20)
    kept: list[tuple[str, bool]] = []

    def keep(path: str, *, all_below: bool = False) -> None:
        kept.append((path, all_below))

    options = GO_ON.replace(expand_dicomdir=True)
    rejected: list[RejectedInput] = []
    assert list(scan(inputs(folder, name, "text"), options, rejected.append, keep_in_place=keep)) == []
    assert len(rejected) == 2
    assert kept == [(str(folder), True)]


def test_no_input_is_read_before_it_is_asked_for(folder: Path) -> None:
    taken = []

    def watched() -> Iterator[InputFile]:
        for item in inputs(folder, "good", "good", "good"):
            taken.append(item)
            yield item

    found = scan(watched(), IndexOptions())
    assert taken == []
    next(found)
    assert len(taken) == 1


def test_names_need_not_be_utf_8(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.dcm")
    shutil.copyfile(folder / "good", folder / name)
    (instance,) = scan(inputs(folder, name), IndexOptions())
    assert os.fsencode(instance.input.path).endswith(b"/caf\xe9.dcm")


def test_names_that_no_file_can_have(folder: Path) -> None:
    rejected: list[RejectedInput] = []
    assert list(scan(inputs(folder, "a\0b", "\ud800"), GO_ON, rejected.append)) == []
    assert [row.reason for row in rejected] == [os.strerror(2)] * 2


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs Unix devices")
@pytest.mark.timeout(60)
def test_what_is_no_regular_file_does_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    reading, writing = os.pipe()
    rejected: list[RejectedInput] = []
    try:
        items = [*inputs(folder, "fifo", "."), *map(InputFile, ("/dev/zero", "/dev/null", f"/dev/fd/{reading}"))]
        assert list(scan(items, GO_ON, rejected.append)) == []
    finally:
        os.close(reading)
        os.close(writing)
    assert [row.reason for row in rejected] == [
        "Illegal seek", "I/O suspension or premature end of stream", "End of stream", "End of stream", "Illegal seek",
    ]  # fmt: skip


def test_a_folder_that_could_not_be_searched_does_not_go_missing(folder: Path) -> None:
    """Another host, or the same a moment later, may open it: what is in it is still not sent."""
    rejected: list[RejectedInput] = []
    found = InputFile(str(folder), Origin.DIRECTORY, root=str(folder.parent) + os.sep, is_directory=True)
    assert list(scan([found, InputFile(str(folder))], GO_ON, rejected.append)) == []
    assert [(row.why, row.is_dicom) for row in rejected] == [(Rejection.UNSEARCHABLE, True)] * 2


def test_the_error_itself_tells_a_folder_that_may_not_be_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", refuse)
    for path, why in ((folder, Rejection.UNSEARCHABLE), (folder / "good", Rejection.UNREADABLE)):
        with pytest.raises(FileUnreadable, match=os.strerror(errno.EACCES)) as caught:
            open_input(str(path))
        assert caught.value.why is why


def test_files_are_closed_whatever_they_are(folder: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not show open descriptors")
    before = open_descriptors()
    list(scan(inputs(folder, *["good", "text", "empty", "short", "missing", "."] * 20), GO_ON))
    assert open_descriptors() <= before


def test_data_sets_in_memory() -> None:
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    rejected: list[RejectedInput] = []
    items = [DataSetInput(f"<data set {number}>", item) for number, item in
             enumerate((data_set, Dataset()))]  # fmt: skip
    (instance,) = scan(items, GO_ON, rejected.append)
    assert (instance.sop_instance_uid, instance.transfer_syntax.uid) == ("1.2.3", "1.2.840.10008.1.2")
    assert [(row.path, row.reason) for row in rejected] == [("<data set 1>", "Invalid SOP Class UID")]
