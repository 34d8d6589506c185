"""One row, in a process that runs: ``score_row`` against scikit-learn on a data frame of one row.

python -m benchmarks.row
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

import scorekit
from benchmarks import data
from benchmarks.measure import head, machine, row
from scorekit.scoring import output_rows

ASKED = 50.0
"""Microseconds that ``score_row`` may take."""

ROWS = 200
ROUNDS = 50


def medians(ways: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Microseconds of each way to do the same with row ``k``, all ways in turn, after an uncounted round."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            for number in range(ROWS):
                started = time.perf_counter()
                way(number)
                if turn:
                    taken[name].append(time.perf_counter() - started)
    return {name: 1e6 * statistics.median(all_runs) for name, all_runs in taken.items()}


def records() -> list[dict[str, Any]]:
    """Adult rows as a request would bring them."""
    found: list[dict[str, Any]] = (
        pq.read_table(data.EXAMPLES / "adult-test.parquet").slice(0, ROWS).to_pylist()
    )
    return found


def whole(name: str, rows: list[dict[str, Any]], rounds: int) -> tuple[float, float]:
    """Microseconds of ``score_row``, and of scikit-learn with the frame ready made."""
    model = scorekit.load(name, store=str(data.STORE))
    pipeline = joblib.load(data.model(name) / "estimator.joblib")
    frame = pd.read_parquet(data.EXAMPLES / "adult-test.parquet", columns=list(pipeline.feature_names_in_))
    frames = [frame.iloc[[number]] for number in range(ROWS)]
    ours = [model.score_row(record)["score"] for record in rows]
    theirs = [pipeline.predict_proba(one)[0, 1] for one in frames]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # a time counts only for the same answer
    ours_taken = medians({"scorekit": lambda k: model.score_row(rows[k])}, rounds)
    with threadpool_limits(1):  # a second thread has nothing to do for one row but to wait
        theirs_taken = medians({"scikit-learn": lambda k: pipeline.predict_proba(frames[k])}, rounds=2)
    return ours_taken["scorekit"], theirs_taken["scikit-learn"]


def parts(name: str, rows: list[dict[str, Any]], rounds: int) -> dict[str, float]:
    """Microseconds of what ``score_row`` does."""
    model = scorekit.load(name, store=str(data.STORE))
    scorer, decoder = model.scorer, model.scorer._decoder
    columns = [decoder.rows([record]) for record in rows]
    scored = [scorer.score([record]) for record in rows]
    return medians(
        {
            "all": lambda k: model.score_row(rows[k]),
            "decode": lambda k: decoder.rows([rows[k]]),
            "engine": lambda k: scorer.engine.score(columns[k]),
            "answer": lambda k: next(output_rows(scored[k], model.manifest)),
        },
        rounds,
    )


def main(*, quick: bool) -> None:
    """Print both tables."""
    rows = records()
    rounds = 5 if quick else ROUNDS
    head("model", "score_row µs", "asked", "scikit-learn µs", "ratio")
    for name in data.MODELS:
        data.model(name)
        ours, theirs = whole(name, rows, rounds)
        row(name, f"{ours:.0f}", f"{ASKED:.0f}", f"{theirs:,.0f}", f"**1/{theirs / ours:.0f}**")
    print()
    head("model", "decode", "engine", "answer", "the rest")
    for name in data.MODELS:
        taken = parts(name, rows, rounds)
        shares = [taken[part] / taken["all"] for part in ("decode", "engine", "answer")]
        row(name, *(f"{share:.0%}" for share in (*shares, 1 - sum(shares))))


if __name__ == "__main__":
    print(machine(), end="\n\n")
    main(quick="--quick" in sys.argv)
