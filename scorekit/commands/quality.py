"""``scorekit quality``: what is judged, by what, and against what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scorekit.commands.options import (
    ByOption,
    FormatOption,
    JsonOption,
    ModelOption,
    PolicyOption,
    ReferenceArgument,
    StoreOption,
    ThreadsOption,
    policy_of,
    who,
)
from scorekit.commands.switch import NameOption
from scorekit.errors import QualityError

RowsArgument = Annotated[
    list[str],
    typer.Argument(metavar="DATA", help="Parquet, CSV, JSON lines or Arrow; globs, folders, s3://, -."),
]


def check(
    ctx: typer.Context,
    data: RowsArgument,
    *,
    model: ModelOption = None,
    policy: PolicyOption = None,
    id_column: Annotated[
        list[str] | None, typer.Option("--id-column", metavar="COLUMN", help="Column that identifies a row.")
    ] = None,
    threads: ThreadsOption = None,
    file_format: FormatOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge DATA as one window; publish and record nothing.

    Ends with 5 where the verdict is alarm, so that a step before the scoring can
    stop the night's run.
    """
    from scorekit import render_quality
    from scorekit.batch import checking
    from scorekit.terminal import terminal

    try:
        with terminal.progress() as progress:
            result = checking.check_files(
                data,
                model=model,
                store=store,
                file_format=file_format,
                policy=policy_of(ctx, policy),
                ids=tuple(id_column or ()),
                threads=threads,
                progress=progress,
            )
    except QualityError as refusal:
        if isinstance(refusal.result, checking.CheckResult):
            render_quality.show_check(refusal.result, as_json=as_json)
        raise
    render_quality.show_check(result, as_json=as_json)


def init(
    model: ReferenceArgument,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where it goes; - for standard output.")
    ] = Path("scorekit.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    store: StoreOption = None,
) -> None:
    """Write a first policy for MODEL, made from its baseline.

    It says what holds, and has what could be asked of every column as comments, with
    the ranges of training.
    """
    from scorekit.model import load
    from scorekit.policy_template import policy_template, write_policy
    from scorekit.terminal import escape, terminal

    text = policy_template(load(model, store=store))
    if str(output) == "-":
        terminal.answer_file(text)
        return
    write_policy(output, text, force=force)
    said = f"wrote {escape(str(output))}; it is used by every command that runs in its folder"
    terminal.report("policy_written", {"output": str(output)}, said)


def report(
    ctx: typer.Context,
    *,
    model: NameOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where it goes, or -. Default: NAME.report.html."),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="Windows of the history.")] = 60,
    policy: PolicyOption = None,
    store: StoreOption = None,
) -> None:
    """Write a report on the last window of a model and those before.

    One HTML file that loads nothing and runs no script: verdict, PSI of every column
    bin by bin, PSI over time, missing and unseen values, fallback and switch.
    """
    from scorekit import reporting
    from scorekit.tables.parts import publish_bytes
    from scorekit.terminal import escape, terminal

    name, page = reporting.make_report(model, store=store, policy=policy_of(ctx, policy), last=last)
    if str(output) == "-":
        terminal.answer_file(page)
        return
    target = str(output or f"{name}.report.html")
    publish_bytes(target, page.encode())
    said = f"wrote {escape(target)}: {len(page) / 1000:,.0f} kB"
    terminal.report("report_written", {"output": target, "bytes": len(page.encode())}, said)


def baseline(
    model: ReferenceArgument,
    *,
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="DATA", help="Rows as they came while all was well. May be repeated."),
    ],
    promote: Annotated[bool, typer.Option("--promote", help="Make the new version the champion.")] = False,
    by: ByOption = None,
    file_format: FormatOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish MODEL again with a baseline made of DATA.

    For a version that has none, or whose baseline is of another time. The new version
    scores the same to the bit.
    """
    from scorekit import baselines, render_quality
    from scorekit.terminal import terminal

    with terminal.progress() as progress:
        made = baselines.make_version(
            model,
            data,
            by=who(by),
            store=store,
            file_format=file_format,
            promote=promote,
            progress=progress,
        )
    render_quality.show_baseline(made, as_json=as_json)
