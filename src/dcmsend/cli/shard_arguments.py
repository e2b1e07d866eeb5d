"""The option ``--shard``; loaded only if it is given."""

from __future__ import annotations

import os
import re
from typing import Final

from dcmsend.errors import UsageError
from dcmsend.inputs import Shard

from .command_line import CommandLine
from .numbers import invalid_value

__all__ = ["shard_option"]

_OPTION: Final = "--shard"
_VALUE: Final = re.compile(r"(env|[0-9]{1,9})/([0-9]{1,9})")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_MOST: Final = 1_000_000
_SLURM: Final = "SLURM_ARRAY_TASK_ID"
_KUBERNETES: Final = "JOB_COMPLETION_INDEX"


def shard_option(line: CommandLine) -> Shard:
    """The shard on the command line, or in the environment of a SLURM array task or a Kubernetes indexed job.

    Raises:
        UsageError: no such shard, an environment without the number, an option that cannot be used with shards.
    """
    # A future --commit-port must be refused with --shard: one shard would take the reports of another.
    group = line.value("--keep-together")
    if group in ("series", "study"):
        raise UsageError(f"{_OPTION} not allowed with --keep-together {group}")
    text = line.value(_OPTION) or ""
    match = _VALUE.fullmatch(text)
    if match is None:
        raise invalid_value(_OPTION, text)
    count = int(match[2])
    if not 1 <= count <= _MOST:
        raise _fault("overflow" if count else "underflow", text)
    number = _number_of_task(count) if match[1] == "env" else int(match[1])
    if not 1 <= number <= count:
        raise _fault("overflow" if number else "underflow", text)
    return Shard(number, count)


def _fault(what: str, text: str) -> UsageError:
    return invalid_value(_OPTION, text, fault=what)


def _number_of_task(count: int) -> int:
    """The shard, from 1 on, of this task."""
    slurm, kubernetes = (name in os.environ for name in (_SLURM, _KUBERNETES))
    if slurm and kubernetes:
        raise UsageError(f"{_OPTION} env: both {_SLURM} and {_KUBERNETES} are set; write the number")
    if slurm:
        return _slurm_number(count)
    if kubernetes:
        index = _environment(_KUBERNETES)
        if index >= count:
            raise UsageError(f"{_OPTION} env: {_KUBERNETES} is {index}, and the last one of {count} is {count - 1}")
        return index + 1
    raise UsageError(f"{_OPTION} env: neither {_SLURM} nor {_KUBERNETES} is set; write the number")


def _slurm_number(count: int) -> int:
    """The shard, from 1 on, of a SLURM array task; only a complete array tells the position of a task in it.

    An array may begin at any number and have steps.  If some of its tasks are submitted again, SLURM gives the bounds
    of these only: task 3 of ``0-7`` was the fourth, but this cannot be seen any more.
    """
    task = _environment(_SLURM)
    if "SLURM_ARRAY_TASK_COUNT" not in os.environ:  # the variables do not come from SLURM
        if not 1 <= task <= count:
            raise UsageError(f"{_OPTION} env: {_SLURM} is {task}, and shards are numbered 1 to {count}")
        return task
    tasks = _environment("SLURM_ARRAY_TASK_COUNT")
    first, last = _environment("SLURM_ARRAY_TASK_MIN"), _environment("SLURM_ARRAY_TASK_MAX")
    step = _environment("SLURM_ARRAY_TASK_STEP") if "SLURM_ARRAY_TASK_STEP" in os.environ else 1
    place, rest = divmod(task - first, max(step, 1))
    if tasks != count or last - first != (count - 1) * step or rest:
        what = f"{tasks} tasks from {first} to {last}"
        raise UsageError(f"{_OPTION} env: the array has {what}, not one for each of {count} shards; write the number")
    if not first <= task <= last:
        raise UsageError(f"{_OPTION} env: {_SLURM} is {task}, and the array has tasks from {first} to {last}")
    return place + 1


def _environment(name: str) -> int:
    text = os.environ.get(name)
    if text is None or not _NUMBER.fullmatch(text):
        raise UsageError(f"{_OPTION} env: {name} is " + ("not set" if text is None else f"no number ({text})"))
    return int(text)
