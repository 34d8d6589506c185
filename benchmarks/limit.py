"""What the machine allows: reading the columns alone, the kernel alone, and their share of a run."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq

import scorekit
from benchmarks import data
from benchmarks.batch import commands
from benchmarks.measure import compare, head, row
from scorekit.engine.compiled import BLOCK_ROWS, CODES, NUMERIC, CompiledEngine

ROWS = 1_000_000
CHUNK = 65_536


def reading(name: str) -> float:
    """Seconds to read the model's columns, categories as dictionaries, and do nothing with them."""
    inputs = scorekit.load(name, store=str(data.STORE)).manifest.inputs
    coded = [feature.name for feature in inputs.coded]
    started = time.perf_counter()
    with pq.ParquetFile(
        data.rows(ROWS), read_dictionary=coded, buffer_size=1 << 20, pre_buffer=False
    ) as file:
        for _ in file.iter_batches(CHUNK, columns=list(inputs.names), use_threads=False):
            pass
    return time.perf_counter() - started


def kernel(name: str) -> float:
    """Seconds of the step that scores, alone, over matrices that are ready."""
    model = scorekit.load(name, store=str(data.STORE))
    engine = model.scorer.engine
    assert isinstance(engine, CompiledEngine)
    batch = next(pq.ParquetFile(data.rows(10_000)).iter_batches(BLOCK_ROWS))
    columns = model.scorer._decoder.batch(batch)
    values, step = _until_kernel(engine, columns.numeric, columns.codes)
    blocks = ROWS // len(columns)
    started = time.perf_counter()
    for _ in range(blocks):
        step(*values)
    return (time.perf_counter() - started) * ROWS / (blocks * len(columns))


def _until_kernel(
    engine: CompiledEngine, numeric: np.ndarray, codes: np.ndarray
) -> tuple[list[np.ndarray], Callable[..., np.ndarray]]:
    """The inputs of the kernel's step, made by the steps before it."""
    values = {NUMERIC: numeric, CODES: codes}
    for step, (function, inputs, output) in zip(engine.program.steps, engine._steps, strict=True):
        given = [values[number] for number in inputs]
        if step.op in ("trees", "linear"):
            return given, function
        if output is not None:
            values[output] = function(*given)
    raise SystemExit("no kernel among the steps")


def main(*, quick: bool) -> None:
    """Print the table."""
    runs = 1 if quick else 5
    head("model", "whole run s", "reading alone s", "share", "kernel alone s", "share", "all the rest")
    for name in ("boosting", "forest"):
        whole = compare({"run": (*commands(name, ROWS)["scorekit"], "--threads", "1")}, runs)["run"].seconds
        read = statistics.median(reading(name) for _ in range(runs))
        scored = statistics.median(kernel(name) for _ in range(runs))
        rest = 1 - (read + scored) / whole
        row(
            name,
            f"{whole:.2f}",
            f"{read:.2f}",
            f"{read / whole:.0%}",
            f"{scored:.2f}",
            f"{scored / whole:.0%}",
            f"{rest:.0%}",
        )


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
