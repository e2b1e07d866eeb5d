"""What scripts/demo --story tells: a migration that is killed, goes on, is proven, and ends as a page.

    1. dcmsend sends a study into an archive on 127.0.0.1, with a journal.
    2. It is killed (SIGKILL) in the middle, as a machine does that loses its power.
    3. Overnight the archive loses some instances for which it had answered "success".
    4. The same command with --resume sends the rest; --verify asks the archive what it has, and names what it lacks.
    5. The same command once more, as a timer starts it, sends that, and writes the page for people.
    6. The archive's own list is compared with the files.

All of it stays in a folder: study, journal, report.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, StoragePresentationContexts, evt

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "tests" / "data" / "pydicom" / "CT_small.dcm"
SERIES = 4
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
VERIFICATION = "1.2.840.10008.1.1"


@dataclass
class Archive:
    """A receiver that stores and answers queries; it holds one answer back until ``is_sender_gone``.

    Attributes:
        hold: how many instances it takes before it holds an answer back.
        received: how often each SOP Instance UID came.
        has: Study, Series and SOP Instance UID of what it has, by SOP Instance UID.
        is_holding: set when an answer is held back.
        is_sender_gone: set when answers need not be held back any more.
        port: where it listens on 127.0.0.1.
    """

    hold: int
    received: Counter[str] = field(default_factory=Counter)
    has: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    is_holding: threading.Event = field(default_factory=threading.Event)
    is_sender_gone: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def store(self, event: Any) -> int:
        """Take an instance; the answer is "success"."""
        data_set = event.dataset
        uid = str(data_set.SOPInstanceUID)
        self.received[uid] += 1
        self.has[uid] = (str(data_set.StudyInstanceUID), str(data_set.SeriesInstanceUID), uid)
        if len(self.received) > self.hold and not self.is_sender_gone.is_set():
            self.is_holding.set()
            self.is_sender_gone.wait(60)
        return 0x0000

    def find(self, event: Any) -> Iterator[tuple[int, Dataset]]:
        """Answer a query at IMAGE level."""
        for study, series, instance in list(self.has.values()):
            if (study, series) == (event.identifier.StudyInstanceUID, event.identifier.SeriesInstanceUID):
                answer = Dataset()
                answer.QueryRetrieveLevel = "IMAGE"
                answer.StudyInstanceUID, answer.SeriesInstanceUID, answer.SOPInstanceUID = study, series, instance
                yield 0xFF00, answer

    @contextmanager
    def running(self) -> Iterator[Archive]:
        """Listen on a free port of 127.0.0.1."""
        entity = AE(ae_title="ARCHIVE")
        entity.supported_contexts = StoragePresentationContexts
        entity.add_supported_context(VERIFICATION)
        entity.add_supported_context(STUDY_ROOT_FIND)
        handlers = [(evt.EVT_C_STORE, self.store), (evt.EVT_C_FIND, self.find)]
        server: Any = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        self.port = server.socket.getsockname()[1]
        try:
            yield self
        finally:
            self.is_sender_gone.set()
            entity.shutdown()


def make_study(folder: Path, count: int) -> None:
    """Write ``count`` CT instances with UIDs of their own, in some series."""
    image = dcmread(IMAGE)
    image.StudyInstanceUID = generate_uid()
    series = [generate_uid() for _ in range(SERIES)]
    for number in range(count):
        image.SeriesNumber, image.InstanceNumber = 1 + number % SERIES, 1 + number // SERIES
        image.SeriesInstanceUID = series[number % SERIES]
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        path = folder / f"series{image.SeriesNumber}" / f"IM{image.InstanceNumber:04d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save_as(path)


def tell(text: str) -> None:
    """A headline of the story."""
    print(f"\n== {text}", flush=True)


def command(words: str) -> list[str]:
    """Show a command line, and give it with the program that stands beside this Python."""
    print(f"$ {words}", flush=True)
    name, *further = shlex.split(words)
    return [str(Path(sys.executable).with_name(name)), *further]


def play(folder: Path, count: int, lost_count: int) -> bool:
    """Tell the story in ``folder``; whether it came to its good end."""
    make_study(folder / "study", count)
    archive = Archive(hold=2 * count // 5)
    with archive.running():
        line = f"dcmsend --journal night.journal -aec ARCHIVE +sd +r 127.0.0.1 {archive.port} study"
        tell(f"the first night: {count} instances, and an archive on 127.0.0.1:{archive.port}")
        with subprocess.Popen(command(line), cwd=folder) as sender:
            is_killed = archive.is_holding.wait(60)
            print(f"$ kill -9 {sender.pid}", flush=True)
            sender.kill()
        archive.is_sender_gone.set()
        if not is_killed:
            print(f"FAILED: dcmsend ended with exit code {sender.returncode} before it could be killed")
            return False
        tell(f"the archive had taken {len(archive.received)}, the last one without an answer; the journal knows:")
        subprocess.run(command("dcmsend-journal night.journal"), cwd=folder, check=False, timeout=60)

        lost = list(archive.has)[:lost_count]
        for uid in lost:
            del archive.has[uid]
        tell(f"the archive has lost {lost_count} of them since; the second night sends the rest, and asks for proof")
        print("(It asks for a minute, as archives may need a while to list what they have.)", flush=True)
        line = line.replace("night.journal", "night.journal --resume --verify --report-html report.html")
        codes = [subprocess.run(command(line), cwd=folder, check=False, timeout=120).returncode]
        tell(f"exit code {codes[0]}; the third night is the same command")
        codes.append(subprocess.run(command(line), cwd=folder, check=False, timeout=120).returncode)
    return judge(folder, count, archive, lost, codes)


def judge(folder: Path, count: int, archive: Archive, lost: list[str], codes: list[int]) -> bool:
    """Compare what the archive has with the files, and tell it."""
    twice = {uid for uid, times in archive.received.items() if times > 1}
    tell(f"the archive's own list: {len(archive.has)} of {count} instances; exit code {codes[-1]}")
    print(f"{len(twice)} came twice: {len(lost)} that were lost, and what the journal did not have yet at the kill.")
    print(f"The page for people: {folder / 'report.html'}")
    is_good = codes == [101 if lost else 0, 0] and len(archive.has) == count and twice.issuperset(lost)
    is_good = is_good and (folder / "report.html").exists()
    print("Everything is there, and proven." if is_good else "FAILED: this is not how it should end.")
    return is_good


def tell_story(folder: Path, *, count: int, lost_count: int) -> int:
    """Tell it in ``folder``, which is emptied first; 0 when it came to its good end.

    Args:
        count: how many instances are sent.
        lost_count: how many of them the archive loses.
    """
    shutil.rmtree(folder, ignore_errors=True)
    return 0 if play(folder.resolve(), count, lost_count) else 1
