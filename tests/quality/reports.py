"""Data for reports: months of windows that drift, worse and worse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from scorekit.quality.baseline import BinCounter, Bins, category_bins, numeric_bins
from scorekit.quality.report import ReportData, SwitchEvent, WindowPoint, column_point
from scorekit.quality.stability import ColumnStability, compare
from scorekit.quality.verdict import SEVERITY, Finding, Verdict
from scorekit.quality.window import Window
from scorekit.schema import Feature

START = datetime(2026, 3, 2, 2, 15, tzinfo=UTC)
NAMES = (
    "age", "balance", "campaign", "contact", "days_since_last_contact_in_this_campaign", "duration",
    "education", "emp.var.rate", "housing", "job", "loan", "marital", "month", "nr.employed", "pdays",
    "poutcome", "previous",
)  # fmt: skip
LEVELS = ("basic.4y", "basic.6y", "high.school", "illiterate", "professional.course", "university.degree")


def _category(name: str) -> bool:
    return name in ("contact", "education", "job", "marital", "poutcome") or name.endswith("_c")


def _values(rng: np.random.Generator, name: str, rows: int, shift: float) -> np.ndarray:
    if _category(name):
        weights = np.array([5.0, 3, 8, 0.5, 2, 6]) * np.exp(shift * np.arange(6) / 2)
        codes = rng.choice(6, rows, p=weights / weights.sum()).astype(np.int32)
        codes[rng.random(rows) < 0.02 + 0.02 * abs(shift)] = -1
        codes[rng.random(rows) < 0.03 * abs(shift)] = -2
        return codes
    values = rng.gamma(2.0, 20.0, rows) * (1 + 0.35 * shift)
    values[rng.random(rows) < 0.12] = 999.0
    values[rng.random(rows) < 0.05 * abs(shift)] = np.nan
    return values


def _bins(name: str, values: np.ndarray) -> Bins:
    if _category(name):
        feature = Feature(name=name, kind="category", arrow_type="string", nullable=True, levels=LEVELS)
        return category_bins(feature, values)
    return numeric_bins(name, values)


def _judged(bins: list[Bins], values: list[np.ndarray]) -> tuple[ColumnStability, ...]:
    return compare(bins, [BinCounter(each).count(column) for each, column in zip(bins, values, strict=True)])


def report_data(features: int = 17, windows: int = 10, *, drift: float = 1.0, seed: int = 4) -> ReportData:
    """A report on the last of some windows, of which later ones drift."""
    rng = np.random.default_rng(seed)
    names = [*NAMES, *(f"feature_{number}{'_c' if number % 3 == 0 else ''}" for number in range(features))][
        :features
    ]
    bins = [_bins(name, _values(rng, name, 20_000, 0.0)) for name in names]
    score = numeric_bins("score", rng.beta(2, 8, 20_000))
    pull = np.where(rng.random(features) < 0.35, rng.normal(0, 1.1, features), 0.0) * drift
    points, last = [], None
    for number in range(windows):
        rows = 40 if number == 2 else int(rng.integers(150, 4000))
        far = number / max(1, windows - 1)
        shown = _judged(
            bins, [_values(rng, name, rows, far * by) for name, by in zip(names, pull, strict=True)]
        )
        scored = _judged([score], [rng.beta(2 + 1.5 * drift * far, 8, rows)])
        last = _verdict(shown, scored, rows, int(rows * 0.03 * far), int(rows * 0.1 * max(0.0, far - 0.5)))
        points.append(_point(last, START + timedelta(days=7 * number)))
    assert last is not None
    events = (
        SwitchEvent(
            START + timedelta(days=38), "scorekit", "closed", "open", "25 poor scores in the last 1,000"
        ),
        SwitchEvent(
            START + timedelta(days=45),
            "Ada Moreau",
            "open",
            "half_open",
            "upstream feed repaired, ticket 4711",
        ),
        SwitchEvent(START + timedelta(days=52), "scorekit", "half_open", "closed", "3 clean windows"),
    )
    return ReportData(
        model="bank",
        version=7,
        digest="9f2c" * 16,
        made=START + timedelta(days=7 * windows),
        verdict=last,
        judged="contacts-2026-05-04.parquet",
        consequence="All scores were replaced by the declared fallback.",
        windows=tuple(points),
        switch="closed",
        switch_events=events,
    )


def _verdict(
    features: tuple[ColumnStability, ...],
    scores: tuple[ColumnStability, ...],
    rows: int,
    rejected: int,
    fallback: int,
) -> Verdict:
    findings = [
        Finding(
            check,
            column.state,
            f"PSI {column.index.psi_adjusted:.3f} over {rows:,} rows",
            column.name,
            action=action,
        )
        for check, action, columns in (("score.psi", "window", scores), ("column.psi", "warn", features))
        for column in columns
        if column.index is not None
    ]
    findings.sort(key=lambda found: -SEVERITY[found.state])
    failed = any(found.bad and found.action == "window" for found in findings)
    return Verdict(
        state=findings[0].state,
        outcome="window" if failed else "pass",
        findings=tuple(findings),
        features=features,
        scores=scores,
        window=Window(rows=rows, rejected=rejected, fallback=fallback),
    )


def _point(verdict: Verdict, at: datetime) -> WindowPoint:
    return WindowPoint(
        at=at,
        rows=verdict.window.rows,
        state=verdict.state,
        failed=verdict.failed,
        reason="; ".join(map(str, verdict.reasons)),
        rejected=verdict.window.rejected,
        fallback=verdict.window.fallback,
        features={column.name: column_point(column) for column in verdict.features},
        scores={column.name: column_point(column) for column in verdict.scores},
    )
