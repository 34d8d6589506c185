"""Judging files as they would be judged if they were scored; nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scorekit.batch.options import JobOptions
from scorekit.batch.partial import State
from scorekit.batch.passing import Pass
from scorekit.batch.plan import STDIO, Job
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import QualityError
from scorekit.gate import Gate, said
from scorekit.model import Model, load
from scorekit.policy import Policy
from scorekit.progress import Progress, Silent
from scorekit.quality.verdict import Verdict
from scorekit.tables import find
from scorekit.tables.sources import refuse_twice


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """The verdict of some files.

    Attributes
    ----------
    model : str
        ``name:version``.
    verdict : Verdict
    summary : ScoreSummary
    seconds : float
    """

    model: str
    verdict: Verdict
    summary: ScoreSummary
    seconds: float


def check_files(
    inputs: Sequence[str],
    *,
    model: str | Model | None = None,
    store: str | None = None,
    file_format: str | None = None,
    policy: Policy | None = None,
    ids: Sequence[str] = (),
    threads: int | None = None,
    chunk_rows: int = 65_536,
    progress: Progress | None = None,
) -> CheckResult:
    """Judge files as one window.

    Parameters
    ----------
    inputs : sequence of str
        Files, globs, folders, ``s3://`` URIs, or ``-`` for stdin.
    model : str or Model, optional
    store, file_format : str, optional
    policy : Policy, optional
    ids : sequence of str
        Columns that identify a row.
    threads, chunk_rows : int
    progress : Progress, optional

    Returns
    -------
    CheckResult

    Raises
    ------
    QualityError
        If the verdict is ``alarm``, or the window failed, such as for want of a baseline;
        its ``result`` is the ``CheckResult``.
    """
    started = time.perf_counter()
    listener = progress or Silent()
    loaded = model if isinstance(model, Model) else load(model, store=store)
    gate = Gate(loaded, policy or Policy())
    sources = tuple(find(list(inputs), format=file_format))
    refuse_twice(sources)
    options = JobOptions(
        ids=tuple(ids), threads=threads or len(os.sched_getaffinity(0)), chunk_rows=chunk_rows
    )
    listener.stage("checking", None, "rows")
    job = Job(sources, STDIO, "jsonl")
    rows = Pass(job, loaded, gate.scorer, options, listener, gate.poor_rows())
    for _ in rows.chunks(State(""), None):
        pass
    verdict = gate.judge(rows.window)
    name = f"{loaded.manifest.name}:{loaded.manifest.version}"
    result = CheckResult(name, verdict, rows.summary, time.perf_counter() - started)
    _refuse(result)
    return result


def _refuse(result: CheckResult) -> None:
    verdict = result.verdict
    if verdict.state != "alarm" and not verdict.failed:
        return
    refusal = QualityError(f"the verdict on these rows is {verdict.state}: {said(verdict)}")
    refusal.result = result
    raise refusal
