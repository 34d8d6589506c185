"""The baseline: how the training rows were spread over bins that never change.

Numbers are binned by quantiles of the training values, right-closed, with open ends. A
value that many rows share has a bin of its own, so that a sentinel such as -999 or a
pile of zeros cannot hide; a column of few distinct values has one for each. Missing
values and the infinities have bins of their own. Categories have a bin a level, rare
ones share one, and a level that training did not see has its own.

Counts are integers over these bins: they add up in any order, so a verdict over
batches, threads or machines is exactly the verdict over one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from scorekit.formats import Kept, Record
from scorekit.schema import Feature

FORMAT_VERSION = 1
QUANTILE_BINS = 10
MOST_DISTINCT = 20
"""Up to so many distinct values each has a bin of its own."""
RARE_SHARE = 0.005
"""Levels below this share of the rows are pooled."""

MISSING: Final = "missing"
UNSEEN: Final = "unseen"
RARE: Final = "rare"
NEGATIVE_INFINITY: Final = "-inf"
POSITIVE_INFINITY: Final = "+inf"
_LARGEST = float(np.finfo(np.float64).max)

Special = Literal["missing", "unseen", "-inf", "+inf"]
"""Bins that hold no values of their own."""
BaselineKind = Literal["out_of_fold", "in_sample", "data"]
Values = NDArray[np.float64]
Codes = NDArray[np.int32]


class Bins(Record, frozen=True, kw_only=True):
    """The bins of one column, and how many training rows fell in each.

    Attributes
    ----------
    name : str
        Of the feature, or of the score.
    kind : {"numeric", "category"}
    labels : tuple of str
        What people call each bin.
    counts : tuple of int
        Training rows in each bin.
    edges : tuple of float
        Upper ends of the intervals of a numeric column, ascending; the last interval is open.
    slots : tuple of int
        Bin of each interval or code. Numeric: -inf, the intervals, +inf, missing.
        Category: unseen, missing, then the levels in their order.
    minimum, maximum, mean, deviation : float or None
        Of the finite training values of a numeric column.
    """

    name: str
    kind: Literal["numeric", "category"]
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    slots: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None

    @property
    def rows(self) -> int:
        """Training rows in all bins."""
        return sum(self.counts)

    def special(self, which: Special) -> int | None:
        """Number of the bin of no value of its own; None where there is none.

        By its place, not by its label: a category may be called ``missing`` too.
        """
        if self.kind == "category":
            return {UNSEEN: self.slots[0], MISSING: self.slots[1]}.get(which)
        # the label of a number is never a word
        return self.labels.index(which) if which in self.labels else None

    @property
    def distinct_labels(self) -> tuple[str, ...]:
        """What people call each bin, no two the same: special bins keep their names."""
        special = {self.special(which) for which in get_args(Special)}
        taken = {self.labels[place] for place in special if place is not None}
        found = []
        for place, label in enumerate(self.labels):
            name, number = label, 1
            while place not in special and name in taken:
                number += 1
                name = f"{label} ({number})"
            taken.add(name)
            found.append(name)
        return tuple(found)

    def without_missing(self) -> Bins:
        """The same bins without the training rows that had no value."""
        missing = self.special(MISSING)
        if missing is None or not self.counts[missing]:
            return self
        counts = (*self.counts[:missing], 0, *self.counts[missing + 1 :])
        return replace(self, counts=counts)


class Baseline(Kept, frozen=True, kw_only=True):
    """What rows and scores are held against.

    Attributes
    ----------
    kind : {"out_of_fold", "in_sample", "data"}
        Where the scores come from: of models that had not seen the row, of the model
        itself, or of later data.
    rows : int
    features : tuple of Bins
        In the order of the schema; free text has none.
    scores : tuple of Bins
        One for each score column; empty where there are no scores to go by.
    """

    NEWEST = FORMAT_VERSION
    KIND = "a baseline"

    format_version: int = FORMAT_VERSION
    kind: BaselineKind
    rows: int
    features: tuple[Bins, ...]
    scores: tuple[Bins, ...] = ()


# Making bins -------------------------------------------------------------------------


def numeric_bins(name: str, values: Values) -> Bins:
    """Bins of a column of numbers.

    Parameters
    ----------
    name : str
    values : ndarray of float64, shape (n_rows,)
        NaN is missing.

    Returns
    -------
    Bins
        With their counts.
    """
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if len(distinct) <= MOST_DISTINCT:
        edges, labels, inner = _one_a_value(distinct)
    else:
        edges, labels, inner = _by_quantiles(finite)
    ends = len(labels)
    slots = [ends, *inner, ends + 1, ends + 2]
    labels = [*labels, NEGATIVE_INFINITY, POSITIVE_INFINITY, MISSING]
    empty = Bins(
        name=name,
        kind="numeric",
        labels=tuple(labels),
        counts=(0,) * len(labels),
        edges=tuple(edges),
        slots=tuple(slots),
        minimum=float(finite.min()) if len(finite) else None,
        maximum=float(finite.max()) if len(finite) else None,
        mean=_finite(np.mean, finite),
        deviation=_finite(np.std, finite),
    )
    return _counted(empty, values)


def _finite(statistic: Callable[[Values], Any], values: Values) -> float | None:
    """A statistic of some values, unless there is none or it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(statistic(values)) if len(values) else math.nan
    return found if math.isfinite(found) else None


def _one_a_value(distinct: Values) -> tuple[list[float], list[str], list[int]]:
    """A bin for each value, and one for all that is between, before and after them."""
    edges: list[float] = []
    inner: list[int] = []
    unseen = len(distinct)
    for number, value in enumerate(distinct):
        below = math.nextafter(value, -math.inf)
        if not edges or below > edges[-1]:
            edges.append(below)
            inner.append(unseen)
        edges.append(float(value))
        inner.append(number)
    return edges, [*(f"{value:.12g}" for value in distinct), UNSEEN], [*inner, unseen]


def _by_quantiles(finite: Values) -> tuple[list[float], list[str], list[int]]:
    shares = np.arange(1, QUANTILE_BINS) / QUANTILE_BINS
    edges = set(np.quantile(finite, shares).tolist())
    for value in _heavy(finite):
        edges |= {math.nextafter(value, -math.inf), value}
    ordered = sorted(edge for edge in edges if edge < finite.max())
    return ordered, _interval_labels(ordered, float(finite.max())), list(range(len(ordered) + 1))


def _heavy(finite: Values) -> list[float]:
    """Values that as many rows share as a bin should hold."""
    values, counts = np.unique(finite, return_counts=True)
    heavy: list[float] = values[counts * QUANTILE_BINS >= len(finite)].tolist()
    return heavy


def _interval_labels(edges: Sequence[float], largest: float) -> list[str]:
    """What people call right-closed intervals; one that holds a single value is called by it."""
    if not edges:
        return ["all"]
    labels = []
    for place, end in enumerate([*edges, math.inf]):
        start = edges[place - 1] if place else -math.inf
        if _next(start) == end:
            labels.append(f"= {end:.6g}")
            continue
        low = f"{start:.6g} < " if place else ""
        following = edges[place + 1] if place + 1 < len(edges) else largest
        high = f"< {following:.6g}" if _next(end) == following else f"≤ {end:.6g}"
        last = f"≥ {largest:.6g}" if _next(start) == largest else f"> {start:.6g}"
        labels.append(last if end == math.inf else f"{low}x {high}")
    return labels


def _next(value: float) -> float:
    return math.nextafter(value, math.inf)


def category_bins(feature: Feature, codes: Codes) -> Bins:
    """Bins of a column of categories.

    Parameters
    ----------
    feature : Feature
    codes : ndarray of int32, shape (n_rows,)
        As decoded: level numbers, negative for missing and unseen.
    """
    found = np.bincount(codes[codes >= 0], minlength=len(feature.levels))
    common = [level for level, count in enumerate(found) if count >= RARE_SHARE * len(codes)]
    rare = len(common) < len(feature.levels)
    labels = [feature.levels[level] for level in common] + ([RARE] if rare else [])
    place = {level: number for number, level in enumerate(common)}
    unseen = len(labels)
    levels = [place.get(level, unseen - 1) for level in range(len(feature.levels))]
    labels += [UNSEEN, MISSING]
    empty = Bins(
        name=feature.name,
        kind="category",
        labels=tuple(labels),
        counts=(0,) * len(labels),
        slots=(unseen, unseen + 1, *levels),
    )
    return _counted(empty, codes)


def _counted(bins: Bins, values: Any) -> Bins:
    return replace(bins, counts=tuple(BinCounter(bins).count(values).tolist()))


# Counting ----------------------------------------------------------------------------


class BinCounter:
    """Counts values of one column over its bins.

    Numbers outside the range of training are counted too, in the same search: the ends of
    that range are edges like others, beyond which the counts go to the same bins.
    """

    def __init__(self, bins: Bins) -> None:
        self._size = len(bins.labels)
        self._edges: Values | None = None
        self._outside = np.zeros(0, dtype=np.int64)
        self._slots = np.array(bins.slots)
        self.missing = bins.special(MISSING)
        if bins.kind == "numeric":
            self._split(bins)
        self._steps: list[float] = [] if self._edges is None else self._edges.tolist()
        self._bin_of: list[int] = self._slots.tolist()
        self._odd = frozenset(self._outside.tolist())

    def _split(self, bins: Bins) -> None:
        plain = np.array([-np.inf, *bins.edges, _LARGEST, np.inf])
        ends = set(plain.tolist())
        if bins.minimum is not None and bins.maximum is not None:
            below = math.nextafter(bins.minimum, -math.inf)
            ends |= {below, bins.maximum}
        self._edges = np.array(sorted(ends))
        # missing values come behind the last edge
        self._slots = self._slots[[*np.searchsorted(plain, self._edges), len(plain)]]
        if bins.minimum is not None and bins.maximum is not None:
            odd = (self._edges <= below) | (self._edges > bins.maximum)
            self._outside = np.flatnonzero(odd & np.isfinite(self._edges))

    def place(self, value: float) -> tuple[int, bool]:
        """Number of the bin of one value, and whether it is finite and outside the range of training.

        The same as for an array of one, at a tenth of the cost.
        """
        if self._edges is None:
            place = int(value) + 2
        elif math.isnan(value):
            place = len(self._steps)
        else:
            place = bisect_left(self._steps, value)
        return self._bin_of[place], place in self._odd

    def count(self, values: Any) -> NDArray[np.int64]:
        """Rows in each bin.

        Parameters
        ----------
        values : ndarray, shape (n_rows,)
            float64 for a numeric column, int32 codes for categories.

        Returns
        -------
        ndarray of int64, shape (n_bins,)
        """
        counts: NDArray[np.int64] = self.count_with_range(values)[0]
        return counts

    def bins_of(self, values: Any) -> NDArray[np.int64]:
        """Number of the bin of each value, shape (n_rows,)."""
        places = values + 2 if self._edges is None else np.searchsorted(self._edges, values, side="left")
        bins: NDArray[np.int64] = self._slots[places]
        return bins

    def count_with_range(self, values: Any) -> tuple[NDArray[np.int64], int]:
        """Rows in each bin, and finite ones outside the range of training, which are in a bin too."""
        # NaN is sorted behind infinity
        places = values + 2 if self._edges is None else np.searchsorted(self._edges, values, side="left")
        found = np.bincount(places, minlength=len(self._slots))
        counts = np.zeros(self._size, dtype=np.int64)
        np.add.at(counts, self._slots, found)
        return counts, int(found[self._outside].sum())
