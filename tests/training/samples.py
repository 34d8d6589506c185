"""Small tables to train on, and how: most tests need no more than a linear model and two folds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scorekit.training.recipe import Recipe, make_recipe
from scorekit.training.train import Training, train

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def bank(rows: int = 900) -> pa.Table:
    """Real rows of the bank's first calls, evenly spread."""
    table = pq.read_table(EXAMPLES / "bank-train.parquet")
    return table.take(np.linspace(0, table.num_rows - 1, rows).astype(int))


def adult(rows: int = 900) -> pa.Table:
    table = pq.read_table(EXAMPLES / "adult-train.parquet")
    return table.take(np.linspace(0, table.num_rows - 1, rows).astype(int))


def made(columns: Mapping[str, Sequence[Any] | pa.Array], rows: int = 60) -> pa.Table:
    """Rows with a number, a category, a target of two classes, and what a test adds."""
    rng = np.random.default_rng(7)
    number = rng.normal(size=rows)
    base = {
        "number": number,
        "letter": [("a", "b", "c")[k] for k in rng.integers(0, 3, rows)],
        "target": ["yes" if value > 0 else "no" for value in number + rng.normal(size=rows)],
    }
    return pa.table({**base, **columns})


def recipe(**given: Any) -> Recipe:
    """A recipe that takes no time."""
    return make_recipe(None, {"target": "target", "estimator": "logistic", "cv": 0, **given})


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None, str]] = []
        self.done: dict[str, int] = {}
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        self.stages.append((name, total, unit))

    def advance(self, amount: int = 1) -> None:
        name = self.stages[-1][0]
        self.done[name] = self.done.get(name, 0) + amount

    def note(self, text: str) -> None:
        self.notes.append(text)


def trained(table: pa.Table, folder: Path, made_by: Recipe, **options: Any) -> Training:
    """Train on a table written to ``folder/rows.parquet``, into ``folder/models``."""
    data = folder / "rows.parquet"
    pq.write_table(table, data)
    return train([os.fspath(data)], made_by, by="tests", store=str(folder / "models"), **options)
