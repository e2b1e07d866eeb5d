"""Options about speed that DCMTK does not have, from the installed command.  The peer's clock is the judge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from support.corpus import DATA
from support.discarding_peer import DiscardingPeer
from support.programs import dcmtk_program, installed_dcmsend
from support.report_file import parse_report
from support.run import Run, read_summary, run, run_measured
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = DATA / "pydicom" / "CT_small.dcm"


def send(*arguments: str | Path | int) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), *arguments[:-1], "127.0.0.1", peer.port, arguments[-1])
    return done, peer


def seconds_between_first_and_last(peer: ScriptedPeer) -> float:
    times = sorted(when for link in peer.connections for what, when in link.events if what.startswith("store"))
    return times[-1] - times[0]


@pytest.mark.parametrize("parallel", ["1", "3"])
def test_max_instances_rate(tmp_path: Path, parallel: str) -> None:
    write_instances(tmp_path, 14)  # a peer that is held up may note the first three at once, and one turn is saved up
    done, peer = send("--max-instances-rate", "10", "--parallel-associations", parallel, "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 14
    assert seconds_between_first_and_last(peer) > 0.9


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_max_rate(tmp_path: Path, parallel: str) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_bytes(CT.read_bytes())
    done, peer = send("--max-rate", "150k", "--parallel-associations", parallel, "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 6
    length = len(peer.stores[0].data_set)
    assert seconds_between_first_and_last(peer) > (4 * length - 15_000) / 150_000


@pytest.mark.parametrize("table", ["00:00,10", "23:59,10 00:00,10"])
def test_a_timetable_limits(tmp_path: Path, table: str) -> None:
    write_instances(tmp_path, 12)
    done, peer = send("--max-instances-rate", table, "--max-rate", "00:00,off", "+sd", tmp_path)
    assert (done.exit_code, len(peer.stores)) == (0, 12), done.stderr
    assert seconds_between_first_and_last(peer) > 0.9


@pytest.mark.slow
@pytest.mark.peer("faketime")
def test_a_limit_ends_while_the_run_goes_on(tmp_path: Path) -> None:
    """With the limit of the first ten seconds, 60 of these would take a minute or more.  All runs begin together."""
    faketime = dcmtk_program("faketime")
    assert faketime is not None
    write_instances(tmp_path, 60)

    def limited(rate: tuple[str, str], parallel: str) -> tuple[Run, ScriptedPeer]:
        with ScriptedPeer() as peer:
            words = [rate[0], f"00:00,{rate[1]} 08:00,off", "--parallel-associations", parallel, "+sd"]
            when = ["-f", "@2026-01-05 07:59:50"]
            return run(faketime, *when, installed_dcmsend(), *words, "127.0.0.1", peer.port, tmp_path), peer

    cases = list(product([("--max-instances-rate", "1"), ("--max-rate", "300")], ["1", "3"]))
    with ThreadPoolExecutor(len(cases)) as pool:
        for case, (done, peer) in zip(cases, pool.map(limited, *zip(*cases, strict=True)), strict=True):
            assert (done.exit_code, len(peer.stores)) == (0, 60), (case, done.stderr)
            assert 1 < seconds_between_first_and_last(peer) < 45, case


@pytest.mark.parametrize("option", ["--max-rate", "--max-instances-rate"])
@pytest.mark.parametrize(
    "value",
    [
        "2MB/s", "08:00", "08:00,", "8:00,2M", "24:00,2M", "08:60,2M", "08:00,2M,18:00,off", "08:00,0", "08:00,OFF",
        "08:00,2M 08:00,off", "08:00, 2M", ",", "off",
    ],
)  # fmt: skip
def test_what_is_no_timetable(option: str, value: str) -> None:
    done = run(installed_dcmsend(), option, value, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    *_, error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: Invalid value for option {option} (")
    assert '"08:00,' in hint or "08:00 stands there twice" in hint


@pytest.mark.parametrize("option", ["--max-rate", "--max-instances-rate"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1K", "", "10 "])
def test_rates_are_read_strictly(option: str, value: str) -> None:
    done = run(installed_dcmsend(), option, value, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert option in done.stderr.splitlines()[-2]


def test_send_while_scanning(tmp_path: Path) -> None:
    """Bad files are told and left out, the exit code tells the truth, the report is in order."""
    files = write_instances(tmp_path / "files", 30)
    files[7].write_bytes(files[7].read_bytes()[:100])
    report = tmp_path / "report.txt"
    done, peer = send("-v", "--send-while-scanning", "+crf", report, "+sd", tmp_path / "files")
    assert done.exit_code == 0, done.stderr  # what is no DICOM file is not counted
    assert len(peer.stores) == 29
    entries = parse_report(report.read_text()).entries
    assert [entry["Number"] for entry in entries] == [str(number) for number in range(1, 30)]
    assert {entry["DIMSE Status"] for entry in entries} == {"0x0000 (Success)"}
    assert read_summary(done.stderr)["Number of SOP instances"] == 29


def test_halt(tmp_path: Path) -> None:
    """A bad file ends it, when what stands before it is sent."""
    files = write_instances(tmp_path, 9)
    files[4].write_bytes(b"no DICOM")
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "--send-while-scanning", "--halt", "127.0.0.1", peer.port, *files)
    assert done.exit_code == 22
    assert len(peer.stores) == 4


def test_send_while_scanning_needs_further_associations() -> None:
    done = run(installed_dcmsend(), "--send-while-scanning", "-ma", "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == "error: --send-while-scanning not allowed with --single-association"


@pytest.mark.slow
@pytest.mark.timeout(1100)
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A list three times as long takes no more memory; both are longer than the part of it that is known at a time."""
    (tmp_path / "files").mkdir()
    original = write_instances(tmp_path, 1)[0]
    peaks = []
    for count in (11_000, 33_000):
        for number in range(count):
            path = tmp_path / "files" / f"{number:06d}"
            if not path.exists():
                path.hardlink_to(original)
        with DiscardingPeer() as peer:
            done, peak = run_measured(
                tmp_path, installed_dcmsend(), "--send-while-scanning", "+sd", "127.0.0.1", peer.port,
                tmp_path / "files", timeout=500,
            )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        peaks.append(peak)
    assert peaks[1] < peaks[0] + (6 << 20)  # how much is known ahead depends on how busy the machine is


def test_keep_together(tmp_path: Path) -> None:
    for name in "abcd":
        write_instances(tmp_path / name, 10)
    done, peer = send("--keep-together", "directory", "--parallel-associations", "3", "+sd", "+r", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 40
    for link in peer.connections:  # the same names in each directory: of each there is one after the other, or none
        numbers = [int((store.sop_instance_uid or "").rpartition(".")[2]) for store in link.stores]
        assert len(numbers) % 10 == 0


@pytest.mark.parametrize("value", ["", "Series", "patient"])
def test_groups_that_do_not_exist(value: str) -> None:
    done = run(installed_dcmsend(), "--keep-together", value, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert "--keep-together" in done.stderr.splitlines()[-2]
