"""``scorekit score-stream``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from scorekit.commands.options import (
    AllowMismatchOption,
    ModelOption,
    PolicyOption,
    StoreOption,
    WindowRowsOption,
    WindowSecondsOption,
    policy_of,
)
from scorekit.errors import ScorekitError, UsageError


def score_stream(
    ctx: typer.Context,
    *,
    model: ModelOption = None,
    source: Annotated[
        str,
        typer.Option(
            "--source", metavar="PLACE", help="Where lines come from: -, a file, or a broker's address."
        ),
    ] = "-",
    sink: Annotated[
        str,
        typer.Option("--sink", metavar="PLACE", help="Where answers go: -, a file, or a broker's address."),
    ] = "-",
    dead_letter: Annotated[
        str | None,
        typer.Option("--dead-letter", metavar="PLACE", help="Where lines without a score go, as they came."),
    ] = None,
    on_error: Annotated[
        Literal["emit", "dead-letter", "fail"] | None,
        typer.Option(
            "--on-error",
            help="What becomes of a line without a score: it is answered by what is wrong, put into the "
            "dead letter, or the end. Default: emit, or dead-letter where there is one.",
        ),
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", min=0, help="Most lines without a score.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=65_536, help="Most lines scored at a time.")
    ] = 10_000,
    max_latency_ms: Annotated[
        float, typer.Option("--max-latency-ms", min=1, help="Milliseconds a line may wait for others.")
    ] = 100,
    window_rows: WindowRowsOption = 10_000,
    window_seconds: WindowSecondsOption = 3600,
    id_column: Annotated[
        list[str] | None, typer.Option("--id-column", metavar="COLUMN", help="Field that identifies a line.")
    ] = None,
    passthrough: Annotated[
        list[str] | None,
        typer.Option("--passthrough", metavar="COLUMN", help="Field to carry to the answer, or all."),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow/--pin", help="Take another version when the alias moves, or stay with this."),
    ] = True,
    policy: PolicyOption = None,
    on_quality_fail: Annotated[
        Literal["warn", "fallback", "fail"] | None,
        typer.Option(
            "--on-quality-fail",
            help="What follows a failed window: the model, the fallback, or nothing more.",
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option("--run-id", help="Name of the run; rows of a run that is repeated count once."),
    ] = None,
    log_file: Annotated[
        str | None, typer.Option("--log-file", help="File for what happens, a JSON object a line.")
    ] = None,
    metrics_file: Annotated[
        str | None, typer.Option("--metrics-file", help="File of counters for Prometheus, ending in .prom.")
    ] = None,
    metrics_port: Annotated[
        str | None,
        typer.Option(
            "--metrics-port", metavar="[HOST:]PORT", help="Port on which this machine is told the counters."
        ),
    ] = None,
    store: StoreOption = None,
    allow_mismatch: AllowMismatchOption = False,
) -> None:
    """Answer JSON lines by scores, line by line.

    `cat rows.jsonl | scorekit score-stream > scores.jsonl`: one line out for each line in,
    in order. A line that cannot be scored is answered by what is wrong with it.
    """
    from scorekit import render_stream, stream, switches

    options = stream.StreamOptions(
        on_error=on_error or ("dead-letter" if dead_letter else "emit"),
        max_errors=max_errors,
        batch_size=batch_size,
        max_latency=max_latency_ms / 1000,
        extent=stream.Extent(window_rows, window_seconds),
        ids=tuple(id_column or ()),
        passthrough=tuple(passthrough or ()),
        run_id=run_id or "",
    )
    if dead_letter and options.on_error != "dead-letter":
        raise UsageError("--dead-letter goes with --on-error dead-letter", hint="leave one of them out")
    places = stream.Places(source, sink, dead_letter, log_file, metrics_file, metrics_port)
    settings, listener = policy_of(ctx, policy), render_stream.notes()
    reach = switches.note_of_reach(settings, store)
    if reach is not None:
        listener.note(reach)
    try:
        result = stream.score_stream(
            places,
            model=model,
            store=store,
            options=options,
            policy=settings,
            on_quality_fail=on_quality_fail,
            follow=follow,
            allow_mismatch=allow_mismatch,
            progress=listener,
            waiting=lambda: render_stream.say_waiting(places),
        )
    except ScorekitError as refusal:
        if isinstance(refusal.result, stream.StreamResult):
            render_stream.show(refusal.result)
        raise
    render_stream.show(result)
    if result.stopped is not None:
        raise typer.Exit(128 + result.stopped)
