"""Which inputs go to which output, and where the rejected rows are explained."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from scorekit.errors import UsageError
from scorekit.tables import FORMATS, Source, find, format_of
from scorekit.tables.formats import format_named, require_format
from scorekit.tables.parts import exists
from scorekit.tables.sources import STDIN, refuse_twice

STDIO = "-"
_RUN_ID_LETTERS = 40
"""Of a run's id in the name of a file."""


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
    errors : str or None
        Where rejected rows are explained; None on a stream unless asked for.
    folder : str or None
        The output folder that it is one file of.
    """

    sources: tuple[Source, ...]
    target: str
    format: str
    errors: str | None = None
    folder: str | None = None

    @property
    def stream(self) -> bool:
        """Whether the output goes to stdout, a pipe or a device: what is written there is gone."""
        path = Path(self.target)
        return self.target == STDIO or (path.exists() and not path.is_file() and not path.is_dir())

    @property
    def rereadable(self) -> bool:
        """Whether every input can be read a second time."""
        return all(source.uri != STDIN for source in self.sources)


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


def plan(
    inputs: Sequence[str],
    output: str | None,
    file_format: str | None,
    errors_file: str | None = None,
    *,
    input_format: str | None = None,
    output_format: str | None = None,
) -> Plan:
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
    errors_file : str or None
        Where rejected rows are explained. None means beside each output.
    input_format, output_format : str or None
        The same of one side only; before ``file_format``.

    Raises
    ------
    UsageError
        If what is written would overwrite an input or something else that is written,
        or if no output or no format can be told.
    """
    read_as, write_as = input_format or file_format, output_format or file_format
    for named in (read_as, write_as):
        if named is not None:
            format_named(named)
    sources = tuple(source for given in inputs for source in find([given], format=_asked(given, read_as)))
    refuse_twice(sources)
    folders = [given for given in inputs if _names_folder(given, sources)]
    target = output if output is not None else _beside(inputs, folders)
    if _is_folder(target, folders):
        _refuse_inside(target, inputs)
        made = _into_folder(sources, target.rstrip("/"), errors_file)
    else:
        job = Job(sources, target, _format(target, write_as, sources[0].format))
        made = Plan((_with_errors(job, errors_file),))
    _check_distinct(made.jobs, sources)
    return made


def _asked(given: str, file_format: str | None) -> str | None:
    """``--format`` speaks of inputs whose ending says nothing."""
    return None if format_of(given) else file_format


def _names_folder(given: str, sources: Sequence[Source]) -> bool:
    """Whether an input is a folder or a prefix, not a table of its own."""
    if "://" in given:
        return not any(sign in given for sign in "*?[") and all(source.uri != given for source in sources)
    return Path(given).is_dir()


def _beside(inputs: Sequence[str], folders: Sequence[str]) -> str:
    if len(inputs) > 1 or any(sign in inputs[0] for sign in "*?["):
        raise UsageError("several inputs need an output", hint="name a file or a folder with -o")
    only = inputs[0]
    if only == STDIO:
        return STDIO
    path = only.rstrip("/")
    if folders:
        return f"{path}.scores/"
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.partition(".")
    return f"{folder}{'/' if folder or path.startswith('/') else ''}{stem}.scores{dot}{ending}"


def _is_folder(target: str, folders: Sequence[str]) -> bool:
    return target != STDIO and (target.endswith("/") or Path(target).is_dir() or bool(folders))


def _refuse_inside(target: str, inputs: Sequence[str]) -> None:
    """Refuse an output folder within an input folder: its scores would be the next run's rows."""
    folder = Path(target).resolve()
    for given in inputs:
        if Path(given).is_dir() and Path(given).resolve() in folder.parents:
            raise UsageError(
                f"the output folder {target} lies within the input {given}", hint="name another with -o"
            )


def _into_folder(sources: Sequence[Source], folder: str, errors_file: str | None) -> Plan:
    if errors_file is not None and len(sources) > 1:
        raise UsageError(
            f"one errors file cannot explain {len(sources):,} outputs",
            hint="leave --errors-file out: each output gets one beside it",
        )
    jobs: dict[str, Job] = {}
    for source in sources:
        target = f"{folder}/{source.relative}"
        if target in jobs:
            raise UsageError(
                f"two inputs are called {source.relative!r}, and would be scored into the same file",
                hint="score them into folders of their own",
            )
        jobs[target] = Job((source,), target, _format(target, source.format, source.format), folder=folder)
    stems = Counter(errors_beside(target) for target in jobs)
    return Plan(
        tuple(
            _with_errors(job, errors_file, whole_name=stems[errors_beside(job.target)] > 1)
            for job in jobs.values()
        ),
        folder,
    )


def _format(target: str, asked: str | None, source: str) -> str:
    """Format of an output: its ending's, else the one asked for; on stdout rows are text."""
    if target == STDIO:
        return asked or (source if FORMATS[source].text else "jsonl")
    known = format_of(target)
    return known.name if known else require_format(target, asked).name


# The errors file ---------------------------------------------------------------------


def _with_errors(job: Job, errors_file: str | None, *, whole_name: bool = False) -> Job:
    if errors_file is None and not job.stream:
        errors_file = errors_beside(job.target, whole_name=whole_name)
    return replace(job, errors=errors_file)


def errors_beside(target: str, *, whole_name: bool = False) -> str:
    """The errors file of an output: ``rows.scores.parquet`` has ``rows.scores.errors.jsonl``.

    Parameters
    ----------
    target : str
    whole_name : bool
        Keep the ending of the output, where another one has the same name but for it.

    Examples
    --------
    >>> errors_beside("out/a.csv.gz"), errors_beside("out/a.csv.gz", whole_name=True)
    ('out/a.errors.jsonl', 'out/a.csv.gz.errors.jsonl')
    """
    folder, slash, name = target.rpartition("/")
    stem = name
    while not whole_name and format_of(stem):
        stem = stem.removesuffix(".gz").rpartition(".")[0]
    return f"{folder}{slash}{stem}.errors.jsonl"


# Quarantine --------------------------------------------------------------------------


def quarantine_of(job: Job, run_id: str) -> str:
    """Where scores go that are withheld; a file that stands there is left alone.

    ``rows.scores.parquet`` has ``rows.scores.quarantine.parquet`` beside it; the files of a
    folder go to one beside the folder, where nobody takes them for its content. What was
    for a stream goes to the working directory, or, where that may not be written, to the
    one for temporary files.
    """
    if job.stream:
        named = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id)[:_RUN_ID_LETTERS]
        folder = "" if os.access(".", os.W_OK) else f"{tempfile.gettempdir()}/"
        return _free(f"{folder}scorekit-{named}.quarantine", FORMATS[job.format].endings[0])
    if job.folder is None:
        stem, ending = _split(job.target)
        return _free(f"{stem}.quarantine", ending)
    return _free(*_split(f"{_beside_folder(job.folder)}{job.target.removeprefix(job.folder)}"))


def _beside_folder(folder: str) -> str:
    if folder.startswith("s3://") and "/" not in folder.removeprefix("s3://"):
        # there is nothing beside a bucket
        return f"{folder}/.quarantine"
    if "://" not in folder and Path(folder).name in ("", ".."):
        folder = os.path.realpath(folder)
    return f"{folder}.quarantine"


def _split(target: str) -> tuple[str, str]:
    """A target without the ending of its format, and the ending."""
    folder, slash, name = target.rpartition("/")
    stem = name.removesuffix(".gz").rpartition(".")[0] if format_of(name) else name
    return f"{folder}{slash}{stem}", name.removeprefix(stem)


def _free(stem: str, ending: str) -> str:
    """A name that nothing has."""
    names = (f"{stem}{f'-{number}' if number else ''}{ending}" for number in count())
    return next(name for name in names if not exists(name))


# Nothing is written over -------------------------------------------------------------


def _check_distinct(jobs: Sequence[Job], sources: Sequence[Source]) -> None:
    inputs = {_identity(source.uri) for source in sources}
    outputs = {_place(job.target): job.target for job in jobs}
    for job in jobs:
        if _identity(job.target) in inputs:
            raise UsageError(f"the output {job.target} is one of the inputs", hint="name another with -o")
        if job.errors is None:
            continue
        if job.errors == STDIO and not job.stream:
            raise UsageError(
                "rejected rows cannot be explained on standard output, where the result is shown",
                hint="name a file with --errors-file",
            )
        what, hint = f"the errors file {job.errors}", "name another with --errors-file"
        if _identity(job.errors) in inputs:
            raise UsageError(f"{what} is one of the inputs", hint=hint)
        if _place(job.errors) in outputs:
            raise UsageError(f"{what} is the output {outputs[_place(job.errors)]}", hint=hint)


def _identity(target: str) -> object:
    """What two names of one file or object have in common; of nothing that is there, a thing of its own."""
    if "://" in target:
        return target
    if target == STDIO:
        return object()
    try:
        status = Path(target).stat()
    except OSError:
        return object()
    return status.st_dev, status.st_ino


def _place(target: str) -> str:
    return target if "://" in target or target == STDIO else os.path.realpath(target)


def check_places(job: Job) -> None:
    """Refuse to begin where what is made could not be written.

    Raises
    ------
    UsageError
        If a folder is missing or may not be written to.
    """
    if not job.stream:
        _check_folder(job.target, "output", "-o")
    if job.errors is not None:
        _check_folder(job.errors, "errors file", "--errors-file")
        if Path(job.errors).is_dir():
            raise UsageError(f"the errors file {job.errors} is a folder", hint="name a file in it")


def _check_folder(target: str, what: str, option: str) -> None:
    if "://" in target:
        return
    folder = Path(target).parent
    if not folder.exists():
        raise UsageError(f"no such folder for the {what}: {folder}", hint=f"mkdir -p {folder}")
    if not folder.is_dir():
        raise UsageError(f"no folder for the {what}: {folder} is a file", hint=f"name another with {option}")
    if not os.access(folder, os.W_OK):
        raise UsageError(
            f"the folder {folder} cannot be written to", hint=f"name another {what} with {option}"
        )
