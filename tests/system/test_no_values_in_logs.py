"""No value of a data set but UIDs is in a log, whatever is given for what."""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dcmsend import Peer, send
from support.data_set_bytes import EXPLICIT_LITTLE, file_with
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

SECRET = "DOE^JOHN"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Values with line ends, so that a reader of lines finds a name that stands alone."""
    elements = [
        (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"), (0x00080018, "UI", b"1.2.3.4\0"),
        (0x00100010, "PN", b"\n" + SECRET.encode() + b"\n"),
        (0x00204000, "LT", f"\n--{SECRET}\n ({SECRET})\n ".encode()),
    ]  # fmt: skip
    padded = [(tag, vr, value + b" " * (len(value) % 2)) for tag, vr, value in elements]
    path = tmp_path / "one.dcm"
    path.write_bytes(file_with(EXPLICIT_LITTLE.encode(padded), EXPLICIT_LITTLE.uid))
    return path


def check_send(items: Any, caplog: pytest.LogCaptureFixture, error: type[Exception]) -> str:
    with caplog.at_level(logging.DEBUG), ScriptedPeer() as peer, pytest.raises(error) as caught:
        list(send(items, Peer("127.0.0.1", peer.port)))
    assert SECRET not in caplog.text
    assert SECRET not in str(caught.value)
    assert peer.connections == []
    return str(caught.value)


def test_an_open_file_is_no_list_of_names(image: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = image.read_bytes()
    with open(image, "rb") as binary, open(image, encoding="latin-1") as text, tempfile.NamedTemporaryFile() as wrapped:
        wrapped.write(content)
        wrapped.seek(0)
        copies = io.BytesIO(content), bytearray(content), memoryview(content)
        for items in (binary, text, wrapped, *copies, 7, None, 1.5):
            message = check_send(items, caplog, TypeError)
            assert message.endswith(f": this is a {type(items).__name__}")
        for item in (binary, text, wrapped, io.BytesIO(content), content):
            assert check_send([item], caplog, TypeError).startswith("item 1 is neither a path nor a pydicom.Dataset")
    check_send(content, caplog, TypeError)


class ContentAsName:
    """What is asked for its name and gives what it holds."""

    def __fspath__(self) -> str:
        return f"{SECRET}\0"


def patient() -> pydicom.Dataset:
    data_set = pydicom.Dataset()
    data_set.PatientName, data_set.PatientID, data_set.PatientComments = SECRET, "1", "none " * 60
    return data_set


LONG = "PN " + SECRET * 1000


@pytest.mark.parametrize(
    "content",
    [
        LONG, LONG.encode(), f"{SECRET}\0", f"{SECRET}\0".encode(), ContentAsName(), str(patient()),
        str(patient()).encode(), patient().to_json(), f"{SECRET}\n", f"a\r{SECRET}", f"\ud800\n{SECRET}",
    ],
)  # fmt: skip
def test_what_no_file_can_have_as_its_name(content: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A NUL, more characters than the system takes, or lines of which no file has the name: it is content."""
    for items in (content, [content], iter((content,))):
        assert check_send(items, caplog, TypeError).startswith("item 1 is neither a path nor a pydicom.Dataset")


@pytest.mark.parametrize("name", ["a\nb", "\n", "a\r", "a\u2028b"])
def test_a_name_may_have_lines(tmp_path: Path, name: str) -> None:
    (path,) = write_instances(tmp_path, 1)
    path.rename(tmp_path / name)
    (tmp_path / "link\n").symlink_to("nowhere")
    with ScriptedPeer() as peer:
        (outcome,) = send([tmp_path / name, tmp_path / "link\n"], Peer("127.0.0.1", peer.port))
    assert outcome.result.value == "stored"


def test_it_is_told_before_the_first_iteration(image: Path) -> None:
    with open(image, "rb") as file, pytest.raises(TypeError):
        send(file, Peer("127.0.0.1", 104))


def test_a_data_set_that_cannot_be_encoded(caplog: pytest.LogCaptureFixture) -> None:
    """pydicom quotes the values that it does not like."""
    data_set = pydicom.Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    data_set.add_new(0x00280010, "US", SECRET)
    with caplog.at_level(logging.DEBUG), ScriptedPeer() as peer:
        (outcome,) = send(data_set, Peer("127.0.0.1", peer.port))
    assert outcome.result.value == "failed"
    assert SECRET not in caplog.text + outcome.message + repr(outcome)


@pytest.mark.parametrize(
    "words",
    [
        ("--files-from", "one.dcm"), ("--files-from0", "one.dcm"), ("@one.dcm",), ("-lc", "one.dcm", "one.dcm"),
        ("+rd", "one.dcm"), ("-usr", "me", "--password-file", "one.dcm", "one.dcm"), ("--saml", "one.dcm", "one.dcm"),
        ("one.dcm",), ("-f", "one.dcm"), ("-nh", "--normalize", "+v", "one.dcm"), ("-nh", "cut.dcm", "one.dcm"),
        ("-nh", "+f", "cut.dcm"), ("--journal", "one.dcm", "--resume", "one.dcm"), ("+crf", "one.dcm", "one.dcm"),
        ("--report-csv", "one.dcm", "one.dcm"), ("+tla", "+cf", "one.dcm", "one.dcm"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_image_in_place_of_something_else(tmp_path: Path, image: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "cut.dcm").write_bytes(image.read_bytes()[:-20])
    with ScriptedPeer() as peer:
        debug = () if "-lc" in words else ("-d",)
        done = run(installed_dcmsend(), *debug, "--arguments", "127.0.0.1", peer.port, *words, cwd=tmp_path)
    assert SECRET not in done.stdout + done.stderr, done.stderr


def test_an_image_in_place_of_a_dictionary(tmp_path: Path, image: Path) -> None:
    shutil.copy(image, tmp_path / "dictionary")
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "-d", "127.0.0.1", peer.port, image,
            environment={"DCMDICTPATH": f"{tmp_path}/dictionary"},
        )  # fmt: skip
    assert SECRET not in done.stderr
    assert "it is a DICOM file" in done.stderr


def test_a_refused_list_says_what_to_do(tmp_path: Path, image: Path) -> None:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "127.0.0.1", peer.port, "--files-from", image)
    assert "it is a DICOM file; name it as dcmfile-in" in done.stderr
