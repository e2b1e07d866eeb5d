"""``--commit`` at the command line: ports, titles, TLS, Orthanc, old journals, and what a user is told."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections import Counter
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dcmsend import CommitOptions, JournalOptions, Peer, ProofState, send
from dcmsend.association import CommitmentRequester, ReportListener
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import AcceptanceTerms
from dcmsend.transfer import CommitmentAnswer, TransferOptions, Verdict
from support.archive import CommitmentArchive, commitment_archive
from support.certificates import Certificates
from support.fixture_files import CT_CLASS
from support.old_journal import OldRow, write_old_journal
from support.peers import orthanc, storescp
from support.ports import free_port
from support.run import Run, run
from support.sending import instance_uid
from support.series_files import write_series

from .night import SOON, STUDY

pytestmark = pytest.mark.peer("pynetdicom")

COMMITTED, DENIED, NO_ANSWER = ProofState.COMMITTED, ProofState.DENIED, ProofState.NO_ANSWER


class Commits:
    """Runs the command with ``--commit``, a journal and a report."""

    def __init__(self, dcmsend: str, folder: Path, tmp_path: Path) -> None:
        self.port = free_port()
        self._command = dcmsend
        self._folder = folder
        self._report = tmp_path / "report.json"
        self.journal = tmp_path / "journal"

    def __call__(self, to: int, *options: object, called: str = "ARCHIVE", files: bool = True) -> Run:
        words = ["-v", "--journal", self.journal, "--commit", "--report-json", self._report, "-aec", called, *options]
        names = ["+sd", "127.0.0.1", to, self._folder] if files else ["127.0.0.1", to]
        return run(self._command, *words, *names)

    @property
    def listening(self) -> tuple[str, str]:
        return "--commit-port", f"127.0.0.1:{self.port}"

    def states(self) -> dict[str, int]:
        """The number of proofs in the report of the last run, by state."""
        report = json.loads(self._report.read_text())
        rows = [*report["instances"], *report["proofs_of_earlier"]]
        return dict(Counter(row["proof"]["state"] for row in rows if row.get("proof")))


@pytest.fixture
def commits(dcmsend: str, folder: Path, tmp_path: Path) -> Commits:
    return Commits(dcmsend, folder, tmp_path)


def test_a_port_that_is_taken(commits: Commits, archive: CommitmentArchive) -> None:
    """Nothing is sent, not even a connection is made."""
    with socket.create_server(("127.0.0.1", commits.port)):
        done = commits(archive.port, *commits.listening)
    assert done.exit_code == 60
    assert f"F: cannot listen on 127.0.0.1 port {commits.port}: Address already in use" in done.stderr
    assert "--commit-port" in done.stderr
    assert (archive.associations, archive.stores) == (0, [])


COMMIT = ["--commit", "--journal", "j"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--commit"], "--commit only allowed with --journal"),
        ([*COMMIT, "--verify"], "--commit not allowed with --verify"),
        (["--commit-port", "104"], "--commit-port only allowed with --commit"),
        (["--commit-wait", "1"], "--commit-wait only allowed with --commit"),
        (["--commit-from", "A"], "--commit-from only allowed with --commit"),
        ([*COMMIT, "+tla", "--commit-port", "104"], "--commit-port not allowed with --anonymous-tls"),
        ([*COMMIT, "--shard", "1/2", "--commit-port", "104"], "--commit-port not allowed with --shard"),
        ([*COMMIT, "--commit-port", "0"], "Invalid value for option --commit-port (0)"),
        ([*COMMIT, "--commit-port", "h:65536"], "Invalid value for option --commit-port (h:65536)"),
        ([*COMMIT, "--commit-port", "::1:104"], "Invalid value for option --commit-port (::1:104)"),
        ([*COMMIT, "--commit-wait", "-1"], "Invalid value for option --commit-wait (-1)"),
        ([*COMMIT, "--commit-from", "12345678901234567"], "Invalid value for option --commit-from"),
        ([*COMMIT, "--commit-from", " "], "Invalid value for option --commit-from"),
        ([*COMMIT, "--verify-peer", "h:1"], "--verify-peer only allowed with --verify"),
    ],
)
def test_what_cannot_be_meant(dcmsend: str, options: list[str], words: str) -> None:
    done = run(dcmsend, *options, "127.0.0.1", "104", "x")
    assert done.exit_code == 1
    assert f"error: {words}" in done.stderr


def test_reports_of_one_title_only(commits: Commits, archive: CommitmentArchive) -> None:
    archive.back = ("127.0.0.1", commits.port)
    words: list[str] = []
    for _ in range(5):  # a report that is late finds nobody
        done = commits(archive.port, *words, *commits.listening, "--commit-from", "PACS", "--commit-wait", "2")
        assert (done.exit_code, commits.states()) == (106, {"no_answer": 12})
        assert "the archive has not reported on 1 requests within 2 s" in done.stderr
        if archive.refusals == ["rejected"]:
            break
        archive.refusals, words = [], ["--resume"]
    assert archive.refusals == ["rejected"]
    done = commits(archive.port, "--resume", *commits.listening, "--commit-from", "ARCHIVE")
    assert (done.exit_code, commits.states()) == (0, {"committed": 12})
    assert len(archive.stores) == 12


def test_a_report_from_another_title_is_taken_with_a_warning(commits: Commits, archive: CommitmentArchive) -> None:
    archive.back = ("127.0.0.1", commits.port)
    done = commits(archive.port, *commits.listening, called="PACS")
    assert (done.exit_code, commits.states()) == (0, {"committed": 12})
    assert [line for line in done.stderr.splitlines() if line.startswith("W: ") and "ARCHIVE" in line]


def contexts(certificates: Certificates) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The archive's, as a server and as a client."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.ca))
    server.load_cert_chain(certificates.server, certificates.server_key)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(certificates.ca))
    client.load_cert_chain(certificates.server, certificates.server_key)
    client.check_hostname = False
    return server, client


@pytest.mark.parametrize("caller", ["good", "none", "foreign"])
def test_tls(commits: Commits, certificates: Certificates, caller: str) -> None:
    """Whoever reports shows a certificate that we trust, also if the archive itself need not (-ic)."""
    server, client = contexts(certificates)
    if caller != "good":
        client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(certificates.ca))
        client.check_hostname = False
    if caller == "foreign":
        client.load_cert_chain(certificates.other_client, certificates.other_client_key)
    archive = CommitmentArchive(client_tls=client, back=("127.0.0.1", commits.port))
    tls = ["+tls", certificates.client_key, certificates.client, "+cf", certificates.ca, "-ic"]
    with commitment_archive(archive, server_tls=server):
        wait = ["--commit-wait", "60" if caller == "good" else "2"]
        done = commits(archive.port, *tls, *commits.listening, *wait)
    expected = (0, {"committed": 12}) if caller == "good" else (106, {"no_answer": 12})
    assert (done.exit_code, commits.states()) == expected, done.stderr


@pytest.mark.parametrize("words", [(), ("--probe-peer",)], ids=["run", "probe"])
def test_whom_to_trust_is_needed_for_callers_alone(
    commits: Commits, certificates: Certificates, words: tuple[str, ...]
) -> None:
    """With -ic it is looked at only when the port is opened; then the message names the file, as always."""
    server, _ = contexts(certificates)
    archive = CommitmentArchive()
    tls = ["+tls", certificates.client_key, certificates.client, "+cf", "missing.pem", "-ic"]
    with commitment_archive(archive, server_tls=server):
        done = commits(archive.port, *tls, *commits.listening, *words)
    assert done.exit_code == 1
    (line,) = done.lines("F")
    assert line == "unable to load certificate file 'missing.pem': No such file or directory"


def test_a_journal_alone_and_one_of_version_1(
    commits: Commits, archive: CommitmentArchive, folder: Path, dcmsend: str
) -> None:
    """Rows without study and series are proven by commitment, too."""
    archive.how = "same"
    rows = []
    for path in sorted(folder.iterdir()):
        status = path.stat()
        uid = instance_uid(int(path.name))
        rows.append(
            OldRow(bytes(folder), bytes(Path(path.name)), status.st_size, status.st_mtime_ns, sop_instance_uid=uid)
        )
    write_old_journal(commits.journal, rows, port=archive.port)
    done = run(dcmsend, "+sd", "-aec", "ARCHIVE", "127.0.0.1", archive.port, folder)
    assert done.exit_code == 0
    done = commits(archive.port, "--resume", called="ANY-SCP", files=False)
    assert (done.exit_code, commits.states()) == (0, {"committed": 12}), done.stderr
    done = commits(archive.port, "--resume", called="ANY-SCP")
    assert (done.exit_code, len(archive.stores), len(archive.requests)) == (0, 12, 1)


def test_only_what_is_committed_is_moved(
    commits: Commits, archive: CommitmentArchive, folder: Path, tmp_path: Path
) -> None:
    archive.how, archive.forget = "same", 2
    done = commits(archive.port, "--move-sent", tmp_path / "moved")
    assert done.exit_code == 106
    stays = {path.name for path in folder.iterdir()}
    asked = [str(item.ReferencedSOPInstanceUID) for item in archive.requests[0].ReferencedSOPSequence]
    assert stays == {f"{number:04}" for number in range(1, 13) if instance_uid(number) in asked[-2:]}
    archive.forget = 0
    done = commits(archive.port, "--resume", "--move-sent", tmp_path / "moved")
    assert done.exit_code == 0
    done = commits(archive.port, "--resume", "--move-sent", tmp_path / "moved")
    assert not list(folder.iterdir())
    assert len(archive.stores) == 12


@pytest.mark.peer("dcmtk")
def test_a_receiver_that_commits_itself_to_nothing(commits: Commits, tmp_path: Path) -> None:
    with storescp(tmp_path / "there") as peer:
        done = commits(peer.port)
    assert (done.exit_code, commits.states()) == (106, {"no_answer": 12})
    assert done.stderr.count("the archive does not take a request for commitment") == 1
    assert "--verify asks by query instead" in done.stderr


def test_a_probe_tells_whether_the_archive_can_call_back(
    commits: Commits, archive: CommitmentArchive, dcmsend: str, folder: Path
) -> None:
    names = ["+sd", "-aec", "ARCHIVE", "127.0.0.1", archive.port, folder]
    probe = ["--probe-peer", "--commit", "--commit-wait"]
    words = [*probe, "60", *names]
    done = run(dcmsend, *probe, "2", *names)
    assert done.exit_code == 106
    assert "has not reported on it within 2 s" in done.stderr
    archive.back = ("127.0.0.1", commits.port)
    done = run(dcmsend, *commits.listening, *words)
    assert done.exit_code == 0, done.stderr
    assert "reports on an association of its own, as ARCHIVE" in done.stdout
    archive.how = "same"
    done = run(dcmsend, *words)
    assert (done.exit_code, archive.stores, archive.instances) == (0, [], {})
    assert "reports on our association" in done.stdout
    with socket.create_server(("127.0.0.1", commits.port)):
        assert run(dcmsend, *commits.listening, *words).exit_code == 60
    archive.status = 0x0122
    done = run(dcmsend, *words)
    assert done.exit_code == 106
    assert "0x0122, SOP Class not supported" in done.stderr


def test_the_recipe(archive: CommitmentArchive, dcmsend: str, folder: Path, tmp_path: Path) -> None:
    """The command lines as they stand there, with another port."""
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    recipe = page.split("### By Storage Commitment")[1].split("\n## ")[0]
    sends, probes = re.findall(r"^dcmsend (.*--commit.*)$", recipe, flags=re.MULTILINE)
    proven, port = tmp_path / "data" / "proven", free_port()
    proven.mkdir(parents=True)
    archive.back = ("127.0.0.1", port)
    places: dict[str, object] = {
        "/data/study": folder, "/data/proven": proven, "night.journal": tmp_path / "journal", "11115": port,
    }  # fmt: skip

    def as_written(line: str) -> int:
        line = line.replace("pacs.example.org 104", f"127.0.0.1 {archive.port}")
        return run(dcmsend, *(places.get(word, word) for word in line.split())).exit_code

    assert (as_written(probes), archive.stores) == (0, [])
    assert as_written(sends) == 0
    assert not list(folder.iterdir())
    assert len([path for path in proven.rglob("*") if path.is_file()]) == 12


def known(port: int) -> dict[str, object]:
    """Orthanc's settings for a caller that it reports to."""
    entry = {"AET": "DCMSEND", "Host": "127.0.0.1", "Port": port, "AllowStorageCommitment": True}
    return {"DicomModalities": {"dcmsend": entry}, "DicomAlwaysAllowFind": True}


@pytest.mark.peer("orthanc")
@pytest.mark.timeout(300)
def test_orthanc(tmp_path: Path) -> None:
    """1,000 in 4 requests; of three that it has lost, none is called committed; the next run sends them."""
    folder, journal, port = tmp_path / "in", tmp_path / "journal", free_port()
    write_series(folder, [(STUDY, f"{STUDY}.{number % 10 + 1}") for number in range(1000)])
    with orthanc(tmp_path / "orthanc", **known(port)) as server:
        peer = Peer("127.0.0.1", server.port, "ORTHANC")
        lost = [7, 500, 999]

        def night(*, is_first: bool = False) -> tuple[int, dict[ProofState, int], list[int]]:
            options = JournalOptions(str(journal), resume=not is_first)
            transfer = send(folder, peer, journal=options, commit=CommitOptions(port=port, wait=60.0))
            sent = len(list(transfer))
            if is_first:
                for number in lost:
                    server.forget(instance_uid(number))
            found = list(transfer.proofs())
            lacking = sorted(int(Path(each.path).name) for each in found if each.proof.state is DENIED)
            assert len({each.proof.transaction_uid for each in found}) == -(-len(found) // 250)
            return sent, dict(Counter(each.proof.state for each in found)), lacking

        assert night(is_first=True) == (1000, {COMMITTED: 997, DENIED: 3}, lost)
        assert night() == (3, {COMMITTED: 3}, [])
        assert night() == (0, {}, [])


@pytest.mark.peer("orthanc")
def test_reasons_of_orthanc(tmp_path: Path) -> None:
    """One that it has, one of another SOP Class than it has, one that it has not."""
    port, taken = free_port(), Queue[CommitmentAnswer]()
    write_series(tmp_path / "in", [(STUDY, f"{STUDY}.1")] * 2)

    def take(answer: CommitmentAnswer) -> int:
        taken.put(answer)
        return 0

    with orthanc(tmp_path / "orthanc", **known(port)) as server:
        peer = Peer("127.0.0.1", server.port, "ORTHANC")
        assert len(list(send(tmp_path / "in", peer))) == 2
        listener = ReportListener(AcceptanceTerms("DCMSEND"), take, port)
        requester = CommitmentRequester(peer, TransferOptions(acse_timeout=20, dimse_timeout=20), Interrupt(), take)
        listener.start()
        try:
            asked = [(CT_CLASS, instance_uid(1)), ("1.2.840.10008.5.1.4.1.1.4", instance_uid(2)), (CT_CLASS, "1.2.3")]
            assert requester.request("2.25.1", asked) == 0
            answer = taken.get(timeout=30)
        finally:
            requester.close()
            listener.close()
    assert answer.transaction_uid == "2.25.1"
    assert answer.verdicts == {
        instance_uid(1): Verdict(COMMITTED), instance_uid(2): Verdict(DENIED, 0x0119), "1.2.3": Verdict(DENIED, 0x0112),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.peer("orthanc")
def test_orthanc_that_does_not_know_us(commits: Commits, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True) as server:
        done = commits(server.port, *commits.listening, called="ORTHANC")
    assert (done.exit_code, commits.states()) == (106, {"no_answer": 12})
    assert "the archive must know our AE title for Storage Commitment" in done.stderr


def deny_one(report: Dataset) -> None:
    """As Orthanc does, which has one UID twice then, and wants exactly one."""
    items = report.ReferencedSOPSequence
    twice = [item for item in items if item.ReferencedSOPInstanceUID == instance_uid(1)]
    report.ReferencedSOPSequence = [item for item in items if item not in twice]
    for item in twice:
        item.FailureReason = 0x0112
    report.FailedSOPSequence = twice


@pytest.mark.parametrize("way", ["verify", "verify without a journal", "commit"])
def test_one_uid_under_two_patients(
    archive: CommitmentArchive, folder: Path, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The archive keeps the one that came last; a sentence says why the other one is missing."""
    archive.how, archive.change = "same", deny_one
    write_series(tmp_path / "other", [("9.9", "9.9.1")])
    journal = None if way.endswith("without a journal") else JournalOptions(str(tmp_path / "journal"))
    asking: dict[str, Any] = {"commit": CommitOptions(wait=20.0)} if way == "commit" else {"verify": SOON}
    peer = Peer("127.0.0.1", archive.port, "ARCHIVE")
    transfer = send([folder, tmp_path / "other"], peer, journal=journal, **asking)
    assert len(list(transfer)) == 13
    found = Counter(event.proof.state.is_refuted for event in transfer.proofs())
    assert found == ({True: 2, False: 11} if way == "commit" else {True: 1, False: 12})
    assert f"whose UID was sent in several series: {instance_uid(1)} (2 files)" in caplog.text
