"""Scoring files: read, score, judge, publish."""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from scorekit.batch.folder import run_folder
from scorekit.batch.inputs import open_input
from scorekit.batch.job import JobOptions, JobResult, run_job
from scorekit.batch.plan import Job, Plan, check_places, plan
from scorekit.batch.run import Carried, told_of
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import UsageError
from scorekit.model import Model, load
from scorekit.progress import Progress, Silent
from scorekit.tables.sources import STDIN

__all__ = ["BatchResult", "JobOptions", "JobResult", "ScoreSummary", "score_files"]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a run did.

    Attributes
    ----------
    model : str
        ``name:version``.
    engine : str
    outputs : tuple of JobResult
        One for each output; none after a dry run.
    seconds : float
    run_id : str
    dry_run : bool
    score_columns : tuple of str
    """

    model: str
    engine: str
    outputs: tuple[JobResult, ...]
    seconds: float
    run_id: str
    score_columns: tuple[str, ...]
    dry_run: bool = False

    @property
    def rows(self) -> int:
        """Rows of all outputs."""
        return sum(output.summary.rows for output in self.outputs)

    @property
    def rejected(self) -> int:
        """Rejected rows of all outputs."""
        return sum(output.summary.rejected for output in self.outputs)


def score_files(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    model: str | Model | None = None,
    store: str | None = None,
    file_format: str | None = None,
    options: JobOptions | None = None,
    dry_run: bool = False,
    allow_mismatch: bool = False,
    progress: Progress | None = None,
) -> BatchResult:
    """Score files.

    Parameters
    ----------
    inputs : sequence of str
        Files, globs, folders, ``s3://`` URIs, or ``-`` for stdin.
    output : str, optional
        File, folder or ``-``; by default beside the input.
    model : str or Model, optional
        May be left out while the store holds one model.
    store : str, optional
    file_format : str, optional
        Format of whatever does not say so by its ending.
    options : JobOptions, optional
    dry_run : bool
        Check the model and the inputs' schemas, and score the first rows of each; write nothing.
    allow_mismatch : bool
        Load a pickle made by another scikit-learn minor version.
    progress : Progress, optional

    Returns
    -------
    BatchResult

    Raises
    ------
    ScorekitError
        See ``errors``; nothing half is ever left behind.
    """
    started = time.perf_counter()
    listener = progress or Silent()
    loaded = model if isinstance(model, Model) else load(model, store=store, allow_mismatch=allow_mismatch)
    chosen = _complete(options or JobOptions())
    made = plan(inputs, output, file_format, chosen.errors_file)
    if chosen.resume:
        _refuse_unresumable(made)
    listener.stage("scoring", _rows(made, loaded) if not dry_run else None, "rows")
    if dry_run:
        if made.folder is None:
            check_places(made.jobs[0])
        outputs = tuple(_try(job, loaded, chosen) for job in made.jobs)
    elif made.folder is None:
        outputs = tuple(run_job(job, loaded, chosen, listener) for job in made.jobs)
    else:
        outputs = run_folder(made, made.folder, loaded, chosen, listener)
    return BatchResult(
        model=f"{loaded.manifest.name}:{loaded.manifest.version}",
        engine=loaded.scorer.engine.name,
        outputs=outputs,
        seconds=time.perf_counter() - started,
        run_id=chosen.run_id,
        score_columns=loaded.manifest.scoring.columns,
        dry_run=dry_run,
    )


def _complete(options: JobOptions) -> JobOptions:
    """Options with a run id and, unless asked otherwise, a thread for each core."""
    cores = len(os.sched_getaffinity(0))
    return dataclasses.replace(
        options, threads=options.threads or cores, run_id=options.run_id or uuid.uuid4().hex
    )


def _refuse_unresumable(made: Plan) -> None:
    """Refuse to take up what cannot be: input that is gone once it is read, output once it is written."""
    for job in made.jobs:
        if not job.rereadable:
            name = next(source.name for source in job.sources if source.uri == STDIN)
            raise UsageError(
                f"{name} can be read only once, so a run over it cannot be taken up again",
                hint="leave --resume out, or score a file",
            )
        if job.stream:
            raise UsageError(
                f"what was written to {job.target} is gone, so a run into it cannot be taken up again",
                hint="leave --resume out, or write a file",
            )


def _rows(made: Plan, model: Model) -> int | None:
    """Rows of all inputs, where every format knows it without reading them."""
    total = 0
    for job in made.jobs:
        for source in job.sources:
            if source.format not in ("parquet", "arrow") or source.uri == STDIN:
                return None
            with closing(open_input(source, model, Carried((), (), model), 1)) as reader:
                if reader.rows is None:
                    return None
                total += reader.rows
    return total


def _try(job: Job, model: Model, options: JobOptions) -> JobResult:
    """Score the first rows of each input and write nothing."""
    summary = ScoreSummary()
    carried = Carried(options.ids, options.passthrough, model)
    for source in job.sources:
        with closing(open_input(source, model, carried, options.chunk_rows)) as reader:
            carried.names(reader)
            batch = next(iter(reader.batches()), None)
            if batch is not None:
                unreadable = [bad.row - batch.first_row for bad in batch.bad]
                with told_of(source):
                    summary.add(model.scorer.score(batch.rows, unreadable=unreadable))
    return JobResult(job.target, summary, None, "")
