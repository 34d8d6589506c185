"""scorekit score against a plain pandas and joblib script, whole processes, in turn.

python -m benchmarks.batch            # all, some minutes
python -m benchmarks.batch --quick    # fewer runs, no 10,000,000 rows
"""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet as pq

from benchmarks import data
from benchmarks.measure import DATA, HERE, PYTHON, SCOREKIT, compare, head, machine, once, row

CASES = (
    ("boosting", 10_000, 0.15),
    ("boosting", 1_000_000, 0.22),
    ("logistic", 1_000_000, 0.15),
    ("forest", 1_000_000, 0.30),
)
"""Model, rows, and the share of the plain script's time that was asked for."""


def commands(name: str, count: int) -> dict[str, tuple[str, ...]]:
    """The two ways to score the same rows with the same model."""
    folder, rows = data.model(name), data.rows(count)
    ours = (
        *SCOREKIT,
        "score",
        rows,
        "-m",
        name,
        "--store",
        data.STORE,
        "--force",
        "-o",
        DATA / "ours.parquet",
    )
    plain = (PYTHON, HERE / "plain.py", folder / "estimator.joblib", rows, DATA / "plain.parquet")
    return {"scorekit": tuple(map(str, ours)), "plain": tuple(map(str, plain))}


def difference() -> float:
    """Largest difference of the two outputs: a time counts only for the same answer."""
    ours, plain = (
        pq.read_table(DATA / f"{name}.parquet", columns=["score"])["score"].to_numpy()
        for name in ("ours", "plain")
    )
    return float(np.abs(ours - plain).max())


def main(*, quick: bool) -> None:
    """Print both tables."""
    head("model", "rows", "scorekit s", "plain s", "ratio", "asked", "MiB", "plain MiB", "difference")
    for name, count, asked in CASES:
        both = commands(name, count)
        runs = 1 if quick else (5 if count <= 10_000 or name != "forest" else 3)
        figures = compare(both, runs)
        ours, plain = figures["scorekit"], figures["plain"]
        row(
            name,
            f"{count:,}",
            f"{ours.seconds:.2f}",
            f"{plain.seconds:.2f}",
            f"**{ours.seconds / plain.seconds:.3f}**",
            asked,
            f"{ours.peak_mib:.0f}",
            f"{plain.peak_mib:.0f}",
            f"{difference():.0e}",
        )
    print()
    head("rows", "peak MiB")
    for count in (1_000_000,) if quick else (1_000_000, 10_000_000):
        row(f"{count:,}", f"{once(commands('boosting', count)['scorekit'])[1]:.0f}")


if __name__ == "__main__":
    print(machine(), end="\n\n")
    main(quick="--quick" in sys.argv)
