"""The connection to a Dask cluster: the only module that speaks to Dask from the driver's side."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib import import_module
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from dcmsend.errors import UsageError
from dcmsend.loggers import get_logger

from .errors import READ_BY_WORKERS, SAME_EVERYWHERE, ClusterUnusable
from .options import ClusterOptions
from .reach import reach_scheduler
from .worker import forget_events, send_batch

if TYPE_CHECKING:
    from dask.distributed import Client

__all__ = ["Link", "check_cluster_package"]

_CONNECT_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 10
_LOOK: Final = 0.1
_SILENCE: Final[Any] = object()
_SETTINGS: Final = {
    "distributed.scheduler.allowed-failures": 0,  # a batch is repeated without what is stored, not by Dask
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.admin.low-level-log-length": 16,  # this scheduler does not survive the driver that would ask
    "distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s",
}
_NO_PAGES: Final[dict[str, list[str]]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Dask has web pages with the logs and addresses of workers even where it has no dashboard."""
_KEEPS_WORKERS: Final = {"distributed.deploy.lost-worker-timeout": "365 days"}
"""Dask looks up how long a dead worker may take to come back each time when one dies.  It gives up for good those that
are away at that moment, those too that had come back and died again."""
_LOGGERS: Final = ("distributed", "distributed.client", "distributed.gc", "tornado.application")
"""Those to which Dask gives a level and a handler."""

_log = get_logger("dcmsend.app")


def check_cluster_package() -> None:
    """Raise UsageError, one line that says what to install, if ``distributed`` is missing; does not load it."""
    if find_spec("distributed") is None:
        raise UsageError("a cluster needs the Python package distributed: pip install 'dcmsend[cluster]'")


class Link:
    """A connection to a scheduler, ours or the caller's.

    Attributes:
        done: called, on a thread of Dask's, with the number of an attempt that is over and how: ``finished``,
            ``killed``, ``lost``, or the message of an error.
    """

    def __init__(self, options: ClusterOptions, client: Client | None, done: Callable[[int, str], None]) -> None:
        self._options = options
        self._is_ours = client is None
        self._client: Any = client
        self._cluster: Any = None
        self._settings = ExitStack()  # of Dask, as long as there is a cluster of ours
        self._done = done
        self._futures: dict[int, Any] = {}
        self._topic = ""
        self._takers: list[Callable[[str], None]] = []

    # -- open and close

    def open(self, check: Callable[[], None], patience: float, patience_with_scheduler: float) -> None:
        """Connect, and wait up to ``patience`` seconds for a worker; also after the connection was lost.

        ``patience_with_scheduler`` is how many seconds a scheduler is waited for that does not answer.  ``check`` is
        called now and then and may raise.  Raises ClusterUnusable.
        """
        until = time.monotonic() + patience
        self._wait_for_scheduler(check, patience_with_scheduler)
        is_told = False
        while not self.workers:
            if not self.is_connected:
                raise ClusterUnusable(f"{self._options.address}: the connection to the scheduler is lost")
            if time.monotonic() >= until:
                raise ClusterUnusable(f"{self._options.address}: there is no worker")
            if not is_told:
                is_told = True
                _log.warning("the cluster has no worker, waiting up to %.0f s for one", patience)
            _sleep(_LOOK, check)

    def _wait_for_scheduler(self, check: Callable[[], None], patience: float) -> None:
        until = time.monotonic() + patience
        is_told = False
        while not self.is_connected:
            try:
                if not self._is_ours:  # its owner's client tries for itself
                    raise ClusterUnusable(f"{self._options.address}: the connection is lost")
                self._connect(check)
            except ClusterUnusable as error:
                if error.is_final or time.monotonic() >= until or self.is_lost:
                    raise
                if not is_told:
                    is_told = True
                    _log.warning("%s, waiting up to %.0f s for the scheduler", error, patience)
                _sleep(1.0, check)

    def _connect(self, check: Callable[[], None]) -> None:
        dask: Any = import_module("dask")
        distributed: Any = import_module("dask.distributed")
        self._close_client()
        options, security = self._options, self._security()
        for name in _LOGGERS:  # what matters of it is told by us
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if not options.local_workers:
            arguments = {} if security is None else security.get_connection_args("client")
            reach_scheduler(options, arguments, _CONNECT_SECONDS, check)
        with dask.config.set({**_SETTINGS, **(_NO_PAGES if options.local_workers else {})}):
            if options.local_workers and self._cluster is None:
                folder = self._settings.enter_context(TemporaryDirectory(prefix="dcmsend-", ignore_cleanup_errors=True))
                own = {**_KEEPS_WORKERS, "temporary-directory": folder}
                self._settings.enter_context(dask.config.set(own))
                self._cluster = self._start(distributed.LocalCluster)
            try:
                self._client = distributed.Client(
                    self._cluster or options.address, security=security, timeout=_CONNECT_SECONDS,
                    set_as_default=False, name="dcmsend",
                )  # fmt: skip
            except OSError as error:  # it has gone, or hangs, since this moment
                raise ClusterUnusable(f"{options.address}: {_one_line(error)}") from error

    def _start(self, local_cluster: Any) -> Any:
        """The run's own cluster.  Raises ClusterUnusable if its workers do not come up."""
        options = self._options
        security = None
        if find_spec("cryptography") is not None:  # other users of this machine must not reach it either
            security = import_module("dask.distributed").Security.temporary()
        try:
            return local_cluster(
                n_workers=options.local_workers, threads_per_worker=1, processes=True, memory_limit=0,
                dashboard_address=None, host="127.0.0.1", silence_logs=logging.CRITICAL, security=security,
                preload=["dcmsend.cluster.local_worker"],
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # not a port that another run has
            )  # fmt: skip
        except RuntimeError as error:  # all that Dask says of a worker that ends while it starts
            text = f"{options.address}: no worker starts ({_one_line(error)}); {READ_BY_WORKERS}"
            raise ClusterUnusable(text, is_final=True) from error

    def _security(self) -> Any:
        if self._options.tls is None:
            return None
        ca, certificate, key = self._options.tls
        return import_module("dask.distributed").Security(
            tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
        )

    def close(self) -> None:
        """Leave the cluster; one that was started for this run ends."""
        self._futures.clear()
        self._takers.clear()
        if self._is_ours:
            self._close_client()
        elif self._topic:
            with suppress(Exception):  # the client may be closed
                self._client.unsubscribe_topic(self._topic)
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            with suppress(Exception):
                cluster.close(timeout=_CONNECT_SECONDS)
        self._settings.close()

    def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close(timeout=2)

    # -- questions

    @property
    def is_connected(self) -> bool:
        """Whether the scheduler can be reached."""
        return self._client is not None and self._client.status == "running"

    @property
    def is_lost(self) -> bool:
        """Whether the connection of the caller is closed for good."""
        return not self._is_ours and self._client.status in ("closed", "closing")

    @property
    def address(self) -> str:
        """The address that the scheduler has by its own account.  Raises ClusterUnusable if it does not say."""
        client = self._client
        (info,) = _ask(lambda: client.scheduler_info())
        if info is _SILENCE:
            raise ClusterUnusable(f"{self._options.address}: the scheduler does not answer; is it alive?")
        return str(info["address"])

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return len(self._addresses())

    def _addresses(self) -> list[str]:
        if not self.is_connected:
            return []
        client = self._client
        (info,) = _ask(lambda: client.scheduler_info(n_workers=-1))
        return [] if info is _SILENCE else list(info["workers"])

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Call a function on every worker; return what it returns, by the workers' addresses; the silent are left out.

        Raises ClusterUnusable if a worker cannot call it.
        """
        client = self._client

        def ask(address: str) -> Callable[[], Any]:
            return lambda: client.run(function, *args, workers=[address], on_error="return", **kwargs)[address]

        addresses = self._addresses()
        found: dict[str, Any] = {}
        for address, answer in zip(addresses, _ask(*map(ask, addresses)), strict=True):
            if answer is _SILENCE or isinstance(answer, OSError):
                continue  # it has died
            if isinstance(answer, Exception):
                text = f"worker {address} cannot run dcmsend: {_one_line(answer)}; {SAME_EVERYWHERE}"
                raise ClusterUnusable(text, is_final=True)
            found[address] = answer
        return found

    # -- events

    def subscribe(self, topic: str, take: Callable[[str], None]) -> None:
        """Have ``take`` called, on a thread of Dask's, with each event of a topic from now on."""
        self._topic, self._takers[:] = topic, [take]
        takers = self._takers  # a client keeps its handlers for good: ours must not keep the run

        def hear(event: tuple[float, str]) -> None:
            for each in takers:
                each(event[1])

        self._client.subscribe_topic(topic, hear)

    def told_before(self, topic: str) -> list[str]:
        """The events of a topic that the scheduler still has, of earlier drivers too."""
        client = self._client
        (events,) = _ask(lambda: client.get_events(topic))
        return [] if events is _SILENCE else [event[1] for event in events]

    def forget(self, topic: str) -> None:
        """All that was told is kept: the scheduler need not remember it."""
        with suppress(Exception):  # it may not have dcmsend
            if not self._options.local_workers:
                self._client.run_on_scheduler(forget_events, topic)

    # -- batches

    def submit(self, key: str, attempt: int, parcel: bytes, message: str) -> None:
        """Have a worker send a batch; ``done`` is called once it is over."""
        try:
            future = self._client.submit(send_batch, parcel, message, key=key, pure=False, retries=0)
        except Exception as error:  # the connection is lost this moment
            _log.debug("cannot hand out a batch: %s", _one_line(error))
            self._done(attempt, "lost")
            return
        self._futures[attempt] = future
        future.add_done_callback(lambda done: self._over(attempt, done))

    def _over(self, attempt: int, future: Any) -> None:
        status = future.status
        how = "lost"
        if status == "finished":
            how = "finished"
        elif status == "error":
            error = future.exception()
            if error is not None:  # none where the connection was lost this moment, and with it what has happened
                how = "killed" if type(error).__name__ == "KilledWorker" else _one_line(error)
        self._futures.pop(attempt, None)
        with suppress(Exception):
            future.release()  # or Dask would compute it again, should the worker with the result die
        self._done(attempt, how)


def _ask(*questions: Callable[[], Any]) -> list[Any]:
    """The answers to questions asked at the same time; ``_SILENCE`` where one fails, or takes too long.

    Who hangs, as a worker whose host was stopped, must not hold up the others.
    """
    answers = [_SILENCE] * len(questions)

    def ask(place: int) -> None:
        try:
            answers[place] = questions[place]()
        except Exception as error:
            _log.debug("the cluster does not answer: %s", _one_line(error))

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(questions))]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _ANSWER_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(answers)


def _sleep(seconds: float, check: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check()
        time.sleep(min(_LOOK, seconds))


def _one_line(error: BaseException | None) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
