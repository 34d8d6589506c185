"""The inputs of a run: opened by the schema of the model, and told apart by their content."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from scorekit.batch.partial import RunKey
from scorekit.batch.plan import Job
from scorekit.batch.run import Carried, told_of
from scorekit.engine.columns import missing_columns
from scorekit.model import Model
from scorekit.tables import Source, TableReader, open_table
from scorekit.tables.parts import content_hash
from scorekit.tables.sources import STDIN

_Result = TypeVar("_Result")


def open_input(source: Source, model: Model, carried: Carried, chunk_rows: int) -> TableReader:
    """An input, read by the schema of a model: its columns and those that are carried.

    Raises
    ------
    SchemaError
        If it lacks a column of the model.
    """
    inputs = model.manifest.inputs
    beside = carried.columns()
    columns = None if beside is None else tuple(dict.fromkeys((*inputs.names, *beside)))
    # what is carried is written as it stands in the file, so the reader must not turn it into a number
    kept = set(beside or ()) if beside is not None else set(inputs.names)
    types = {feature.name: feature.kind for feature in inputs.features if feature.name not in kept}
    reader = open_table(
        source,
        columns=columns,
        types=types,
        na_values=inputs.na_values,
        chunk_rows=chunk_rows,
        optional=carried.optional.difference(inputs.names),
    )
    missing = set(inputs.names).difference(reader.names)
    if missing:
        reader.close()
        with told_of(source):
            raise missing_columns([name for name in inputs.names if name in missing], reader.names)
    return reader


def hash_inputs(job: Job) -> tuple[str, ...]:
    """Content hash of each input, in order; of what can be read only once, one that never comes again."""
    return tuple(
        content_hash(source) if source.uri != STDIN else f"{source.name} {uuid.uuid4().hex}"
        for source in job.sources
    )


def in_background(function: Callable[[], _Result]) -> Future[_Result]:
    """Call a function beside everything else; a process that ends does not wait for it."""
    future: Future[_Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=call, name="hash", daemon=True).start()
    return future


def run_key(job: Job, model: Model, options: Mapping[str, Any], hashes: tuple[str, ...]) -> str:
    """Digest of everything that decides what a job writes."""
    engine = model.scorer.engine.name
    said = {"engine": engine, "format": job.format, **options}
    return RunKey(model.manifest.digest, hashes, said).digest()
