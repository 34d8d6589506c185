"""A model that is served: the version that scores now, and the one that takes over when its alias moves."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from scorekit.gate import Action
from scorekit.model import open_model
from scorekit.quality.verdict import Verdict
from scorekit.server.lane import Lane
from scorekit.server.logs import Log
from scorekit.server.settings import ServeSettings
from scorekit.server.switches import SwitchWatch
from scorekit.state.ledger import Ledger
from scorekit.store.references import Ref, parse
from scorekit.store.versions import Store
from scorekit.stream.following import Following
from scorekit.stream.telling import Telling
from scorekit.stream.windows import Place

TICK = 0.25
"""Seconds between two looks at switch, alias and clock."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every model of a service is served with.

    Attributes
    ----------
    settings : ServeSettings
    store : Store
    ledger : Ledger
    aside : Executor
        A single thread, for what would hold up others.
    looking : Executor
        A single thread, for looks at switches.
    log : Log
    judged : callable
        Told of every window that was judged: its version, the verdict, and what became of it.
    switched : callable
        Told at every look at a switch: the model, and whether it is closed.
    """

    settings: ServeSettings
    store: Store
    ledger: Ledger
    aside: Executor
    looking: Executor
    log: Log
    judged: Callable[[Ref, Verdict, Action], None]
    switched: Callable[[str, bool], None]


class Served:
    """What a reference means, ready to score.

    Parameters
    ----------
    reference : str
        ``name:version`` or ``name@alias``.
    ref : Ref
        The version it means now.
    means : Means

    Attributes
    ----------
    reference : str
    lane : Lane
        The version that scores now.
    watch : SwitchWatch
    """

    def __init__(self, reference: str, ref: Ref, means: Means) -> None:
        self.reference = reference
        self._means = means
        self._run_id = f"serve-{uuid.uuid4().hex}"
        self._place = Place()
        self._telling: Telling | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._soon: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._following: Following[Lane] | None = None
        self._failures: set[str] = set()
        self.used = time.monotonic()
        self.lane = self._prepare(ref)
        self.watch = SwitchWatch(self.lane.gate, means.looking)

    def _prepare(self, ref: Ref) -> Lane:
        """A version, loaded, verified and warmed."""
        means = self._means
        model = open_model(means.store, ref, allow_mismatch=means.settings.allow_mismatch)
        lane = Lane(model, means.settings, means.ledger, self._place, means.aside)
        lane.gate.begin(self._run_id)
        lane.warm()
        return lane

    async def start(self) -> None:
        """Begin to look at switch, alias and clock."""
        means = self._means
        await self.watch.look()
        if parse(self.reference)[1] is None:
            self._following = Following(
                self.lane.ref, lambda: means.store.resolve(self.reference), self._prepare
            )
        alerts = means.settings.policy.alerts
        if alerts is not None and alerts.channels:
            self._telling = Telling(partial(means.log.warn, "alert"))
        self._ticking = asyncio.create_task(self._tick())

    async def check(self) -> None:
        """Refuse to answer while the switch is not closed.

        Raises
        ------
        SwitchOpen, Unreachable
        """
        await self.watch.check()

    def counted(self) -> None:
        """Have the window judged that rows were counted in, if it is finished."""
        if self.lane.finished and (self._soon is None or self._soon.done()):
            self._soon = asyncio.create_task(self._guarded(self._judge(self.lane)))

    async def _judge(self, lane: Lane, *, now: bool = False) -> None:
        asked = time.monotonic()
        for decision in await lane.judge(now=now):
            self.watch.saw(decision.switch, asked)
            self._means.judged(lane.ref, decision.verdict, decision.action)
            if self._telling is not None:
                self._telling.after(lane.gate)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._guarded(self._turn())

    async def _turn(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._guarded(self.watch.look()))
        # a database that hangs holds up nothing but the look at it
        await asyncio.wait({self._looking}, timeout=TICK)
        self._means.switched(self.lane.ref.name, self.watch.closed)
        self._swap()
        self.counted()

    async def _guarded(self, turn: Coroutine[Any, Any, None]) -> None:
        """Do what nobody waits for: a failure is told, once for each kind, and ends nothing."""
        try:
            await turn
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn may do better
            kind = type(error).__name__
            if kind not in self._failures:
                self._failures.add(kind)
                self._means.log.fail("failed", f"{kind} was raised between requests", model=self.reference)

    def _swap(self) -> None:
        """Take the version that the alias points at now; requests under way end with the one before."""
        log = self._means.log
        lane = self._following.taken(partial(log.warn, "follow")) if self._following else None
        if lane is None:
            return
        before, self.lane = self.lane, lane
        self.watch.follow(lane.gate)
        log.event("version", f"{before.ref} made way for {lane.ref}", model=str(lane.ref))
        retiring = asyncio.create_task(self._guarded(self._retire(before)))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def _retire(self, lane: Lane) -> None:
        await lane.idle()
        await self._judge(lane, now=True)
        await lane.finish()

    async def close(self) -> None:
        """Judge what is left, and let go of everything."""
        await self.lane.idle()  # who is under way asks for the switch once more
        if self._ticking is not None:
            self._ticking.cancel()
        if self._following is not None:
            await asyncio.to_thread(self._following.close)
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._retire(self.lane)
        if self._telling is not None:
            await asyncio.to_thread(self._telling.close)  # which waits for what is being sent
