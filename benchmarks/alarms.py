"""How often a window of rows that have not moved raises an alarm, and how often one that has does.

python -m benchmarks.alarms            # some minutes
python -m benchmarks.alarms --quick    # fewer windows
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.measure import head, row
from scorekit.quality.baseline import Baseline, Bins, numeric_bins
from scorekit.quality.counting import Counter
from scorekit.quality.judging import Judge
from scorekit.quality.settings import QualitySettings
from scorekit.quality.stability import compare
from scorekit.quality.window import Window
from scorekit.schema import Feature, Schema

FEATURES = 30
SIZES = (100, 350, 1_000, 5_000)
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


def still_windows(*, quick: bool) -> None:
    """Windows of rows like those of training, each judged by every check as a run's would be."""
    chance = np.random.default_rng(0)
    names = [f"x{number}" for number in range(FEATURES)]
    features = [Feature(name=name, kind="numeric", arrow_type="double", nullable=False) for name in names]
    values = chance.normal(size=(TRAINING_ROWS, FEATURES + 1))
    baseline = Baseline(
        kind="out_of_fold",
        rows=TRAINING_ROWS,
        features=tuple(numeric_bins(name, values[:, number]) for number, name in enumerate(names)),
        scores=(numeric_bins("score", values[:, -1]),),
    )
    counter = Counter(baseline, Schema(features=tuple(features)))
    judge = Judge(QualitySettings(), counter)
    head(
        "rows in a window",
        "windows",
        "alarm",
        "asked",
        "warn",
        "asked",
        "PSI > 0.25 alone",
        "PSI > 0.1 alone",
    )
    windows = 200 if quick else 2_000
    for size in SIZES:
        alarms = warnings = plain = loose = 0
        for _ in range(windows):
            rows = np.asfortranarray(chance.normal(size=(size, FEATURES + 1)))
            codes = np.zeros((size, 0), dtype=np.int32)
            counts = counter.count(rows[:, :-1], codes, rows[:, -1:])
            verdict = judge.judge(Window(rows=size, counts=counts))
            alarms += verdict.state == "alarm"
            warnings += verdict.state in ("warn", "alarm")
            highest = max(column.index.psi for column in verdict.features if column.index is not None)
            plain += highest > PLAIN
            loose += highest > LOOSE
        row(
            f"{size:,}",
            f"{windows:,}",
            f"**{alarms / windows:.2%}**",
            "0.50%",
            f"**{warnings / windows:.2%}**",
            "8%" if size == SIZES[0] else "5%",
            f"{plain / windows:.2%}",
            f"{loose / windows:.2%}",
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
