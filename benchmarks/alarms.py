"""How often a window of rows that have not moved raises an alarm, and how often one that has does.

python -m benchmarks.alarms            # some minutes
python -m benchmarks.alarms --quick    # fewer windows
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.measure import head, row
from scorekit.quality.baseline import Bins, numeric_bins
from scorekit.quality.psi import population_stability_index
from scorekit.quality.stability import compare

FEATURES = 30
SIZES = (100, 350, 1_000, 5_000)
TRAINING_ROWS = 30_000
TRUE_PSI = (0.25, 0.5)
PLAIN = 0.25


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


def main(*, quick: bool) -> None:
    """Print both tables."""
    chance = np.random.default_rng(0)
    baseline = [numeric_bins(f"x{number}", chance.normal(size=TRAINING_ROWS)) for number in range(FEATURES)]
    still = np.array([np.array(bins.counts) / bins.rows for bins in baseline])
    windows = 200 if quick else 2_000
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
    for size in SIZES:
        alarms = warnings = plain = loose = 0
        for _ in range(windows):
            counts = chance.multinomial(size, still)
            states = {column.state for column in compare(baseline, list(counts))}
            alarms += "alarm" in states
            warnings += bool({"warn", "alarm"} & states)
            raw = [
                population_stability_index(bins.counts, found).psi
                for bins, found in zip(baseline, counts, strict=True)
            ]
            plain += max(raw) > PLAIN
            loose += max(raw) > 0.1
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
    print()
    head("true PSI", "rows in a window", "alarm", "warn or alarm", "PSI > 0.25 alone")
    for psi in TRUE_PSI:
        moved = still.copy()
        moved[0] = shares(baseline[0], psi)
        for size in SIZES:
            alarms = warnings = plain = 0
            for _ in range(windows // 4):
                counts = chance.multinomial(size, moved)
                first = compare(baseline, list(counts))[0]
                alarms += first.state == "alarm"
                warnings += first.state in ("warn", "alarm")
                plain += first.index is not None and first.index.psi > PLAIN
            found = windows // 4
            row(psi, f"{size:,}", f"{alarms / found:.1%}", f"{warnings / found:.1%}", f"{plain / found:.1%}")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
