"""Which columns have moved: shifts are found, chance is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from scorekit.quality.baseline import BinCounter, Bins, numeric_bins
from scorekit.quality.stability import Thresholds, compare

RNG = np.random.default_rng(5)
TRAINING = RNG.normal(size=(20_000, 30))
BASELINE = [numeric_bins(f"x{column}", TRAINING[:, column]) for column in range(30)]


def counts(values: np.ndarray) -> list[np.ndarray]:
    return [BinCounter(bins).count(column) for bins, column in zip(BASELINE, values.T, strict=True)]


def states(values: np.ndarray, **changes: float) -> list[str]:
    return [column.state for column in compare(BASELINE, counts(values), Thresholds(**changes))]


@pytest.mark.parametrize("rows", [100, 350, 1000])
def test_chance_is_not_taken_for_a_shift(rows: int) -> None:
    windows = [states(RNG.normal(size=(rows, 30))) for _ in range(100)]
    assert sum("alarm" in window for window in windows) <= 2
    assert sum("warn" in window for window in windows) <= 15


def test_a_hundred_rows_warn_as_seldom_as_the_correction_promises() -> None:
    """Six in a hundred do where χ² is taken for more than the limit it is."""
    chance = np.random.default_rng(1)
    shares = np.array([np.array(bins.counts) / bins.rows for bins in BASELINE])
    windows = [compare(BASELINE, list(chance.multinomial(100, shares))) for _ in range(2_000)]
    warned = [any(column.state != "ok" for column in window) for window in windows]
    assert np.mean(warned) <= Thresholds().warn_p


@pytest.mark.parametrize(
    ("rows", "shift", "state"), [(350, 1.0, "alarm"), (5000, 0.4, "warn"), (5000, 0.05, "ok")]
)
def test_a_shift_is_found_in_its_column_and_no_other(rows: int, shift: float, state: str) -> None:
    values = RNG.normal(size=(rows, 30))
    values[:, 7] += shift
    found = states(values)
    assert found[7] == state
    assert found[:7] + found[8:] == ["ok"] * 29


def test_a_column_gone_missing_alarms() -> None:
    values = RNG.normal(size=(500, 30))
    values[:, 3] = np.nan
    assert states(values)[3] == "alarm"


def test_few_rows_are_insufficient_whatever_they_hold() -> None:
    assert set(states(RNG.normal(5, size=(49, 30)))) == {"insufficient"}
    assert set(states(RNG.normal(5, size=(80, 30)))) == {"alarm"}
    assert set(states(np.empty((0, 30)))) == {"insufficient"}


def test_thresholds_are_settings() -> None:
    values = RNG.normal(size=(5000, 30))
    values[:, 7] += 0.4
    assert states(values, alarm=0.12, alarm_p=0.5)[7] == "alarm"
    assert states(values, warn=5.0, alarm=5.0)[7] == "ok"


def test_a_column_without_training_rows_is_insufficient() -> None:
    empty = Bins(name="x", kind="numeric", labels=("all",), counts=(0,), slots=(0, 0, 0, 0))
    assert compare([empty], [np.array([100])])[0].state == "insufficient"
