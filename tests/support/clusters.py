"""Transfers over the workers of a Dask cluster, and what the receiver has seen of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
from dask.distributed import Client, LocalCluster

from dcmsend import IndexOptions, InputOptions, JournalOptions, Peer, Transfer, TransferOptions, send
from support.ports import free_port
from support.processes import is_listening, wait_until
from support.scripted_peer import ScriptedPeer

__all__ = [
    "cluster_of", "kill_a_worker", "most_at_once", "programs_of_cluster", "scheduler_with", "transfer_over", "uids_at",
]  # fmt: skip

SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.admin.low-level-log-length": 10_000,
    "distributed.worker.multiprocessing-method": "forkserver",  # workers are forked from a process that has Dask
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.deploy.lost-worker-timeout": "365 days",  # a worker that dies now and then is never given up
}

SEED = "PYTHONHASHSEED"


@contextmanager
def cluster_of(workers: int) -> Generator[Client]:
    """A client of a cluster whose workers die of files called ``deadly``."""
    preload = [str(Path(__file__).with_name("deadly_worker.py"))]
    had_seed = SEED in os.environ
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=None,
            host="127.0.0.1", silence_logs=50, preload=preload,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        # Dask changes the environment of this process whenever a worker starts, and ``warm_start`` would not know it.
        for nanny in cluster.workers.values():
            nanny.pre_spawn_env = {}
        if not had_seed:
            os.environ.pop(SEED, None)
        yield client


def transfer_over(
    cluster: Any, items: Iterable[Any] | Path, port: int, journal: Path, *, index: IndexOptions | None = None,
    inputs: InputOptions | None = None, observer: Any = None, move_sent: str = "", **options: Any,
) -> Transfer:  # fmt: skip
    """A transfer with a journal; ``options`` are those of ``TransferOptions``."""
    return send(
        items, Peer("127.0.0.1", port), index=index, inputs=inputs, observer=observer, cluster=cluster,
        journal=JournalOptions(str(journal), resume=journal.exists(), move_sent=move_sent),
        transfer=TransferOptions(**{"halt_on_failure": False, **options}),
    )  # fmt: skip


@contextmanager
def programs_of_cluster(
    workers: int, folder: Path, tls: tuple[Path, Path, Path] | None = None, port: int = 0, *,
    workers_end_in: ExitStack | None = None,
) -> Generator[str]:  # fmt: skip
    """A scheduler and workers as programs of their own; gives the address.  ``tls``: authority, certificate, key.

    In the end the workers leave the scheduler in order, which takes a second.  With ``workers_end_in`` all of them get
    the signal at the same time, and only the scheduler is waited for.  Now and then a worker of Dask hangs then until
    its nanny kills it, after eight seconds: workers that still have not ended when that stack ends are killed.
    """
    port = port or free_port()
    scheme = "tls" if tls else "tcp"
    secured = []
    if tls:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        secured = [word for name, path in zip(names, tls, strict=True) for word in (name, str(path))]
    environment = {
        **os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",  # they load Dask once for all
    }  # fmt: skip
    address = f"{scheme}://127.0.0.1:{port}"
    log = (folder / "cluster.log").open("a")
    run = partial(subprocess.Popen, cwd=folder, env=environment, stdout=log, stderr=log)
    dask = [sys.executable, "-m", "dask"]
    scheduler = run([
        *dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--protocol", scheme, "--no-dashboard",
        "--no-jupyter", *secured,
    ])  # fmt: skip
    processes = [scheduler]
    try:
        wait_until(lambda: is_listening(port) or scheduler.poll() is not None, 60, "the scheduler")
        if workers:
            processes.append(run([
                *dask, "worker", address, "--nworkers", str(workers), "--nthreads", "1", "--memory-limit", "0",
                "--no-dashboard", "--local-directory", str(folder / "dask"), *secured,
            ]))  # fmt: skip
        yield address
    finally:
        if workers_end_in is not None:
            for process in reversed(processes):
                process.terminate()
            for process in processes[1:]:
                workers_end_in.callback(process.wait, 20)
                workers_end_in.callback(process.kill)
            processes = [scheduler]
        for process in reversed(processes):
            if workers_end_in is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
        log.close()


def scheduler_with(workers: int, address: str) -> int:
    """The process of a scheduler, once it has so many workers."""
    with Client(address, set_as_default=False, timeout=60) as client:
        client.wait_for_workers(workers, timeout=120)
        pid: int = client.run_on_scheduler(os.getpid)
        return pid


def kill_a_worker(client: Client) -> None:
    """End the process of one worker, as a system does that runs out of memory."""
    os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)


def uids_at(peer: ScriptedPeer) -> list[str]:
    """The SOP Instance UIDs of all instances that a peer has got, each as often as it came."""
    return [store.sop_instance_uid or "" for store in peer.stores]


def most_at_once(peer: ScriptedPeer) -> int:
    """The most associations that a peer has had open at the same time."""
    changes = []
    for link in peer.connections:
        began = [time for what, time in link.events if what == "request"]
        # A release is noted before it is answered; the end of the connection only when our own thread has its turn.
        over = [time for what, time in link.events if what == "release"] or [time for _, time in link.events]
        if began:
            changes += [(began[0], 1), (max(over), -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
