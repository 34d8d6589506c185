"""What a person sees of a verdict, and what a program does."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from scorekit.quality.stability import ColumnStability
from scorekit.quality.verdict import Finding, Verdict
from scorekit.terminal import escape, terminal

if TYPE_CHECKING:
    from scorekit.batch.checking import CheckResult
    from scorekit.store.manifest import Manifest

WORST = 5
"""Columns and findings shown; ``--json`` and the report have them all."""
BAR = 20
"""Characters of a bar that is as long as the alarm threshold."""

COLOURS = {"ok": "green", "insufficient": "dim", "unknown": "magenta", "warn": "yellow", "alarm": "red"}


def show_check(result: CheckResult, *, as_json: bool) -> None:
    """Show the verdict of some files."""
    content = {"model": result.model, **verdict_json(result.verdict), "seconds": round(result.seconds, 3)}
    if as_json:
        terminal.answer_json(content)
        return
    summary = result.summary
    lines = [
        f"[bold]checked[/] {summary.rows:,} rows against [bold]{result.model}[/] in {result.seconds:.2f} s"
    ]
    if summary.means and len(summary.means) == 1:
        lines.append(f"  score     mean {summary.means[0]:.4g}")
    figures = {key: value for key, value in content.items() if key not in ("features", "scores")}
    terminal.report("checked", figures, *lines, *verdict_lines(result.verdict))


def show_baseline(manifest: Manifest, *, as_json: bool) -> None:
    """Show a version that was made with another baseline."""
    name = f"{manifest.name}:{manifest.version}"
    content = {"model": name, "derived_from": manifest.derived_from, "digest": manifest.digest}
    if as_json:
        terminal.answer_json(content)
        return
    terminal.report(
        "published",
        content,
        f"published [bold]{name}[/], which scores as version {manifest.derived_from}, with a new baseline",
        f"  next: scorekit models promote {name}",
    )


def verdict_lines(verdict: Verdict) -> list[str]:
    """The verdict, what it is for, and the columns that moved farthest."""
    scores = [column for column in verdict.scores if column.index is not None]
    features = [column for column in verdict.features if column.index is not None]
    moved = sorted(features, key=lambda column: -_adjusted(column))[:WORST]
    drawn = {("score.psi", column.name) for column in scores} | {
        ("column.psi", column.name) for column in moved
    }
    shown = [*scores, *moved]
    wide, full = max((len(column.name) for column in shown), default=0), verdict.thresholds.alarm
    return [
        f"  verdict   {coloured(verdict.state)}",
        *_finding_lines(verdict, drawn),
        *(_bar_line(column, wide, full, first=number == 0) for number, column in enumerate(shown)),
    ]


def coloured(state: str) -> str:
    """A state in its colour."""
    return f"[{COLOURS[state]}]{state}[/]"


def _finding_lines(verdict: Verdict, drawn: AbstractSet[tuple[str, str]]) -> list[str]:
    """What was found, worst first, but for what has a bar of its own."""
    found = [finding for finding in verdict.findings if finding.state in ("warn", "alarm", "unknown")]
    told = [finding for finding in found if (finding.check, finding.column) not in drawn]
    lines = [f"            {_told(finding)}" for finding in told[:WORST]]
    if len(told) > WORST:
        more = len(told) - WORST
        lines.append(f"            and {more} more finding{'s' if more > 1 else ''}")
    return lines


def _told(finding: Finding) -> str:
    return f"{coloured(finding.state)} {escape(str(finding))}"


def _bar_line(column: ColumnStability, wide: int, alarm: float, *, first: bool) -> str:
    label = "PSI" if first else ""
    value = _adjusted(column)
    full = min(BAR, round(value / alarm * BAR))
    bar = "█" * full + "░" * (BAR - full)
    return f"  {label:<9} {escape(f'{column.name:<{wide}}')} {bar} {value:.3f} {coloured(column.state)}"


def _adjusted(column: ColumnStability) -> float:
    return column.index.psi_adjusted if column.index is not None else 0.0


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON can hold it."""
    return {
        "verdict": verdict.state,
        "outcome": verdict.outcome,
        "rows": verdict.window.rows,
        "rejected": verdict.window.rejected,
        "fallback": verdict.window.fallback,
        "features": [_column_json(column) for column in verdict.features],
        "scores": [_column_json(column) for column in verdict.scores],
        "findings": [_finding_json(finding) for finding in verdict.findings if finding.state != "ok"],
    }


def _column_json(column: ColumnStability) -> dict[str, Any]:
    index = column.index
    figures: dict[str, Any] = {
        "psi": None,
        "psi_adjusted": None,
        "bias": None,
        "n": column.bins.rows,
        "m": 0,
        "bins": 0,
    }
    if index is not None:
        figures |= {
            "psi": index.psi,
            "psi_adjusted": index.psi_adjusted,
            "bias": index.bias,
            "n": index.n,
            "m": index.m,
            "bins": index.bins,
        }
    return {
        "name": column.name,
        "state": column.state,
        **figures,
        "p_warn": column.p_warn,
        "p_alarm": column.p_alarm,
        "counts": dict(zip(column.bins.distinct_labels, column.counts.tolist(), strict=True)),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "column": finding.column or None,
        "state": finding.state,
        "action": finding.action,
        "value": finding.value,
        "expected": finding.expected,
        "message": finding.message,
    }
