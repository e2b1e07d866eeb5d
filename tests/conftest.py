"""What every test may use: the ``support`` package, the ``peer`` marker, the command under test."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from dcmsend.dicom import walk

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))

from support.examples import try_all_examples  # noqa: E402
from support.order import long_ones_first  # noqa: E402
from support.programs import installed_dcmsend, missing_peer  # noqa: E402
from support.warm_start import begin_warm_starts  # noqa: E402

if TYPE_CHECKING:
    from support.certificates import Certificates

# How fast the machine is proves nothing about a property.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)  # fmt: skip
hypothesis.settings.load_profile("unhurried")

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
MISSING = "PEER MISSING: "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dcmsend",
        metavar="PROGRAM",
        help="command that the system tests run, default: the one installed with the package",
    )
    parser.addoption("--all-examples", action="store_true", help="every property: all its examples, not a quarter")
    parser.addoption("--cold-starts", action="store_true", help="start the installed command by its script, always")
    parser.addoption("--all-faults", action="store_true", help="tests/faults: every place of every PDU")


def pytest_configure(config: pytest.Config) -> None:
    """A shell lets what runs in the background ignore SIGINT, and the programs that tests start would inherit that."""
    if config.getoption("--all-examples"):
        try_all_examples()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only beside other workers: who runs the tests alone gets them as they stand in their files."""
    worker: dict[str, int] | None = getattr(config, "workerinput", None)
    if worker is not None:
        items[:] = long_ones_first(items, worker["workercount"])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: looking for garbage meanwhile takes a fifth of the time, in each worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ten thousand collected tests stay; the garbage collector need not go through them in each of its rounds."""
    gc.freeze()
    if session.items and not session.config.getoption("--cold-starts"):
        begin_warm_starts()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose peer is not installed; in CI that is a failure, because an unseen skip proves nothing."""
    if item.get_closest_marker("sources") and isinstance(walk.__loader__, ExtensionFileLoader):
        pytest.skip("the sources are compiled")
    for marker in item.iter_markers("peer"):
        for name in marker.args:
            reason = missing_peer(name)
            if reason and IN_CI:
                pytest.fail(f"{MISSING}{name}: {reason}", pytrace=False)
            if reason:
                pytest.skip(f"{MISSING}{name}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Logged file names may hold bytes that are no UTF-8; pytest-xdist cannot carry them from worker to controller."""
    report = yield
    report.sections = [(heading, _writable(text)) for heading, text in report.sections]
    if report.failed and _writable(report.longreprtext) != report.longreprtext:
        report.longrepr = _writable(report.longreprtext)
    return report


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says loudly what was not tested for want of a peer."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    missing = [reason.split(MISSING, 1)[1] for reason in reasons if MISSING in reason]
    if missing:
        terminalreporter.section("NOT TESTED", sep="!", red=True)
        for reason in sorted(set(missing)):
            terminalreporter.line(f"{missing.count(reason)} tests need {reason}")


@pytest.fixture(scope="session")
def dcmsend(request: pytest.FixtureRequest) -> str:
    """The program under test."""
    return str(request.config.getoption("--dcmsend") or installed_dcmsend())


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real DICOM files that come with the tests."""
    return TESTS / "data"


@pytest.fixture(scope="session")
def certificates(session_path: Path) -> Certificates:
    """The certificates of an authority of this test run."""
    from support.certificates import Certificates  # most tests need neither it nor cryptography

    return Certificates(session_path / "certificates")


@pytest.fixture(scope="session")
def session_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what several tests of a run share."""
    return tmp_path_factory.mktemp("shared")
