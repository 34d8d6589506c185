"""``scorekit score`` and ``scorekit score-batch``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from scorekit.commands.options import (
    AllowMismatchOption,
    FormatOption,
    JsonOption,
    ModelOption,
    PolicyOption,
    StoreOption,
    ThreadsOption,
    policy_of,
)
from scorekit.errors import QualityError, SwitchOpen, Unreachable


def score_batch(
    ctx: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Parquet, CSV, JSON lines or Arrow; globs, folders, s3://, -."),
    ],
    *,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="File, folder or -. Default: INPUT.scores beside it.")
    ] = None,
    model: ModelOption = None,
    id_column: Annotated[
        list[str] | None, typer.Option("--id-column", metavar="COLUMN", help="Column that identifies a row.")
    ] = None,
    passthrough: Annotated[
        list[str] | None,
        typer.Option("--passthrough", metavar="COLUMN", help="Column to carry to the output, or all."),
    ] = None,
    errors_file: Annotated[
        str | None, typer.Option("--errors-file", help="Where rejected rows go. Default: beside the output.")
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", min=0, help="Most rejected rows of each output.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last finished part of a run that was stopped.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an output that exists.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the model and the input, write nothing.")
    ] = False,
    policy: PolicyOption = None,
    on_quality_fail: Annotated[
        Literal["warn", "fallback", "fail"] | None,
        typer.Option(
            "--on-quality-fail",
            help="What a failed window does: published all the same, by the fallback, or not at all.",
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option("--run-id", help="Name of the run; rows of a run that is repeated count once."),
    ] = None,
    threads: ThreadsOption = None,
    chunk_rows: Annotated[
        int, typer.Option("--chunk-rows", min=1, max=1_048_576, help="Rows worked on at a time.")
    ] = 65_536,
    file_format: FormatOption = None,
    input_format: Annotated[
        str | None, typer.Option("--input-format", help="The same of the input only.")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--output-format", help="The same of the output only.")
    ] = None,
    store: StoreOption = None,
    allow_mismatch: AllowMismatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score every row of INPUT.

    `scorekit score rows.parquet` writes `rows.scores.parquet` beside it: a row for each
    row, in the same order. A row that cannot be scored has no score and is explained in
    the errors file.
    """
    from scorekit import batch, render_batch, switches
    from scorekit.terminal import terminal

    options = batch.JobOptions(
        ids=tuple(id_column or ()),
        passthrough=tuple(passthrough or ()),
        errors_file=errors_file,
        max_errors=max_errors,
        threads=threads or 0,
        chunk_rows=chunk_rows,
        resume=resume,
        force=force,
        run_id=run_id or "",
    )
    settings = policy_of(ctx, policy)
    reach = switches.note_of_reach(settings, store)
    try:
        with terminal.progress() as progress:
            if reach is not None:
                progress.note(reach)
            result = batch.score_files(
                inputs,
                output,
                model=model,
                store=store,
                file_format=file_format,
                input_format=input_format,
                output_format=output_format,
                options=options,
                policy=settings,
                on_quality_fail=on_quality_fail,
                dry_run=dry_run,
                allow_mismatch=allow_mismatch,
                progress=progress,
            )
    except (QualityError, SwitchOpen, Unreachable) as refusal:
        if isinstance(refusal.result, batch.BatchResult):
            render_batch.show(refusal.result, as_json=as_json)
        raise
    render_batch.show(result, as_json=as_json)
