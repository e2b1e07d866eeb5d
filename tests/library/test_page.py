"""Every example of ``docs/library.md`` runs, and is typed."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import threading
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

import dcmsend
from dcmsend.association import opening
from dcmsend.proof import committer
from dcmsend.transport import TcpConnection, connect
from support.corpus import DATA
from support.peer_script import Abort, Reject, Respond, Script
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.type_checks import check_types

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
EXAMPLES = re.findall(r"^## (.*?)$|^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
PYTHON = [code for _, code in EXAMPLES if code]
SENDING = [code for code in PYTHON if "send(" in code]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the page speaks of."""
    write_instances(tmp_path / "study" / "deeper", 3)
    write_instances(tmp_path / "other", 2, first=4)
    (tmp_path / "study" / "notes.txt").write_text("no DICOM")
    shutil.copy(DATA / "pydicom" / "CT_small.dcm", tmp_path / "one.dcm")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def redirected(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Connections to the page's peer go to the port that is put into the list; no pause is really made."""
    ports: list[int] = []

    def connect_elsewhere(host: str, port: int, *arguments: Any, **keywords: Any) -> TcpConnection:
        assert (host, port) == ("pacs.example.org", 104)
        return connect("127.0.0.1", ports[0], *arguments, **keywords)

    monkeypatch.setattr(opening, "connect", connect_elsewhere)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(committer, "_PAUSES", (0.01, 0.01, 0.01))
    return ports


SHORTER = {
    "delay=5, longest_delay=300, max_time=3600": "delay=0.01, longest_delay=0.02, max_time={}",
    "CommitOptions(port=11115)": "CommitOptions(port=0)",  # a free one
}


def run_example(code: str, max_time: int = 100) -> dict[str, Any]:
    for real, shorter in SHORTER.items():
        assert real in PAGE.read_text(encoding="utf-8")
        code = code.replace(real, shorter.format(max_time))
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 10


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("code", SENDING, ids=lambda code: f"{SENDING.index(code)}")
def test_example_with_a_friendly_peer(code: str, redirected: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedPeer() as peer:
        redirected.append(peer.port)
        run_example(code)
    assert peer.stores
    assert all(store.complete for store in peer.stores)
    assert not peer.complaints


TROUBLE = {
    "refused": (Script(other_stores=Respond(0xA900)),),
    "out of resources": (Script(other_stores=Respond(0xA700)),),
    "aborted": (Script(stores={2: Abort()}), Script()),
    "rejected": (Script(associate=Reject(2, 3, 2)),),
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("code", SENDING, ids=lambda code: f"{SENDING.index(code)}")
def test_example_with_another_peer(code: str, trouble: str, redirected: list[int]) -> None:
    """Where an example does not catch an error, it is one of ours that comes out, and nothing else.

    It leaves nothing running that would keep its program from ending.
    """
    before = set(threading.enumerate())
    with ScriptedPeer(*TROUBLE[trouble]) as peer:
        redirected.append(peer.port)
        try:
            run_example(code, max_time=2 if trouble == "rejected" else 100)  # it tries as long as it may
        except dcmsend.DcmsendError:
            assert trouble == "rejected"
    new = set(threading.enumerate()) - before
    wait_until(lambda: all(thread.daemon or not thread.is_alive() for thread in new), 30, "the example's threads")


def test_remaining_examples() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        for code in PYTHON:
            if code not in SENDING:
                run_example(code)
    finally:
        root.handlers[:], root.level = before
        logging.getLogger("dcmsend").setLevel(logging.NOTSET)


def test_what_the_page_says_about_outcomes(
    place: Path, redirected: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    (broken,) = write_instances(place / "study", 1, first=9)
    broken.write_bytes(broken.read_bytes()[:-1])
    (code,) = (code for code in PYTHON if "needs manual action" in code)
    with ScriptedPeer(Script(stores={1: Respond(0xA900), 2: Abort()}), Script()) as peer:
        redirected.append(peer.port)
        run_example(code)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert sum("the peer says 0xa900, Error: DataSetDoesNotMatchSOPClass" in line for line in said) == 1
    assert sum(line.endswith("000009.dcm: needs manual action") for line in said) == 1
    assert sum("worth another try" in line for line in said) == 1


def test_what_the_page_says_about_errors(
    place: Path, redirected: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = (code for code in PYTHON if "is_transient" in code)
    with ScriptedPeer(Script(associate=Reject(1, 1, 7))) as peer:
        redirected.append(peer.port)
        run_example(code)
    assert capsys.readouterr().out.splitlines() == [
        "not attempted", "not attempted", "not attempted", "rejected: for good",
        "3 instances, 3 of them not stored",
    ]  # fmt: skip


def test_what_the_page_says_about_sending_again(place: Path, redirected: list[int]) -> None:
    (code,) = (code for code in PYTHON if "again.append" in code)
    scripts = (Script(stores={2: Respond(0xA700)}), Script(associate=Reject(2, 3, 2)), Script())
    with ScriptedPeer(*scripts) as peer:
        redirected.append(peer.port)
        names = run_example(code)
    assert [len(link.stores) for link in peer.connections] == [3, 0, 1]
    assert names["items"] == []


def test_names_on_the_page_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:Result|Reason)\.\w+)`", text):
        kind, member = name.split(".")
        assert member in getattr(dcmsend, kind).__members__
    for name in re.findall(r"`(\w+(?:Error|Failed|Files?|Rejected|TimedOut))`", text):
        assert hasattr(dcmsend.errors, name) or name in ("TypeError", "ValueError"), name


def test_examples_and_package_are_typed(tmp_path: Path) -> None:
    """A program of a user passes ``mypy --strict`` with what the package declares."""
    pytest.importorskip("mypy")
    for number, code in enumerate(PYTHON):
        (tmp_path / f"example_{number}.py").write_text(code, encoding="utf-8")
    misuse = tmp_path / "misuse.py"
    misuse.write_text(
        "from dcmsend import Peer, send\n"
        'for outcome in send("study", Peer("host", "104")):\n'
        "    print(outcome.status + 1)\n"
        "    outcome.status = 1\n"
        "    outcome.result.no_such_thing\n"
        "def untyped(x): pass\n"
    )
    _code, said = check_types(tmp_path, "misuse.py", *(f"example_{number}.py" for number in range(len(PYTHON))))
    wrong = [line.split(":")[:2] for line in said.splitlines() if ": error: " in line]
    assert wrong == [["misuse.py", number] for number in "23456"], said


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("after", [0, 1])
def test_a_task_that_is_cancelled_ends_the_transfer_in_order(
    redirected: list[int], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page promises: nothing is aborted, and when the task has ended the association is released."""
    (code,) = (code for code in PYTHON if "asyncio" in code)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code.replace("asyncio.run(main())", ""), str(PAGE), "exec"), names)

    async def program(transfer: dcmsend.Transfer) -> int:
        count = 0

        async def loop() -> None:
            nonlocal count
            async with aclosing(names["outcomes_of"](transfer)) as outcomes:
                async for _ in outcomes:
                    count += 1

        task = asyncio.create_task(loop())
        while len([store for store in peer.stores if store.complete]) <= after:
            await asyncio.sleep(0.01)
        task.cancel()  # while the peer works on its answer
        with pytest.raises(asyncio.CancelledError):
            await task
        return count

    transfer = dcmsend.send("study", dcmsend.Peer("pacs.example.org", 104))
    is_cancelled = threading.Event()
    really_cancel = transfer.cancel

    def noted_cancel() -> None:
        really_cancel()
        is_cancelled.set()

    monkeypatch.setattr(transfer, "cancel", noted_cancel)
    with ScriptedPeer(Script(stores={after + 1: Respond(until=is_cancelled.is_set)})) as peer:
        redirected.append(peer.port)
        count = asyncio.run(program(transfer))
    (connection,) = peer.connections
    assert connection.course[-2] == "release"  # the peer may be too slow to see how the connection ends
    assert after <= count <= len(connection.stores) < 3
