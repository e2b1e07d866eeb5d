"""``--cluster`` of the installed command: what it takes, and a run over workers that it has started itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.certificates import Certificates
from support.peer_script import Respond, Script
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.run import read_summary, run
from support.scripted_peer import ScriptedPeer
from support.trees import tiny_instance_uid, write_tree

REASON = "whoever reaches a scheduler can run programs on its workers"


def usage_error(*options: str) -> str:
    done = run(installed_dcmsend(), *options, "127.0.0.1", 104, "file")
    assert done.exit_code == 1, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return error.removeprefix("error: ")


@pytest.mark.parametrize(
    "address",
    ["", "local", "local:0", "local:-1", "host:8786", "ftp://h:1", "tls://h", "tcp://127.0.0.1:0", "tcp://127.0.0.1"],
)
def test_what_is_no_cluster(address: str) -> None:
    tls = ("--cluster-tls", "ca", "cert", "key") if address.startswith("tls") else ()
    shown = f" ({address})" if address else ""
    assert usage_error("--journal", "j", *tls, "--cluster", address) == f"Invalid value for option --cluster{shown}"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--cluster", "local:2"), "--cluster only allowed with --journal"),
        (("--cluster-tls", "a", "b", "c"), "--cluster-tls only allowed with --cluster"),
        (("--cluster", "local:2", "--journal", "j", "--shard", "1/2"), "--cluster not allowed with --shard"),
        (("--cluster", "local:2", "--journal", "j", "--dry-run"), "--cluster not allowed with --dry-run"),
        (
            ("--cluster", "local:2", "--journal", "j", "--keep-together", "series"),
            "--cluster not allowed with --keep-together",
        ),
        (
            ("--cluster", "local:2", "--journal", "j", "--single-association"),
            "--cluster not allowed with --single-association",
        ),
        (
            ("--cluster", "local:2", "--journal", "j", "--move-sent", "d", "+rd"),
            "--cluster not allowed with --move-sent and --read-from-dicomdir",
        ),
        (
            ("--cluster", "tls://h:8786", "--journal", "j"),
            "--cluster tls://h:8786 only allowed with --cluster-tls",
        ),
        (
            ("--cluster", "tcp://10.0.0.1:8786", "--journal", "j"),
            "--cluster only allowed with tls:// and --cluster-tls, because " + REASON,
        ),
        (
            ("--cluster", "local:2", "--journal", "j", "--cluster-tls", "a", "b", "c"),
            "--cluster-tls only allowed with --cluster tls://...",
        ),
        (
            ("--cluster", "tls://h:1", "--cluster-tls", "a", "b", "c", "--journal", "j", "-usr", "u", "-pwd", "p"),
            "the password would be sent to the workers: name a file with it that all of them can read",
        ),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used_together(options: tuple[str, ...], error: str) -> None:
    assert usage_error(*options) == error


def test_files_of_tls_that_cannot_be_used(tmp_path: Path, certificates: Certificates) -> None:
    """They are named before anybody is connected with."""
    ca, certificate, key = certificates.ca, certificates.client, certificates.client_key
    text = tmp_path / "text"
    text.write_text("no PEM")
    other, encrypted = certificates.server_key, certificates.encrypted_key
    no_key, no_certificate = "Unable to load private TLS key from", "unable to load certificate file"
    unlike = "one of them is not what it should be, in PEM"
    for files, error in (
        ((tmp_path / "none", certificate, key), f"{no_certificate} '{tmp_path}/none': No such file or directory"),
        ((ca, certificate, tmp_path), f"{no_key} '{tmp_path}': Is a directory"),
        ((text, certificate, key), f"{no_certificate} '{text}': there is no PEM certificate in it"),
        ((ca, text, key), f"{no_key} '{key}' and certificate from '{text}': {unlike}"),
        ((ca, certificate, other), f"Private key '{other}' and certificate '{certificate}' do not match"),
        ((ca, certificate, encrypted), f"{no_key} '{encrypted}': it is encrypted, and there is no password"),
    ):  # fmt: skip
        words = ("--cluster", "tls://127.0.0.1:1", "--cluster-tls", *map(str, files), "--journal", "j")
        assert usage_error(*words) == error


def test_a_run_over_workers_of_its_own(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 120, per_directory=40)
    report, scratch = tmp_path / "report.json", tmp_path / "scratch"
    scratch.mkdir()
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "-v", "--cluster", "local:2", "--journal", "journal", "--report-json", report,
            "+sd", "+r", "127.0.0.1", peer.port, "tree", cwd=tmp_path, environment={"TMPDIR": str(scratch)},
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert list(scratch.iterdir()) == []
    assert sorted(store.sop_instance_uid for store in peer.stores) == [tiny_instance_uid(n) for n in range(120)]
    fields = json.loads(report.read_text())
    assert fields["totals"]["stored"] == 120
    assert fields["instances"][0]["path"].startswith("tree/")
    assert sum(each["instances"] for each in fields["associations"]) == 120
    assert read_summary(done.stderr)["with status SUCCESS"] == 120
    assert done.lines("I").count("checking input files ...") == 1
    assert "Traceback" not in done.stderr


def test_levels_of_single_loggers_count_for_what_workers_say(tmp_path: Path) -> None:
    """The second example of the page on logging."""
    write_tree(tmp_path / "tree", 1)
    (tmp_path / "log.cfg").write_text(
        "log4cplus.rootLogger = WARN, f\nlog4cplus.logger.dcmtk.dcmnet = DEBUG\n"
        "log4cplus.appender.f = log4cplus::FileAppender\nlog4cplus.appender.f.File = x.log\n"
    )
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "-lc", "log.cfg", "--cluster", "local:1", "--journal", "journal", "+sd", "+r",
            "127.0.0.1", peer.port, "tree", cwd=tmp_path,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "OUTGOING DIMSE MESSAGE" in (tmp_path / "x.log").read_text()


def test_nobody_listens_and_nobody_schedules(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 1)
    done = run(
        installed_dcmsend(), "--cluster", "tcp://127.0.0.1:1", "--journal", tmp_path / "journal", "+sd", "+r",
        "127.0.0.1", 104, tmp_path / "tree",
    )  # fmt: skip
    assert done.exit_code == 61, done.stderr
    assert "cannot use the cluster: tcp://127.0.0.1:1: " in done.stderr
    assert "is the scheduler running" in done.stderr
    assert "Errno" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_ctrl_c_at_the_terminal_drains_the_workers(tmp_path: Path) -> None:
    """A terminal sends the signal to the whole process group, to the workers too."""
    write_tree(tmp_path / "tree", 600, per_directory=100)
    command = [
        installed_dcmsend(), "--cluster", "local:2", "--journal", "journal", "--resume", "+sd", "+r", "127.0.0.1",
    ]  # fmt: skip
    with ScriptedPeer(Script(other_stores=Respond(delay=0.005))) as peer:
        process = subprocess.Popen(
            [*command, str(peer.port), "tree"], cwd=tmp_path, process_group=0, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: len(peer.stores) > 40 or process.poll() is not None, 60, "some instances")
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 130, stderr
        assert "Traceback" not in stderr
        assert "has died" not in stderr
        before = len(peer.stores)
        assert before < 600
        done = run(*command, peer.port, "tree", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert sorted(store.sop_instance_uid for store in peer.stores) == [tiny_instance_uid(n) for n in range(600)]
