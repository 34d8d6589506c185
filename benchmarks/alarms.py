"""How often a window of rows that have not moved raises an alarm, and how often one that has does.

python -m benchmarks.alarms            # some minutes
python -m benchmarks.alarms --quick    # fewer windows
"""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np

from benchmarks.measure import head, row
from scorekit.quality.baseline import Baseline, Bins, category_bins, numeric_bins
from scorekit.quality.counting import Counter
from scorekit.quality.judging import Judge
from scorekit.quality.settings import QualitySettings
from scorekit.quality.stability import compare
from scorekit.quality.window import Window
from scorekit.schema import MISSING, Feature, Schema

FEATURES = 30
SIZES = (100, 350, 1_000, 5_000)
CATEGORIES, LEVELS = 10, 8
"""Features that are categories, and how many each has; their shares are far from even."""
MISSING_SHARE = 0.05
SEEDS = 10
"""Baselines; the standard errors are of the rates of each."""
WINDOWS = {100: 1_000, 350: 200, 1_000: 200, 5_000: 200}
TRAINING_ROWS = 30_000
TRUE_PSI = (0.25, 0.5)
PLAIN, LOOSE = 0.25, 0.1


def shares(bins: Bins, psi: float) -> np.ndarray:
    """Shares of rows over the bins of a column that has moved by so much, from one end to the other."""
    p = np.array(bins.counts) / bins.rows
    kept = p > 0
    tilt = np.linspace(-1, 1, kept.sum())

    def moved(strength: float) -> np.ndarray:
        q = p[kept] * np.exp(strength * tilt)
        return q / q.sum()

    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        q = moved(middle)
        low, high = (middle, high) if ((q - p[kept]) * np.log(q / p[kept])).sum() < psi else (low, middle)
    whole = np.zeros(len(p))
    whole[kept] = moved(low)
    return whole


class World:
    """A model's columns as training saw them, and windows of the same: another one for each seed."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._levels = [self._chance.dirichlet(np.full(LEVELS, 2.0)) for _ in range(CATEGORIES)]
        numeric, codes, scores = self._rows(TRAINING_ROWS)
        numbers = [_feature(f"x{place}", "numeric") for place in range(numeric.shape[1])]
        categories = [_feature(f"c{place}", "category") for place in range(CATEGORIES)]
        self.counter = Counter(
            Baseline(
                kind="out_of_fold",
                rows=TRAINING_ROWS,
                features=(
                    *(
                        numeric_bins(each.name, values)
                        for each, values in zip(numbers, numeric.T, strict=True)
                    ),
                    *(category_bins(each, values) for each, values in zip(categories, codes.T, strict=True)),
                ),
                scores=(numeric_bins("score", scores[:, 0]),),
            ),
            Schema(features=(*numbers, *categories)),
        )

    def _rows(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers, of which some are missing in every third column; codes, likewise; and scores."""
        chance = self._chance
        numeric = np.asfortranarray(chance.normal(size=(count, FEATURES - CATEGORIES)))
        columns = [chance.choice(LEVELS, size=count, p=shares) for shares in self._levels]
        codes = np.asfortranarray(np.column_stack(columns), dtype=np.int32)
        for column in range(0, FEATURES - CATEGORIES, 3):
            numeric[chance.random(count) < MISSING_SHARE, column] = np.nan
        for column in range(0, CATEGORIES, 3):
            codes[chance.random(count) < MISSING_SHARE, column] = MISSING
        return numeric, codes, chance.beta(2, 5, size=(count, 1))

    def window(self, rows: int) -> Window:
        """Rows that have not moved."""
        return Window(rows=rows, counts=self.counter.count(*self._rows(rows)))


def _feature(name: str, kind: Literal["numeric", "category"]) -> Feature:
    levels = tuple(f"level {number}" for number in range(LEVELS)) if kind == "category" else ()
    arrow = "string" if kind == "category" else "double"
    return Feature(name=name, kind=kind, arrow_type=arrow, nullable=True, levels=levels)


def raised(seed: int, size: int, windows: int) -> np.ndarray:
    """How often windows of one baseline are in alarm, are warned of, and pass the two plain rules."""
    world = World(seed)
    judge = Judge(QualitySettings(), world.counter)
    found = np.zeros(4)
    for _ in range(windows):
        verdict = judge.judge(world.window(size))
        highest = max(column.index.psi for column in verdict.features if column.index is not None)
        found += (
            verdict.state == "alarm",
            verdict.state in ("warn", "alarm"),
            highest > PLAIN,
            highest > LOOSE,
        )
    return found / windows


def still_windows(*, quick: bool) -> None:
    """Windows of rows like those of training, each judged by every check as a run's would be."""
    head(
        "rows in a window",
        "baselines × windows",
        "alarm",
        "asked",
        "warn or alarm",
        "asked",
        "PSI > 0.25 alone",
        "PSI > 0.1 alone",
    )
    seeds = 3 if quick else SEEDS
    for size in SIZES:
        windows = 50 if quick else WINDOWS[size]
        found = np.array([raised(seed, size, windows) for seed in range(seeds)])
        rates, errors = found.mean(axis=0), found.std(axis=0, ddof=1) / seeds**0.5
        told = [f"{rate:.2%} ± {error:.2%}" for rate, error in zip(rates, errors, strict=True)]
        row(
            f"{size:,}",
            f"{seeds} × {windows:,}",
            f"**{told[0]}**",
            "0.50%",
            f"**{told[1]}**",
            "8%" if size == SIZES[0] else "5%",
            told[2],
            told[3],
        )


def moved_windows(*, quick: bool) -> None:
    """Windows in which one of the features has moved: how often it is seen."""
    chance = np.random.default_rng(1)
    baseline = [numeric_bins(f"x{number}", chance.normal(size=TRAINING_ROWS)) for number in range(FEATURES)]
    moved = np.array([np.array(bins.counts) / bins.rows for bins in baseline])
    head("true PSI", "rows in a window", "alarm", "warn or alarm", "PSI > 0.25 alone")
    windows = 50 if quick else 2_000
    for psi in TRUE_PSI:
        moved[0] = shares(baseline[0], psi)
        for size in SIZES:
            alarms = warnings = plain = 0
            for _ in range(windows):
                first = compare(baseline, list(chance.multinomial(size, moved)))[0]
                alarms += first.state == "alarm"
                warnings += first.state in ("warn", "alarm")
                plain += first.index is not None and first.index.psi > PLAIN
            figures = (alarms / windows, warnings / windows, plain / windows)
            row(psi, f"{size:,}", *(f"{figure:.1%}" for figure in figures))


def main(*, quick: bool) -> None:
    """Print both tables."""
    still_windows(quick=quick)
    print()
    moved_windows(quick=quick)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
