"""What was asked and answered of late, by all workers together.

The counters of all workers are read every few seconds and kept for a minute: what was counted
since is the traffic of the last minute, whichever worker is asked. A worker that has just begun
has kept less, and says of how many seconds it tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from scorekit.server.metrics import Metrics
from scorekit.server.requests import DATA, QUIET

EVERY = 5.0
"""Seconds between two readings."""
LATELY = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted up to a time.

    Attributes
    ----------
    at : float
        By the monotonic clock.
    requests : Counter
        Requests that bring data, by outcome: ``answered``, ``refused`` or ``failed``.
    rows : Counter
        By (model, source).
    """

    at: float
    requests: Counter[str]
    rows: Counter[tuple[str, str]]


class Part(NamedTuple):
    """Requests or rows of one kind: since the service began, and in the last seconds."""

    total: int
    lately: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was asked and answered.

    Attributes
    ----------
    total : Reading
        Since the service began.
    lately : Reading
        In the last seconds.
    seconds : float
        How many these are: a minute, or less where it has not been watched for so long.
    """

    total: Reading
    lately: Reading
    seconds: float

    def of_outcome(self, outcome: str) -> Part:
        """Requests that ended so."""
        return Part(self.total.requests[outcome], self.lately.requests[outcome])

    def of_model(self, name: str) -> Part:
        """Rows of a model."""
        return Part(*(_rows(each, 0, name) for each in (self.total, self.lately)))

    def of_source(self, source: str) -> Part:
        """Rows whose score comes from the model, from the fallback, or from nowhere."""
        return Part(*(_rows(each, 1, source) for each in (self.total, self.lately)))


class Meter:
    """Watches the counters.

    Parameters
    ----------
    metrics : Metrics
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._kept: deque[Reading] = deque()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.create_task(self._watch())

    def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            with suppress(Exception):  # the next reading may find what this one has not
                self.keep(await asyncio.to_thread(self.read))
            await asyncio.sleep(EVERY)

    def keep(self, reading: Reading) -> None:
        """Keep a reading, and of older ones those that the last minute begins with."""
        self._kept.append(reading)
        while len(self._kept) > 1 and self._kept[1].at <= reading.at - LATELY:
            self._kept.popleft()

    def read(self) -> Reading:
        """What was counted up to now."""
        at = time.monotonic()
        requests: Counter[str] = Counter()
        rows: Counter[tuple[str, str]] = Counter()
        for name, labels, value in self._metrics.counted():
            if name == "scorekit_rows_total":
                rows[labels["model"], labels["source"]] += int(value)
            elif name == "scorekit_requests_total" and _brings_data(labels["route"]):
                requests[_outcome(labels["status"])] += int(value)
        return Reading(at, requests, rows)

    def traffic(self) -> Traffic:
        """What was asked and answered up to now."""
        total = self.read()
        before = self._kept[0] if self._kept else total
        lately = Reading(total.at, total.requests - before.requests, total.rows - before.rows)
        return Traffic(total, lately, total.at - before.at)


def _rows(reading: Reading, place: int, name: str) -> int:
    return sum(count for labels, count in reading.rows.items() if labels[place] == name)


def _brings_data(route: str) -> bool:
    return route.startswith(DATA) and route not in QUIET


def _outcome(status: str) -> str:
    return {"2": "answered", "4": "refused"}.get(status[:1], "failed")
