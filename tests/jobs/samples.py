"""Requests to train, and what takes long to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorekit.jobs import TrainRequest


def request(**given: Any) -> TrainRequest:
    """A request that takes no time to carry out."""
    return TrainRequest.read(
        {"target": "target", "name": "bank", "estimator": "logistic", "cv": 0, "data": ["/rows"], **given}
    )


def large(tmp_path: Path) -> Path:
    """Rows that take a forest longer than a test may."""
    folder = tmp_path / "large"
    folder.mkdir()
    rng = np.random.default_rng(3)
    columns = {f"x{number}": rng.normal(size=20_000) for number in range(10)}
    table = pa.table({**columns, "target": rng.normal(size=20_000) > 0})
    pq.write_table(table, folder / "rows.parquet")
    return folder / "rows.parquet"
