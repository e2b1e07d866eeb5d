"""What stands in for a call of the system, one by one; whole runs are in test_runs."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime as real_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcmsend.cli import log_appenders, web_arguments
from dcmsend.inputs import anonymous, file_source, preadv_by_seeking
from dcmsend.inputs.seeking import pread_by_seeking
from dcmsend.journal import folder
from dcmsend.journal.move_note import KeptNote, left_notes
from dcmsend.load import members_ahead, room
from dcmsend.report import outcome_fields, place
from dcmsend.stow import CredentialsUnusable
from dcmsend.stow import credentials as credentials_module
from dcmsend.transport import tcp


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Tells a module that it runs on Windows."""
    return lambda module: monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))


class TestReading:
    def test_threads_that_share_a_position(self, tmp_path: Path) -> None:
        """Each gets the bytes of its own place, through duplicates of one descriptor, and the position stays."""
        content = b"".join(number.to_bytes(4, "big") for number in range(50_000))
        (tmp_path / "file").write_bytes(content)
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        os.lseek(descriptor, 7, os.SEEK_SET)
        wrong: list[int] = []

        def read(first: int) -> None:
            own = os.dup(descriptor)
            for position in range(first, len(content) - 600, 997):
                if pread_by_seeking(own, 300, position) != content[position : position + 300]:
                    wrong.append(position)
                both = bytearray(600)
                count = preadv_by_seeking(own, (memoryview(both)[:100], memoryview(both)[100:]), position)
                if (count, bytes(both)) != (600, content[position : position + 600]):
                    wrong.append(-position)
            os.close(own)

        threads = [threading.Thread(target=read, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 7
        os.close(descriptor)

    def test_a_file_that_grows_while_it_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As members of a compressed archive, which are sent while the next ones are inflated behind them."""
        monkeypatch.setattr(anonymous, "_HAS_PREAD", False)
        pieces = [number.to_bytes(4, "big") * 250 for number in range(3000)]
        descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        anonymous.write_all(descriptor, pieces[0])
        is_written = threading.Event()
        wrong: list[bytes] = []

        def read() -> None:
            own = os.dup(descriptor)
            while not is_written.is_set():
                found = pread_by_seeking(own, 1000, 0)
                if found != pieces[0]:
                    wrong.append(found)
            os.close(own)

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for piece in pieces[1:]:
            anonymous.write_all(descriptor, piece)
        is_written.set()
        for thread in threads:
            thread.join()
        os.close(descriptor)
        assert wrong == []
        assert (tmp_path / "file").read_bytes() == b"".join(pieces)

    def test_a_range_that_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"abc")
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        os.lseek(descriptor, 2, os.SEEK_SET)
        with pytest.raises(OSError):
            pread_by_seeking(descriptor, 1, -1)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 2
        os.close(descriptor)


class TestWhatTheSystemTells:
    def test_descriptors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert file_source.most_descriptors() == os.sysconf("SC_OPEN_MAX")
        monkeypatch.setattr(os, "sysconf", lambda name: -1)
        assert file_source.most_descriptors() == file_source.UNLIMITED
        monkeypatch.delattr(os, "sysconf")
        assert file_source.most_descriptors() is None

    def test_processors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert members_ahead.processors() == len(os.sched_getaffinity(0))
        monkeypatch.delattr(os, "sched_getaffinity")
        assert members_ahead.processors() == os.cpu_count()

    def test_room(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4711))
        assert room.free_bytes(str(tmp_path)) != 4711
        monkeypatch.delattr(os, "statvfs")
        assert room.free_bytes(str(tmp_path)) == 4711

    def test_words_of_a_socket(self, monkeypatch: pytest.MonkeyPatch, windows: Callable[[Any], None]) -> None:
        """On Windows errors of sockets have numbers for which the C library has no words."""
        windows(tcp)
        monkeypatch.setattr(tcp.socket, "errorTab", {10061: "Connection refused."}, raising=False)
        assert tcp.text_of_error(10061) == "Connection refused"
        assert tcp.text_of_error(2) == os.strerror(2)

    def test_the_log_of_the_system(self, windows: Callable[[Any], None]) -> None:
        windows(log_appenders)
        told: list[str] = []
        trouble = SimpleNamespace(error=told.append)
        appender = log_appenders._SysLogAppender({}, trouble)  # type: ignore[arg-type]
        appender._send(8, "text", None)  # type: ignore[arg-type]
        assert told == ["SysLogAppender- local syslog not available"]

    @pytest.mark.parametrize("seconds", [-11_644_473_600.0, -1.5, 32_503_680_000.25])
    def test_times_that_the_system_does_not_convert(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        """Windows converts none before 1970 (a share's files begin in 1601) and none after 3000."""
        expected = outcome_fields.format_time(seconds)

        class Datetime(real_datetime):
            @classmethod
            def fromtimestamp(cls, timestamp: float, tz: Any = None) -> Any:
                raise OSError(22, "Invalid argument")

        monkeypatch.setattr(outcome_fields, "datetime", Datetime)
        assert expected is not None
        assert outcome_fields.format_time(seconds) == expected
        assert outcome_fields.format_time(1e300) is None


class TestPlacesWithoutDescriptors:
    """What a report's name leads to is the same whether directories are held open or not."""

    @pytest.fixture
    def names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        (tmp_path / "d" / "e").mkdir(parents=True)
        (tmp_path / "d" / "file").write_text("x")
        (tmp_path / "link").symlink_to("d/file")
        (tmp_path / "to-new").symlink_to("d/new")
        (tmp_path / "dir-link").symlink_to("d/e")
        (tmp_path / "loop").symlink_to("loop")
        os.mkfifo(tmp_path / "fifo")
        monkeypatch.chdir(tmp_path)
        relative = ["d/file", "new", "d/new", "d/../new", "./d//file", "link", "to-new", "dir-link/new", "fifo"]
        wrong = ["", ".", "d", "d/", "new/", "nowhere/new", "d/file/new", "dir-link", "a\0b", "loop"]
        return [*relative, *wrong, str(tmp_path / "d" / "file"), "/dev/null", "/", str(tmp_path / "fifo")]

    def test_all_names(self, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        assert place._HAS_DESCRIPTORS  # else the first half is no comparison
        found = [self._seen(name) for name in names]
        monkeypatch.setattr(place, "_HAS_DESCRIPTORS", False)
        assert [self._seen(name) for name in names] == found
        assert len({each for each in found if isinstance(each, tuple)}) > 5

    def test_an_open_file_whose_name_is_no_link(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As /dev/fd/7 on macOS, which looks like what was opened."""
        (tmp_path / "7").write_text("x")
        monkeypatch.setattr(place, "_own_descriptors", lambda: (str(tmp_path),))
        with_descriptor = place.find_place(str(tmp_path / "7"))
        with_descriptor.close()
        assert (with_descriptor.descriptor, with_descriptor.is_file) == (7, False)

    @staticmethod
    def _seen(name: str) -> object:
        try:
            there = place.find_place(name)
        except (OSError, ValueError):
            return f"{name!r} is refused"
        try:
            status = there.status
            where = os.path.join(there.where, there.name)
            return where, there.is_file, there.is_still_there, None if status is None else status.st_ino
        finally:
            there.close()


class TestTokensOnWindows:
    """select takes no pipes there, and there are no groups of processes."""

    @pytest.fixture(autouse=True)
    def _on_windows(self, windows: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
        windows(credentials_module)

        def no_pipes(*_: object) -> None:
            raise OSError(10038, "not a socket")

        monkeypatch.setattr(credentials_module, "is_ready", no_pipes)
        monkeypatch.setattr(credentials_module.os, "killpg", no_pipes)

    @staticmethod
    def _header(script: str, check: Callable[[], None] = lambda: None) -> str:
        return credentials_module.BearerCommand((sys.executable, "-c", script)).header(check)

    def test_a_token(self) -> None:
        assert self._header("print('t0ken')") == "Bearer t0ken"

    def test_too_much(self) -> None:
        with pytest.raises(CredentialsUnusable, match="more than a token"):
            self._header("print('x' * 10_000_000)")

    def test_one_that_does_not_end(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(credentials_module, "_SECONDS", 0.5)
        script = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        with pytest.raises(CredentialsUnusable, match="within"):
            self._header(script)
        pid = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
        assert not pid or not os.path.exists(f"/proc/{pid}")

    def test_a_wait_that_is_ended(self) -> None:
        class Ended(Exception):
            pass

        asked: list[float] = []

        def check() -> None:
            asked.append(time.monotonic())
            if len(asked) > 1:
                raise Ended

        with pytest.raises(Ended):
            self._header("import time; time.sleep(600)", check)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (r"C:\bin\token.exe --for a", (r"C:\bin\token.exe", "--for", "a")),
        (r'"C:\Program Files\token" "a b" # c', (r"C:\Program Files\token", "a b", "#", "c")),
        (r"\\server\share\token ''", (r"\\server\share\token", "")),
    ],
)
def test_the_command_for_a_token(windows: Callable[[Any], None], command: str, words: tuple[str, ...]) -> None:
    """A backslash stands between names there; on Linux it is kept within quotation marks alone."""
    assert (web_arguments._split(command) == words) is command.startswith('"')
    windows(web_arguments)
    assert web_arguments._split(command) == words


class TestAnOpenFileThatCannotBeRemoved:
    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """A file that the system does not remove while this process has it open."""
        original = os.unlink
        path = str(tmp_path / "file")

        def unlink(name: str, **more: Any) -> None:
            wanted = os.stat(name, dir_fd=more.get("dir_fd"))
            for number in os.listdir("/proc/self/fd"):
                try:
                    is_open = os.path.samestat(os.fstat(int(number)), wanted)
                except OSError:
                    continue
                if is_open:
                    raise PermissionError(13, "in use")
            original(name, **more)

        monkeypatch.setattr(os, "unlink", unlink)
        return path

    def test_a_lock(self, path: str, windows: Callable[[Any], None]) -> None:
        windows(folder)
        folder.remove_and_close(path, os.open(path, os.O_RDWR | os.O_CREAT))
        assert not os.path.exists(path)

    def test_a_lock_that_another_one_has_opened(self, path: str, windows: Callable[[Any], None]) -> None:
        windows(folder)
        other = os.open(path, os.O_RDWR | os.O_CREAT)
        folder.remove_and_close(path, os.open(path, os.O_RDWR))
        assert os.path.exists(path)
        os.close(other)

    def test_elsewhere_it_is_not_tried_again(self, path: str) -> None:
        """Once the lock is let go another process may hold the file."""
        folder.remove_and_close(path, os.open(path, os.O_RDWR | os.O_CREAT))
        assert os.path.exists(path)

    def test_the_note_of_a_move(self, path: str, windows: Callable[[Any], None]) -> None:
        """The next run finds a note that was left, and none that was removed."""
        windows(folder)
        directory = os.path.dirname(path)
        note = KeptNote(directory)
        note.begin(f"{directory}/a", f"{directory}/b")
        assert left_notes(directory) == []  # its run lives
        note.close(leave=True)
        (left,) = left_notes(directory)
        assert left.move is not None
        assert left.move.source == f"{directory}/a"
        left.close()
        assert left_notes(directory) == []
        assert os.listdir(directory) == []

    def test_an_incomplete_report(self, path: str, windows: Callable[[Any], None]) -> None:
        from dcmsend.errors import ReportError
        from dcmsend.report import text_file

        def pieces() -> Any:
            yield "Detailed Report"
            raise OSError(28, "No space left on device")

        for is_windows in (False, True):
            if is_windows:
                windows(text_file)
            with pytest.raises(ReportError) as error:
                text_file.write_text_report(path, pieces())
            assert error.value.reason == "No space left on device"
            assert os.path.exists(path) is not is_windows
        text_file.try_text_place(path)
        assert not os.path.exists(path)
