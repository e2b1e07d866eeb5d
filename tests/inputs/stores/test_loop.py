"""The end of a coroutine while somebody waits for it a moment at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

import pytest

from dcmsend.inputs.stores import loop as loop_module
from dcmsend.inputs.stores.loop import Loop


class LastMoment(Future[str]):
    """Ends just when the wait for it is over."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self._late = error

    def result(self, timeout: float | None = None) -> str:
        if self.done():
            return super().result(0)
        if self._late is None:
            self.set_result("page")
        else:
            self.set_exception(self._late)
        raise NotYet


def wait_for(error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> str:
    def start(work: Coroutine[Any, Any, str], loop: asyncio.AbstractEventLoop) -> Future[str]:
        work.close()
        return LastMoment(error)

    async def page() -> str:
        return ""

    loop = Loop()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(loop_module.asyncio, "run_coroutine_threadsafe", start)
            return loop.call(page(), None)
    finally:
        loop.close(nothing)


async def nothing() -> None:
    """There is no connection to be closed."""


def test_what_comes_at_the_end_of_a_wait_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_for(None, monkeypatch) == "page"


@pytest.mark.parametrize("error", [ValueError("its own"), NotYet("its own")])
def test_an_error_at_the_end_of_a_wait_is_its_own(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)) as caught:
        wait_for(error, monkeypatch)
    assert caught.value is error
