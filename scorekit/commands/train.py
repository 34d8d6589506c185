"""``scorekit train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from scorekit.commands.options import ByOption, FormatOption, JsonOption, StoreOption, given_store, who

_MODEL, _COLUMNS, _MEASURE, _VERSION = "What is trained", "Columns", "How it is measured", "The version"


def train(
    ctx: typer.Context,
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA", help="CSV, Parquet, JSON lines or Arrow; globs, folders, s3://."),
    ],
    *,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="What to predict.", rich_help_panel=_COLUMNS),
    ] = None,
    estimator: Annotated[
        str | None,
        typer.Option(
            "--estimator",
            help="logistic, ridge, tree, forest, extra-trees, boosting, or an import path such as "
            "sklearn.svm.SVC. Default: boosting.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="MODULE:FACTORY",
            help="Your own function that returns an unfitted estimator or pipeline.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", help="TOML file that says the same; options win.", rich_help_panel=_MODEL),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="Parameter of the estimator, or step__name of another step.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    search: Annotated[
        Path | None,
        typer.Option("--search", help="TOML file with parameters to search among.", rich_help_panel=_MODEL),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Seed of everything random. Default: 0.", rich_help_panel=_MODEL),
    ] = None,
    task: Annotated[
        Literal["auto", "classification", "regression"] | None,
        typer.Option("--task", help="Default: auto, by the target's values.", rich_help_panel=_MODEL),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive",
            metavar="LABEL",
            help="The class the score speaks for. Default: the last.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    id_column: Annotated[
        list[str] | None,
        typer.Option(
            "--id-column", metavar="COLUMN", help="Identifies a row; no feature.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="COLUMN", help="No feature.", rich_help_panel=_COLUMNS),
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(
            "--weight-column", metavar="COLUMN", help="Weight of each row.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    na_values: Annotated[
        list[str] | None,
        typer.Option(
            "--na-values", metavar="TEXT", help="Text that means missing.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    file_format: FormatOption = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            "--holdout",
            metavar="SHARE",
            help="Share of rows kept back, such as 0.2.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option(
            "--time-column",
            metavar="COLUMN",
            help="Keep the last rows by this column back (0.2 unless --holdout says otherwise); no feature.",
            rich_help_panel=_MEASURE,
        ),
    ] = None,
    cv: Annotated[
        int | None,
        typer.Option("--cv", min=0, help="Folds; 0 for none. Default: 5.", rich_help_panel=_MEASURE),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Workers for folds and search.", rich_help_panel=_MEASURE)
    ] = 1,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the model. Default: DATA's.", rich_help_panel=_VERSION),
    ] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion.", rich_help_panel=_VERSION)
    ] = False,
    by: ByOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model on DATA and publish it as a version.

    `scorekit train rows.parquet --target bought` reads the columns' types from every row,
    makes the preprocessing they need, measures the model on rows it has not seen, compiles
    it, proves the compiled model against scikit-learn, and publishes it whole or not at all.
    """
    from scorekit import render_train
    from scorekit.commands.options import policy_of
    from scorekit.terminal import terminal
    from scorekit.training import recipe as recipes
    from scorekit.training.train import train as run

    given = {
        "target": target,
        "name": name,
        "estimator": estimator,
        "pipeline": pipeline,
        "params": recipes.parse_params(param or ()),
        "task": task,
        "positive": positive,
        "id_columns": tuple(id_column or ()),
        "drop": tuple(drop or ()),
        "weight_column": weight_column,
        "time_column": time_column,
        "na_values": tuple(na_values or ()),
        "format": file_format,
        "holdout": holdout,
        "cv": cv,
        "seed": seed,
        "search": recipes.read_search(search) if search is not None else None,
    }
    made = recipes.make_recipe(recipe, given)
    with terminal.progress() as progress:
        result = run(
            data,
            made,
            by=who(by),
            store=store,
            jobs=jobs,
            promote=promote,
            fallback=policy_of(ctx).fallback,
            progress=progress,
        )
    render_train.show(result, store=given_store(ctx), as_json=as_json)
