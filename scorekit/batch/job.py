"""One output: parts, errors, and the moment they become public."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from scorekit.batch.partial import Partial, RunKey, State, folder_for
from scorekit.batch.plan import STDIO, Job
from scorekit.batch.rejects import describe_first, reject_lines
from scorekit.batch.run import Carried, ScoredChunk, scored_chunks
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import NothingToDo, RowsRejected, UsageError
from scorekit.model import Model
from scorekit.progress import Progress
from scorekit.scoring import output_fields
from scorekit.tables import Batch, Source, TableReader, TableWriter, open_output, open_table
from scorekit.tables.parts import content_hash, exists, join_parts, output_metadata, publish_file

PART_CHUNKS = 16
ERRORS_FILE = "errors.jsonl"
KEY_NAME = "scorekit.run_key"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a user can ask of a run.

    Attributes
    ----------
    ids, passthrough : tuple of str
        Columns to carry; ``("all",)`` for all.
    errors_file : str or None
        None means beside the output.
    max_errors : int or None
        Most rejected rows; None means as long as one row is scored.
    threads : int
    chunk_rows : int
    resume, force : bool
    run_id : str
    """

    ids: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()
    errors_file: str | None = None
    max_errors: int | None = None
    threads: int = 1
    chunk_rows: int = 65_536
    resume: bool = False
    force: bool = False
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class JobResult:
    """An output that was published.

    Attributes
    ----------
    target : str
    summary : ScoreSummary
    errors_file : str or None
        Where rejected rows are explained, if there were any.
    key : str
        Digest of the run's key.
    resumed_rows : int
        Rows an earlier run had scored.
    """

    target: str
    summary: ScoreSummary
    errors_file: str | None
    key: str
    resumed_rows: int = 0


def run_job(job: Job, model: Model, options: JobOptions, progress: Progress) -> JobResult:
    """Score the inputs of a job into its output.

    Raises
    ------
    NothingToDo
        If the output is complete already, or another run is writing it.
    RowsRejected
        If more rows were rejected than allowed, or all of them; the errors file is
        published, the output is not.
    """
    run = _Run(job, model, options, progress)
    if job.target == STDIO:
        return run.to_stdout()
    _check_folder(job.target)
    partial = Partial(folder_for(job.target))
    with partial.held():
        return run.to_file(partial)


class _Run:
    """A job under way."""

    def __init__(self, job: Job, model: Model, options: JobOptions, progress: Progress) -> None:
        self._job = job
        self._model = model
        self._options = options
        self._progress = progress
        self._carried = Carried(options.ids, options.passthrough, model)
        self._summary = ScoreSummary()
        self._first_error: str | None = None
        self._hashes: Future[tuple[str, ...]] | None = None

    # outputs -------------------------------------------------------------------------

    def to_stdout(self) -> JobResult:
        """Score straight into stdout, which cannot be taken back."""
        errors_path = self._options.errors_file
        with ExitStack() as stack:
            errors = stack.enter_context(Path(errors_path).open("wb")) if errors_path else None
            writer: TableWriter | None = None
            for chunk in self._chunks(State(""), errors):
                writer = writer or stack.enter_context(self._writer(STDIO, chunk.output.schema))
                writer.write(chunk.output)
            writer = writer or stack.enter_context(self._writer(STDIO, self._empty_schema()))
            writer.commit()
        self._check_rejects(at_end=True)
        return JobResult(STDIO, self._summary, errors_path, "")

    def to_file(self, partial: Partial) -> JobResult:
        """Score into parts, then publish."""
        with ThreadPoolExecutor(1, thread_name_prefix="hash") as pool:
            self._hashes = pool.submit(hash_inputs, self._job)
            state = self._begin(partial)
            resumed = self._summary.rows
            try:
                with (partial.folder / ERRORS_FILE).open("r+b" if state.parts else "w+b") as errors:
                    errors.truncate(state.error_bytes)
                    errors.seek(0, os.SEEK_END)
                    self._write_parts(partial, state, errors)
                self._check_rejects(at_end=True)
            except RowsRejected:
                self._publish_errors(partial)
                partial.clear()
                raise
            self._publish(partial, state)
            errors_file = self._publish_errors(partial)
            partial.remove()
        return JobResult(self._job.target, self._summary, errors_file, self._key(), resumed)

    def _begin(self, partial: Partial) -> State:
        """Take up an earlier run, or begin anew."""
        self._refuse_complete(partial)
        if self._options.resume:
            state = partial.read(self._key())
            if state is not None:
                self._summary = ScoreSummary.from_dict(state.summary)
                self._progress.note(f"taking up an earlier run after {self._summary.rows:,} rows")
                return state
            self._progress.note(
                "no earlier run of the same input, model and options: starting at the first row"
            )
        partial.clear()
        return State("")

    def _refuse_complete(self, partial: Partial) -> None:
        if self._options.force or not exists(self._job.target):
            return
        unfinished = bool(list(partial.folder.glob("state.json")))
        known = output_metadata(self._job.target).get(KEY_NAME)
        if known == self._key() or (known is None and self._options.resume and not unfinished):
            raise NothingToDo(
                f"{self._job.target} is complete already", hint="score it again with --force", code="complete"
            )
        if not (self._options.resume and unfinished):
            raise UsageError(f"the output {self._job.target} exists", hint="replace it with --force")

    def _key(self) -> str:
        assert self._hashes is not None  # noqa: S101 - set before anything can ask
        return run_key(self._job, self._model, self._options, self._hashes.result())

    # parts ---------------------------------------------------------------------------

    def _write_parts(self, partial: Partial, state: State, errors: IO[bytes]) -> None:
        most = PART_CHUNKS * self._options.chunk_rows
        writer: TableWriter | None = None
        rows = 0
        try:
            for chunk in self._chunks(state, errors):
                if writer is None:
                    writer = self._part_writer(partial, state, chunk.output.schema)
                writer.write(chunk.output)
                rows += chunk.output.num_rows
                if rows >= most:
                    writer.commit()
                    writer, rows = None, 0
                    self._finish_part(partial, state, chunk, errors)
            if writer is None and not state.parts:
                writer = self._part_writer(partial, state, self._empty_schema())
            if writer is not None:
                writer.commit()
                state.parts.append(self._part_name(state))
        except BaseException:
            if writer is not None:
                writer.abort()
            raise

    def _finish_part(self, partial: Partial, state: State, last: ScoredChunk, errors: IO[bytes]) -> None:
        errors.flush()
        os.fsync(errors.fileno())
        state.key = self._key()
        state.parts.append(self._part_name(state))
        state.source, state.row = last.source, last.batch.first_row + last.batch.rows.num_rows
        state.error_bytes = errors.tell()
        state.summary = self._summary.to_dict()
        partial.write(state)

    def _part_name(self, state: State) -> str:
        compressed = ".gz" if self._job.target.endswith(".gz") else ""
        return f"part-{len(state.parts):05}{compressed}"

    def _part_writer(self, partial: Partial, state: State, schema: pa.Schema) -> TableWriter:
        return self._writer(str(partial.folder / self._part_name(state)), schema, header=not state.parts)

    def _writer(self, target: str, schema: pa.Schema, *, header: bool = True) -> TableWriter:
        return open_output(
            target, format=self._job.format, schema=schema, metadata=self._metadata, header=header
        )

    def _metadata(self) -> Mapping[str, str]:
        """What a reader of the output may want to know of the run."""
        manifest = self._model.manifest
        return {
            "scorekit.model": f"{manifest.name}:{manifest.version}",
            "scorekit.model_digest": manifest.digest,
            "scorekit.engine": self._model.scorer.engine.name,
            "scorekit.run_id": self._options.run_id,
            **({KEY_NAME: self._key()} if self._hashes is not None else {}),
        }

    def _empty_schema(self) -> pa.Schema:
        with closing(self._open(0)) as reader:
            names = self._carried.names(reader)
        return pa.schema([*(pa.field(n, pa.string()) for n in names), *output_fields(self._model.manifest)])

    # rows ----------------------------------------------------------------------------

    def _chunks(self, state: State, errors: IO[bytes] | None) -> Iterator[ScoredChunk]:
        """Scored chunks in order, counted, their rejects written."""
        sources = self._job.sources
        for chunk in scored_chunks(self._model, self._read(state), self._options.threads):
            before = self._summary.rows
            self._summary.add(chunk.scored)
            if len(chunk.scored.rejected):
                ids = chunk.output.select(list(self._carried.ids(chunk.output.schema.names)))
                for line in reject_lines(
                    chunk.scored,
                    first_row=before + 1,
                    file=sources[chunk.source].name,
                    ids=ids,
                    lines={
                        bad.row - chunk.batch.first_row: (bad.line, bad.message) for bad in chunk.batch.bad
                    },
                ):
                    self._first_error = self._first_error or line
                    if errors is not None:
                        errors.write(line.encode() + b"\n")
            self._check_rejects(at_end=False)
            self._progress.advance(len(chunk.scored))
            yield chunk

    def _read(self, state: State) -> Iterator[tuple[int, Batch, Carried, tuple[str, ...]]]:
        for number in range(state.source, len(self._job.sources)):
            with closing(self._open(number)) as reader:
                names = self._carried.names(reader)
                skip = state.row if number == state.source else 0
                for batch in reader.batches(skip_rows=skip):
                    yield number, batch, self._carried, names

    def _open(self, number: int) -> TableReader:
        return open_input(self._job.sources[number], self._model, self._carried, self._options.chunk_rows)

    def _check_rejects(self, *, at_end: bool) -> None:
        rejected, most = self._summary.rejected, self._options.max_errors
        first = f"; the first: {describe_first(self._first_error)}" if self._first_error else ""
        if most is not None and rejected > most:
            raise RowsRejected(f"{rejected:,} rows were rejected, allowed are {most:,}{first}")
        if at_end and rejected and rejected == self._summary.rows:
            raise RowsRejected(f"all {rejected:,} rows were rejected{first}", code="all_rejected")

    # publishing ----------------------------------------------------------------------

    def _publish(self, partial: Partial, state: State) -> None:
        parts = [partial.folder / part for part in state.parts]
        join_parts(parts, self._job.target, format=self._job.format, metadata=self._metadata)

    def _publish_errors(self, partial: Partial) -> str | None:
        made = partial.folder / ERRORS_FILE
        target = self._options.errors_file or errors_beside(self._job.target)
        if made.exists() and made.stat().st_size:
            publish_file(made, target)
            return target
        if self._options.force and "://" not in target:
            Path(target).unlink(missing_ok=True)
        return None


def open_input(source: Source, model: Model, carried: Carried, chunk_rows: int) -> TableReader:
    """An input, read by the schema of a model: its columns and those that are carried."""
    inputs = model.manifest.inputs
    beside = carried.columns()
    columns = None if beside is None else tuple(dict.fromkeys((*inputs.names, *beside)))
    # what is carried is written as it stands in the file, so the reader must not turn it into a number
    kept = set(beside or ()) if beside is not None else set(inputs.names)
    types = {feature.name: feature.kind for feature in inputs.features if feature.name not in kept}
    return open_table(source, columns=columns, types=types, na_values=inputs.na_values, chunk_rows=chunk_rows)


def hash_inputs(job: Job) -> tuple[str, ...]:
    """Content hash of each input, in order."""
    return tuple(content_hash(source) for source in job.sources)


def run_key(job: Job, model: Model, options: JobOptions, hashes: tuple[str, ...]) -> str:
    """Digest of everything that decides what a job writes."""
    return RunKey(
        model.manifest.digest,
        hashes,
        {
            "engine": model.scorer.engine.name,
            "format": job.format,
            "ids": options.ids,
            "passthrough": options.passthrough,
            "chunk_rows": options.chunk_rows,
        },
    ).digest()


def errors_beside(target: str) -> str:
    """The errors file of an output: ``rows.scores.parquet`` has ``rows.scores.errors.jsonl``."""
    folder, slash, name = target.rpartition("/")
    stem = name
    for _ in range(2):
        head, dot, ending = stem.rpartition(".")
        if dot and ending in ("parquet", "csv", "jsonl", "json", "ndjson", "arrow", "feather", "gz"):
            stem = head
    return f"{folder}{slash}{stem}.errors.jsonl"


def _check_folder(target: str) -> None:
    if "://" in target:
        return
    folder = Path(target).parent
    if not folder.is_dir():
        raise UsageError(f"no such folder for the output: {folder}", hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"the folder {folder} cannot be written to", hint="name another output with -o")
