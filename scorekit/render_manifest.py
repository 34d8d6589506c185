"""What people see of a manifest, wherever it is shown."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scorekit.store.manifest import METRIC_NAMES, Manifest, Metrics

if TYPE_CHECKING:
    from rich.table import Table

_MOST = 6
"""Values of many that are shown."""


def text(value: object) -> str:
    """A value for a person: its brackets are no markup, and it steers no terminal."""
    from rich.markup import escape

    return escape("".join(char if char.isprintable() else " " for char in str(value)))


def task(manifest: Manifest, why: str = "") -> str:
    """What the target was taken for."""
    reason = f" ({text(why)})" if why else ""
    if manifest.task == "regression":
        return f"regression{reason}"
    if manifest.task == "multiclass":
        return f"{len(manifest.classes)} classes: {text(some(manifest.classes))}{reason}"
    return f"two classes{reason}; the score speaks for [bold]{text(manifest.positive)}[/]"


def rows(manifest: Manifest) -> str:
    """How many rows it was trained and measured on."""
    described = manifest.training
    features = "1 feature" if described.columns == 1 else f"{described.columns:,} features"
    learned = f"{described.rows:,} to learn from, {features}"
    return f"{learned}, {described.holdout_rows:,} kept back" if described.holdout_rows else learned


def engine(manifest: Manifest) -> str:
    """What scores it, and how far that was proved."""
    scoring = manifest.scoring
    if scoring.proof is None:
        return f"[yellow]scikit-learn[/]: {text(scoring.not_lowered or '')}"
    return (
        f"the compiled model, proved on {scoring.proof.rows:,} rows "
        f"(within {scoring.proof.largest_difference:.1e})"
    )


def metrics_table(metrics: Metrics) -> Table | None:
    """How good it is; None if that was not measured."""
    from rich.table import Table

    columns = [(f"{metrics.folds} folds", metrics.cross_validated), ("holdout", metrics.holdout)]
    shown = [(title, values) for title, values in columns if values is not None]
    if not shown:
        return None
    table = Table(box=None, pad_edge=True, padding=(0, 2))
    table.add_column("metric")
    for title, _ in shown:
        table.add_column(title, justify="right")
    for name in dict.fromkeys(name for _, values in shown for name in values):
        table.add_row(metric_name(name), *(number(values.get(name)) for _, values in shown))
    return table


def metric_name(name: str) -> str:
    """What people call a metric."""
    return METRIC_NAMES.get(name, name)


def number(value: float | None) -> str:
    """A metric to four digits."""
    return "" if value is None else f"{value:.4g}"


def finite(value: float | None) -> float | None:
    """A number that JSON has."""
    return value if value is not None and math.isfinite(value) else None


def minute(written: str) -> str:
    """A time as people read it, to the minute."""
    return text(written[:16].replace("T", " "))


def columns_table(*columns: str) -> Table:
    """A table without lines, whose long words are folded."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def store_option(store: str | None) -> str:
    """What the next command needs to find the store, if it was given by an option."""
    return f" --store {shlex.quote(store)}" if store else ""


def some(values: Sequence[object]) -> str:
    """The first of many values, and how many more there are."""
    shown = ", ".join(map(str, values[:_MOST]))
    more = len(values) - _MOST
    return f"{shown} and {more:,} more" if more > 0 else shown


def short(digest: str) -> str:
    """As much of a digest as tells it from others."""
    return f"{digest[:12]}…"
