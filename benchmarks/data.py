"""Makes what the benchmarks read: adult rows drawn with replacement, and three trained models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import DATA, HERE, SCOREKIT

EXAMPLES = HERE.parent / "examples"
STORE = DATA / "models"

MODELS = {
    "boosting": ("--estimator", "boosting", "--param", "max_iter=200", "--param", "early_stopping=false"),
    "logistic": ("--estimator", "logistic"),
    "forest": ("--estimator", "forest", "--param", "n_estimators=200"),
}
"""The models that are timed: name to options of ``scorekit train``."""


def rows(count: int) -> Path:
    """A Parquet file of ``count`` adult rows; the same rows each time."""
    path = DATA / f"adult-{count}.parquet"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        table = pq.read_table(EXAMPLES / "adult-test.parquet").drop_columns(["income"])
        chance = np.random.default_rng(0)
        with pq.ParquetWriter(path, table.schema) as writer:
            for start in range(0, count, 1_000_000):
                size = min(1_000_000, count - start)
                drawn = pa.array(chance.integers(0, table.num_rows, size))
                writer.write_table(table.take(drawn), row_group_size=131_072)
    return path


def model(name: str) -> Path:
    """Train one of ``MODELS`` on the adult training rows; gives the folder of its version."""
    folder = STORE / name / "1"
    if not folder.exists():
        DATA.mkdir(exist_ok=True)
        data = EXAMPLES / "adult-train.parquet"
        options = ("--target", "income", "--cv", "2", "--name", name, "--store", STORE, *MODELS[name])
        subprocess.run([*SCOREKIT, "train", data, *map(str, options)], check=True, stderr=sys.stderr)
    return folder
