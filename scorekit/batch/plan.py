"""Which inputs go to which output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scorekit.errors import UsageError
from scorekit.tables import FORMATS, Source, find, format_of, same_file
from scorekit.tables.formats import require_format

STDIO = "-"


@dataclass(frozen=True, slots=True)
class Job:
    """Inputs that are scored into one output, in order.

    Attributes
    ----------
    sources : tuple of Source
    target : str
        Path, ``s3://`` URI, or ``-`` for stdout.
    format : str
        Of the output.
    """

    sources: tuple[Source, ...]
    target: str
    format: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a run.

    Attributes
    ----------
    jobs : tuple of Job
    folder : str or None
        The output folder that gets ``_SUCCESS`` when all jobs are done.
    """

    jobs: tuple[Job, ...]
    folder: str | None = None


def plan(inputs: Sequence[str], output: str | None, file_format: str | None) -> Plan:
    """Decide what is scored into what.

    Parameters
    ----------
    inputs : sequence of str
        Files, globs, folders, ``s3://`` URIs, or ``-``.
    output : str or None
        File, folder or ``-``. None means beside the input: ``rows.parquet`` becomes
        ``rows.scores.parquet``, a folder ``rows`` becomes ``rows.scores``.
    file_format : str or None
        Format of whatever does not say so by its ending.

    Raises
    ------
    UsageError
        If an output is one of the inputs, two would be the same, or none can be told.
    """
    sources = tuple(source for given in inputs for source in find([given], format=_asked(given, file_format)))
    target = output if output is not None else _beside(inputs)
    if _is_folder(target, inputs):
        made = _into_folder(sources, target.rstrip("/"))
    else:
        kind = _format(target, file_format, sources[0].format)
        made = Plan((Job(sources, target, kind),))
    for job in made.jobs:
        _check_distinct(job, sources)
    return made


def _asked(given: str, file_format: str | None) -> str | None:
    """``--format`` speaks of inputs whose ending says nothing."""
    return None if format_of(given) else file_format


def _beside(inputs: Sequence[str]) -> str:
    if len(inputs) > 1 or any(sign in inputs[0] for sign in "*?["):
        raise UsageError("several inputs need an output", hint="name a file or a folder with -o")
    only = inputs[0]
    if only == STDIO:
        return STDIO
    path = only.rstrip("/")
    if Path(path).is_dir() or only.endswith("/"):
        return f"{path}.scores/"
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{'/' if folder or path.startswith('/') else ''}{stem}.scores{dot}{ending}"


def _is_folder(target: str, inputs: Sequence[str]) -> bool:
    if target == STDIO:
        return False
    return target.endswith("/") or Path(target).is_dir() or any(Path(name).is_dir() for name in inputs)


def _into_folder(sources: Sequence[Source], folder: str) -> Plan:
    jobs: dict[str, Job] = {}
    for source in sources:
        target = f"{folder}/{source.relative}"
        if target in jobs:
            raise UsageError(
                f"two inputs are called {source.relative!r}, and would be scored into the same file",
                hint="score them into folders of their own",
            )
        jobs[target] = Job((source,), target, _format(target, source.format, source.format))
    return Plan(tuple(jobs.values()), folder)


def _format(target: str, asked: str | None, source: str) -> str:
    """Format of an output: its ending's, else the one asked for; on stdout rows are text."""
    if target == STDIO:
        return asked or (source if FORMATS[source].text else "jsonl")
    known = format_of(target)
    return known.name if known else require_format(target, asked).name


def _check_distinct(job: Job, sources: Sequence[Source]) -> None:
    for source in sources:
        if same_file(job.target, source):
            raise UsageError(f"the output {job.target} is one of the inputs", hint="name another with -o")
