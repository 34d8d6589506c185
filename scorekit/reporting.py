"""The report on a model: its last window held against the baseline, and those that came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import cast

import numpy as np

from scorekit import switches
from scorekit.errors import ModelError, ModelNotFound, NothingToDo
from scorekit.model import read_baseline
from scorekit.policy import Policy
from scorekit.quality.baseline import MISSING, UNSEEN, Baseline, Bins, Special
from scorekit.quality.checks import BY_ID
from scorekit.quality.report import report_html
from scorekit.quality.report_data import ColumnPoint, ReportData, SwitchEvent, WindowPoint
from scorekit.quality.stability import ColumnStability, compare
from scorekit.quality.stability import State as ColumnState
from scorekit.quality.verdict import Action, Finding, Outcome, State, Verdict
from scorekit.quality.window import Window
from scorekit.state.past import History, PastVerdict, PastWindow
from scorekit.state.rows import PSI
from scorekit.store.versions import Store

WINDOWS = 60
"""Shown at most."""

CONSEQUENCES = {
    "published": "The model's scores were published.",
    "degraded": "The fallback's scores were published in place of the model's.",
    "quarantined": "Nothing was published: the scores are in quarantine.",
    "failed": "The run ended with an error or was killed, nothing was published.",
}
_UNENDED = "The run has not ended: nothing says yet what became of its scores."
BASELINES = {
    "out_of_fold": "the rows it was trained on, scored by models that had not seen them",
    "in_sample": "the rows it was trained on, scored by the model itself",
    "data": "later rows that were chosen as its baseline",
}


def make_report(
    model: str | None, *, store: str | None = None, policy: Policy | None = None, last: int = WINDOWS
) -> tuple[str, str]:
    """The name of a model, and the report on it as one HTML file.

    Parameters
    ----------
    model : str or None
        Its name; None while the store holds one model.
    store : str, optional
    policy : Policy, optional
        Its thresholds are those of the pictures; how a window stood is told as it was judged.
    last : int
        Windows of the history.

    Raises
    ------
    NothingToDo
        If no window of it was judged yet.
    """
    history = switches.history(model, last=last, store=store)
    if not history.windows:
        raise NothingToDo(
            f"no window of {history.model} was judged yet", hint=f"scorekit score ROWS -m {history.model}"
        )
    return history.model, report_html(report_data(history, store=store, policy=policy or Policy()))


def report_data(history: History, *, store: str | None = None, policy: Policy) -> ReportData:
    """What the report shows of a history that has windows.

    Raises
    ------
    ModelError
        If the version that scored last is gone, or does not hold.
    """
    newest = history.windows[-1]
    opened = Store.open(store)
    ref = opened.resolve(f"{history.model}:{newest.version}")
    manifest = opened.manifest(ref)
    baseline = read_baseline(opened, ref, manifest)

    @cache
    def baseline_of(version: int) -> Baseline | None:
        return _baseline(opened, f"{history.model}:{version}")

    return ReportData(
        model=history.model,
        version=newest.version,
        digest=manifest.digest,
        made=datetime.now(UTC),
        verdict=_verdict(newest, baseline, policy),
        judged=f"run {newest.run_id}",
        consequence=_consequence(history, newest),
        baseline=BASELINES[baseline.kind] if baseline else "nothing: it has no baseline",
        thresholds=policy.quality.thresholds,
        windows=tuple(_point(window, baseline_of(window.version)) for window in history.windows),
        switch=history.switch.position,
        switch_events=switch_events(history),
    )


def switch_events(history: History) -> tuple[SwitchEvent, ...]:
    """Every change of the switch, as the report shows it."""
    return tuple(
        SwitchEvent(change.at, change.who, change.from_position, change.to_position, change.why)
        for change in history.audit
    )


def _baseline(store: Store, reference: str) -> Baseline | None:
    """The baseline of a version; none of one that is gone or cannot be read any more."""
    try:
        ref = store.resolve(reference)
        return read_baseline(store, ref, store.manifest(ref))
    except (ModelNotFound, ModelError):
        return None


def _consequence(history: History, window: PastWindow) -> str:
    run = next((run for run in reversed(history.runs) if run.run_id == window.run_id), None)
    if run is None:
        return ""
    if run.outcome == "running":
        # a stream publishes as it goes
        return _UNENDED if run.kind == "batch" else ""
    if run.outcome == "failed" and run.rows:
        return f"The run ended with an error, after {run.rows:,} rows were published."
    return CONSEQUENCES[run.outcome]


def _verdict(window: PastWindow, baseline: Baseline | None, policy: Policy) -> Verdict:
    """The verdict as it was written down, with the counts it was made of."""
    return Verdict(
        state=cast("State", window.state),
        outcome=cast("Outcome", window.outcome),
        findings=tuple(_finding(past, window, policy) for past in window.verdicts),
        features=_stability(baseline.features if baseline else (), "feature", window),
        scores=_stability(
            [bins.without_missing() for bins in baseline.scores] if baseline else (), "score", window
        ),
        window=Window(rows=window.rows, rejected=window.rejected, fallback=window.fallback),
        thresholds=policy.quality.thresholds,
    )


def _stability(bins: Sequence[Bins], kind: str, window: PastWindow) -> tuple[ColumnStability, ...]:
    """The columns of a window, each in the state in which it was judged."""
    columns = _columns(bins, kind, window)
    states = {said.column: said.state for said in window.verdicts if said.check == PSI[kind]}
    return tuple(
        replace(column, state=cast("ColumnState", states.get(column.name, column.state)))
        for column in compare([bins for bins, _ in columns], [counts for _, counts in columns])
    )


def _columns(
    columns: Sequence[Bins], kind: str, window: PastWindow
) -> list[tuple[Bins, np.ndarray[tuple[int], np.dtype[np.int64]]]]:
    found = []
    for bins in columns:
        counts = window.counts.get((kind, bins.name), ())
        if len(counts) == len(bins.labels):
            found.append((bins, np.array(counts, dtype=np.int64)))
    return found


def _finding(past: PastVerdict, window: PastWindow, policy: Policy) -> Finding:
    """A finding as it was written down.

    What the policy made of it is known of what the window failed by; nothing else that was not
    good failed it, whatever the policy says now.
    """
    action = policy.quality.action(past.check, past.column, _usual(past.check))
    if past.state in ("alarm", "unknown"):
        action = cast("Action", window.outcome) if str(past) in window.reason else "warn"
    return Finding(
        past.check, cast("State", past.state), past.message, past.column, past.value, past.expected, action
    )


def _usual(check: str) -> Action:
    return BY_ID[check].action if check in BY_ID else "warn"


def _point(window: PastWindow, baseline: Baseline | None) -> WindowPoint:
    told = {(said.check, said.column): said for said in window.verdicts}
    columns: dict[str, dict[str, ColumnPoint]] = {"feature": {}, "score": {}}
    for (kind, name), counts in window.counts.items():
        said = told.get((PSI[kind], name))
        columns[kind][name] = _column_point(said, _bins(baseline, kind, name), counts)
    return WindowPoint(
        at=window.recorded,
        rows=window.rows,
        state=cast("State", window.state),
        failed=window.outcome != "pass",
        reason=window.reason,
        rejected=window.rejected,
        fallback=window.fallback,
        features=columns["feature"],
        scores=columns["score"],
    )


def _bins(baseline: Baseline | None, kind: str, name: str) -> Bins | None:
    if baseline is None:
        return None
    columns = baseline.features if kind == "feature" else baseline.scores
    return next((bins for bins in columns if bins.name == name), None)


def _column_point(said: PastVerdict | None, bins: Bins | None, counts: Sequence[int]) -> ColumnPoint:
    return ColumnPoint(
        psi=said.value if said else None,
        state=cast("State", said.state) if said else "insufficient",
        missing=_share(bins, counts, MISSING),
        unseen=_share(bins, counts, UNSEEN),
    )


def _share(bins: Bins | None, counts: Sequence[int], which: Special) -> float | None:
    place = bins.special(which) if bins is not None else None
    if place is None or place >= len(counts) or not sum(counts):
        return None
    return counts[place] / sum(counts)
