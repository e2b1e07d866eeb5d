"""What a worker tells of a batch, with an engine that ends as wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcmsend import Result, StoreOutcome
from dcmsend.cluster import worker
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import Cancelled
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.reasons import Reason
from support.fixture_files import CT_CLASS, EI


@pytest.mark.parametrize("is_left", [False, True], ids=["the batch has ended", "something is left"])
@pytest.mark.parametrize(
    ("facts", "may_be_there"),
    [
        ({"result": Result.FAILED}, False),
        ({"result": Result.UNCONFIRMED}, True),
        ({"result": Result.REFUSED, "status": 0xA700, "reason": None, "earlier_unanswered": True}, True),
    ],
    ids=["not sent", "not answered", "not answered before"],
)
def test_what_might_be_tried_again_when_the_worker_leaves(
    monkeypatch: pytest.MonkeyPatch, is_left: bool, facts: dict[str, Any], may_be_there: bool
) -> None:
    """Another worker tries it, if there is to be one; else this was its end.  What the archive may have is told."""
    said: list[Any] = []
    interrupt = Interrupt()
    teller = SimpleNamespace(end=lambda *end: said.append(end))
    batch = worker._Batch({"found": [], "inputs": []}, cast(Any, teller), interrupt)
    batch._numbers["/in/a"] = deque([1])
    instance = Instance(InputFile("/in/a"), CT_CLASS, "1.2.3", transfer_syntax(EI), ReadMode.FILE_ONLY)
    waiting = StoreOutcome(1, instance, **{"reason": Reason.CONNECTION_LOST, **facts})

    class Carrier:
        def __init__(self, circumstances: object) -> None:
            pass

        def carry(self, inputs: object) -> Iterator[StoreOutcome]:
            interrupt.request(worker._LEAVES)
            batch.note(waiting)
            yield waiting
            if is_left:
                raise Cancelled(worker._LEAVES)

    settings = SimpleNamespace(
        transfer=SimpleNamespace(drain_seconds=1, retry=SimpleNamespace(attempts=3)), inputs=None
    )
    monkeypatch.setattr(worker, "LocalCarrier", Carrier)
    monkeypatch.setattr(worker, "selection_of", lambda settings: None)
    monkeypatch.setattr(worker, "unpack", lambda parcel: settings)
    monkeypatch.setattr(worker, "Circumstances", lambda *arguments, **named: None)
    end = batch.send(b"")
    assert (end.get("left", False), len(said)) == (is_left, 0 if is_left else 1)
    assert len(end.get("unanswered", ())) == (is_left and may_be_there)
