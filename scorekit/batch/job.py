"""One output: parts, errors, and the moment they become public."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from scorekit.batch.inputs import hash_inputs, in_background, open_input, run_key
from scorekit.batch.partial import ERRORS_FILE, Partial, State, folder_for
from scorekit.batch.plan import Job, check_places
from scorekit.batch.rejects import describe_first, holds_rejects, reject_lines
from scorekit.batch.run import Carried, ScoredChunk, scored_chunks, told_of
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import NothingToDo, RowsRejected, SchemaError, Unreachable, UsageError
from scorekit.model import Model
from scorekit.progress import Progress
from scorekit.scoring import output_fields
from scorekit.tables import Batch, TableReader, TableWriter, open_output
from scorekit.tables.output import conformed
from scorekit.tables.parts import exists, identity, join_parts, output_metadata, publish_file, remove
from scorekit.tables.targets import explained, open_target

PART_ROWS = 1 << 20
"""Rows of a part, in whole chunks: what a run that is killed has to score again, at most."""

KEY_NAME = "scorekit.run_key"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a user can ask of a run.

    Attributes
    ----------
    ids, passthrough : tuple of str
        Columns to carry; ``("all",)`` for all.
    errors_file : str or None
        Where rejected rows are explained; None means beside the output.
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

    def decisive(self) -> dict[str, Any]:
        """What changes the bytes of an output."""
        return {"ids": self.ids, "passthrough": self.passthrough, "chunk_rows": self.chunk_rows}


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
    seconds : float
        How long this output took.
    """

    target: str
    summary: ScoreSummary
    errors_file: str | None
    key: str
    resumed_rows: int = 0
    seconds: float = 0.0


def run_job(
    job: Job,
    model: Model,
    options: JobOptions,
    progress: Progress,
    made: Callable[[str], None] = lambda _: None,
) -> JobResult:
    """Score the inputs of a job into its output; ``made`` hears its key before the traces of the run go.

    Raises
    ------
    NothingToDo
        If the output is complete already, or another run is writing it.
    RowsRejected
        If more rows were rejected than allowed, or all of them; the errors file is
        published, the output is not.
    """
    started = time.perf_counter()
    result = _run(job, model, options, progress, made)
    return replace(result, seconds=time.perf_counter() - started)


def _run(
    job: Job, model: Model, options: JobOptions, progress: Progress, made: Callable[[str], None]
) -> JobResult:
    check_places(job)
    run = _Run(job, model, options, progress, made)
    if job.stream:
        return run.to_stream()
    partial = Partial(folder_for(job.target))
    with _told_of(job, partial), explained(job.target), partial.held():
        return run.to_file(partial)


@contextmanager
def _told_of(job: Job, partial: Partial) -> Iterator[None]:
    """Say of a full disk which output it was full for, not which part, and what to do."""
    try:
        yield
    except Unreachable as error:
        if error.code != "no_space":
            raise
        said = error.message
        if str(partial.folder) in said:
            said = f"{job.target}: no space left while writing; nothing was published"
        go_on = "free some space, and go on with --resume" if partial.begun else error.hint
        raise Unreachable(said, hint=go_on, code=error.code) from error


class _Run:
    """A job under way."""

    def __init__(
        self, job: Job, model: Model, options: JobOptions, progress: Progress, made: Callable[[str], None]
    ) -> None:
        self._made = made
        self._job = job
        self._model = model
        self._options = options
        self._progress = progress
        self._carried = Carried(options.ids, options.passthrough, model)
        self._names: tuple[str, ...] = ()
        self._schema: pa.Schema | None = None
        self._summary = ScoreSummary()
        self._first_error: str | None = None
        self._hashes: Future[tuple[str, ...]] | None = None

    # outputs -------------------------------------------------------------------------

    def to_stream(self) -> JobResult:
        """Score straight into stdout, a pipe or a device, which cannot be taken back."""
        self._refuse_errors_file()
        with ExitStack() as stack:
            errors = stack.enter_context(self._errors_beside_stream())
            writer: TableWriter | None = None
            for chunk in self._chunks(State(""), errors):
                writer = writer or stack.enter_context(self._writer(self._job.target, chunk.output.schema))
                writer.write(chunk.output)
            writer = writer or stack.enter_context(self._writer(self._job.target, self._empty_schema()))
            writer.commit()
            self._check_rejects(at_end=True)
        return JobResult(self._job.target, self._summary, self._explained_in(), "")

    @contextmanager
    def _errors_beside_stream(self) -> Iterator[IO[bytes] | None]:
        """The errors file of a stream: published when rows were rejected, whatever becomes of the run."""
        if self._job.errors is None:
            yield None
            return
        place = open_target(self._job.errors)
        try:
            with explained(self._job.errors):
                yield place.file
                if self._summary.rejected:
                    place.commit()
                else:
                    _remove_file(self._job.errors)
        except RowsRejected:
            place.commit()
            raise
        finally:
            place.abort()

    def to_file(self, partial: Partial) -> JobResult:
        """Score into parts, then publish: the errors first, so that an output is never unexplained."""
        self._hashes = in_background(lambda: hash_inputs(self._job))
        state = self._begin(partial)
        resumed = self._summary.rows
        try:
            with (partial.folder / ERRORS_FILE).open("r+b" if state.parts else "w+b") as errors:
                errors.truncate(state.error_bytes)
                self._first_error = errors.readline().decode() or None
                errors.seek(0, os.SEEK_END)
                self._write_parts(partial, state, errors)
            self._check_rejects(at_end=True)
        except RowsRejected:
            self._publish_errors(partial)
            partial.clear()
            raise
        self._publish_errors(partial)
        partial.publishing(self._key(), identity(self._job.target))
        self._publish(partial, state)
        self._made(self._key())
        partial.remove()
        return JobResult(self._job.target, self._summary, self._explained_in(), self._key(), resumed)

    def _explained_in(self) -> str | None:
        return self._job.errors if self._summary.rejected else None

    def _begin(self, partial: Partial) -> State:
        """Take up an earlier run, or begin anew."""
        self._refuse_complete(partial)
        if self._options.force or not self._options.resume or partial.read(self._key()) is None:
            self._refuse_errors_file()
        if self._options.resume:
            state = partial.read(self._key())
            if state is not None:
                self._summary = ScoreSummary.from_dict(state.summary)
                self._schema = state.arrow_schema()
                self._progress.note(f"taking up an earlier run after {self._summary.rows:,} rows")
                return state
            self._progress.note(
                "no earlier run of the same input, model and options: starting at the first row"
            )
        partial.clear()
        return State("")

    def _refuse_complete(self, partial: Partial) -> None:
        target = self._job.target
        if self._options.force or not exists(target):
            return
        if self._is_made(partial):
            self._made(self._key())
            partial.clear()
            raise NothingToDo(
                f"{target} is complete already", hint="score it again with --force", code="complete"
            )
        if not (self._options.resume and partial.read(self._key())):
            raise UsageError(f"the output {target} exists", hint="replace it with --force")

    def _refuse_errors_file(self) -> None:
        """Refuse to replace an errors file, unless it is the default one and an earlier run wrote it."""
        errors = self._job.errors
        if errors is None or self._options.force or not _is_file(errors):
            return
        if self._options.errors_file is not None or not holds_rejects(errors):
            raise UsageError(
                f"the errors file {errors} exists",
                hint="replace it with --force, or name another with --errors-file",
            )

    def _is_made(self, partial: Partial) -> bool:
        """Whether this run made the output: Parquet says so, or what it left when killed."""
        known = output_metadata(self._job.target).get(KEY_NAME)
        if known is not None:
            return known == self._key()
        return self._options.resume and partial.published(self._key(), identity(self._job.target))

    def _key(self) -> str:
        assert self._hashes is not None  # noqa: S101 - set before anything can ask
        return run_key(self._job, self._model, self._options.decisive(), self._hashes.result())

    # parts ---------------------------------------------------------------------------

    def _write_parts(self, partial: Partial, state: State, errors: IO[bytes]) -> None:
        writer: TableWriter | None = None
        rows = 0
        try:
            for chunk in self._chunks(state, errors):
                if writer is None:
                    writer = self._part_writer(partial, state, chunk.output.schema)
                writer.write(chunk.output)
                rows += chunk.output.num_rows
                if rows >= PART_ROWS:
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
        state.parts.append(self._part_name(state))
        if not self._job.rereadable:
            return
        errors.flush()
        os.fsync(errors.fileno())
        state.key = self._key()
        state.source, state.row = last.source, last.batch.first_row + last.batch.rows.num_rows
        state.error_bytes = errors.tell()
        state.summary = self._summary.to_dict()
        state.keep_schema(last.output.schema)
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
        """Of an output without rows: whatever is carried is text."""
        carried = (pa.field(name, pa.string()) for name in self._names)
        return pa.schema([*carried, *output_fields(self._model.manifest)])

    # rows ----------------------------------------------------------------------------

    def _chunks(self, state: State, errors: IO[bytes] | None) -> Iterator[ScoredChunk]:
        """Scored chunks in order, counted, their rejects written."""
        sources = self._job.sources
        scored = scored_chunks(self._model, self._carried, self._read(state), sources, self._options.threads)
        for chunk in map(self._aligned, scored):
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

    def _read(self, state: State) -> Iterator[tuple[int, Batch, tuple[str, ...]]]:
        for number in range(state.source, len(self._job.sources)):
            with closing(self._open(number)) as reader:
                names = self._carried.names(reader)
                self._names = self._names or names
                skip = state.row if number == state.source else 0
                for batch in reader.batches(skip_rows=skip):
                    yield number, batch, names

    def _open(self, number: int) -> TableReader:
        return open_input(self._job.sources[number], self._model, self._carried, self._options.chunk_rows)

    def _aligned(self, chunk: ScoredChunk) -> ScoredChunk:
        """A chunk with the columns and types of the first one."""
        if self._schema is None:
            self._schema = chunk.output.schema
        if chunk.output.schema.equals(self._schema):
            return chunk
        wanted, found = self._schema, chunk.output
        with told_of(self._job.sources[chunk.source]):
            if set(found.schema.names) != set(wanted.names):
                raise SchemaError(
                    f"the columns to carry are others than in {self._job.sources[0].name}",
                    hint="name them with --id-column or --passthrough, or score the files one by one",
                    code="missing_column",
                )
            output = conformed(found.select(wanted.names), wanted)
        return ScoredChunk(chunk.source, chunk.batch, chunk.scored, output)

    def _check_rejects(self, *, at_end: bool) -> None:
        rejected, most = self._summary.rejected, self._options.max_errors
        first = f"; the first: {describe_first(self._first_error)}" if self._first_error else ""
        hint = f"see {self._job.errors}" if self._job.errors else None
        if most is not None and rejected > most:
            raise RowsRejected(f"{_rows(rejected)} rejected, allowed are {most:,}{first}", hint=hint)
        if at_end and rejected and rejected == self._summary.rows:
            raise RowsRejected(f"all {_rows(rejected)} rejected{first}", hint=hint, code="all_rejected")

    # publishing ----------------------------------------------------------------------

    def _publish(self, partial: Partial, state: State) -> None:
        parts = [partial.folder / part for part in state.parts]
        join_parts(parts, self._job.target, format=self._job.format, metadata=self._metadata)

    def _publish_errors(self, partial: Partial) -> None:
        """Publish the errors found, or nothing; what an earlier run left there is not true any more."""
        assert self._job.errors is not None  # noqa: S101 - only a stream may have none
        if not self._summary.rejected:
            _remove_file(self._job.errors)
            return
        made = partial.folder / ERRORS_FILE
        # a copy: should the output not be published, the run is taken up with what it has found
        copy = made.with_suffix(".published")
        shutil.copyfile(made, copy)
        publish_file(copy, self._job.errors)


def _rows(count: int) -> str:
    return f"{count:,} {'row was' if count == 1 else 'rows were'}"


def _remove_file(target: str) -> None:
    """Remove a file or object, if there is one; a device or a pipe stays."""
    if "://" in target or Path(target).is_file():
        remove(target)


def _is_file(target: str) -> bool:
    return exists(target) if "://" in target else Path(target).is_file()
