"""How a model does, as a monitoring system asks: one word, one line, and numbers to draw.

The words and their exit codes are those of the Monitoring Plugins guidelines, which Nagios
and its kin read [1]_. What cannot be known is ``UNKNOWN``, and never ``OK``.

References
----------
.. [1] https://www.monitoring-plugins.org/doc/guidelines.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from scorekit.errors import ScorekitError
from scorekit.quality.stability import Thresholds
from scorekit.state import place
from scorekit.state.database import gone
from scorekit.state.moments import now
from scorekit.state.past import History, PastRun, PastWindow
from scorekit.store.references import parse
from scorekit.store.versions import Store

Level = Literal["OK", "WARNING", "CRITICAL", "UNKNOWN"]

EXIT_CODES: dict[Level, int] = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
_ORDER: tuple[Level, ...] = ("OK", "UNKNOWN", "WARNING", "CRITICAL")

_SWITCH: dict[str, tuple[Level, str]] = {
    "closed": ("OK", "switch closed"),
    "half_open": ("WARNING", "switch half open"),
    "open": ("CRITICAL", "switch open"),
}
_GOOD = ("ok", "insufficient")
_RUNS: dict[str, Level] = {"degraded": "WARNING", "quarantined": "CRITICAL", "failed": "CRITICAL"}
"""Outcomes of a run that are not good."""
_RUNS_READ = 20
_LONGEST_BATCH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number to draw.

    Attributes
    ----------
    name : str
    value : float
    unit : str
        ``%``, ``s`` or none.
    warn, critical : float or None
        Where it is not good any more.
    """

    name: str
    value: float
    unit: str = ""
    warn: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a monitoring system is told.

    Attributes
    ----------
    level : {"OK", "WARNING", "CRITICAL", "UNKNOWN"}
    model : str
        Empty where that is not known.
    facts : tuple of str
        What it goes by, worst first.
    measures : tuple of Measure
    """

    level: Level
    model: str
    facts: tuple[str, ...]
    measures: tuple[Measure, ...] = ()

    @property
    def exit_code(self) -> int:
        """Of the plugin."""
        return EXIT_CODES[self.level]


def examine(model: str | None, *, store: str | None = None, max_age: timedelta | None = None) -> Health:
    """How a model does, by its switch, its last window and its last run.

    Parameters
    ----------
    model : str or None
        Its name; a version or an alias of it means the model. None while the store holds one.
    store : str, optional
    max_age : timedelta, optional
        The last window, or end of a run, has to be younger. A batch that still runs after so
        long, or after a day where it is not given, was killed.

    Returns
    -------
    Health
        ``UNKNOWN`` where nothing was written down, or the state cannot be read.
    """
    from scorekit.state.history import read

    try:
        name = parse(model)[0] if model is not None else Store.open(store).resolve(None).name
        database = place.find(store)
        if database.lost():
            raise gone(database.shown)
        if not database.begun():
            # whoever monitors may be another user, whose file the ones who score could not write
            return Health("UNKNOWN", name, ("nothing was judged yet",))
        return _health(read(name, last=1, last_runs=_RUNS_READ, store_uri=store), max_age)
    except ScorekitError as error:
        return Health("UNKNOWN", model or "", (error.message,))


def _health(history: History, max_age: timedelta | None) -> Health:
    found: list[tuple[Level, str]] = [_switch(history)]
    window = history.windows[-1] if history.windows else None
    found.append(_window(window) if window is not None else ("UNKNOWN", "nothing was judged yet"))
    over = [run for run in history.runs if run.outcome != "running"]
    found += [_run(run) for run in over[-1:]]
    found += _hanging(history, max_age or _LONGEST_BATCH)
    seen = _last_seen(window, history)
    if max_age is not None and seen is not None and now() - seen > max_age:
        found.append(("CRITICAL", f"the last run is {_hours(now() - seen)} old"))
    found.sort(key=lambda fact: _ORDER.index(fact[0]), reverse=True)
    measures = (*_measures(window), *_age(seen)) if window is not None else _age(seen)
    return Health(found[0][0], history.model, tuple(text for _, text in found if text), measures)


def _switch(history: History) -> tuple[Level, str]:
    level, text = _SWITCH[history.switch.position]
    last = history.audit[-1] if history.audit else None
    return level, f"{text} by {last.who}: {last.why}" if last is not None and level != "OK" else text


def _window(window: PastWindow) -> tuple[Level, str]:
    named = f"window {window.number} of run {window.run_id}"
    if window.outcome != "pass":
        return "CRITICAL", f"{named} failed: {window.reason}"
    if window.state not in _GOOD:
        worst = [str(said) for said in window.verdicts if said.state == window.state and said.message]
        return "WARNING", f"{named}: {worst[0] if worst else window.state}"
    return "OK", f"{named} is {window.state}"


def _run(run: PastRun) -> tuple[Level, str]:
    level = _RUNS.get(run.outcome, "OK")
    return level, f"run {run.run_id} was {run.outcome}" if level != "OK" else ""


def _hanging(history: History, longest: timedelta) -> list[tuple[Level, str]]:
    """The newest batch that does not end, of those begun since one last did."""
    place = max((number for number, run in enumerate(history.runs) if run.finished), default=-1)
    for run in reversed(history.runs[place + 1 :]):
        age = now() - run.started
        if run.kind == "batch" and run.outcome == "running" and age > longest:
            return [("CRITICAL", f"run {run.run_id} has not ended for {_hours(age)}")]
    return []


def _last_seen(window: PastWindow | None, history: History) -> datetime | None:
    """When something last came to its end: that a run begins says nothing, it may die each time."""
    times = (window.recorded if window is not None else None, history.ended)
    return max((time for time in times if time is not None), default=None)


def _hours(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min"


def _measures(window: PastWindow) -> tuple[Measure, ...]:
    limits = Thresholds()
    scores = [said.value for said in window.verdicts if said.check == "score.psi" and said.value is not None]
    drawn = {"psi_max": window.psi().values(), "score_psi": scores}
    return (
        *(Measure(name, max(seen), "", limits.warn, limits.alarm) for name, seen in drawn.items() if seen),
        Measure("rows", window.rows),
        Measure("rejected", _share(window.rejected, window.rows), "%"),
        Measure("fallback", _share(window.fallback, window.rows), "%"),
    )


def _share(count: int, rows: int) -> float:
    return 100.0 * count / rows if rows else 0.0


def _age(seen: datetime | None) -> tuple[Measure, ...]:
    return (Measure("age", max(0.0, (now() - seen).total_seconds()), "s"),) if seen is not None else ()
