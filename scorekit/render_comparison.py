"""What people see of two versions side by side, and what programs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scorekit.comparison import ABSENT, Change, Comparison, Measured
from scorekit.render_manifest import columns_table, finite, metric_name, minute, number, short, some, text
from scorekit.terminal import terminal

if TYPE_CHECKING:
    from rich.table import Table

_MOST_CHANGES = 15
"""Differences of one topic that are shown; ``--json`` has all."""


def show(comparison: Comparison, *, as_json: bool) -> None:
    """Show how two versions differ on stdout."""
    if as_json:
        terminal.answer_json(_comparison_json(comparison))
        return
    a, b = text(str(comparison.a)), text(str(comparison.b))
    if comparison.same:
        terminal.answer(f"[bold]{a}[/] and [bold]{b}[/] do not differ")
        return
    table = columns_table("", a, b, "")
    table.add_row("created (UTC)", *(minute(created) for created in comparison.created))
    for topic in dict.fromkeys(change.topic for change in comparison.changes):
        _add_topic(table, topic, [change for change in comparison.changes if change.topic == topic])
    _add_metrics(table, comparison.metrics)
    terminal.answer(table)
    if comparison.metrics and not comparison.comparable:
        terminal.answer("[yellow]The metrics are not of the same rows.[/]")


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "a": str(comparison.a),
        "b": str(comparison.b),
        "store": comparison.store,
        "same": comparison.same,
        "differences": [_change_json(change) for change in comparison.changes],
        "metrics": [_measured_json(metric) for metric in comparison.metrics],
        "metrics_of_the_same_rows": comparison.comparable,
    }


def _change_json(change: Change) -> dict[str, Any]:
    sides = {"a": change.a, "b": change.b}
    there = {side: value for side, value in sides.items() if value is not ABSENT}
    return {"topic": change.topic, "what": change.what, **there}


def _measured_json(metric: Measured) -> dict[str, Any]:
    values = {"a": finite(metric.a), "b": finite(metric.b)}
    return {"measured_on": metric.measured_on, "name": metric.name, **values}


def _add_topic(table: Table, topic: str, changes: Sequence[Change]) -> None:
    table.add_row(f"[bold]{topic}[/]")
    for change in changes[:_MOST_CHANGES]:
        table.add_row(f"  {text(change.what)}", *_sides(change.a, change.b))
    more = len(changes) - _MOST_CHANGES
    if more > 0:
        table.add_row(f"  [dim]and {more:,} more; --json has all[/]")


def _sides(a: object, b: object) -> tuple[str, str]:
    """Both values; of two lists what only one of them has."""
    if not isinstance(a, list) or not isinstance(b, list):
        return _value(a), _value(b)
    only = [value for value in a if value not in b], [value for value in b if value not in a]
    if not any(only):
        return _value(a), _value(b)
    return _only(only[0], len(a)), _only(only[1], len(b))


def _only(values: Sequence[object], total: int) -> str:
    if not total:
        return "[dim]none[/]"
    shown = text(some([_plain(value) for value in values]))
    return shown if len(values) == total else f"{total:,} [dim]with[/] {shown}" if values else f"{total:,}"


def _value(value: object) -> str:
    if value is ABSENT:
        return "[dim]–[/]"
    if isinstance(value, list):
        return text(some([_plain(each) for each in value])) or "[dim]none[/]"
    return text(_plain(value))


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    written = str(value)
    return short(written) if len(written) in (40, 64) and written.isalnum() else written


def _add_metrics(table: Table, metrics: Sequence[Measured]) -> None:
    titles = {"cross_validated": "cross-validated", "holdout": "holdout"}
    for measured_on, title in titles.items():
        chosen = [metric for metric in metrics if metric.measured_on == measured_on]
        if chosen:
            table.add_row(f"[bold]{title}[/]")
        for metric in chosen:
            values = (number(metric.a) or "–", number(metric.b) or "–", _step(metric))
            table.add_row(f"  {metric_name(metric.name)}", *values)


def _step(metric: Measured) -> str:
    if metric.a is None or metric.b is None:
        return ""
    return f"{metric.b - metric.a:+.2g}" if metric.a != metric.b else "="
