"""The connection to a cluster that was started for the run."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError

import dask
import pytest
from dask.distributed import Security

from dcmsend.cluster import ClusterUnusable
from dcmsend.cluster.link import Link
from dcmsend.cluster.options import ClusterOptions
from dcmsend.cluster.reach import reach_scheduler
from support.certificates import Certificates
from support.processes import wait_until
from support.run import run
from support.sending import write_instances


def test_a_worker_of_the_runs_own_cluster_comes_back_however_often_it_dies() -> None:
    setting = "distributed.deploy.lost-worker-timeout"
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    with dask.config.set({setting: "1ms"}):  # nothing comes back so soon
        try:
            link.open(lambda: None, 60, 60)
            (process,) = link.run(os.getpid).values()
            for _ in range(2):
                os.kill(process, signal.SIGKILL)
                wait_until(lambda dead=process: list(link.run(os.getpid).values()) not in ([], [dead]), 60, "a worker")
                (process,) = link.run(os.getpid).values()
        finally:
            link.close()
        assert dask.config.get(setting) == "1ms"


def test_the_runs_own_cluster_has_no_web_pages_and_minds_no_other_cluster() -> None:
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    with ExitStack() as stack:
        with suppress(OSError):  # somebody else has it
            stack.enter_context(socket.create_server(("127.0.0.1", 8787)))  # where Dask has its pages
        warned = stack.enter_context(warnings.catch_warnings(record=True))
        stack.callback(link.close)
        link.open(lambda: None, 60, 60)
        assert [warning for warning in warned if issubclass(warning.category, UserWarning)] == []
        info = link._client.scheduler_info(n_workers=-1)  # Dask says itself where its pages would be
        (worker,) = info["workers"].values()
        for port in (info["services"]["dashboard"], worker["services"]["dashboard"]):
            for page in ("/status", "/info/main/workers.html", "/metrics", "/health", "/json/counts.json"):
                with pytest.raises(HTTPError, match="404"):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=60)


def test_a_scheduler_that_hangs_is_not_taken_for_one_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is decides whether secrets are sent to it."""
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    try:
        link.open(lambda: None, 60, 60)
        monkeypatch.setattr("dcmsend.cluster.link._ANSWER_SECONDS", 0.2)
        monkeypatch.setattr(link._client, "scheduler_info", lambda **_: time.sleep(2))
        with pytest.raises(ClusterUnusable, match="the scheduler does not answer") as caught:
            link.address  # noqa: B018
        assert not caught.value.is_permanent
    finally:
        link.close()


def test_nobody_else_reaches_the_runs_own_cluster(certificates: Certificates) -> None:
    """Another user of the machine would run programs in our name."""
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    try:
        link.open(lambda: None, 60, 60)
        address = link.address
        assert list(link.run(os.getpid).values()) != []
        plain = ClusterOptions(address.replace("tls:", "tcp:"))
        with pytest.raises(ClusterUnusable, match="it wants TLS"):
            reach_scheduler(plain, {}, 60, lambda: None)
        files = str(certificates.ca), str(certificates.client), str(certificates.client_key)
        security = Security(tls_ca_file=files[0], tls_client_cert=files[1], tls_client_key=files[2])
        context = security.get_connection_args("client")["ssl_context"]
        context.verify_mode = ssl.CERT_NONE  # who breaks in does not mind whom he meets
        with pytest.raises(ClusterUnusable, match="does not accept our certificate"):
            reach_scheduler(ClusterOptions(address, files), {"ssl_context": context}, 60, lambda: None)
    finally:
        link.close()


def test_a_program_without_a_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Its workers read it, and would send, too: they end at once, before they touch anything."""
    write_instances(tmp_path / "in", 1)
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from dcmsend import ClusterOptions, JournalOptions, Peer, send\n"
        "from dcmsend.errors import DcmsendError\n"
        "print('begins', __name__, flush=True)\n"
        "try:\n"
        "    list(send(sys.argv[1], Peer('127.0.0.1', 1), cluster=ClusterOptions('local:1'),\n"
        "         journal=JournalOptions(sys.argv[2], resume=True)))\n"
        "except DcmsendError as error:\n"
        "    print('told', __name__, error, flush=True)\n"
        "    raise SystemExit(9)\n"
    )
    done = run(sys.executable, program, tmp_path / "in", tmp_path / "journal", cwd=tmp_path)
    assert done.exit_code == 9, done.stderr
    told = [line.split(" ", 2)[1:] for line in done.stdout.splitlines() if line.startswith("told ")]
    assert {name for name, _ in told} == {"__main__", "__mp_main__"}
    for name, text in told:
        assert 'has to send below: if __name__ == "__main__":' in text
        assert ("no worker starts" if name == "__main__" else "reads the program first") in text


def test_a_batch_of_which_nobody_knows_what_has_happened_is_lost() -> None:
    """As when the scheduler goes while a future fails: Dask calls it an error, and has none."""

    class Future:
        status = "error"

        def exception(self) -> None: ...

        def add_done_callback(self, call: Callable[[Future], None]) -> None:
            call(self)

        def release(self) -> None: ...

    client = SimpleNamespace(submit=lambda *_, **__: Future())
    told: list[tuple[int, str]] = []
    Link(ClusterOptions("tcp://127.0.0.1:1"), client, lambda *done: told.append(done)).submit("key", 7, b"", "")
    assert told == [(7, "lost")]
