"""The report on one column: its figures, its bins, and how it stood over time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from scorekit.quality.chi_squared import chi_squared_tail
from scorekit.quality.psi import SMOOTHING
from scorekit.quality.report_data import ColumnPoint, ReportData
from scorekit.quality.report_parts import figure_of, line_key, row, table
from scorekit.quality.report_svg import Bar, bars, psi_chart, share_chart
from scorekit.quality.report_text import (
    NOTHING,
    badge,
    count,
    figure,
    moments,
    probability,
    share,
    signed,
    text,
)
from scorekit.quality.stability import ColumnStability

MOST_BINS = 40
"""Bins that a table shows; of more, those that add most."""
CHANCE = 0.05
"""How often chance alone passes the critical curve."""

Points = Sequence[ColumnPoint | None]


@dataclass(frozen=True, slots=True)
class BinRow:
    """One line of a table of bins.

    Attributes
    ----------
    label : str
    expected, actual : int
        Rows.
    log_ratio : float or None
        Of the smoothed shares, whose product with their difference is the contribution.
    contribution : float
    """

    label: str
    expected: int
    actual: int
    log_ratio: float | None
    contribution: float


def bin_rows(column: ColumnStability) -> list[BinRow]:
    """The bins of a column that are not empty on both sides, in their order."""
    bins, found = column.bins, column.counts.tolist()
    adds = column.index.contributions.tolist() if column.index else [0.0] * len(found)
    rows = [
        BinRow(label, expected, actual, _log_ratio(expected, actual, column), contribution)
        for label, expected, actual, contribution in zip(
            bins.distinct_labels, bins.counts, found, adds, strict=True
        )
        if expected or actual
    ]
    return rows if len(rows) <= MOST_BINS else _pooled(rows)


def _log_ratio(expected: int, actual: int, column: ColumnStability) -> float | None:
    index = column.index
    if index is None:
        return None
    p = (expected + SMOOTHING) / (index.n + SMOOTHING * index.bins)
    q = (actual + SMOOTHING) / (index.m + SMOOTHING * index.bins)
    return math.log(q / p)


def _pooled(rows: Sequence[BinRow]) -> list[BinRow]:
    """The bins that add most, and all others in one line."""
    order = np.argsort([-each.contribution for each in rows], kind="stable")
    others = [rows[number] for number in order[MOST_BINS - 1 :]]
    rest = BinRow(
        f"{len(others)} other bins",
        sum(each.expected for each in others),
        sum(each.actual for each in others),
        None,
        sum(each.contribution for each in others),
    )
    return [*(rows[number] for number in sorted(order[: MOST_BINS - 1])), rest]


_BETWEEN = re.compile(r"(.+) < x (≤|<) (.+)")


def short_label(label: str) -> str:
    """The label of an interval with rounded ends, for a picture.

    Examples
    --------
    >>> short_label("0.0597292 < x ≤ 0.09226"), short_label("> 15432.1"), short_label("university")
    ('0.0597 – 0.0923', '> 15,432', 'university')
    """
    found = _BETWEEN.fullmatch(label)
    if found is not None and _number(found[1]) and _number(found[3]):
        return f"{_number(found[1])} – {_number(found[3])}"
    head, _, last = label.rpartition(" ")
    return f"{head} {_number(last)}" if head in ("x ≤", "x <", ">", "≥", "=") and _number(last) else label


def _number(given: str) -> str:
    try:
        value = float(given)
    except ValueError:
        return ""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


# Tables ------------------------------------------------------------------------------

BINS_HEAD = ("<Bin", "Expected", "Share", "Actual", "Share", "Difference", "ln ratio", "Adds")


def bins_table(column: ColumnStability, rows: Sequence[BinRow], index_name: str) -> str:
    """Every bin, with what it adds."""
    n, m = column.bins.rows, int(column.counts.sum())
    total = figure(column.index.psi if column.index else None, 4)
    foot = ("Total", count(n), share(1.0 if n else None), count(m), share(1.0 if m else None), "", "", total)
    return table(
        f"Bins of {column.name}",
        f"{index_name} of {column.name}, bin by bin",
        BINS_HEAD,
        (_bin_line(each, n, m) for each in rows),
        row(*foot),
    )


def _bin_line(each: BinRow, n: int, m: int) -> str:
    p, q = each.expected / n if n else None, each.actual / m if m else None
    moved = f"{signed(100 * (q - p), 1)} pp" if p is not None and q is not None else NOTHING
    ratio = NOTHING if each.log_ratio is None else signed(each.log_ratio, 2)
    shares = (count(each.expected), share(p), count(each.actual), share(q))
    return row(text(each.label), *shares, moved, ratio, f"{each.contribution:.4f}")


def p_values(column: ColumnStability) -> tuple[str, str]:
    """Of moving so far without any shift, and without a material one; corrected where they were."""
    index = column.index
    if index is None:
        return NOTHING, NOTHING
    return (
        probability(index.p_any if column.p_warn is None else column.p_warn),
        probability(index.p_material if column.p_alarm is None else column.p_alarm),
    )


def figures(column: ColumnStability, index_name: str) -> str:
    """What the verdict on a column rests on."""
    index = column.index
    if index is None:
        return "<p>There are no rows to compare.</p>"
    any_shift, material = p_values(column)
    pairs = {
        f"{index_name}, adjusted": figure(index.psi_adjusted),
        index_name: figure(index.psi),
        "bias taken off": figure(index.bias),
        "without smoothing": figure(index.psi_raw),
        "n, expected rows": count(index.n),
        "m, actual rows": count(index.m),
        "bins": str(index.bins),
        "p, no shift": any_shift,
        "p, no material shift": material,
    }
    shown = (f"<div><dt>{name}<dd>{text(value)}</div>" for name, value in pairs.items())
    return f"<dl>{''.join(shown)}</dl>"


# Over time ---------------------------------------------------------------------------


@cache
def _quantile(freedom: int) -> float:
    """What χ² passes with the probability ``CHANCE``."""
    low, high = 0.0, 10.0 * (freedom + 10)
    for _ in range(60):
        middle = (low + high) / 2
        if chi_squared_tail(middle, freedom) > CHANCE:
            low = middle
        else:
            high = middle
    return high


def critical(bins: int, n: int, m: int) -> float | None:
    """Adjusted PSI that chance alone passes in one window of twenty, for so many rows.

    Examples
    --------
    >>> round(critical(10, 1_000_000, 100), 4), round(critical(10, 1_000_000, 10_000), 4)
    (0.0792, 0.0008)
    """
    if bins <= 1 or not n or not m:
        return None
    return (_quantile(bins - 1) - (bins - 1)) * (1 / n + 1 / m)


def history(column: ColumnStability, points: Points, data: ReportData) -> str:
    """Pictures of a column over time; nothing where there is one window only."""
    if len(data.windows) <= 1:
        return ""
    times = moments([window.at for window in data.windows])
    said = f"<b>Over {len(times)} windows</b>; dashed: what chance passes"
    return figure_of(said, psi_picture(column, points, data)) + _absent(column, points, times)


def psi_picture(column: ColumnStability, points: Points, data: ReportData) -> str:
    """PSI of a column over time, and what chance alone passes."""
    times = moments([window.at for window in data.windows])
    bins = column.index.bins if column.index else sum(held > 0 for held in column.bins.counts)
    curve = [critical(bins, column.bins.rows, window.rows) for window in data.windows]
    return psi_chart(column.name, points, curve, data.thresholds, times)


def _absent(column: ColumnStability, points: Points, times: Sequence[str]) -> str:
    """Missing and unseen values over time."""
    missing = [point.missing if point else None for point in points]
    unseen = [point.unseen if point else None for point in points]
    if not any((*missing, *unseen)):
        return ""
    title = f"{column.name}: missing and unseen values"
    chart = share_chart(title, ("missing", missing), ("unseen", unseen), times)
    return figure_of(f"{line_key('s1', 'missing')} {line_key('s2', 'unseen')}", chart)


# All of it ---------------------------------------------------------------------------


def column_section(
    place: str,
    column: ColumnStability,
    points: Points,
    data: ReportData,
    *,
    index_name: str,
    always_open: bool = False,
) -> str:
    """A column's part of the report; open where there is something to see, and for a link to it."""
    shown = " open" if always_open or column.state in ("warn", "alarm") else ""
    psi = figure(column.index.psi_adjusted if column.index else None)
    return (
        f"<details{shown}><summary>"
        f"<h3>{text(column.name)}</h3>{badge(column.state)}"
        f'<span class="psi">{index_name} {psi}</span></summary>'
        f'<div class="in" id="{place}">{_body(column, points, data, index_name)}</div></details>'
    )


def _body(column: ColumnStability, points: Points, data: ReportData, index_name: str) -> str:
    rows = bin_rows(column)
    n, m = column.bins.rows or 1, int(column.counts.sum()) or 1
    shown = [Bar(short_label(each.label), each.expected / n, each.actual / m) for each in rows]
    shares = figure_of("<b>Share of the rows</b> in each bin, expected → actual", bars(column.name, shown))
    return (
        f"{figures(column, index_name)}"
        f"<div class=two>{shares}<div>{history(column, points, data)}</div></div>"
        f"{bins_table(column, rows, index_name)}"
    )
