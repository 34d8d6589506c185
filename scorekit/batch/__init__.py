"""Scoring files: read, score, judge, publish."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from scorekit.batch.job import (
    JobOptions,
    JobResult,
    hash_inputs,
    open_input,
    run_job,
    run_key,
)
from scorekit.batch.plan import Job, Plan, plan
from scorekit.batch.run import Carried
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import NothingToDo, UsageError
from scorekit.model import Model, load
from scorekit.progress import Progress, Silent
from scorekit.tables.parts import exists, publish_bytes, remove

__all__ = ["BatchResult", "JobOptions", "JobResult", "ScoreSummary", "score_files"]

SUCCESS_FILE = "_SUCCESS"
DONE_FILE = ".scorekit-done.json"


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
    made = plan(inputs, output, file_format)
    listener.stage("scoring", _rows(made, loaded) if not dry_run else None, "rows")
    if dry_run:
        outputs = tuple(_try(job, loaded, chosen) for job in made.jobs)
    elif made.folder is None:
        outputs = tuple(run_job(job, loaded, chosen, listener) for job in made.jobs)
    else:
        outputs = _run_folder(made, made.folder, loaded, chosen, listener)
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


def _rows(made: Plan, model: Model) -> int | None:
    """Rows of all inputs, where every format knows it without reading them."""
    total = 0
    for job in made.jobs:
        for source in job.sources:
            if source.format not in ("parquet", "arrow"):
                return None
            with closing(open_input(source, model, Carried((), (), model), 1)) as reader:
                if reader.rows is None:
                    return None
                total += reader.rows
    return total


def _run_folder(
    made: Plan, folder: str, model: Model, options: JobOptions, progress: Progress
) -> tuple[JobResult, ...]:
    """Score into a folder, file by file; ``_SUCCESS`` comes last.

    A folder without ``_SUCCESS`` keeps a list of the files that are done, so that a
    run that is taken up again knows them in every format.
    """
    if "://" not in folder:
        _make_folder(Path(folder))
    marker, done = f"{folder}/{SUCCESS_FILE}", _Done(folder)
    if exists(marker):
        if not options.force:
            raise NothingToDo(
                f"{folder} is complete already", hint="score it again with --force", code="complete"
            )
        remove(marker)
    results = []
    for job in made.jobs:
        if options.resume and done.has(job, model, options):
            progress.note(f"{job.target} is done already")
            continue
        if "://" not in job.target:
            Path(job.target).parent.mkdir(parents=True, exist_ok=True)
        results.append(run_job(job, model, options, progress))
        done.add(results[-1])
    publish_bytes(marker, b"")
    done.clear()
    return tuple(results)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise UsageError(
            f"no such folder for the output: {folder.parent}", hint=f"mkdir -p {folder.parent}"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from None


class _Done:
    """The outputs of a folder that an unfinished run has published, with their keys."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / DONE_FILE if "://" not in folder else None
        self._keys: dict[str, str] = {}
        if self._path is not None and self._path.exists():
            self._keys = json.loads(self._path.read_text())

    def has(self, job: Job, model: Model, options: JobOptions) -> bool:
        key = self._keys.get(job.target)
        return key is not None and key == run_key(job, model, options, hash_inputs(job))

    def add(self, result: JobResult) -> None:
        self._keys[result.target] = result.key
        if self._path is not None:
            self._path.write_text(json.dumps(self._keys))

    def clear(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


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
                summary.add(model.scorer.score(batch.rows, unreadable=unreadable))
    return JobResult(job.target, summary, None, "")
