"""``dcmsend-journal``, the installed command, on a journal that a run has made."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.fixture_files import CT_CLASS
from support.peer_script import Respond, Script, Silence
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .archive import Sender
from .runs import outcomes

ODD = os.fsdecode(b"a\xff\n,\"b.dcm")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six stored (one with a warning), two refused, one broken, one lost; one with an odd name."""
    folder = tmp_path_factory.mktemp("made")
    files = write_instances(folder / "in", 10)
    files[0].rename(files[0].with_name(ODD))
    files[1].write_bytes(files[1].read_bytes()[:-5])
    answers = {2: Respond(0xA700), 3: Respond(0xA900), 4: Respond(0xB000)}
    with ScriptedPeer(Script(stores={**answers, 9: Silence()})) as peer:
        done = run(
            installed_dcmsend(), "--journal", folder / "journal", "-aec", "VNA", "-td", "4", "127.0.0.1", peer.port,
            files[0].with_name(ODD), *files[1:],
        )  # fmt: skip
        (folder / "port").write_text(str(peer.port))
    assert done.exit_code == 101, done.stderr
    return folder


def command(*arguments: str | Path) -> Run:
    return run(str(Path(installed_dcmsend()).with_name("dcmsend-journal")), *arguments)


def paths(*arguments: str | Path) -> list[str]:
    """What is listed, by the names of the files."""
    done = subprocess.run(
        [str(Path(installed_dcmsend()).with_name("dcmsend-journal")), *map(str, arguments), "--format", "paths0"],
        capture_output=True, check=True,
    )  # fmt: skip
    names = done.stdout.split(b"\0")
    assert names.pop() == b""
    return [os.path.basename(os.fsdecode(name)) for name in names]


def test_totals(made: Path) -> None:
    done = command(made / "journal")
    assert done.exit_code == 0, done.stderr
    head, *rest = done.stdout.splitlines()
    assert head.startswith(f"journal of VNA@127.0.0.1:{(made / 'port').read_text()}, begun 20")
    assert [line.split()[:2] for line in rest if not line.startswith(" ")] == [
        ["stored", "6"], ["refused", "2"], ["failed", "1"], ["unconfirmed", "1"],
    ]  # fmt: skip
    assert [line.split()[:2] for line in rest if line.startswith(" ")] == [
        ["1", "0xB000"], ["1", "0xA700"], ["1", "0xA900"], ["1", "data_set_broken"], ["1", "timed_out"],
    ]  # fmt: skip


def test_totals_as_json(made: Path) -> None:
    document = json.loads(command(made / "journal", "--totals", "--format", "json").stdout)
    assert document["totals"] == {"stored": 6, "refused": 2, "failed": 1, "unconfirmed": 1}
    assert document["peer"] == {"host": "127.0.0.1", "port": int((made / "port").read_text()), "called": "VNA"}
    assert {"outcome": "refused", "status": "0xA700", "reason": None, "instances": 1} in document["groups"]


def test_totals_of_a_selection_as_csv(made: Path) -> None:
    done = command(made / "journal", "--totals", "--format", "csv", "--outcome", "refused", "--status", "0xa900")
    assert done.stdout == "outcome,status,reason,instances\nrefused,0xA900,,1\n"


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--outcome", "stored"], 6),
        (["--outcome", "refused", "--outcome", "failed"], 3),
        (["--status", "0xA700"], 1),
        (["--status", str(0xA700), "--status", "0xA900"], 2),
        (["--reason", "timed_out"], 1),
        (["--path", "*/in/00000[2-4].dcm"], 3),
        (["--path", "*/000005.dcm", "--path", "*/000006.dcm"], 2),
        (["--path", "000005.dcm"], 0),
        (["--outcome", "stored", "--path", "*.dcm", "--status", "0"], 5),
        (["--list"], 10),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_filters(made: Path, filters: list[str], count: int) -> None:
    listed = paths(made / "journal", *filters)
    assert len(listed) == len(set(listed)) == count
    assert len(command(made / "journal", *filters).stdout.splitlines()) == count
    assert set(listed) <= outcomes(made / "journal").keys()


def test_json(made: Path) -> None:
    """Everything that the journal knows, in the words of the reports."""
    rows = {row["sop_instance_uid"]: row for row in json.loads(command(made / "journal", "--format", "json").stdout)}
    assert len(rows) == 10
    odd = rows[instance_uid(1)]
    path = os.fsencode(made / "in" / ODD)
    assert base64.b64decode(odd["path_base64"]) == path
    assert odd["path"] == path.decode(errors="surrogateescape").replace("\udcff", "\ufffd")
    status = os.stat(path)
    assert odd["size"] == status.st_size
    assert abs(status.st_mtime - time_of(odd["mtime"])) < 0.002
    assert odd["sop_class_uid"] == CT_CLASS
    assert (odd["outcome"], odd["status"], odd["reason"], odd["attempts"]) == ("stored", "0x0000", None, 1)
    broken = rows[instance_uid(2)]
    assert (broken["outcome"], broken["status"], broken["reason"]) == ("failed", None, "data_set_broken")
    assert broken["size"] == (made / "in" / "000002.dcm").stat().st_size  # it was opened, and found broken


def time_of(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_csv_says_what_json_says(made: Path) -> None:
    rows = json.loads(command(made / "journal", "--format", "json").stdout)
    table = list(csv.DictReader(io.StringIO(command(made / "journal", "--format", "csv").stdout, newline="")))
    assert [{name: value for name, value in row.items() if value != ""} for row in table] == [
        {name: str(value) for name, value in row.items() if value is not None} for row in rows
    ]


def test_text_has_one_line_for_each_even_with_odd_names(made: Path) -> None:
    lines = command(made / "journal", "--list").stdout.splitlines()
    assert len(lines) == 10
    (odd,) = (line for line in lines if instance_uid(1) + " " in line)
    assert odd.split()[:2] == ["stored", "0x0000"]
    assert odd.endswith(r'/in/a\xff\x0a,"b.dcm')


def test_what_is_listed_can_be_sent(made: Path, tmp_path: Path) -> None:
    """To somebody else, say."""
    program = Path(installed_dcmsend()).with_name("dcmsend-journal")
    with ScriptedPeer() as peer:
        line = f"{program} {made}/journal --outcome stored --format paths0 | {installed_dcmsend()} --files-from0 - "
        assert run("sh", "-c", f"{line} 127.0.0.1 {peer.port}").exit_code == 0
    assert len(peer.stores) == 6


def test_while_a_run_writes(tmp_path: Path) -> None:
    """It sees what is committed, does not wait, and leaves nothing behind."""
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={3: Silence()})) as peer:
        sender = Sender(tmp_path, peer.port)
        wait_until(lambda: len(peer.stores) == 3, 30, "the instances")
        wait_until(lambda: len(paths(tmp_path / "journal", "--outcome", "stored")) == 2, 30, "the commit")
        assert not sender.has_ended
        sender.kill()
    assert len(paths(tmp_path / "journal", "--outcome", "stored")) == 2
    assert not [name for name in os.listdir(tmp_path) if name.endswith("-journal")]


def test_it_never_writes(made: Path) -> None:
    before = sorted(os.listdir(made)), (made / "journal").read_bytes(), (made / "journal").stat().st_mtime_ns
    for arguments in ((), ("--list",), ("--check",), ("--format", "csv")):
        assert command(made / "journal", *arguments).exit_code == 0
    assert before == (sorted(os.listdir(made)), (made / "journal").read_bytes(), (made / "journal").stat().st_mtime_ns)


def test_check(made: Path, tmp_path: Path) -> None:
    assert command(made / "journal", "--check").stdout == f"{made}/journal: no damage found\n"
    content = bytearray((made / "journal").read_bytes())
    content[-4096:] = bytes(4096)
    (tmp_path / "journal").write_bytes(content)
    done = command(tmp_path / "journal", "--check")
    assert done.exit_code == 104
    assert done.stderr.startswith(f"dcmsend-journal: cannot use journal '{tmp_path}/journal': is damaged")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"text" * 99, "is not a journal"), (b"", "is not a journal")]
)
def test_no_journal(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "journal").write_bytes(content)
    done = command(tmp_path / "journal")
    assert done.exit_code == 104
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--outcome", "sent"], ["--status", "0x10000"], ["--status", "x"], ["--reason", "mood"], ["--format", "xml"],
     ["--totals", "--format", "paths"], ["--forma", "csv"]],
)  # fmt: skip
def test_usage(made: Path, arguments: list[str]) -> None:
    done = command(made / "journal", *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("dcmsend-journal: error: ")


def make_large(folder: Path, peer: ScriptedPeer) -> None:
    """A journal of 20,001 rows, one of which is true."""
    write_instances(folder / "in", 1)
    run(installed_dcmsend(), "--journal", folder / "journal", "127.0.0.1", peer.port, folder / "in/000001.dcm")
    connection = sqlite3.connect(folder / "journal")
    connection.executemany(
        "INSERT INTO instance SELECT directory, ?, size, mtime_ns, outcome, status, reason, attempts, time, sop_class, "
        "sop_instance_uid, etag, series, options, proof FROM instance "
        "WHERE directory = 1 AND name = CAST('000001.dcm' AS BLOB)",
        [(f"{number}.dcm".encode(),) for number in range(20_000)],
    )
    connection.commit()
    connection.close()


def test_large(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        make_large(tmp_path, peer)
    listed = paths(tmp_path / "journal", "--list")
    assert len(listed) == len(set(listed)) == 20_001
    assert listed == sorted(listed)


def test_a_run_does_not_wait_for_a_reader_that_does_not_go_on(tmp_path: Path) -> None:
    program = Path(installed_dcmsend()).with_name("dcmsend-journal")
    with ScriptedPeer() as peer:
        make_large(tmp_path, peer)
        write_instances(tmp_path / "in", 1, first=2)
        with subprocess.Popen([program, tmp_path / "journal", "--list"], stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline()
            sender = Sender(tmp_path, peer.port)
            assert sender.wait() == 0, sender.stderr
            assert len(reader.stdout.read().splitlines()) >= 20_000
            assert reader.wait() == 0
    assert len(peer.stores) == 2


def test_a_run_waits_for_one_who_reads_all_of_it(tmp_path: Path) -> None:
    """And hears a signal while it does."""
    with ScriptedPeer() as peer:
        make_large(tmp_path, peer)
        write_instances(tmp_path / "in", 1, first=2)
        reader = sqlite3.connect(tmp_path / "journal")
        reader.execute("SELECT name FROM instance").fetchone()
        cursor = reader.execute("SELECT name FROM instance")
        cursor.fetchone()
        impatient = Sender(tmp_path, peer.port)
        wait_until(lambda: (tmp_path / "journal-lock").exists(), 30, "the lock")
        with pytest.raises(subprocess.TimeoutExpired):
            impatient.wait(1.0)
        impatient.signal(signal.SIGINT)
        assert impatient.wait() == 130
        patient = Sender(tmp_path, peer.port)
        with pytest.raises(subprocess.TimeoutExpired):
            patient.wait(1.0)
        cursor.close()
        reader.close()
        assert patient.wait() == 0, patient.stderr
    assert len(peer.stores) == 2


@pytest.mark.parametrize(
    ("redirection", "why"), [(">/dev/full", "No space left on device"), (">&-", "there is no standard output")]
)
@pytest.mark.parametrize("words", ["--list journal", "journal", "--help", "report --help"])
def test_a_standard_output_that_cannot_be_written(made: Path, words: str, redirection: str, why: str) -> None:
    program = Path(installed_dcmsend()).with_name("dcmsend-journal")
    argv = ["sh", "-c", f"'{program}' {words} {redirection}"]
    done = subprocess.run(argv, cwd=made, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (43, f"dcmsend-journal: cannot write to the standard output: {why}\n")


def test_a_reader_that_leaves_early(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        make_large(tmp_path, peer)
    program = Path(installed_dcmsend()).with_name("dcmsend-journal")
    done = run("sh", "-c", f"({program} {tmp_path}/journal --list; echo $? >{tmp_path}/code) | head -1")
    assert (tmp_path / "code").read_text() == "0\n"
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


@pytest.mark.parametrize("words", [("--st\x1b[31m",), ("--status", "\u202e1"), ("--path", "x", "a", "b\x9b31m")])
def test_a_usage_error_drives_no_terminal(words: tuple[str, ...]) -> None:
    done = command("journal", *words)
    assert done.exit_code == 1
    assert not {"\x1b", "\u202e", "\x9b"} & set(done.stderr)
