"""A small model's columns, and windows of them with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from scorekit.engine.columns import Columns
from scorekit.quality.counting import Counter
from scorekit.quality.duplicates import SeenIds, hash_numbers
from scorekit.quality.judging import Judge
from scorekit.quality.settings import QualitySettings
from scorekit.quality.verdict import Finding, Verdict
from scorekit.quality.window import Window
from scorekit.schema import MISSING, UNSEEN, Feature, Schema
from scorekit.training.baseline import make_baseline

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="numeric", arrow_type="float64", nullable=True),
        Feature(name="job", kind="category", arrow_type="string", nullable=True, levels=("a", "b", "c")),
        Feature(name="note", kind="text", arrow_type="string", nullable=True),
        Feature(name="since", kind="timestamp", arrow_type="timestamp[us]", nullable=True),
    )
)
AGE, SINCE = 0, 1
JOB, NOTE = 0, 1
TRAINED = 4000
ROWS = 1000

Changed = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


def rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, codes and scores of rows that have not moved."""
    rng = np.random.default_rng(seed)
    numeric = np.asfortranarray(np.column_stack([rng.normal(40, 10, count), rng.uniform(1e15, 2e15, count)]))
    codes = np.asfortranarray(
        np.column_stack([rng.integers(0, 3, count), np.full(count, UNSEEN)]), dtype=np.int32
    )
    return numeric, codes, rng.beta(2, 5, (count, 1))


def make_counter() -> Counter:
    numeric, codes, scores = rows(TRAINED, seed=1)
    columns = Columns(numeric, codes)
    return Counter(
        make_baseline(columns, SCHEMA, np.arange(TRAINED), scores, ["score"], kind="out_of_fold"), SCHEMA
    )


COUNTER = make_counter()


def unchanged(numeric: np.ndarray, codes: np.ndarray, scores: np.ndarray) -> None:
    """Nothing is wrong."""


def window(change: Changed = unchanged, count: int = ROWS, **more: Any) -> Window:
    """A window of rows, after a change."""
    numeric, codes, scores = rows(count, seed=2)
    change(numeric, codes, scores)
    return Window(rows=count, counts=COUNTER.count(numeric, codes, scores), **more)


def ids(*numbers: int) -> SeenIds:
    """The ids of rows."""
    return SeenIds(hash_numbers(np.array(numbers, dtype=np.int64)))


def settings(**content: Any) -> QualitySettings:
    return TypeAdapter(QualitySettings).validate_python(content)


def judged(found: Window, counter: Counter | None = COUNTER, **content: Any) -> Verdict:
    return Judge(settings(**content), counter).judge(found)


def finding(verdict: Verdict, check: str, column: str = "") -> Finding:
    """The finding of a check on a column, which is one."""
    (found,) = [each for each in verdict.findings if (each.check, each.column) == (check, column)]
    return found


def share_of(column: np.ndarray, value: float, share: float) -> None:
    """Let the first rows hold a value."""
    column[: round(share * len(column))] = value


def missing_ages(share: float) -> Changed:
    return lambda numeric, *_: share_of(numeric[:, AGE], np.nan, share)


def missing_jobs(share: float) -> Changed:
    return lambda _, codes, __: share_of(codes[:, JOB], MISSING, share)


def unseen_jobs(share: float) -> Changed:
    return lambda _, codes, __: share_of(codes[:, JOB], UNSEEN, share)


def old_ages(share: float) -> Changed:
    return lambda numeric, *_: share_of(numeric[:, AGE], 500.0, share)


def one_job(_: np.ndarray, codes: np.ndarray, __: np.ndarray) -> None:
    codes[:, JOB] = 0


def moved_ages(years: float) -> Changed:
    def change(numeric: np.ndarray, _: np.ndarray, __: np.ndarray) -> None:
        numeric[:, AGE] += years

    return change


def moved_scores(by: float) -> Changed:
    def change(_: np.ndarray, __: np.ndarray, scores: np.ndarray) -> None:
        scores += by

    return change


def high_scores(share: float) -> Changed:
    return lambda _, __, scores: share_of(scores[:, 0], 0.99, share)
