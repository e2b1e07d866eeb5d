"""A SLURM cluster of one node on 127.0.0.1, for the user who runs the tests."""

from __future__ import annotations

import os
import pwd
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from support.ports import free_port
from support.processes import ServerProcess, wait_until
from support.programs import dcmtk_program
from support.run import Run, run

__all__ = ["Slurm", "slurm"]


class Slurm:
    """A running cluster."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def submit(self, script: Path, *options: str) -> Run:
        """Hand in a batch script and wait until it has ended.  Its exit code is the largest of its tasks."""
        return self.end_of(self.hand_in(script, *options))

    def hand_in(self, script: Path, *options: str) -> Run:
        """Hand in a batch script, and do not wait."""
        return run("sbatch", "--parsable", *options, script, cwd=self._folder, environment=self._environment)

    def end_of(self, done: Run) -> Run:
        """Wait until a batch script that was handed in has ended.

        ``sbatch --wait`` does the same, but looks only after 2 s, and after 4 s and 8 s more.
        """
        if done.exit_code != 0:
            return done
        wait_until(lambda: not self._shown("squeue", "-h", "-j", done.stdout.strip()), 300, "the end of the job")
        shown = self._shown("scontrol", "-o", "show", "job", done.stdout.strip())
        codes = [max(int(code), int(signal)) for code, signal in re.findall(r" ExitCode=(\d+):(\d+)", shown)]
        return replace(done, exit_code=max(codes))

    def _shown(self, *words: str) -> str:
        done = run(words[0], *words[1:], cwd=self._folder, environment=self._environment)
        assert done.exit_code == 0, done.stderr
        return done.stdout


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Controller and node; they need no munge, and listen on 127.0.0.1 only."""
    host, user = socket.gethostname().partition(".")[0], pwd.getpwuid(os.geteuid()).pw_name
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    configuration = folder / "slurm.conf"
    environment = {"SLURM_CONF": str(configuration)}
    node_port = free_port()

    def controller(port: int) -> list[str]:
        configuration.write_text("\n".join((
            "ClusterName=test", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmUser={user}", f"SlurmdUser={user}",
            "AuthType=auth/none", "CredType=cred/none", "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",
            f"SlurmctldPort={port}", f"SlurmdPort={node_port}",
            f"StateSaveLocation={folder / 'state'}", f"SlurmdSpoolDir={folder / 'spool'}",
            f"SlurmctldPidFile={folder / 'controller.pid'}", f"SlurmdPidFile={folder / 'node.pid'}",
            "ProctrackType=proctrack/pgid", "TaskPlugin=task/none", "JobAcctGatherType=jobacct_gather/none",
            "AccountingStorageType=accounting_storage/none", "MailProg=/bin/true", "MpiDefault=none",
            "ReturnToService=2", "SlurmdParameters=config_overrides",
            "SchedulerParameters=sched_interval=1,bf_interval=1",  # it looks at most once a second
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU",
            f"NodeName={host} NodeAddr=127.0.0.1 CPUs=4", "PartitionName=all Nodes=ALL Default=YES", "",
        )))  # fmt: skip
        return ["sh", "-c", f"{dcmtk_program('slurmd')} -D & exec {dcmtk_program('slurmctld')} -D"]

    with ServerProcess(controller, folder / "slurm.log", environment) as server:
        wait_until(lambda: server.has_ended or _is_idle(environment), 60, "an idle node")
        assert not server.has_ended, server.log
        yield Slurm(folder, environment)


def _is_idle(environment: Mapping[str, str]) -> bool:
    shown = subprocess.run(
        ["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return shown.stdout.strip() == "idle"
