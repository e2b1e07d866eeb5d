"""Names of Windows, and names that a file system takes for one although they differ in case."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from dcmsend.errors import ReportError
from dcmsend.inputs import InputFile, Origin, dicomdir, directory, input_file, selection
from dcmsend.inputs.stores import is_url
from dcmsend.journal import path_key, resume
from dcmsend.journal.own_files import OwnFiles
from dcmsend.journal.schema import CREATE
from dcmsend.report import OwnReports, ReportOptions
from dcmsend.report.own_reports import check_named
from dcmsend.run import Written, written_files, written_twice
from support.nt_names import with_names_of_windows
from support.unnumbered import unnumbered_files


@pytest.mark.parametrize(
    "name",
    [r"C:\data", "C:/data", "c://data", "C:", r"\\server\share", "//server/share/s3", r"\\?\C:\data", r"C:\a.zip!\b"],
)
def test_names_that_are_no_addresses(name: str) -> None:
    assert not is_url(name)


@pytest.mark.parametrize(
    ("path", "directory_", "name"),
    [
        (r"C:\data\a.dcm", "C:\\data\\", b"a.dcm"),
        ("C:/data/a.dcm", "C:/data/", b"a.dcm"),
        (r"C:\data/b\a.dcm", "C:\\data/b\\", b"a.dcm"),
        (r"\\server\share\a.dcm", "\\\\server\\share\\", b"a.dcm"),
        ("C:a.dcm", "C:", b"a.dcm"),
        ("a.dcm", "", b"a.dcm"),
    ],
)
def test_the_key_of_a_file(monkeypatch: pytest.MonkeyPatch, path: str, directory_: str, name: bytes) -> None:
    with_names_of_windows(monkeypatch, input_file)
    assert InputFile(path).key(os.fsencode) == (os.fsencode(directory_), name)


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        (r"C:\data", "C:\\data\\"),
        ("C:\\", "C:\\"),
        ("C:", "C:"),
        ("C:/", "C:\\"),
        (r"\\server\share", "\\\\server\\share\\"),
        (".", ""),
        ("a", "a\\"),
    ],
)
def test_what_stands_before_the_names_in_a_directory(
    monkeypatch: pytest.MonkeyPatch, path: str, prefix: str
) -> None:
    with_names_of_windows(monkeypatch, directory)
    assert directory._prefix(path, path.rstrip("/\\")) == prefix


@pytest.mark.parametrize(
    ("file_id", "leads"),
    [(r"C:\X", True), ("C:X", True), (r"\\SERVER\SHARE\X", True), (r"\X", True), (r"A\..\B", True), (r"A\B", False)],
)
def test_references_that_leave_the_directory(monkeypatch: pytest.MonkeyPatch, file_id: str, leads: bool) -> None:
    with_names_of_windows(monkeypatch, dicomdir)
    assert dicomdir.leads_outside(file_id) is leads


def test_rules_for_names_see_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    with_names_of_windows(monkeypatch, selection)
    found = InputFile("C:\\in\\ct\\a.dcm", Origin.DIRECTORY, root="C:\\in\\")
    assert selection._name_of(found) == "ct/a.dcm"
    assert selection._name_of(InputFile(r"\\server\share\in\a.dcm")) == "a.dcm"
    assert selection._name_of(InputFile("C:/in/a.dcm")) == "a.dcm"


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_what_is_stored_below_a_directory(monkeypatch: pytest.MonkeyPatch, separator: str) -> None:
    """What lies beside it, with a name that begins alike, is not below it."""
    monkeypatch.setattr(resume, "_SEPARATOR", separator.encode())
    monkeypatch.setattr(resume, "_AFTER_IT", bytes((separator.encode()[0] + 1,)))
    connection = sqlite3.connect(":memory:")
    for statement in CREATE:
        connection.execute(statement)
    places = [name.replace("/", separator) for name in ("C:/in", "C:/in/a", "C:/in/a/b", "C:/in0", "C:/in-a", "C:/")]
    for number, place in enumerate(places, 1):
        connection.execute("INSERT INTO directory (id, path) VALUES (?, ?)", (number, place.encode()))
        _insert(connection, number)
    stored = resume.StoredFiles(connection, "j")
    found = {row[0].decode() for row in stored.stored_in(places[0].encode(), deep=True)}
    assert found == set(places[:3])
    assert {row[0].decode() for row in stored.stored_in(places[0].encode(), deep=False)} == {places[0]}
    connection.close()


def _insert(connection: sqlite3.Connection, number: int) -> None:
    """A stored instance in the directory of this number."""
    connection.execute(
        "INSERT INTO instance (directory, name, size, mtime_ns, outcome, attempts, time, sop_class, sop_instance_uid) "
        "VALUES (?, x'61', 1, 2, 0, 1, 0, 1, '1.2.3')", (number,),
    )  # fmt: skip


class TestNamesThatDifferInCase:
    """A link stands for what a file system does that takes both names for one."""

    def test_the_journal(self, tmp_path: Path) -> None:
        for name in ("Journal", "Journal-lock"):
            (tmp_path / name).write_bytes(b"")
        own = OwnFiles(str(tmp_path / "Journal"))
        place = os.fsencode(tmp_path)
        assert own.hold(place, b"Journal")
        assert not own.hold(place, b"journal")
        (tmp_path / "journal").write_bytes(b"somebody else's")
        assert not own.hold(place, b"journal")
        (tmp_path / "journal").unlink()
        (tmp_path / "journal").symlink_to("Journal")
        (tmp_path / "JOURNAL-LOCK").symlink_to("Journal-lock")
        assert own.hold(place, b"journal")
        assert own.hold(place, b"JOURNAL-LOCK")
        assert not own.hold(place, b"journal-wal")

    def test_the_directory_of_the_journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "In").mkdir()
        (tmp_path / "In" / "j").write_bytes(b"")
        (tmp_path / "in").symlink_to("In")
        monkeypatch.setattr(path_key, "_real", os.fsencode)  # such a system does not tell which of the two it has
        assert OwnFiles(str(tmp_path / "In" / "j")).hold(os.fsencode(tmp_path / "in"), b"j")

    def test_a_report(self, tmp_path: Path) -> None:
        report = tmp_path / "R.json"
        own = OwnReports(ReportOptions(json_report=str(report)))
        other = InputFile(str(tmp_path / "r.json"), Origin.DIRECTORY, root=f"{tmp_path}/")
        report.write_bytes(b"")
        (tmp_path / "r.json").write_bytes(b"")
        assert own.hold(other._replace(path=str(report)))
        assert not own.hold(other)
        (tmp_path / "r.json").unlink()
        (tmp_path / "r.json").symlink_to("R.json")
        assert own.hold(other)

    def test_two_options_for_one_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = [Written("--report-json", str(tmp_path / "r")), Written("--report-csv", str(tmp_path / "R"))]
        for folds in (False, True):
            monkeypatch.setattr(written_files, "_FOLDS_NAMES", folds)
            assert (written_twice(files) is None) is not folds


class TestFilesHaveNoNumbers:
    """Any two existing files look like one to who compares device and inode."""

    def test_reports_of_an_earlier_run_are_two(self, tmp_path: Path) -> None:
        files = [Written(f"--report-{name}", str(tmp_path / name)) for name in ("json", "csv")]
        for name in ("json", "csv"):
            (tmp_path / name).write_bytes(b"")
        (tmp_path / "link").symlink_to("csv")
        with unnumbered_files():
            assert written_twice(files) is None
            assert written_twice([*files, Written("--report-html", str(tmp_path / "link"))]) is not None

    def test_a_report_of_an_earlier_run_is_not_what_is_named(self, tmp_path: Path) -> None:
        for name in ("report", "image"):
            (tmp_path / name).write_bytes(b"")
        (tmp_path / "link").symlink_to("image")
        names = [str(tmp_path / "image")]
        with unnumbered_files():
            check_named(str(tmp_path / "report"), names)
            for name in ("image", "link"):
                with pytest.raises(ReportError):
                    check_named(str(tmp_path / name), names)
