"""Which columns of a window have moved, with small samples told from shifts.

A threshold alone alarms on small samples that have not moved at all: "PSI > 0.1" does on
a third of those of 100 rows. So a column must both reach a threshold, after its bias is
taken off, and be unlikely to do so by chance, corrected for how many columns are looked
at: by Holm for alarms, of which not one should be false, and by Benjamini and Hochberg
for warnings, of which few should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from scorekit.quality.baseline import Bins
from scorekit.quality.bounds import FORBID, Number, require_distance, require_share
from scorekit.quality.psi import StabilityIndex, benjamini_hochberg, holm, population_stability_index

State = Literal["insufficient", "ok", "warn", "alarm"]

FEWEST_ROWS = 50
ROWS_A_BIN = 5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a column has moved.

    Attributes
    ----------
    warn, alarm : float
        Least adjusted PSI; 0.10 and 0.25 are the convention of the field.
    warn_p, alarm_p : float
        Largest corrected probability.
    """

    __pydantic_config__: ClassVar = FORBID

    warn: Number = 0.10
    alarm: Number = 0.25
    warn_p: Number = 0.05
    alarm_p: Number = 0.01

    def __post_init__(self) -> None:
        require_distance("warn", self.warn)
        require_distance("alarm", self.alarm)
        require_share("warn_p", self.warn_p, "a probability")
        require_share("alarm_p", self.alarm_p, "a probability")
        if self.warn > self.alarm:
            raise ValueError(f"warn at {self.warn:g} would come after alarm at {self.alarm:g}")


@dataclass(frozen=True, slots=True, eq=False)
class ColumnStability:
    """How one column of a window stands.

    Attributes
    ----------
    bins : Bins
    counts : ndarray of int64, shape (n_bins,)
        Rows of the window.
    index : StabilityIndex or None
        None where a side has no rows.
    state : {"insufficient", "ok", "warn", "alarm"}
    p_warn, p_alarm : float or None
        Corrected probabilities of moving so far by chance, from no shift and from a shift
        that is not material; None where no column came near a threshold.
    """

    bins: Bins
    counts: NDArray[np.int64]
    index: StabilityIndex | None
    state: State
    p_warn: float | None = None
    p_alarm: float | None = None

    @property
    def name(self) -> str:
        """Of the column."""
        return self.bins.name


def compare(
    baseline: Sequence[Bins], counts: Sequence[NDArray[np.int64]], thresholds: Thresholds | None = None
) -> tuple[ColumnStability, ...]:
    """Hold the columns of a window against their baseline.

    Parameters
    ----------
    baseline : sequence of Bins
        The columns that are looked at together.
    counts : sequence of ndarray of int64
        Rows of the window in the bins of each.
    thresholds : Thresholds, optional

    Returns
    -------
    tuple of ColumnStability
        In the same order.
    """
    limits = thresholds or Thresholds()
    indices = [_index(bins, found) for bins, found in zip(baseline, counts, strict=True)]
    enough = [place for place, index in enumerate(indices) if index is not None and _enough(index)]
    judged = [index for index in indices if index is not None and _enough(index)]
    p_warn: list[float | None] = [None] * len(indices)
    p_alarm: list[float | None] = [None] * len(indices)
    # without a threshold reached the probabilities decide nothing
    if any(index.psi_adjusted >= limits.warn for index in judged):
        for place, any_shift, material in zip(
            enough,
            benjamini_hochberg([index.p_any_corrected for index in judged]),
            holm([index.p_material for index in judged]),
            strict=True,
        ):
            p_warn[place], p_alarm[place] = any_shift, material
    return tuple(
        ColumnStability(bins, found, index, _state(index, warn, alarm, limits), warn, alarm)
        for bins, found, index, warn, alarm in zip(baseline, counts, indices, p_warn, p_alarm, strict=True)
    )


def _index(bins: Bins, counts: NDArray[np.int64]) -> StabilityIndex | None:
    if not bins.rows or not counts.any():
        return None
    return population_stability_index(bins.counts, counts)


def _enough(index: StabilityIndex) -> bool:
    return index.m >= max(FEWEST_ROWS, ROWS_A_BIN * index.bins)


def _state(
    index: StabilityIndex | None, p_warn: float | None, p_alarm: float | None, limits: Thresholds
) -> State:
    if index is None or not _enough(index):
        return "insufficient"
    if p_alarm is not None and index.psi_adjusted >= limits.alarm and p_alarm <= limits.alarm_p:
        return "alarm"
    if p_warn is not None and index.psi_adjusted >= limits.warn and p_warn <= limits.warn_p:
        return "warn"
    return "ok"
