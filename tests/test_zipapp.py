"""``dcmsend.pyz``: the whole program in one file, run by a Python that has no package at all."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from dcmsend.cli.help_text import version_text
from support.corpus import DATA
from support.part10 import read_part10
from support.peer_script import Accept, Script, prefer
from support.pythons import VERSIONS, python_of
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

ROOT = Path(__file__).parents[1]
CT = DATA / "pydicom" / "CT_small.dcm"
JPEG_LS = DATA / "pydicom" / "MR_small_jpeg_ls_lossless.dcm"
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zipapp")
    done = run("bash", ROOT / "scripts" / "build-zipapp", folder, environment={"PYTHON": sys.executable})
    assert done.exit_code == 0, done.stderr
    (built,) = folder.iterdir()
    return built


def data_set_of(path: Path) -> bytes:
    """Without (FFFC,FFFC), trailing padding, which is not sent."""
    return path.read_bytes()[read_part10(path).data_set_offset :].partition(b"\xfc\xff\xfc\xff")[0]


def bare(program: Path, *arguments: str | Path | int, cwd: Path | None = None) -> Run:
    """Runs it without what is installed: ``-S`` leaves out the folders of packages, ``-I`` those of the environment."""
    return run(sys.executable, "-I", "-S", program, *arguments, cwd=cwd)


def test_every_module_is_in_it_and_nothing_else(zipapp: Path) -> None:
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name and not name.endswith((".so", ".pyc"))}
    with zipfile.ZipFile(zipapp) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {archive.getinfo(name).compress_type for name in names} == {zipfile.ZIP_DEFLATED}
    assert sorted(names) == sorted({*wanted, "__main__.py", "LICENSE", "dcmsend/report/report-schema.json"})
    assert os.access(zipapp, os.X_OK)


def test_the_same_sources_give_the_same_bytes(zipapp: Path, tmp_path: Path) -> None:
    run("bash", ROOT / "scripts" / "build-zipapp", tmp_path, environment={"PYTHON": sys.executable})
    assert (tmp_path / "dcmsend.pyz").read_bytes() == zipapp.read_bytes()


def test_version(zipapp: Path) -> None:
    done = bare(zipapp, "--version")
    assert (done.exit_code, done.stderr) == (0, "")
    compiled, pure = "compiled by mypyc", "pure Python"
    assert done.stdout == version_text().replace(compiled, pure)


def test_it_sends(zipapp: Path) -> None:
    with ScriptedPeer() as peer:
        done = bare(zipapp, HOST, peer.port, CT)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    (store,) = peer.stores
    assert bytes(store.data_set) == data_set_of(CT)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_night_under_each_python(zipapp: Path, tmp_path: Path, version: str) -> None:
    """Files over two associations, with a journal; the same again sends nothing.  A version may be absent."""
    python = python_of(version)
    if python is None:
        pytest.skip(f"NOT TRIED: this machine has no Python {version}")
    words: list[str | Path | int] = ["--parallel-associations", 2, "--journal", "night", "--report-json", "report.json"]
    files = [CT, *(DATA / "pydicom" / name for name in ("MR_small.dcm", "MR_small_padded.dcm"))]
    with ScriptedPeer(Script(associate=Accept())) as peer:
        command = [python, "-I", "-S", zipapp, "-nh", *words]
        for more in ([], ["--resume"]):
            done = run(*command, *more, HOST, peer.port, *files, cwd=tmp_path)
            assert (done.exit_code, done.lines("E"), done.lines("W")) == (0, [], []), done.stderr
    sent = {bytes(store.data_set) for store in peer.stores}
    assert sent == {data_set_of(path) for path in files}
    assert len(peer.stores) == len(files)
    told = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert (told["exit"]["code"], told["totals"]["already_stored"]) == (0, len(files))


@pytest.mark.parametrize(
    ("package", "options"),
    [
        ("jinja2", ("--report-html", "page.html")),
        ("imagecodecs", ("+dly",)),
        ("urllib3", ("--stow", "http://127.0.0.1:9/")),
        ("dcmsend[s3]", ("s3://bucket/x",)),
    ],
    ids=["page", "decompression", "web service", "store"],
)
def test_what_needs_a_package_names_it(zipapp: Path, tmp_path: Path, package: str, options: tuple[str, ...]) -> None:
    with ScriptedPeer() as peer:
        place = () if "--stow" in options else (HOST, peer.port)
        ours, inputs = (options, ()) if options[0].startswith(("-", "+")) else ((), options)
        done = bare(zipapp, *ours, *place, CT, *inputs, cwd=tmp_path)
    assert done.exit_code != 0
    assert [line for line in done.stderr.splitlines() if "pip install" in line and package in line], done.stderr
    assert "Traceback" not in done.stderr
    assert not peer.stores


def test_an_image_that_cannot_be_decompressed(zipapp: Path) -> None:
    """The others are sent all the same, and the line about it names the package."""
    native = Script(associate=Accept(contexts=prefer("1.2.840.10008.1.2.1")))
    with ScriptedPeer(native) as peer:
        done = bare(zipapp, "-nh", "-v", HOST, peer.port, JPEG_LS, CT)
    assert [bytes(store.data_set) for store in peer.stores] == [data_set_of(CT)]
    assert "pip install imagecodecs" in done.stderr
    assert "Traceback" not in done.stderr


def test_with_the_packages_it_makes_the_page(zipapp: Path, tmp_path: Path) -> None:
    """Its templates lie in the archive."""
    with ScriptedPeer() as peer:
        done = run(sys.executable, "-I", zipapp, "--report-html", "page.html", HOST, peer.port, CT, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_under_the_other_name_it_reads_journals(zipapp: Path, tmp_path: Path) -> None:
    other = tmp_path / "dcmsend-journal"
    other.symlink_to(zipapp)
    with ScriptedPeer() as peer:
        sent = bare(zipapp, "--journal", "j", HOST, peer.port, CT, cwd=tmp_path)
    assert (sent.exit_code, len(peer.stores)) == (0, 1), sent.stderr
    done = bare(other, "--format", "csv", "j", cwd=tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    assert str(CT) in done.stdout
