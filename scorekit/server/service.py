"""What all routes share: the models that are served, the state, the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from starlette.requests import Request

from scorekit.access import Access, open_access
from scorekit.errors import Refused, ScorekitError, Unreachable
from scorekit.gate import Action, said
from scorekit.jobs import AllowedPlaces, Jobs, open_jobs
from scorekit.quality.verdict import Verdict
from scorekit.server.asking import Asked
from scorekit.server.fleet import Fleet
from scorekit.server.heavy import Heavy
from scorekit.server.logs import Log
from scorekit.server.metrics import Metrics
from scorekit.server.pages.sessions import Sessions, open_sessions
from scorekit.server.rates import Rates
from scorekit.server.served import Means
from scorekit.server.settings import ServeSettings
from scorekit.server.traces import open_traces
from scorekit.server.traffic import Meter
from scorekit.server.waiting import Waits
from scorekit.state.jobs import Status
from scorekit.state.ledger import Ledger
from scorekit.store.references import Ref
from scorekit.store.versions import Store

AGAIN = 1.0
"""Seconds between two tries to begin, while what is needed cannot be reached."""


class Service:
    """A worker of the service.

    Parameters
    ----------
    settings : ServeSettings
    log : Log

    Attributes
    ----------
    settings : ServeSettings
    log : Log
    metrics : Metrics
    traces : Traces
    store : Store
    ledger : Ledger
    jobs : Jobs
    job_counts : Asked
        How many jobs stand at each status.
    allowed : AllowedPlaces
        Which data clients may name to train from.
    waits : Waits
        For the end of jobs.
    fleet : Fleet
    heavy : Heavy
    access : Access
        Says who calls.
    sessions : Sessions
        Of who has signed in at the page.
    meter : Meter
        Knows what was asked in the last minute.
    rates : Rates
    ready : bool
        Whether the models are loaded, verified and warmed.
    """

    ledger: Ledger
    jobs: Jobs
    job_counts: Asked[Mapping[Status, int]]
    waits: Waits
    fleet: Fleet
    access: Access
    sessions: Sessions

    def __init__(self, settings: ServeSettings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.meter = Meter(self.metrics)
        self.traces = open_traces(log)
        self.store = Store.open(settings.store)
        self.allowed = AllowedPlaces(settings.jobs.places)
        self.heavy = Heavy()
        self.rates = Rates(settings.limits.rate)
        self.ready = False
        self._held = ExitStack()
        self._beginning: asyncio.Task[None] | None = None
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="switch")

    async def start(self) -> None:
        """Load, verify and warm what is served; where that cannot be reached for now, in a while.

        Raises
        ------
        ScorekitError
            If it cannot be served.
        """
        try:
            await self._begin()
        except Unreachable as error:
            # one of several workers may begin anew at any time, and should not end the others
            self.log.fail("failed", error.message, code=error.code)
            self._beginning = asyncio.create_task(self._begin_later())

    async def _begin_later(self) -> None:
        while not self.ready:
            await asyncio.sleep(AGAIN)
            try:
                await self._begin()
            except Unreachable:
                pass  # it was said
            except ScorekitError as error:
                self.log.fail("failed", error.message, code=error.code)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may do better
                self.log.fail("failed", f"{type(error).__name__} was raised before anything was served")

    async def _begin(self) -> None:
        with ExitStack() as held:
            await self._open(held)
            try:
                await self.fleet.start()
            except Exception:
                await self.fleet.close()
                raise
            self._held = held.pop_all()
        self.waits.start()
        self.meter.start()
        self.ready = True
        models = [str(served.lane.ref) for served in self.fleet]
        self.log.event("ready", url=self.settings.url, models=models)

    async def _open(self, held: ExitStack) -> None:
        settings = self.settings
        self.ledger = held.enter_context(await asyncio.to_thread(Ledger.open, self.store.uri))
        self.jobs = held.enter_context(
            await asyncio.to_thread(open_jobs, self.store.uri, uploads=settings.jobs.uploads)
        )
        self.access = held.enter_context(
            await asyncio.to_thread(open_access, settings.auth, settings.tokens, self.store.uri)
        )
        self.job_counts = Asked(self.jobs.counts)
        self.waits = Waits(self.jobs, max(1, settings.limits.concurrency // 4))
        self.sessions = open_sessions(settings)
        means = Means(
            settings,
            self.store,
            self.ledger,
            self._aside,
            self._looking,
            self.log,
            self.judged,
            self.metrics.switched,
        )
        self.fleet = Fleet(means)

    def judged(self, ref: Ref, verdict: Verdict, action: Action) -> None:
        """Have a window in the metrics and the log, or a file, which is one by itself.

        Parameters
        ----------
        ref : Ref
            The version that scored it.
        verdict : Verdict
        action : {"publish", "replace", "withhold"}
            What became of it.
        """
        self.metrics.of(ref.name, ref.version).judged(verdict)
        fields: dict[str, Any] = {
            "model": str(ref),
            "rows": verdict.window.rows,
            "state": verdict.state,
            "outcome": verdict.outcome,
            "action": action,
        }
        if verdict.failed:
            self.log.warn("window", f"a window failed: {said(verdict)}", **fields)
        else:
            self.log.event("window", **fields)

    async def stop(self) -> None:
        """Judge what is left, and let go of everything."""
        if self._beginning is not None:
            self._beginning.cancel()
        if self.ready:
            self.ready = False
            self.waits.close()
            self.meter.stop()
            await self.fleet.close()
        self.heavy.close()
        for threads in (self._aside, self._looking):
            threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._held.close)
        await asyncio.to_thread(self.traces.close)
        self.log.event("stopped")


async def service_of(request: Request) -> Service:  # a dependency that is no coroutine would take a thread
    """The service that a request came to.

    Raises
    ------
    Refused
        While it is not ready.
    """
    found: Service = request.app.state.service
    if not found.ready:
        raise Refused("what is served is not loaded yet", retry_after=1, code="not_ready")
    return found
