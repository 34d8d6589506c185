"""``scorekit worker``."""

from __future__ import annotations

from typing import Annotated

import typer

from scorekit.commands.options import (
    StoreOption,
    TrainFromOption,
    UploadsOption,
    policy_of,
    read_age,
    read_size,
)


def worker(
    ctx: typer.Context,
    *,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=64, help="Jobs at a time, each in its own process.")
    ] = 1,
    memory_limit: Annotated[
        str,
        typer.Option("--memory-limit", metavar="SIZE", help="Such as 4GiB: a job that takes more fails."),
    ] = "4GiB",
    time_limit: Annotated[
        str,
        typer.Option("--time-limit", metavar="AGE", help="Such as 1h or 30m: a job that takes longer fails."),
    ] = "1h",
    max_attempts: Annotated[
        int,
        typer.Option(
            "--max-attempts", min=1, help="Attempts after which a job fails whose process is killed."
        ),
    ] = 5,
    grace: Annotated[
        str,
        typer.Option("--grace", metavar="AGE", help="How long jobs may go on when the worker is stopped."),
    ] = "20s",
    lease: Annotated[
        str,
        typer.Option(
            "--lease", metavar="AGE", help="How long a worker may be silent before others take its jobs."
        ),
    ] = "30s",
    train_from: TrainFromOption = None,
    uploads: UploadsOption = None,
    once: Annotated[bool, typer.Option("--once", help="End when no job waits any more.")] = False,
    store: StoreOption = None,
) -> None:
    """Carry out jobs that were submitted to the service.

    Any number of workers may share a queue, on as many machines as share its state, its
    store and its uploads. One that is killed loses no job: another takes it up.
    """
    from scorekit import render_jobs
    from scorekit.jobs import AllowedPlaces, DispatchSettings, Limits, open_jobs, run_worker
    from scorekit.terminal import terminal

    settings = DispatchSettings(
        concurrency=concurrency,
        limits=Limits(
            read_age("--time-limit", time_limit).total_seconds(), read_size("--memory-limit", memory_limit)
        ),
        allowed=AllowedPlaces(tuple(train_from or ())),
        fallback=policy_of(ctx).fallback,
        lease=read_age("--lease", lease),
        grace=read_age("--grace", grace).total_seconds(),
        verbose=terminal.verbose,
    )
    with open_jobs(store, uploads=uploads, most_attempts=max_attempts) as jobs:
        stopped = run_worker(jobs, settings, render_jobs.listener(), once=once)
    if stopped is not None:
        raise typer.Exit(128 + stopped)
