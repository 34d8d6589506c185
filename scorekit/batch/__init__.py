"""Scoring files: read, score, judge, publish."""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorekit.batch.counting import count_rows
from scorekit.batch.folder import run_folder
from scorekit.batch.inputs import open_input
from scorekit.batch.job import run_job
from scorekit.batch.options import JobOptions, JobResult, worst
from scorekit.batch.plan import Job, Plan, check_places, plan
from scorekit.batch.run import Carried, told_of
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import ScorekitError, Unreachable, UsageError
from scorekit.gate import Gate
from scorekit.model import Model, load
from scorekit.policy import Policy
from scorekit.progress import Progress, Silent
from scorekit.quality.verdict import OnFail
from scorekit.tables.sources import STDIN

if TYPE_CHECKING:
    from scorekit.state.ledger import Ledger

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
    untold : tuple of str
        Which alert channels could not be told, and what was not written down.
    """

    model: str
    engine: str
    outputs: tuple[JobResult, ...]
    seconds: float
    run_id: str
    score_columns: tuple[str, ...]
    dry_run: bool = False
    untold: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all outputs."""
        return _rows(self.outputs)

    @property
    def refusals(self) -> list[ScorekitError]:
        """Why outputs were withheld."""
        return [output.refusal for output in self.outputs if output.refusal is not None]

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
    input_format: str | None = None,
    output_format: str | None = None,
    options: JobOptions | None = None,
    policy: Policy | None = None,
    on_quality_fail: OnFail | None = None,
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
    input_format, output_format : str, optional
        The same of one side only, such as Parquet that comes through a pipe and CSV that leaves by one.
    options : JobOptions, optional
    policy : Policy, optional
        What holds for the quality of the scores; by default, what holds where nothing is declared.
    on_quality_fail : {"warn", "fallback", "fail"}, optional
        What a failed window does, if not what the policy says.
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
    QualityError, SwitchOpen, Unreachable
        If an output was withheld, the last where the state cannot be used; ``result`` of the
        error says what was found.
    ScorekitError
        See ``errors``; nothing half is ever left behind.
    """
    started = time.perf_counter()
    listener = progress or Silent()
    loaded = model if isinstance(model, Model) else load(model, store=store, allow_mismatch=allow_mismatch)
    chosen = _complete(options or JobOptions())
    made = plan(
        inputs,
        output,
        file_format,
        chosen.errors_file,
        input_format=input_format,
        output_format=output_format,
    )
    if chosen.resume:
        _refuse_unresumable(made)
    listener.stage("scoring", count_rows(made, loaded) if listener.drawn and not dry_run else None, "rows")
    with _ledger(loaded) if not dry_run else nullcontext() as ledger:
        where = made.folder or made.jobs[0].target
        gate = Gate(loaded, policy or Policy(), on_fail=on_quality_fail, ledger=ledger, output=where)
        outputs, untold = (_tried(made, gate, chosen), ()) if dry_run else _made(made, gate, chosen, listener)
    result = BatchResult(
        model=f"{loaded.manifest.name}:{loaded.manifest.version}",
        engine=loaded.scorer.engine.name,
        outputs=outputs,
        seconds=time.perf_counter() - started,
        run_id=next((output.run_id for output in outputs if output.run_id), chosen.run_id),
        score_columns=loaded.manifest.scoring.columns,
        dry_run=dry_run,
        untold=untold,
    )
    _raise_refusal(result)
    return result


@contextmanager
def _ledger(model: Model) -> Iterator[Ledger | None]:
    """The state database of a model's store; none for a model that is in no store."""
    if model.store is None:
        yield None
        return
    from scorekit.state.ledger import Ledger

    with Ledger.open(model.store) as ledger:
        yield ledger


def _made(
    made: Plan, gate: Gate, options: JobOptions, progress: Progress
) -> tuple[tuple[JobResult, ...], tuple[str, ...]]:
    """Score every output, and keep a record of how the run ended; what could not be told of it."""
    outputs: list[JobResult] = []
    try:
        for output in _each(made, gate, options, progress):
            outputs.append(output)  # noqa: PERF402 - those made before an error are recorded, too
    except BaseException:
        with suppress(Unreachable):
            gate.finish("failed", _rows(outputs))
        raise
    try:
        untold = gate.finish(worst(output.fate for output in outputs), _rows(outputs))
    except Unreachable as error:
        # what was decided is done; only how the run ended is written nowhere
        untold = (f"{error.message}; how the run ended was not written down",)
    return tuple(outputs), untold


def _each(made: Plan, gate: Gate, options: JobOptions, progress: Progress) -> Iterator[JobResult]:
    """What becomes of each output, once it is there."""
    if made.folder is not None:
        yield from run_folder(made, made.folder, gate, options, progress)
        return
    for number, job in enumerate(made.jobs):
        yield run_job(job, gate, options, progress, number=number)


def _rows(outputs: Sequence[JobResult]) -> int:
    return sum(output.summary.rows for output in outputs)


def _raise_refusal(result: BatchResult) -> None:
    """Say that an output was withheld, where it is, and what was made before it."""
    for output in result.outputs:
        if output.refusal is not None:
            refusal = type(output.refusal)(
                f"{output.refusal.message}; nothing was published, the scores are in {output.target}",
                hint=output.refusal.hint,
                code=output.refusal.code,
            )
            refusal.result = result
            raise refusal


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


def _tried(made: Plan, gate: Gate, options: JobOptions) -> tuple[JobResult, ...]:
    if made.folder is None:
        check_places(made.jobs[0])
    return tuple(_try(job, gate.model, options) for job in made.jobs)


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
