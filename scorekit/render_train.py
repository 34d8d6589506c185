"""What a person sees of a training, and what a program does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from scorekit.terminal import terminal
from scorekit.training.card import METRIC_NAMES
from scorekit.training.reproduce import Reproduction
from scorekit.training.train import Training

if TYPE_CHECKING:
    from rich.console import RenderableType

_CANDIDATES = 5
"""Candidates of a search that are shown; the manifest has them all."""


def show(training: Training, *, as_json: bool) -> None:
    """Show a summary on stderr, or one JSON object on stdout."""
    if as_json:
        terminal.answer_json(to_json(training))
        return
    terminal.show(*_head(training), *_metrics(training), *_search(training), *_tail(training))


def to_json(training: Training) -> dict[str, Any]:
    """The result as JSON can hold it."""
    manifest = training.manifest
    return {
        "model": f"{manifest.name}:{manifest.version}",
        "name": manifest.name,
        "version": manifest.version,
        "digest": manifest.digest,
        "store": training.store,
        "champion": training.champion,
        "task": manifest.task,
        "target": manifest.target,
        "classes": list(manifest.classes),
        "positive": manifest.positive,
        "training": manifest.training.model_dump(mode="json"),
        "metrics": manifest.metrics.model_dump(mode="json"),
        "scoring": manifest.scoring.model_dump(mode="json"),
        "candidates": [candidate.model_dump(mode="json") for candidate in training.candidates],
        "notes": list(training.notes),
        "seconds": {stage: round(seconds, 3) for stage, seconds in training.seconds.items()},
    }


def _head(training: Training) -> list[str]:
    from rich.markup import escape

    manifest = training.manifest
    seconds = sum(training.seconds.values())
    place = "champion" if training.champion else "not the champion; --promote or `models promote` makes it so"
    lines = [
        f"[bold]trained[/] [bold]{escape(manifest.name)}:{manifest.version}[/] ({place}) in {seconds:.1f} s",
        f"  target    {escape(manifest.target)}: {_task(training)}",
        f"  rows      {_rows(training)}",
    ]
    return [*lines, f"  scored by {_engine(training)}"]


def _task(training: Training) -> str:
    from rich.markup import escape

    manifest = training.manifest
    why = escape(training.why_task)
    if manifest.task == "regression":
        return f"regression ({why})"
    if manifest.task == "multiclass":
        return f"{len(manifest.classes)} classes ({why})"
    return f"two classes ({why}); the score speaks for [bold]{escape(str(manifest.positive))}[/]"


def _rows(training: Training) -> str:
    described = training.manifest.training
    text = f"{described.rows:,} to learn from, {described.columns:,} features"
    return f"{text}, {described.holdout_rows:,} kept back" if described.holdout_rows else text


def _engine(training: Training) -> str:
    from rich.markup import escape

    scoring = training.manifest.scoring
    if scoring.proof is None:
        return f"[yellow]scikit-learn[/]: {escape(scoring.not_lowered or '')}"
    return (
        f"the compiled model, proved on {scoring.proof.rows:,} rows "
        f"(largest relative difference {scoring.proof.largest_difference:.1e})"
    )


def _metrics(training: Training) -> list[RenderableType]:
    from rich.table import Table

    metrics = training.manifest.metrics
    columns = [(f"{metrics.folds} folds", metrics.cross_validated), ("holdout", metrics.holdout)]
    shown = [(title, values) for title, values in columns if values is not None]
    if not shown:
        return ["  not measured on rows it had not seen"]
    table = Table(box=None, pad_edge=True, padding=(0, 2))
    table.add_column("metric")
    for title, _ in shown:
        table.add_column(title, justify="right")
    for name in dict.fromkeys(name for _, values in shown for name in values):
        table.add_row(METRIC_NAMES.get(name, name), *(_number(values.get(name)) for _, values in shown))
    return ["", table]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _search(training: Training) -> list[str]:
    from rich.markup import escape

    if not training.candidates:
        return []
    lines = ["", f"  searched {len(training.candidates):,} candidates; the best"]
    for candidate in training.candidates[:_CANDIDATES]:
        params = ", ".join(f"{name}={value}" for name, value in candidate.params.items())
        lines.append(f"  {candidate.score:.4g} ± {candidate.spread:.2g}  {escape(params)}")
    return lines


def _tail(training: Training) -> list[str]:
    from rich.markup import escape

    manifest = training.manifest
    if not training.champion:
        return ["", f"  next: scorekit score DATA -m {escape(manifest.name)}:{manifest.version}"]
    return ["", f"  next: scorekit score DATA -m {escape(manifest.name)}"]


# Making it again ---------------------------------------------------------------------


def show_reproduction(result: Reproduction, *, as_json: bool) -> None:
    """Show what was compared on stderr, or one JSON object on stdout."""
    if as_json:
        terminal.answer_json(dataclasses.asdict(result))
        return
    terminal.show(*_reproduction(result))


def _reproduction(result: Reproduction) -> list[str]:
    from rich.markup import escape

    model = f"[bold]{escape(result.model)}[/]"
    if result.same:
        how = {"digest": "its compiled model has the same digest", "scores": "every row has the same score"}
        lines = [f"[bold]reproduced[/] {model} in {result.seconds:.1f} s: {how[result.compared]}"]
    else:
        lines = [f"[red]not reproduced[/] {model} in {result.seconds:.1f} s"]
    for difference in result.differences:
        lines.append(f"  {escape(difference.what)}: {escape(difference.recorded)} → {escape(difference.now)}")
    for difference in result.environment:
        changed = f"{escape(difference.what)}: {escape(difference.recorded)} → {escape(difference.now)}"
        lines.append(f"  [dim]{changed}[/]")
    return lines
