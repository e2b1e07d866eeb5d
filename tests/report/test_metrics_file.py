"""``--metrics-file``: what Prometheus' own parser reads in it, when, and what it never replaces."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dcmsend.association import Peer
from dcmsend.errors import ReportError
from dcmsend.index import RejectedInput
from dcmsend.reasons import Rejection
from dcmsend.report import RunRecord
from dcmsend.report.metrics_file import MetricsFile
from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, Waiting
from support.peer_script import Reject, Respond, Script
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = Path(__file__).parents[1] / "data" / "pydicom" / "CT_small.dcm"

Metrics = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(path: Path) -> Metrics:
    """Each sample by its name and labels."""
    families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    assert all(family.documentation and family.type in ("gauge", "counter") for family in families)
    samples = [sample for family in families for sample in family.samples]
    metrics = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(metrics) == len(samples)
    assert all(name.startswith("dcmsend_") for name, _ in metrics)
    return metrics


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.get((f"dcmsend_{name}", tuple(sorted(labels.items()))))


def test_metrics_at_the_end(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 5)
    (tmp_path / "in" / "text").write_text("no image")
    metrics_file = tmp_path / "dcmsend.prom"
    with ScriptedPeer(Script(stores={2: Respond(0xA700), 3: Respond(0xB000), 4: Respond(0xC001)})) as peer:
        words = ("--metrics-file", metrics_file, "--require-stored", "-nh", "+sd", "--skip", "PatientName=X")
        done = run(dcmsend, *words, "127.0.0.1", peer.port, tmp_path / "in")
    assert done.exit_code == 101, done.stderr
    metrics = read(metrics_file)
    assert value(metrics, "instances_found") == 5
    assert value(metrics, "search_complete") == 1
    assert value(metrics, "instances_total", outcome="stored") == 3
    assert value(metrics, "instances_total", outcome="refused") == 2
    assert value(metrics, "responses_total", **{"class": "warning"}) == 1
    assert value(metrics, "not_stored_total", outcome="refused", reason="0xA700", retryable="true") == 1
    assert value(metrics, "not_stored_total", outcome="refused", reason="0xC001", retryable="false") == 1
    assert value(metrics, "ignored_files_total", kind="not_dicom") == 1
    assert value(metrics, "filtered_total") == 0
    assert value(metrics, "sent_bytes_total") == sum(len(store.data_set) for store in peer.stores)
    assert (value(metrics, "associations_total"), value(metrics, "associations_open")) == (1, 0)
    assert (value(metrics, "running"), value(metrics, "waiting")) == (0, 0)
    assert value(metrics, "exit_code", name=_name_of(metrics)) == 101
    now = time.time()
    for name in ("start_time_seconds", "end_time_seconds", "update_time_seconds", "last_stored_time_seconds"):
        at = value(metrics, name)
        assert at is not None
        assert now - 100 < at < now + 1
    assert stat.S_IMODE(metrics_file.stat().st_mode) == 0o644 & ~_umask()
    assert {path.name for path in tmp_path.iterdir()} == {"in", "dcmsend.prom"}


def test_what_is_left_out(dcmsend: str, tmp_path: Path) -> None:
    """By its name or its age; a run that leaves nothing out does not tell of it."""
    paths = write_instances(tmp_path / "in", 5)
    for path in paths[:3]:
        os.utime(path, (1e9, 1e9))
    choice = ("--exclude", paths[0].name, "--min-age", "1h")
    for words, expected in ((choice, (1, 2)), ((), (None, None))):
        with ScriptedPeer() as peer:
            run(dcmsend, "--metrics-file", "m.prom", *words, "+sd", "127.0.0.1", peer.port, "in", cwd=tmp_path)
        metrics = read(tmp_path / "m.prom")
        assert (value(metrics, "left_out_by_name_total"), value(metrics, "too_young_total")) == expected


def _name_of(metrics: Metrics) -> str:
    (labels,) = (labels for name, labels in metrics if name == "dcmsend_exit_code")
    return dict(labels)["name"]


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_a_run_that_never_reaches_the_peer(dcmsend: str, tmp_path: Path) -> None:
    with ScriptedPeer(Script(associate=Reject(1, 1, 7))) as peer:
        done = run(dcmsend, "--metrics-file", "m.prom", "--require-stored", "127.0.0.1", peer.port, CT, cwd=tmp_path)
    metrics = read(tmp_path / "m.prom")
    assert value(metrics, "exit_code", name=_name_of(metrics)) == done.exit_code != 0
    assert value(metrics, "last_stored_time_seconds") is None


def test_the_exit_code_is_that_of_the_whole_run(dcmsend: str, tmp_path: Path) -> None:
    """A report that cannot be written changes it at the very end."""
    with ScriptedPeer() as peer:
        words = ("--metrics-file", "m.prom", "--report-csv", "/dev/full", "--require-stored")
        done = run(dcmsend, *words, "127.0.0.1", peer.port, CT, cwd=tmp_path)
    assert done.exit_code == 43
    assert value(read(tmp_path / "m.prom"), "exit_code", name="cannot_write_report") == 43


def test_nothing_in_it_tells_of_files(dcmsend: str, tmp_path: Path) -> None:
    """It can be read by everybody."""
    shutil.copy(CT, tmp_path / "Doe^Jane.dcm")
    with ScriptedPeer() as peer:
        words = ("--metrics-file", "m.prom", "--journal", "Doe.journal", "127.0.0.1", peer.port, "Doe^Jane.dcm")
        assert run(dcmsend, *words, cwd=tmp_path).exit_code == 0
    text = (tmp_path / "m.prom").read_text()
    assert "Doe" not in text
    assert "1.3.6.1" not in text


def test_it_is_replaced_by_the_next_run_and_is_no_input(dcmsend: str, tmp_path: Path) -> None:
    shutil.copy(CT, tmp_path / "image.dcm")
    with ScriptedPeer() as peer:
        for _ in range(2):
            done = run(dcmsend, "--metrics-file", "m.prom", "+sd", "127.0.0.1", peer.port, ".", cwd=tmp_path)
            assert done.exit_code == 0, done.stderr
            assert "not DICOM" not in done.stderr
    assert len(peer.stores) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("image.dcm", "it is one of the files to be sent"), ("other.dcm", "it is a DICOM file"),
        ("text", "there is a file that is no report of an earlier run"), ("none/m.prom", "No such file"),
        (".", "Is a directory"), ("pipe", "metrics need a file that can be replaced"),
        ("/dev/null", "metrics need a file"), ("link", "it is a DICOM file"),
    ],
)  # fmt: skip
def test_what_is_never_replaced(dcmsend: str, tmp_path: Path, name: str, why: str) -> None:
    """It is known before anything is sent."""
    for image in ("image.dcm", "other.dcm"):
        shutil.copy(CT, tmp_path / image)
    (tmp_path / "text").write_text("mine")
    (tmp_path / "link").symlink_to("other.dcm")
    os.mkfifo(tmp_path / "pipe")
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--metrics-file", name, "127.0.0.1", peer.port, "image.dcm", cwd=tmp_path)
    assert done.exit_code == 43, done.stderr
    assert why in done.stderr
    assert not peer.connections
    assert (tmp_path / "text").read_text() == "mine"
    assert (tmp_path / "other.dcm").read_bytes() == (tmp_path / "image.dcm").read_bytes() == CT.read_bytes()


@pytest.mark.parametrize("name", ["", "-"])
def test_standard_output_cannot_be_replaced(dcmsend: str, name: str) -> None:
    done = run(dcmsend, "--metrics-file", name, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert "Invalid value for option --metrics-file" in done.stderr
    assert ("--metrics-file takes a file" in done.stderr) is (name == "-")


def test_two_options_with_the_same_file(dcmsend: str, tmp_path: Path) -> None:
    done = run(dcmsend, "--metrics-file", "r", "--report-json", "r", "127.0.0.1", 104, CT, cwd=tmp_path)
    assert done.exit_code == 1
    assert "for the same file" in done.stderr


def until(path: Path, name: str, wanted: float) -> Metrics:
    """The metrics, once one of them has a value."""
    deadline = time.monotonic() + 60
    while value(metrics := read(path), name) != wanted:
        assert time.monotonic() < deadline, metrics
        time.sleep(0.005)
    return metrics


def test_records_of_a_dicomdir_are_no_files(tmp_path: Path) -> None:
    record, path = RunRecord(), tmp_path / "m.prom"
    record.reject(RejectedInput("A", "text", is_dicom=True, dicomdir="DICOMDIR", why=Rejection.OUTSIDE))
    file = MetricsFile(str(path), Peer("host", 104).facts, record, "run")
    file.begin()
    file.finish(record)
    assert value(read(path), "ignored_files_total", kind="not_dicom") == 0


def test_while_the_run_goes_on(tmp_path: Path) -> None:
    """A reader sees whole files only, also while nothing happens."""
    record, path = RunRecord(), tmp_path / "m.prom"
    file = MetricsFile(str(path), Peer('a"b\\c', 104, "T\nX").facts, record, "run", seconds=0.01)
    try:
        file.begin()
        metrics = read(path)
        assert (value(metrics, "running"), value(metrics, "end_time_seconds")) == (1, None)
        (info,) = (dict(labels) for name, labels in metrics if name == "dcmsend_run_info")
        assert 'a"b\\c' in info["peer"]
        file.association_opened(AssociationOpened(1, 1, 1, 100))
        file.bytes_sent(BytesSent(1, 500))
        file.waiting(Waiting("busy", time.time() + 10))
        metrics = until(path, "waiting", 1)
        assert (value(metrics, "associations_open"), value(metrics, "sent_bytes_total")) == (1, 500)
        file.waiting(None)
        file.association_closed(AssociationClosed(1, "released"))
        until(path, "associations_open", 0)
        record.instances_found = 7
        until(path, "instances_found", 7)
    finally:
        file.finish(record)
    assert value(read(path), "running") == 0
    assert [thread.name for thread in threading.enumerate() if thread.name == "metrics"] == []
    assert os.listdir(tmp_path) == ["m.prom"]


def test_a_file_that_is_not_ours_any_more(tmp_path: Path) -> None:
    """Somebody has put another file there meanwhile: it stays, and the end of the run tells."""
    path = tmp_path / "m.prom"
    file = MetricsFile(str(path), Peer("host", 104).facts, RunRecord(), "run", seconds=0.01)
    file.begin()
    (tmp_path / "new").write_text("mine")
    os.replace(tmp_path / "new", path)
    file._thread.join(60)
    with pytest.raises(ReportError):
        file.finish(RunRecord())
    assert path.read_text() == "mine"
