"""What a person sees of a training, and what a program does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from scorekit import render_manifest
from scorekit.render_manifest import store_option
from scorekit.store.signatures import only_signed
from scorekit.terminal import terminal
from scorekit.training.reproduce import Reproduction
from scorekit.training.train import Training

if TYPE_CHECKING:
    from rich.console import RenderableType

_CANDIDATES = 5
"""Candidates of a search that are shown; the manifest has them all."""


def show(training: Training, *, store: str | None = None, as_json: bool) -> None:
    """Show a summary on stderr, or one JSON object on stdout.

    Parameters
    ----------
    training : Training
    store : str, optional
        What ``--store`` has to say for the next command to find the version.
    as_json : bool
    """
    if as_json:
        terminal.answer_json(to_json(training))
        return
    parts = [*_head(training), *_metrics(training), *_search(training), *_tail(training, store)]
    terminal.report("trained", _figures(training), *parts)


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
        "training": manifest.training.plain(),
        "metrics": manifest.metrics.plain(),
        "scoring": manifest.scoring.plain(),
        "candidates": [candidate.model_dump(mode="json") for candidate in training.candidates],
        "notes": list(training.notes),
        "seconds": {stage: round(seconds, 3) for stage, seconds in training.seconds.items()},
    }


def _figures(training: Training) -> dict[str, Any]:
    """What a line of log has room for."""
    manifest = training.manifest
    whole = to_json(training)
    figures = {key: whole[key] for key in ("model", "digest", "store", "champion", "task", "target")}
    return figures | {
        "rows": manifest.training.rows,
        "holdout_rows": manifest.training.holdout_rows,
        "features": manifest.training.columns,
        "engine": manifest.scoring.engine,
        "folds": manifest.metrics.folds,
        "cross_validated": manifest.metrics.cross_validated,
        "holdout": manifest.metrics.holdout,
        "seconds": round(sum(training.seconds.values()), 3),
    }


def _head(training: Training) -> list[str]:
    from rich.markup import escape

    manifest = training.manifest
    seconds = sum(training.seconds.values())
    place = "champion" if training.champion else "not the champion; --promote or `models promote` makes it so"
    lines = [
        f"[bold]trained[/] [bold]{escape(manifest.name)}:{manifest.version}[/] ({place}) in {seconds:.1f} s",
        f"  target    {escape(manifest.target)}: {render_manifest.task(manifest, training.why_task)}",
        f"  rows      {render_manifest.rows(manifest)}",
    ]
    return [*lines, f"  scored by {render_manifest.engine(manifest)}"]


def _metrics(training: Training) -> list[RenderableType]:
    table = render_manifest.metrics_table(training.manifest.metrics)
    return ["", table] if table is not None else ["  not measured on rows it had not seen"]


def _search(training: Training) -> list[str]:
    from rich.markup import escape

    if not training.candidates:
        return []
    lines = ["", f"  searched {len(training.candidates):,} candidates; the best"]
    for candidate in training.candidates[:_CANDIDATES]:
        params = ", ".join(f"{name}={value}" for name, value in candidate.params.items())
        lines.append(f"  {candidate.score:.4g} ± {candidate.spread:.2g}  {escape(params)}")
    return lines


def _tail(training: Training, store: str | None) -> list[str]:
    from rich.markup import escape

    manifest = training.manifest
    version = f"{manifest.name}:{manifest.version}"
    if only_signed():
        command = f"scorekit models sign {version} --key KEY"
    else:
        command = f"scorekit score DATA -m {manifest.name if training.champion else version}"
    return ["", f"  next: {escape(command + store_option(store))}"]


# Making it again ---------------------------------------------------------------------


def show_reproduction(result: Reproduction, *, as_json: bool) -> None:
    """Show what was compared on stderr, or one JSON object on stdout."""
    found = dataclasses.asdict(result)
    if as_json:
        terminal.answer_json(found)
        return
    terminal.report("reproduced" if result.same else "not_reproduced", found, *_reproduction(result))


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
