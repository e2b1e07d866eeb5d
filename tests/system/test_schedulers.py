"""The recipes for many processes: GNU parallel and SLURM for real, Kubernetes and Airflow by what they would start."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from support.corpus import DATA
from support.peers import DirectoryPeer, storescp
from support.programs import installed_dcmsend
from support.run import Run, run
from support.sending import instance_uid, write_instances
from support.slurm import slurm

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Many processes, many hosts") : PAGE.index("## Files that go away once they are stored")]
COUNT = 40

pytestmark = pytest.mark.peer("dcmtk")


def block(heading: str, language: str = "") -> str:
    """The first block below a heading."""
    found = re.search(rf"^#+ {heading}\n.*?^```{language}\n(.*?)^```", SECTION, flags=re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def here(text: str, folder: Path, peer: DirectoryPeer) -> str:
    """The text for this peer and for files in a folder of the test."""
    folder_of_program = Path(installed_dcmsend()).parent
    text = text.replace("pacs.example.org 104", f"127.0.0.1 {peer.port}")
    text = text.replace('pacs.example.org, "104"', f"127.0.0.1, {peer.port}")
    text = re.sub(r"(?<![\w/.])dcmsend(?=(-journal)? [-m])", f"{folder_of_program}/dcmsend", text)
    return text.replace("/data/study", f"{folder}/study").replace("/journals", f"{folder}/journals")


@contextmanager
def peer_and_files(folder: Path) -> Iterator[DirectoryPeer]:
    """A receiver that writes every object into a file of its own name, and a tree of files for it."""
    for number in range(8):
        write_instances(folder / "study" / str(number), COUNT // 8, first=1 + number * (COUNT // 8))
    (folder / "journals").mkdir()
    with storescp(folder, "+B", "+uf") as peer:
        yield peer


def all_arrived_once(peer: DirectoryPeer) -> None:
    """``+uf`` gives each object that comes a file, also one that comes twice."""
    pattern = re.compile(re.escape(instance_uid(1).encode()[:-1]) + rb"[0-9]+")
    uids = [found[0].decode() for path in peer.files if (found := pattern.search(path.read_bytes()))]
    assert len(peer.files) == COUNT
    assert sorted(uids) == sorted(instance_uid(number) for number in range(1, COUNT + 1))


def shell(line: str, folder: Path, environment: Mapping[str, str] | None = None) -> Run:
    done = run("bash", "-c", line, cwd=folder, environment=environment, timeout=300)
    assert done.exit_code == 0, (line, done.stderr)
    return done


def totals(done: Run) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE)}


def test_two_hosts_and_the_proof(tmp_path: Path) -> None:
    """Each with the tree at another place, the second one by another name; then one run that finds no more."""
    with peer_and_files(tmp_path) as peer:
        first, second = here(block("Many processes, many hosts"), tmp_path, peer).splitlines()
        (tmp_path / "mnt").symlink_to(tmp_path / "study")
        shell(first, tmp_path)
        shell(second.replace(f"{tmp_path}/study", f"{tmp_path}/mnt"), tmp_path)
        merge, proof = here(re.findall(r"^```\n(dcmsend-journal merge.*?)^```", SECTION, re.DOTALL | re.MULTILINE)[0],
                            tmp_path, peer).splitlines()  # fmt: skip
        assert totals(shell(merge, tmp_path))["stored"] == COUNT
        last = shell(proof.replace(" --journal", " -v --journal"), tmp_path)
        assert f"{COUNT} files are already stored" in last.stderr
        all_arrived_once(peer)


@pytest.mark.peer("parallel")
def test_gnu_parallel(tmp_path: Path) -> None:
    with peer_and_files(tmp_path) as peer:
        done = shell(here(block("GNU parallel"), tmp_path, peer), tmp_path)
        assert totals(done)["stored"] == COUNT
        all_arrived_once(peer)


@pytest.mark.slow
@pytest.mark.peer("slurm")
@pytest.mark.parametrize("array", ["5-11:2"])
def test_a_slurm_job_array(tmp_path: Path, array: str) -> None:
    with peer_and_files(tmp_path) as peer, slurm(tmp_path) as cluster:
        script = tmp_path / "job.sh"
        script.write_text(here(block("A SLURM job array", "sh"), tmp_path, peer))
        for _ in range(2):  # the second time there is nothing left to do
            done = cluster.submit(script, f"--array={array}")
            assert done.exit_code == 0, (done.stderr, [path.read_text() for path in tmp_path.glob("slurm-*.out")])
        all_arrived_once(peer)
        assert len(list((tmp_path / "journals").iterdir())) == 4


@pytest.mark.slow
@pytest.mark.peer("slurm")
def test_some_tasks_of_an_array(tmp_path: Path) -> None:
    """Nobody knows which shards these are; the number itself does."""
    with peer_and_files(tmp_path) as peer, slurm(tmp_path) as cluster:
        script = tmp_path / "job.sh"
        text = here(block("A SLURM job array", "sh"), tmp_path, peer)
        script.write_text(text)
        assert cluster.submit(script, "--array=2,3").exit_code == 1
        assert not peer.files
        script.write_text(text.replace("env/4", '"$SLURM_ARRAY_TASK_ID/4"'))
        assert '"$SLURM_ARRAY_TASK_ID/4"' in SECTION
        for job in [cluster.hand_in(script, f"--array={array}") for array in ("2,3", "1,4")]:
            assert cluster.end_of(job).exit_code == 0
        all_arrived_once(peer)


def test_a_kubernetes_indexed_job(tmp_path: Path) -> None:
    manifest = block("A Kubernetes indexed job", "yaml")
    (completions,) = re.findall(r"^  completions: (\d+)$", manifest, re.MULTILINE)
    (arguments,) = re.findall(r"args: \[(.*)\]$", manifest, re.MULTILINE)
    with peer_and_files(tmp_path) as peer:
        for index in range(int(completions)):
            words = here(arguments, tmp_path, peer).replace("$(JOB_COMPLETION_INDEX)", str(index)).split(", ")
            done = run(installed_dcmsend(), *words, environment={"JOB_COMPLETION_INDEX": str(index)})
            assert done.exit_code == 0, done.stderr
        all_arrived_once(peer)


class _Operator:
    """What Airflow's operators are told, and what they would run."""

    made: ClassVar[list[_Operator]] = []

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.made.append(self)

    @classmethod
    def partial(cls, **settings: Any) -> _Operator:
        return cls(**settings)

    def expand(self, env: list[dict[str, str]]) -> _Operator:
        self.settings["env"] = env
        return self

    def __rshift__(self, other: _Operator) -> None:
        assert self.made == [self, other]


class _Dag:
    def __init__(self, name: str, schedule: None) -> None:
        self.name = name

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow is too large to be installed for this: it hands commands and environments to a shell."""
    for name, content in {
        "airflow": {}, "airflow.providers": {}, "airflow.providers.standard": {},
        "airflow.providers.standard.operators": {},
        "airflow.providers.standard.operators.bash": {"BashOperator": _Operator}, "airflow.sdk": {"DAG": _Dag},
    }.items():  # fmt: skip
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(_Operator, "made", [])
    exec(compile(block("Airflow", "python"), "recipe", "exec"), {})
    send, merge = _Operator.made
    with peer_and_files(tmp_path) as peer:
        for environment in send.settings["env"]:
            shell(here(send.settings["bash_command"], tmp_path, peer), tmp_path, environment)
        assert totals(shell(here(merge.settings["bash_command"], tmp_path, peer), tmp_path))["stored"] == COUNT
        all_arrived_once(peer)


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",), ("--keep-together", "directory")], ids=str)
def test_shards_at_the_same_time_on_real_files(tmp_path: Path, way: tuple[str, ...]) -> None:
    """Three runs at once send the corpus's images; each arrives as often as one run alone sends it."""
    arrived = []
    for name, shards in (("whole", [()]), ("shards", [("--shard", f"{n}/3", *way) for n in (1, 2, 3)])):
        (tmp_path / name).mkdir()
        with storescp(tmp_path / name, "+B", "+uf", "+x=") as peer:
            where = f"-nh -dn +sd +r 127.0.0.1 {peer.port} {DATA}"
            lines = [f"{installed_dcmsend()} {' '.join(options)} {where} &\n" for options in shards]
            run("bash", "-c", "".join(lines) + "wait", timeout=300)
            arrived.append(Counter(path.read_bytes() for path in peer.files))
    assert arrived[0] == arrived[1]
    assert sum(arrived[0].values()) > 50
