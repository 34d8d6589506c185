"""Lower a transformer alone and hold its whole matrix against scikit-learn's: sharper than a score."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.engine.compile import build
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.program import Program
from scorekit.engine.proof import awkward_rows
from scorekit.engine.reference import frame
from scorekit.schema import Schema
from tests.engine.parity import decode, schema_of

Data = Mapping[str, Sequence[Any]]


def lower(transformer: Any, schema: Schema) -> Program:
    """A program whose result is what the transformer makes."""

    def matrix(builder: Builder) -> int:
        return builder.matrix(table.transform(builder, transformer, builder.frame()))

    return build(schema, matrix)


def fit(transformer: Any, data: Data, target: Sequence[Any] | None = None) -> tuple[Columns, Schema]:
    """Fit as training does, on the reference frame."""
    schema = schema_of(data)
    columns = decode(data, schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer.fit(frame(columns, schema), target)
    return columns, schema


def assert_same_matrix(
    transformer: Any, data: Data, target: Sequence[Any] | None = None, *, fresh: Data | None = None
) -> CompiledEngine:
    """Fit, lower, and compare every number on training, awkward and ``fresh`` rows.

    Rows scikit-learn raises on have to be rejected, all others not.
    """
    columns, schema = fit(transformer, data, target)
    program = lower(transformer, schema)
    program = Program.from_files(program.to_files())
    engine = CompiledEngine(program, schema)
    tries = [columns, *awkward_rows(columns, schema, known=program.known)]
    if fresh is not None:
        tries.append(decode(fresh, schema, program.known))
    for rows in tries:
        compare(engine, transformer, rows, schema)
    return engine


def compare(engine: CompiledEngine, transformer: Any, rows: Columns, schema: Schema) -> None:
    """Every number of these rows, in one batch and alone."""
    scores = engine.score(rows)
    rejected = np.zeros(len(rows), dtype=bool)
    for flaw in scores.flaws:
        assert flaw.rejects
        rejected[flaw.rows] = True
    theirs = _transformed(transformer, rows, schema)
    for number, row in enumerate(theirs):
        place = f"row {number}: {rows.numeric[number]} {rows.codes[number]}"
        if row is None:
            assert rejected[number], f"scored, but scikit-learn raises; {place}"
            continue
        assert not rejected[number], f"rejected, but scikit-learn does not raise; {place}"
        np.testing.assert_allclose(scores.values[number], row, rtol=1e-12, atol=0, err_msg=place)
        alone = engine.score(rows.slice(number, number + 1)).values[0]
        np.testing.assert_array_equal(
            alone, scores.values[number], err_msg=f"alone is not as in a batch; {place}"
        )


def _transformed(transformer: Any, rows: Columns, schema: Schema) -> list[NDArray[np.float64] | None]:
    """Each row of scikit-learn's matrix, None where it raises."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = transformer.transform(frame(rows, schema))
    except Exception:
        if len(rows) == 1:
            return [None]
        middle = len(rows) // 2
        first = _transformed(transformer, rows.slice(0, middle), schema)
        return first + _transformed(transformer, rows.slice(middle, len(rows)), schema)
    dense = made.toarray() if hasattr(made, "toarray") else made
    return list(np.asarray(dense, dtype=np.float64))
