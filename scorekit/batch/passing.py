"""One pass over the rows of a job: read, scored, counted, and the rejected ones explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import IO

import pyarrow as pa

from scorekit.batch.identity import hash_ids
from scorekit.batch.inputs import open_input
from scorekit.batch.options import JobOptions
from scorekit.batch.partial import State
from scorekit.batch.plan import Job
from scorekit.batch.rejects import describe_first, reject_lines
from scorekit.batch.run import Carried, ScoredChunk, scored_chunks, told_of
from scorekit.batch.summary import ScoreSummary
from scorekit.errors import RowsRejected, SchemaError
from scorekit.model import Model
from scorekit.progress import Progress
from scorekit.quality.duplicates import SeenIds
from scorekit.quality.switch import PoorRows
from scorekit.quality.window import Window
from scorekit.scoring import Scorer, output_fields
from scorekit.tables import Batch
from scorekit.tables.output import conformed


class Pass:
    """Rows of a job on their way from input to output.

    Parameters
    ----------
    job : Job
    model : Model
    scorer : Scorer
    options : JobOptions
    progress : Progress
    poor : PoorRows
        Where rows are counted that the model did not answer.

    Attributes
    ----------
    summary : ScoreSummary
    window : Window
    first_error : str or None
        First line of the errors file.
    schema : pyarrow.Schema or None
        Of the output; None before the first row.
    """

    def __init__(
        self,
        job: Job,
        model: Model,
        scorer: Scorer,
        options: JobOptions,
        progress: Progress,
        poor: PoorRows,
    ) -> None:
        self._job = job
        self._model = model
        self._scorer = scorer
        self._options = options
        self._progress = progress
        self._carried = Carried(options.ids, options.passthrough, model)
        self._names: tuple[str, ...] = ()
        self.summary = ScoreSummary()
        self.window = Window()
        self.poor = poor
        self.first_error: str | None = None
        self.schema: pa.Schema | None = None

    def take_up(self, state: State, ids: SeenIds | None) -> None:
        """Go on where an earlier run stopped."""
        self.summary = ScoreSummary.from_dict(state.summary)
        self.window = Window.from_dict(state.window)
        self.window.ids = ids
        self.poor = PoorRows.from_dict(state.poor)
        self.schema = state.arrow_schema()
        self._progress.advance(self.summary.rows)

    def remember(self, state: State, last: ScoredChunk) -> None:
        """Keep in a state what ``take_up`` needs."""
        state.source, state.row = last.source, last.batch.first_row + last.batch.rows.num_rows
        state.summary = self.summary.to_dict()
        state.window = self.window.to_dict()
        state.poor = self.poor.to_dict()
        state.keep_schema(last.output.schema)

    def empty_schema(self) -> pa.Schema:
        """Of an output without rows: whatever is carried is text."""
        carried = (pa.field(name, pa.string()) for name in self._names)
        return pa.schema([*carried, *output_fields(self._model.manifest)])

    def chunks(self, state: State, errors: IO[bytes] | None) -> Iterator[ScoredChunk]:
        """Scored chunks in order, counted, their rejects written."""
        scored = scored_chunks(
            self._model,
            self._scorer,
            self._carried,
            self._read(state),
            self._job.sources,
            self._options.threads,
        )
        for chunk in map(self._aligned, scored):
            self._explain(chunk, errors)
            self._count(chunk)
            self.check_rejects(at_end=False)
            self._progress.advance(len(chunk.scored))
            yield chunk

    def _count(self, chunk: ScoredChunk) -> None:
        self.summary.add(chunk.scored)
        window, ids = chunk.scored.window(), self._ids_of(chunk)
        if ids.num_columns:
            window.ids = SeenIds(hash_ids(ids))
        self.window.add(window)
        self.poor.add(len(chunk.scored), chunk.scored.poor)

    def _ids_of(self, chunk: ScoredChunk) -> pa.RecordBatch:
        return chunk.output.select(list(self._carried.ids(chunk.output.schema.names)))

    def _explain(self, chunk: ScoredChunk, errors: IO[bytes] | None) -> None:
        if not len(chunk.scored.rejected):
            return
        for line in reject_lines(
            chunk.scored,
            first_row=self.summary.rows + 1,
            file=self._job.sources[chunk.source].name,
            ids=self._ids_of(chunk),
            lines={bad.row - chunk.batch.first_row: (bad.line, bad.message) for bad in chunk.batch.bad},
        ):
            self.first_error = self.first_error or line
            if errors is not None:
                errors.write(line.encode() + b"\n")

    def _read(self, state: State) -> Iterator[tuple[int, Batch, tuple[str, ...]]]:
        for number in range(state.source, len(self._job.sources)):
            source, rows = self._job.sources[number], self._options.chunk_rows
            with closing(open_input(source, self._model, self._carried, rows)) as reader:
                names = self._carried.names(reader)
                self._names = self._names or names
                skip = state.row if number == state.source else 0
                for batch in reader.batches(skip_rows=skip):
                    yield number, batch, names

    def _aligned(self, chunk: ScoredChunk) -> ScoredChunk:
        """A chunk with the columns and types of the first one."""
        if self.schema is None:
            self.schema = chunk.output.schema
        if chunk.output.schema.equals(self.schema):
            return chunk
        wanted, found = self.schema, chunk.output
        with told_of(self._job.sources[chunk.source]):
            if set(found.schema.names) != set(wanted.names):
                raise SchemaError(
                    f"the columns to carry are others than in {self._job.sources[0].name}",
                    hint="name them with --id-column or --passthrough, or score the files one by one",
                    code="missing_column",
                )
            output = conformed(found.select(wanted.names), wanted)
        return ScoredChunk(chunk.source, chunk.batch, chunk.scored, output)

    def check_rejects(self, *, at_end: bool) -> None:
        """Refuse to go on with more rejected rows than allowed, or to end with nothing else.

        Raises
        ------
        RowsRejected
        """
        rejected, most = self.summary.rejected, self._options.max_errors
        first = f"; the first: {describe_first(self.first_error)}" if self.first_error else ""
        hint = f"see {self._job.errors}" if self._job.errors else None
        if most is not None and rejected > most:
            raise RowsRejected(f"{_rows(rejected)} rejected, allowed are {most:,}{first}", hint=hint)
        if at_end and rejected and rejected == self.summary.rows:
            said = f"all {_rows(rejected)}" if rejected > 1 else "the only row was"
            raise RowsRejected(f"{said} rejected{first}", hint=hint, code="all_rejected")


def _rows(count: int) -> str:
    return f"{count:,} {'row was' if count == 1 else 'rows were'}"
