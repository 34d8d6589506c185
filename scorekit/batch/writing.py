"""The parts of an output under way: whole files of its format, finished one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

import pyarrow as pa

from scorekit.batch.partial import Partial, State
from scorekit.batch.passing import Pass
from scorekit.batch.plan import Job
from scorekit.batch.run import ScoredChunk
from scorekit.tables import TableWriter, open_output
from scorekit.tables.output import Metadata

PART_ROWS = 1 << 20
"""Rows of a part, in whole chunks: what a run that is killed has to score again, at most."""


class Parts:
    """Writes the parts of one output; a context manager that drops an unfinished one.

    The last part stays open until ``finish``, so that it can say what was judged of all.

    Parameters
    ----------
    job : Job
    partial : Partial
    state : State
        How far an earlier run came.
    metadata : callable
        What the table says of itself, asked when a part is finished.
    key : callable, optional
        Digest of the run's key; None where nothing can be taken up again.
    """

    def __init__(
        self,
        job: Job,
        partial: Partial,
        state: State,
        metadata: Metadata,
        key: Callable[[], str] | None,
    ) -> None:
        self._job = job
        self._partial = partial
        self._state = state
        self._metadata = metadata
        self._key = key
        self._writer: TableWriter | None = None

    def write(self, rows: Pass, errors: IO[bytes]) -> None:
        """Write the rows of a pass, part by part."""
        for chunk in rows.chunks(self._state, errors):
            if self._writer is not None and self._writer.rows >= PART_ROWS:
                self._close()
            writer = self._writer or self._open(chunk.output.schema)
            writer.write(chunk.output)
            if writer.rows >= PART_ROWS and self._key is not None:
                self._close()
                self._keep(rows, chunk, errors, self._key())
        if self._writer is None and not self._state.parts:
            self._open(rows.empty_schema())

    def finish(self, schema: pa.Schema) -> None:
        """Finish the last part; an empty one, where the rows ended with the one before."""
        if self._writer is None:
            self._open(schema)
        self._close()

    def _open(self, schema: pa.Schema) -> TableWriter:
        self._writer = open_output(
            str(self._partial.folder / self._name()),
            format=self._job.format,
            schema=schema,
            metadata=self._metadata,
            header=not self._state.parts,
        )
        return self._writer

    def _close(self) -> None:
        assert self._writer is not None  # noqa: S101 - both callers have one
        self._writer.commit()
        self._writer = None
        self._state.parts.append(self._name())

    def _name(self) -> str:
        compressed = ".gz" if self._job.target.endswith(".gz") else ""
        return f"part-{len(self._state.parts):05}{compressed}"

    def _keep(self, rows: Pass, last: ScoredChunk, errors: IO[bytes], key: str) -> None:
        """Make durable what was done."""
        errors.flush()
        os.fsync(errors.fileno())
        self._state.key = key
        self._state.error_bytes = errors.tell()
        rows.remember(self._state, last)
        ids = rows.window.ids
        if ids is not None:
            self._state.ids = self._partial.add_ids(ids.unsaved(), self._state.ids)
        self._partial.write(self._state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.abort()
