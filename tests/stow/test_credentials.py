"""Tokens and passwords: read again when they change, renewed once after a refusal, never shown."""

from __future__ import annotations

import base64
import logging
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend.interrupt import Interrupt
from dcmsend.stow import BasicCredentials, BearerCommand, BearerFile, CredentialsUnusable, WebPeer, WebSessionFailed
from dcmsend.stow import credentials as credentials_module
from support.http_wire import response
from support.scripted_web_server import ScriptedWebServer, WebRequest, store_all
from support.storing import files_of, store

SECRET = "s3cr3t-t0ken"


def authorization(request: WebRequest) -> str:
    return request.head.headers.get("authorization", "")


def only_for(value: str) -> Any:
    def answer(request: WebRequest) -> bytes:
        return store_all(request) if authorization(request) == value else response(401, b"", None)

    return answer


def test_a_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f" {SECRET}\n")
    paths = files_of(tmp_path / "files", [10])
    with ScriptedWebServer(only_for(f"Bearer {SECRET}")) as server:
        sent = store(server.url, paths, peer={"credentials": BearerFile(str(tmp_path / "token"))})
    assert sent.results == ["stored"]


def test_a_copy_with_another_file_reads_that_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("first")
    (tmp_path / "two").write_text("second")
    one = BearerFile(tmp_path / "one")
    assert one.header() == "Bearer first"
    assert one.replace(path=tmp_path / "two").header() == "Bearer second"
    name = BasicCredentials("user", tmp_path / "one").replace(user="another")
    assert base64.b64decode(name.header().removeprefix("Basic ")) == b"another:first"
    assert BearerCommand(("a",)).replace(command=("b",)) == BearerCommand(("b",))


def test_a_token_that_is_replaced_during_the_run_is_used_from_then_on(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    seen: list[str] = []

    def note(request: WebRequest) -> bytes:
        seen.append(authorization(request))
        token.write_text("another")
        return store_all(request)

    paths = files_of(tmp_path / "files", [10] * 3)
    with ScriptedWebServer(note) as server:
        sent = store(server.url, paths, peer={"credentials": BearerFile(str(token)), "batch": 1})
    assert sent.results == ["stored"] * 3
    assert seen == ["Bearer one", "Bearer another", "Bearer another"]


def test_a_command_is_run_again_once_after_a_refusal(tmp_path: Path) -> None:
    log = tmp_path / "runs"
    script = f"import os; open({str(log)!r}, 'a').write('x'); print('token%d' % os.path.getsize({str(log)!r}))"
    command = BearerCommand((sys.executable, "-c", script))
    paths = files_of(tmp_path / "files", [10] * 4)
    with ScriptedWebServer(only_for("Bearer token2")) as server:
        sent = store(server.url, paths, peer={"credentials": command, "batch": 2})
    assert sent.results == ["stored"] * 4
    assert log.read_text() == "xx"
    assert [authorization(request) for request in server.requests] == ["Bearer token1"] + ["Bearer token2"] * 2


def test_a_command_is_run_again_when_a_gateway_asks_to_log_in_in_the_middle(tmp_path: Path) -> None:
    """It does not refuse the token that is over, but sends the request to a page of its own."""
    log = tmp_path / "runs"
    script = f"import os; open({str(log)!r}, 'a').write('x'); print('token%d' % os.path.getsize({str(log)!r}))"
    command = BearerCommand((sys.executable, "-c", script))
    paths = files_of(tmp_path / "files", [10] * 6)
    taken: list[str] = []

    def answer(request: WebRequest) -> bytes:
        taken.append(authorization(request))
        if taken.count("Bearer token1") > 1 and taken[-1] == "Bearer token1":
            return response(302, Location="https://login.example/")
        return store_all(request)

    with ScriptedWebServer(answer) as server:
        sent = store(server.url, paths, peer={"credentials": command, "batch": 2})
    assert sent.results == ["stored"] * 6
    assert taken == ["Bearer token1"] * 2 + ["Bearer token2"] * 2


def test_a_page_to_log_in_that_comes_first_ends_the_run(tmp_path: Path) -> None:
    """Then it is more likely that the address is wrong."""
    (tmp_path / "token").write_text("t0ken")
    paths = files_of(tmp_path / "files", [10] * 2)
    with ScriptedWebServer(response(302, Location="https://login.example/")) as server:
        sent = store(server.url, paths, peer={"credentials": BearerFile(tmp_path / "token")})
    assert sent.results == ["not attempted"] * 2
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_second_refusal_ends_the_run(tmp_path: Path, status: int) -> None:
    command = BearerCommand((sys.executable, "-c", "print('nothing-helps')"))
    paths = files_of(tmp_path / "files", [10] * 3)
    with ScriptedWebServer(response(status)) as server:
        sent = store(server.url, paths, peer={"credentials": command, "batch": 2}, attempts=3)
    assert sent.results == ["not attempted"] * 3
    assert isinstance(sent.error, WebSessionFailed)
    assert sent.error.is_permanent
    assert len(server.requests) == 2


def test_user_and_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässwörd \n")
    expected = "Basic " + base64.b64encode("alice:pässwörd ".encode()).decode()
    paths = files_of(tmp_path / "files", [10])
    with ScriptedWebServer(only_for(expected)) as server:
        sent = store(server.url, paths, peer={"credentials": BasicCredentials("alice", str(tmp_path / "password"))})
    assert sent.results == ["stored"]


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"two words\n", f"{SECRET}\r\nX-Evil: 1".encode(), SECRET.encode() + b"\0", b"\xc3\xa4" * 9],
)
def test_what_is_no_token_is_never_sent_and_never_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    paths = files_of(tmp_path / "files", [10])
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, peer={"credentials": BearerFile(str(tmp_path / "token"))})
    assert sent.results == ["not attempted"]
    assert isinstance(sent.error, WebSessionFailed)
    assert sent.error.is_permanent
    assert SECRET not in str(sent.error)
    assert not server.requests


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; print('s3cr3t'); sys.exit(3)", "exit code 3"),
        ("print('s3cr3t' * 20000)", "more than a token"),
        ("import time; print('s3cr3t', flush=True); time.sleep(600)", "within"),
        ("pass", "no token"),
    ],
)
def test_a_command_that_gives_no_token(monkeypatch: pytest.MonkeyPatch, script: str, words: str) -> None:
    monkeypatch.setattr(credentials_module, "_SECONDS", 1.0 if words == "within" else 60.0)
    with pytest.raises(CredentialsUnusable, match=words) as caught:
        BearerCommand((sys.executable, "-c", script)).header()
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.timeout(40)
def test_a_command_whose_child_keeps_the_pipe_open_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials_module, "_SECONDS", 1.0)
    with pytest.raises(CredentialsUnusable):
        BearerCommand(("/bin/sh", "-c", "sleep 60 & sleep 60")).header()


def test_a_command_of_a_program_with_many_open_files() -> None:
    """As a server may have: ``select`` takes no descriptor beyond 1023."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 1200:
        pytest.skip("so many cannot be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(1200, before[0]), before[1]))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert BearerCommand(("echo", "t0ken")).header() == "Bearer t0ken"
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("generations", [1, 2])
def test_a_child_that_is_forked_while_another_thread_waits_for_a_token(tmp_path: Path, generations: int) -> None:
    """Nobody gives back the lock of that thread in the child, nor in a child of the child."""
    (tmp_path / "token").write_text("t0ken")
    one = BearerFile(tmp_path / "token")
    has_lock, ends = threading.Event(), threading.Event()

    def take_long() -> None:
        with one._memory:
            has_lock.set()
            ends.wait()

    thread = threading.Thread(target=take_long)
    thread.start()
    has_lock.wait()
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.alarm(60)
            if generations == 1 or not (grandchild := _forked_with_lock(one)):
                code = int(one.header() != "Bearer t0ken")
            else:
                code = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    ends.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


def _forked_with_lock(one: BearerFile) -> int:
    """Fork while somebody has the lock; return 0 in the child."""
    with one._memory:
        child = os.fork()
        if not child:
            signal.alarm(60)
            os._exit(int(one.header() != "Bearer t0ken"))
    return child


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(CredentialsUnusable, match="cannot run /no/such/program"):
        BearerCommand(("/no/such/program", SECRET)).header()


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    with pytest.raises(CredentialsUnusable):
        BearerCommand(("/bin/echo", "a", ";", "touch", str(tmp_path / "x"))).header()
    assert not (tmp_path / "x").exists()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CredentialsUnusable, match="No such file"):
        BearerFile(str(tmp_path / "missing")).header()


@pytest.mark.timeout(60)
def test_a_pipe_is_no_file_for_credentials(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for credentials in (BearerFile(str(tmp_path / "pipe")), BasicCredentials("me", str(tmp_path / "pipe"))):
        with pytest.raises(CredentialsUnusable, match="regular file"):
            credentials.header()


@pytest.mark.timeout(25)
@pytest.mark.parametrize("script", ["import time; time.sleep(29)", "import os, time; os.close(1); time.sleep(29)"])
def test_an_interrupt_ends_a_wait_for_a_token(tmp_path: Path, script: str) -> None:
    interrupt = Interrupt(drain_seconds=20.0)
    threading.Timer(1.0, interrupt.request, ("SIGINT",)).start()
    command = BearerCommand((sys.executable, "-c", script))
    with ScriptedWebServer() as server:
        paths = files_of(tmp_path, [10])
        sent = store(server.url, paths, peer={"credentials": command}, interrupt=interrupt)
    assert sent.results == ["not attempted"]
    assert sent.reasons == ["CANCELLED"]
    assert not server.requests


@pytest.mark.timeout(25)
def test_an_interrupt_ends_a_wait_for_another_token(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"import os, time; os.path.exists({str(mark)!r}) and time.sleep(29); open({str(mark)!r}, 'w'); print('t')"
    interrupt = Interrupt(drain_seconds=20.0)

    def refuse(request: WebRequest) -> bytes:
        threading.Timer(1.0, interrupt.request, ("SIGINT",)).start()
        return response(401)

    command = BearerCommand((sys.executable, "-c", script))
    with ScriptedWebServer(refuse) as server:
        paths = files_of(tmp_path / "files", [10, 10])
        sent = store(server.url, paths, peer={"credentials": command, "batch": 1}, interrupt=interrupt)
    assert sent.results == ["not attempted"] * 2
    assert sent.reasons == ["CANCELLED"] * 2
    assert len(server.requests) == 1


def test_nothing_secret_is_logged_or_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text(SECRET)
    credentials = BearerFile(str(tmp_path / "token"))
    paths = files_of(tmp_path / "files", [10] * 2)
    with ScriptedWebServer(store_all, response(403)) as server:
        sent = store(server.url, paths, peer={"credentials": credentials, "batch": 1})
    assert sent.results == ["stored", "not attempted"]
    assert SECRET not in caplog.text
    peer = WebPeer(server.url, credentials=credentials)
    assert SECRET not in repr(peer) + repr(peer.facts) + repr(sent) + repr(vars(credentials))


def test_credentials_are_values(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    one, other = BearerFile(str(tmp_path / "token")), BearerFile(str(tmp_path / "token"))
    one.header()
    assert one == other
    assert hash(one) == hash(other)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert SECRET.encode() not in pickle.dumps(one)
    assert one != BearerFile("elsewhere")


def test_no_credentials_over_a_plain_line_to_elsewhere() -> None:
    with pytest.raises(ValueError, match="https"):
        WebPeer("http://archive.example/dicom-web", credentials=BearerFile("token"))
    WebPeer("http://127.0.0.1:8042/dicom-web", credentials=BearerFile("token"))


def test_several_connections_renew_together(tmp_path: Path) -> None:
    log = tmp_path / "runs"
    script = f"import os; open({str(log)!r}, 'a').write('x'); print('token%d' % os.path.getsize({str(log)!r}))"
    command = BearerCommand((sys.executable, "-c", script))
    paths = files_of(tmp_path / "files", [10] * 12)
    lock = threading.Lock()
    count = [0]

    def answer(request: WebRequest) -> bytes:
        with lock:
            count[0] += 1
        return response(401) if authorization(request) == "Bearer token1" else store_all(request)

    with ScriptedWebServer(answer) as server:
        sent = store(server.url, paths, peer={"credentials": command, "batch": 1}, parallel_associations=3)
    assert sent.results == ["stored"] * 12
    assert 2 <= len(log.read_text()) <= 4
    assert os.path.exists(log)


def test_what_is_secret_is_not_shown() -> None:
    command = BearerCommand(("tell", "--key", "s3cret"))
    for shown in (repr(command), str(command), repr(WebPeer("https://archive/", credentials=command))):
        assert "s3cret" not in shown
        assert "tell" not in shown


def told_of(kind: str, path: Path) -> tuple[BearerFile | BasicCredentials, Callable[[str], str]]:
    """Credentials in a file, and what they make of its content."""
    if kind == "token":
        return BearerFile(path), lambda word: f"Bearer {word}"
    return BasicCredentials("me", path), lambda word: "Basic " + base64.b64encode(f"me:{word}".encode()).decode()


@pytest.mark.parametrize("kind", ["token", "password"])
@pytest.mark.parametrize("meanwhile", [b"", None, b"\0"])
def test_while_another_program_writes_the_file_anew_the_old_value_holds(
    tmp_path: Path, kind: str, meanwhile: bytes | None
) -> None:
    """A shell's ``>`` empties the file before the command has written anything."""
    path = tmp_path / "secret"
    path.write_text("old")
    credentials, header_of = told_of(kind, path)
    assert credentials.header() == header_of("old")
    path.unlink()
    if meanwhile is not None:
        path.write_bytes(meanwhile)
    assert credentials.header() == header_of("old")
    with pytest.raises(CredentialsUnusable) as caught:
        credentials.renew()  # the old value was refused, and whether there is another will be seen
    assert not caught.value.is_permanent
    path.write_text("new")
    assert credentials.header() == header_of("new")
    assert not credentials.renew()
    path.write_text("newer")
    assert credentials.renew()


def test_an_empty_password_is_one(tmp_path: Path) -> None:
    (tmp_path / "password").touch()
    credentials, header_of = told_of("password", tmp_path / "password")
    assert credentials.header() == header_of("")
    assert not credentials.renew()


def test_a_file_that_is_empty_when_its_token_is_refused_is_read_by_the_next_session(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    def empty(request: WebRequest) -> bytes:
        token.write_text("")
        return response(401)

    def fill(request: WebRequest) -> bytes:
        token.write_text("new")
        return response(401)

    paths = files_of(tmp_path / "files", [10] * 2)
    with ScriptedWebServer(empty, fill, only_for("Bearer new")) as server:
        sent = store(server.url, paths, peer={"credentials": BearerFile(token)}, attempts=2)
    assert sent.results == ["stored"] * 2
    assert len(server.requests) == 3


SECOND_RUN_FAILS = """
import os, sys
with open(sys.argv[1], "a") as log:
    log.write("x")
number = os.path.getsize(sys.argv[1])
sys.exit(1) if number == 2 else print(f"token{number}")
"""


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_command_that_fails_once_after_a_refusal_is_run_again_with_further_attempts(
    tmp_path: Path, parallel: int
) -> None:
    command = BearerCommand((sys.executable, "-c", SECOND_RUN_FAILS, str(tmp_path / "runs")))
    paths = files_of(tmp_path / "files", [10] * 2)

    def answer(request: WebRequest) -> bytes:
        return response(401) if authorization(request) == "Bearer token1" else store_all(request)

    with ScriptedWebServer(answer) as server:
        sent = store(
            server.url, paths, peer={"credentials": command, "batch": 2}, attempts=2, parallel_associations=parallel
        )
    assert sent.results == ["stored"] * 2
    assert sent.error is None


def test_without_further_attempts_it_ends_the_run_which_may_be_repeated(tmp_path: Path) -> None:
    command = BearerCommand((sys.executable, "-c", SECOND_RUN_FAILS, str(tmp_path / "runs")))
    paths = files_of(tmp_path / "files", [10] * 2)
    with ScriptedWebServer(only_for("Bearer token3")) as server:
        sent = store(server.url, paths, peer={"credentials": command})
    assert sent.results == ["not attempted"] * 2
    assert isinstance(sent.error, WebSessionFailed)
    assert not sent.error.is_permanent
    assert len(server.requests) == 1
