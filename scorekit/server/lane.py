"""One version that scores for the service, and the window its rows are counted in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import QualityError, ScorekitError, Unreachable
from scorekit.gate import Decision, Gate
from scorekit.model import Model
from scorekit.policy import Policy
from scorekit.quality.settings import RowBand
from scorekit.quality.window import Window
from scorekit.scoring import ScoredBatch, Scorer
from scorekit.server.settings import ServeSettings
from scorekit.state.ledger import Ledger
from scorekit.store.manifest import Manifest
from scorekit.store.references import Ref
from scorekit.stream.windows import Cut, Place, Tumbling

INLINE = 256
"""Records that are scored where they came in: handing them to another thread would take as long."""
_WAITING = 64
"""Windows that wait for a database that is away."""

Rows: TypeAlias = Sequence[Mapping[str, Any]]


def judged_by(policy: Policy) -> Policy:
    """The policy for windows that have as many rows as they are asked to; a band is meant for files."""
    return replace(policy, quality=replace(policy.quality, rows=RowBand()))


@dataclass(frozen=True, slots=True)
class Pair:
    """What scores a row, and what answers it where the fallback stands in."""

    model: Scorer
    standing_in: Scorer | None = None

    def score(self, rows: Rows, unreadable: Sequence[int]) -> tuple[ScoredBatch, ScoredBatch]:
        """Rows as the model scores them, and as they are answered."""
        found = self.model.score(rows, unreadable=unreadable)
        if self.standing_in is None:
            return found, found
        return found, self.standing_in.score(rows, unreadable=unreadable)


class Lane:
    """One version of a model at work.

    What was found of the last finished window decides about the rows after it. The model
    scores on, seen or not, so that the next window is judged by its scores.

    Parameters
    ----------
    model : Model
    settings : ServeSettings
    ledger : Ledger
    place : Place
        Where in the run its windows begin.
    aside : Executor
        A single thread, for what would hold up others.

    Attributes
    ----------
    gate : Gate
    ref : Ref
        The version.
    """

    def __init__(
        self,
        model: Model,
        settings: ServeSettings,
        ledger: Ledger,
        place: Place,
        aside: Executor,
    ) -> None:
        self.gate = Gate(
            model, judged_by(settings.policy), on_fail=settings.on_fail, ledger=ledger, kind="serve"
        )
        self.ref = Ref(model.manifest.name, model.manifest.version)
        self._windows = Tumbling(self.gate, settings.extent, place)
        self._aside = aside
        self._inline = model.scorer.engine.name == "compiled"
        self._waiting: deque[Cut] = deque(maxlen=_WAITING)
        self._judging = asyncio.Lock()
        self._refusal: QualityError | None = None
        self._rows = 0
        self._degraded = False
        self._last: Decision | None = None
        self._in_flight = 0
        self._patience = settings.limits.seconds
        self._stand_by(None)

    def _stand_by(self, decision: Decision | None) -> None:
        """Have rows answered as the last window's decision says."""
        self._last = decision
        scorer = self.gate.scorer
        replaces = decision is not None and decision.action == "replace"
        instead = self.gate.replacing(decision.verdict) if decision is not None and replaces else None
        self._here = Pair(scorer, instead)
        self._there = Pair(scorer.fork(), instead.fork() if instead is not None else None)
        refusal = decision.refusal if decision is not None else None
        self._refusal = refusal if isinstance(refusal, QualityError) else None

    @property
    def manifest(self) -> Manifest:
        """Of the version."""
        return self.gate.model.manifest

    @property
    def last(self) -> Decision | None:
        """What became of the last window that was judged."""
        return self._last

    def warm(self) -> None:
        """Score what nobody sees, so that the first request is not the slowest."""
        empty = dict.fromkeys(self.manifest.inputs.names)
        for pair in (self._here, self._there):
            pair.score([empty], ())

    # ---- rows

    async def score(self, rows: Rows, unreadable: Sequence[int]) -> ScoredBatch:
        """Score records and count them; whether they may be answered is for ``check`` to say."""
        with self.at_work():
            if self._inline and len(rows) <= INLINE:
                found, answered = self._here.score(rows, unreadable)
            else:
                loop = asyncio.get_running_loop()
                found, answered = await loop.run_in_executor(self._aside, self._there.score, rows, unreadable)
            self.count(found.window(), len(answered), answered.poor, answered.fallback)
        return answered

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For as long as rows are scored by this version, wherever that is."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def count(self, found: Window, rows: int, poor: NDArray[np.int64], fallback: int) -> None:
        """Count rows, wherever they were scored; as ``Tumbling.take`` has it."""
        self._rows += rows
        self._degraded = self._degraded or fallback > 0
        self._windows.take(found, rows, poor, fallback)

    def check(self) -> None:
        """Refuse to answer by scores that the policy withholds.

        Raises
        ------
        QualityError
        """
        if self._refusal is not None:
            raise self._refusal

    @property
    def finished(self) -> bool:
        """Whether a window waits to be judged."""
        return bool(self._waiting) or self._windows.finished

    # ---- windows

    async def judge(self, *, now: bool = False) -> list[Decision]:
        """Judge the windows that are finished; the open one, too, if it has to be ``now``."""
        if now or self._windows.finished:
            cut = self._windows.cut()
            if cut is not None:
                self._waiting.append(cut)
        made = []
        async with self._judging:
            while self._waiting:
                first = self._waiting[0]
                decision = await asyncio.to_thread(first.decide, self.gate)
                if isinstance(decision.refusal, Unreachable):
                    # written down when the database is back; until then the switch counts as open
                    break
                if self._waiting[0] is first:  # else it made room for others meanwhile
                    self._waiting.popleft()
                self._stand_by(decision)
                made.append(decision)
        return made

    async def idle(self) -> None:
        """Wait for the requests that are under way."""
        until = time.monotonic() + self._patience
        while self._in_flight and time.monotonic() < until:
            await asyncio.sleep(0.02)

    async def finish(self) -> None:
        """Write down how it ended."""
        with suppress(ScorekitError):
            await asyncio.to_thread(
                self.gate.finish, "degraded" if self._degraded else "published", self._rows
            )
