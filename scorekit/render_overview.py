"""What people see of all versions there are, and what programs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scorekit.render_manifest import columns_table, finite, metric_name, number, store_option, text
from scorekit.render_models import ref_json, signing_json
from scorekit.store.signatures import Standing
from scorekit.terminal import terminal
from scorekit.versions import Headline, Listed, ModelVersions, Overview

if TYPE_CHECKING:
    from rich.console import RenderableType

_NEWEST = 10
"""Versions of a model that are shown unless the model is named."""

_MANY = 10
"""Metrics below it are shown to as many places, one below the other."""

_SIGNED: dict[Standing, str] = {
    "valid": "[green]yes[/]",
    "unchecked": "yes",
    "unsigned": "no",
    "untrusted": "[yellow]untrusted[/]",
    "broken": "[red]broken[/]",
}


def show_overview(overview: Overview, *, whole: bool, store: str | None = None, as_json: bool) -> None:
    """Show the versions there are on stdout, the newest ones unless it is to be the whole list.

    Parameters
    ----------
    overview : Overview
    whole : bool
    store : str, optional
        What ``--store`` has to say for the next command.
    as_json : bool
    """
    if as_json:
        terminal.answer_json(overview_json(overview))
    elif not overview.models:
        terminal.report(
            "no_models",
            {"store": overview.store},
            f"no models in {text(overview.store)} yet",
            f"  next: scorekit train DATA --target COLUMN{text(store_option(store))}",
        )
    else:
        terminal.answer(*_overview(overview, store_option(store), whole=whole))


def overview_json(overview: Overview) -> dict[str, Any]:
    """What a store holds for programs."""
    models = [
        {
            "name": model.name,
            "aliases": model.aliases,
            "problems": list(model.problems),
            "versions": [_listed_json(row) for row in model.versions],
        }
        for model in overview.models
    ]
    return {"store": overview.store, "models": models}


def _listed_json(row: Listed) -> dict[str, Any]:
    summary = row.summary
    return {
        **ref_json(row.ref),
        "aliases": list(row.aliases),
        "created": summary.created if summary else None,
        "task": summary.task if summary else None,
        "estimator": summary.estimator if summary else None,
        "metric": _headline_json(summary.headline) if summary and summary.headline else None,
        "engine": summary.engine if summary else None,
        "digest": summary.digest if summary else None,
        "signing": signing_json(row.signing) if row.signing else None,
        "problem": row.problem,
    }


def _headline_json(headline: Headline) -> dict[str, Any]:
    value = finite(headline.value)
    return {"name": headline.name, "value": value, "measured_on": headline.measured_on}


def _overview(overview: Overview, option: str, *, whole: bool) -> list[RenderableType]:
    signed = overview.trusting or any(
        row.signing is not None and row.signing.standing != "unsigned"
        for model in overview.models
        for row in model.versions
    )
    parts: list[RenderableType] = []
    for model in overview.models:
        shown = model.versions if whole else _newest(model)
        parts += ["", *_model_part(model, shown, option, signed=signed)]
    return parts[1:]


def _newest(model: ModelVersions) -> Sequence[Listed]:
    """The newest versions, and the older ones that an alias points at."""
    older = [row for row in model.versions[_NEWEST:] if row.aliases]
    return [*model.versions[:_NEWEST], *older]


def _model_part(
    model: ModelVersions, shown: Sequence[Listed], option: str, *, signed: bool
) -> list[RenderableType]:
    headlines = [row.summary.headline for row in shown if row.summary and row.summary.headline]
    names = {headline.name for headline in headlines}
    title = metric_name(names.pop()) if len(names) == 1 else "metric"
    table = columns_table("version", "created", "estimator", title, "on", "engine", "aliases")
    for column in (0, 3):
        table.columns[column].justify = "right"
    for column in (0, 1, 3, 4, 5):
        table.columns[column].no_wrap = True
    if signed:
        table.add_column("signed", no_wrap=True)
    for row in shown:
        table.add_row(*_row(row, named=title == "metric"), *([_signed(row)] if signed else []))
    parts: list[RenderableType] = [f"[bold]{text(model.name)}[/]", table]
    hidden = len(model.versions) - len(shown)
    if hidden:
        parts.append(f"[dim]and {hidden:,} older: scorekit models list {text(model.name + option)}[/]")
    problems = [row.problem for row in shown if row.problem] + list(model.problems)
    return parts + [f"[red]broken:[/] {text(problem)}" for problem in problems]


def _row(row: Listed, *, named: bool) -> list[str]:
    aliases = f"[bold]{text(', '.join(row.aliases))}[/]"
    if row.summary is None:
        return [str(row.ref.version), "", "[red]broken[/]", "", "", "", aliases]
    summary = row.summary
    slow = summary.engine == "reference"
    return [
        str(row.ref.version),
        text(summary.created[:10]),
        text(_class_name(summary.estimator)),
        *_measured(summary.headline, named=named),
        f"[yellow]{summary.engine}[/]" if slow else summary.engine,
        aliases,
    ]


def _class_name(estimator: str) -> str:
    """An import path takes the room of all other columns, and its end says it."""
    return estimator if ":" in estimator else estimator.rpartition(".")[2]


def _measured(headline: Headline | None, *, named: bool) -> tuple[str, str]:
    if headline is None:
        return "[dim]–[/]", ""
    value = f"{headline.value:.4f}" if abs(headline.value) < _MANY else number(headline.value)
    where = "holdout" if headline.measured_on == "holdout" else f"{headline.folds} folds"
    return (f"{metric_name(headline.name)} {value}" if named else value), f"[dim]{where}[/]"


def _signed(row: Listed) -> str:
    return _SIGNED[row.signing.standing] if row.signing else ""
