"""``scorekit reproduce``."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import AllowMismatchOption, JsonOption, ReferenceArgument, StoreOption


def reproduce(
    model: ReferenceArgument,
    *,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="URI", help="Where the training data is now. Default: where it was."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Workers for the folds.")] = 1,
    allow_mismatch: AllowMismatchOption = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a version again and compare.

    The recorded data, recipe, seeds, parameters and number of threads are used. The exit
    code is 4 when the model is not the same.
    """
    from scorekit import render_train
    from scorekit.errors import NotReproduced
    from scorekit.terminal import terminal
    from scorekit.training.reproduce import reproduce as run

    with terminal.progress() as progress:
        result = run(
            model, data or (), store=store, jobs=jobs, allow_mismatch=allow_mismatch, progress=progress
        )
    render_train.show_reproduction(result, as_json=as_json)
    if not result.same:
        what = ", ".join(difference.what for difference in result.differences)
        hint = "give the data it was trained on with --data" if not result.compared else None
        if result.environment and result.compared:
            changed = ", ".join(f"{one.what} {one.recorded}" for one in result.environment)
            hint = f"it was made with {changed}"
        raise NotReproduced(f"{result.model} was not reproduced: other {what}", hint=hint)
