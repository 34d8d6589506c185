"""Counters for Prometheus: in a file that the textfile collector of its node exporter reads, or at a port.

The file is replaced as a whole, so that nobody ever reads half of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from scorekit.errors import ScorekitError, UsageError
from scorekit.stream.options import Tally

EVERY = 5.0
"""Seconds between two writings."""


class Outlet(Protocol):
    """Where what was counted is to be seen."""

    def write(self, tally: Tally, version: str, *, now: bool = False) -> None:
        """Show what was counted so far, unless that was done lately."""


class Metrics:
    """Shows what was counted, and how much waits at the source.

    Parameters
    ----------
    outlets : sequence of Outlet
    lag : callable, optional
        Messages that wait; None where that is not known.
    """

    def __init__(self, outlets: Sequence[Outlet], lag: Callable[[], int | None] | None = None) -> None:
        self._outlets = list(outlets)
        self._lag = lag
        self._asked = -EVERY

    def tell(self, tally: Tally, version: str, *, now: bool = False) -> list[str]:
        """Show it; why an outlet failed, which is then left out."""
        if not now:
            self._ask(tally)
        failures = []
        for outlet in tuple(self._outlets):
            try:
                outlet.write(tally, version, now=now)
            except ScorekitError as error:
                failures.append(error.message)
                self._outlets.remove(outlet)
        return failures

    def _ask(self, tally: Tally) -> None:
        """Ask the source now and then; it is a question to the broker."""
        clock = time.monotonic()
        if self._lag is not None and clock - self._asked >= EVERY:
            self._asked = clock
            tally.lag = self._lag()


class MetricsFile:
    """Writes what was counted.

    Parameters
    ----------
    path : str
        Ends in ``.prom`` where the collector is to find it.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._written = -EVERY

    def write(self, tally: Tally, version: str, *, now: bool = False) -> None:
        """Replace the file, unless that was done lately.

        Raises
        ------
        UsageError
            If it cannot be written.
        """
        clock = time.monotonic()
        if not now and clock - self._written < EVERY:
            return
        self._written = clock
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            beside.write_text(text_of(tally, version))
            beside.replace(self._path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise UsageError(
                f"{self._path}: the metrics cannot be written ({error.strerror})", code="bad_output"
            ) from None


def text_of(tally: Tally, version: str) -> str:
    """What was counted, as Prometheus reads it."""
    return "".join(f"{line}\n" for line in _lines(tally, version))


def _lines(tally: Tally, version: str) -> Iterator[str]:
    name, _, number = version.rpartition(":")
    model = {"model": name}
    yield from _metric("rows_total", "counter", "Rows by where their score comes from.")
    for source in ("model", "fallback", "rejected"):
        yield _sample("rows_total", {**model, "source": source}, tally.sources[source])
    yield from _metric("errors_total", "counter", "Rows without a score, by what is wrong.")
    for code, count in sorted(tally.errors.items()):
        yield _sample("errors_total", {**model, "code": code}, count)
    yield from _metric("windows_total", "counter", "Finished windows by the state of their verdict.")
    for state in ("ok", "insufficient", "unknown", "warn", "alarm"):
        yield _sample("windows_total", {**model, "state": state}, tally.windows[state])
    yield from _metric("windows_failed_total", "counter", "Finished windows that failed.")
    yield _sample("windows_failed_total", model, tally.failed_windows)
    yield from _metric("batches_total", "counter", "Batches that were scored.")
    yield _sample("batches_total", model, tally.batches)
    yield from _metric("model_info", "gauge", "The version that scores.")
    yield _sample("model_info", {**model, "version": number}, 1)
    yield from _metric("switch_open", "gauge", "Whether the kill switch was open when it was last counted.")
    yield _sample("switch_open", model, int(tally.switch is not None and tally.switch.position != "closed"))
    if tally.lag is not None:
        yield from _metric("consumer_lag", "gauge", "Messages that wait at the broker.")
        yield _sample("consumer_lag", model, tally.lag)
    yield from _metric("last_row_timestamp_seconds", "gauge", "When the last row was answered.")
    yield _sample("last_row_timestamp_seconds", model, f"{tally.last:.3f}")


def _metric(name: str, kind: str, said: str) -> tuple[str, str]:
    return f"# HELP scorekit_{name} {said}", f"# TYPE scorekit_{name} {kind}"


def _sample(name: str, labels: Mapping[str, str], value: int | str) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"scorekit_{name}{{{shown}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
