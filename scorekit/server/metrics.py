"""Counters for Prometheus, right however many workers there are.

With several workers the client library keeps them in files that all workers share; the
folder of these files has to be known before the library is imported (``share_by``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from scorekit.quality.verdict import Verdict
from scorekit.scoring import FALLBACK, MODEL, REJECTED, SOURCES
from scorekit.state.jobs import Status
from scorekit.store.references import Ref

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_ROWS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)


def share_by(folder: str) -> None:
    """Have all workers count in one folder."""
    os.environ[FOLDER] = folder


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

        shared = FOLDER in os.environ
        registry = None if shared else CollectorRegistry()
        self._registry = registry or REGISTRY
        self._shared = shared
        made: dict[str, Any] = {"registry": self._registry}
        model, version = ("model",), ("model", "version")
        self.requests = Counter(
            "scorekit_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            **made,
        )
        self.in_flight = Gauge(
            "scorekit_requests_in_flight", "Requests under way.", multiprocess_mode="livesum", **made
        )
        self.total = Histogram(
            "scorekit_request_seconds", "From the head of a request to its answer.", ("route",),
            buckets=_SECONDS, **made,
        )  # fmt: skip
        self.rows = Counter(
            "scorekit_rows", "Rows by where their score comes from.", (*version, "source"), **made
        )
        self.errors = Counter(
            "scorekit_errors", "Rows without a score, by what is wrong.", (*version, "code"), **made
        )
        self.queue = Histogram(
            "scorekit_queue_seconds", "From the end of a body to the begin of its scoring.", version,
            buckets=_SECONDS, **made,
        )  # fmt: skip
        self.predict = Histogram(
            "scorekit_predict_seconds", "Scoring alone.", version, buckets=_SECONDS, **made
        )
        self.batch = Histogram("scorekit_batch_rows", "Rows of a request.", version, buckets=_ROWS, **made)
        self.windows = Counter(
            "scorekit_windows", "Finished windows by the state of their verdict.", (*version, "state"), **made
        )
        self.windows_failed = Counter(
            "scorekit_windows_failed", "Finished windows that failed.", version, **made
        )
        newest = {"multiprocess_mode": "mostrecent", **made}
        self.psi = Gauge(
            "scorekit_psi", "Population stability index in the last window.", (*model, "feature"), **newest
        )
        self.switch = Gauge("scorekit_switch_open", "Whether the kill switch is not closed.", model, **newest)
        self.jobs = Gauge("scorekit_jobs", "Jobs of the store by status.", ("status",), **newest)
        self.info = Gauge("scorekit_model_info", "Whether a version scores.", version, **newest)
        self._scoring: frozenset[Ref] = frozenset()

    @cache  # noqa: B019 - lives as long as the process does
    def of(self, model: str, version: int) -> Meters:
        """The counters of one version."""
        return Meters(self, model, str(version))

    def saw_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        requests, total = self._of_route(route, method, status)
        requests.inc()
        total.observe(seconds)

    @lru_cache(maxsize=1024)  # noqa: B019 - lives as long as the process does
    def _of_route(self, route: str, method: str, status: int) -> tuple[Any, Any]:
        return self.requests.labels(route, method, str(status)), self.total.labels(route)

    def switched(self, model: str, closed: bool) -> None:  # noqa: FBT001 - what is shown
        """Show how a switch stands; one that cannot be read counts as open."""
        self.switch.labels(model).set(not closed)

    def scoring(self, versions: Iterable[Ref]) -> None:
        """Show which versions score, and that those before do no more."""
        before, self._scoring = self._scoring, frozenset(versions)
        for ref in before | self._scoring:
            self.info.labels(ref.name, str(ref.version)).set(ref in self._scoring)

    def standing(self, jobs: Mapping[Status, int]) -> None:
        """Show how many jobs stand at each status."""
        for status, number in jobs.items():
            self.jobs.labels(status).set(number)

    def text(self) -> tuple[bytes, str]:
        """Everything that was counted, by all workers, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = self._registry
        if self._shared:
            from prometheus_client.multiprocess import MultiProcessCollector

            _forget_dead()
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types there
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def counted(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """Requests and rows by the names of their samples and their labels, by all workers."""
        for family in self._counters():
            yield from ((sample.name, sample.labels, sample.value) for sample in family.samples)

    def _counters(self) -> Iterable[Any]:
        if not self._shared:
            return [*self.requests.collect(), *self.rows.collect()]
        from prometheus_client.multiprocess import MultiProcessCollector

        # the files of histograms, which are larger, are left unread
        files = [str(path) for path in Path(os.environ[FOLDER]).glob("counter_*.db")]
        return MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call,no-any-return]


def _forget_dead() -> None:
    """Leave out what workers that were killed were doing; what they have counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    for file in Path(os.environ[FOLDER]).glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another worker was faster
                mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library has no types there


class Meters:
    """The counters of one version, found once.

    Parameters
    ----------
    metrics : Metrics
    model, version : str
    """

    def __init__(self, metrics: Metrics, model: str, version: str) -> None:
        named = (model, version)
        self._metrics, self._named = metrics, named
        self._rows = [metrics.rows.labels(*named, source) for source in SOURCES]
        self._queue = metrics.queue.labels(*named)
        self._predict = metrics.predict.labels(*named)
        self._batch = metrics.batch.labels(*named)

    def counted(self, rows: int, fallback: int, rejected: int, queued: float, took: float) -> None:
        """Count rows that were scored, the seconds they waited and those that scoring took."""
        for source, count in (
            (MODEL, rows - fallback - rejected),
            (FALLBACK, fallback),
            (REJECTED, rejected),
        ):
            if count:
                self._rows[source].inc(count)
        self._batch.observe(rows)
        self._queue.observe(queued)
        self._predict.observe(took)

    def failed(self, code: str, count: int = 1) -> None:
        """Count rows without a score."""
        self._metrics.errors.labels(*self._named, code).inc(count)

    def judged(self, verdict: Verdict) -> None:
        """Count a window, and show what was found in it."""
        metrics = self._metrics
        metrics.windows.labels(*self._named, verdict.state).inc()
        if verdict.failed:
            metrics.windows_failed.labels(*self._named).inc()
        for feature in verdict.features:
            if feature.index is not None:
                metrics.psi.labels(self._named[0], feature.name).set(feature.index.psi)
