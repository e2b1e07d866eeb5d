"""An outcome of a web service says in words what the log says, as one of an association does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import TransferOptions, WebPeer, send
from dcmsend.errors import Wrapped
from dcmsend.explanations import one_line
from dcmsend.transfer import Result
from support.file_changes import AtOpening, cut, leave
from support.http_wire import response, store_answer
from support.scripted_web_server import Answer, ScriptedWebServer, WebAnswer, WebRequest
from support.sending import instance_uid, run_transfer
from support.storing import files_of


def fails(status: int) -> Callable[[WebRequest], bytes]:
    """The second instance fails, all others are stored."""

    def answer(request: WebRequest) -> bytes:
        failed = {uid: status for uid in request.uids if uid == instance_uid(2)}
        return response(200, store_answer([uid for uid in request.uids if uid not in failed], failed))

    return answer


def forgets(request: WebRequest) -> bytes:
    return response(200, store_answer([uid for uid in request.uids if uid != instance_uid(2)]))


KINDS: dict[str, tuple[Answer | None, Callable[[Path], object], Callable[[Path], object]]] = {
    "no access": (response(403), leave, leave),
    "no such place": (response(404, b"<html>no</html>", "text/html"), leave, leave),
    "busy": (response(503, b"later", "text/plain"), leave, leave),
    "out of order": (response(500, b"oops", "text/plain"), leave, leave),
    "a bad request": (response(400, b"bad", "text/plain"), leave, leave),
    "too large": (response(413), leave, leave),
    "no sense": (response(200, b"{"), leave, leave),
    "another conflict": (response(409, b"", None), leave, leave),
    "refused": (fails(0xC123), leave, leave),
    "out of resources": (fails(0xA700), leave, leave),
    "forgotten": (forgets, leave, leave),
    "closed": (WebAnswer(closes=True), leave, leave),
    "reset": (WebAnswer(resets=True), leave, leave),
    "closed in the middle": (WebAnswer(at=500, closes=True), leave, leave),
    "no HTTP": (WebAnswer(b"SSH-2.0-OpenSSH\r\n\r\n"), leave, leave),
    "broken": (None, cut, leave),
    "gone": (None, leave, Path.unlink),
    "cut meanwhile": (None, leave, cut),
}


@pytest.mark.parametrize("halt", [False, True], ids=["goes on", "halts"])
@pytest.mark.parametrize("case", KINDS)
def test_an_outcome_says_what_the_log_says(
    case: str, halt: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each part of a message stands in the log, and the reason of an error stands in the message."""
    answer, before, meanwhile = KINDS[case]
    files = files_of(tmp_path, [1000] * 4)
    before(files[1])
    caplog.set_level(logging.DEBUG, "dcmsend")
    with ScriptedWebServer(*([] if answer is None else [answer] * 8)) as server:
        transfer = send(
            files, WebPeer(server.url), transfer=TransferOptions(halt_on_failure=halt),
            observer=AtOpening(lambda: meanwhile(files[1])),
        )  # fmt: skip
        outcomes, error = run_transfer(transfer)
    assert len(outcomes) == 4
    told = " ".join(record.getMessage() for record in caplog.records)
    for outcome in outcomes:
        if outcome.result is not Result.STORED:
            assert outcome.message, outcome
        assert "\n" not in outcome.message
        for part in outcome.message.split("; "):
            assert part in told, outcome.message
    if error is not None:
        assert isinstance(error, Wrapped)
        reason = one_line(error).removeprefix(f"{error.prefix}: ")
        assert any(reason in outcome.message for outcome in outcomes)
