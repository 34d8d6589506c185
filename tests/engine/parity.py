"""Fit on a frame as training would, compile, and prove: the base of every parity test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from scorekit.engine.columns import Columns, Decoder
from scorekit.engine.compile import compile_estimator
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.proof import prove
from scorekit.engine.reference import ReferenceEngine, frame
from scorekit.schema import Feature, Schema


def schema_of(data: Mapping[str, Sequence[Any]], dictionary: Collection[str] = ()) -> Schema:
    """A schema from plain lists: lists with strings are categories, with datetimes timestamps.

    Columns named in ``dictionary`` are pandas ``category`` for scikit-learn.
    """
    features = []
    for name, values in data.items():
        if any(isinstance(value, str) for value in values):
            levels = tuple(sorted({value for value in values if value is not None}))
            features.append(
                Feature(
                    name=name,
                    kind="category",
                    arrow_type="string",
                    nullable=True,
                    levels=levels,
                    dictionary=name in dictionary,
                )
            )
        elif any(isinstance(value, dt.datetime) for value in values):
            stamps = [_microseconds(value) for value in values if value is not None]
            low, high = float(min(stamps)), float(max(stamps))
            features.append(
                Feature(
                    name=name,
                    kind="timestamp",
                    arrow_type="timestamp[us]",
                    nullable=True,
                    minimum=low,
                    maximum=high,
                )
            )
        else:
            numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
            finite = numbers[np.isfinite(numbers)]
            low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
            features.append(
                Feature(
                    name=name, kind="numeric", arrow_type="double", nullable=True, minimum=low, maximum=high
                )
            )
    return Schema(features=tuple(features))


def _microseconds(date: dt.datetime) -> int:
    return (date - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)


_ARROW = {"category": pa.string(), "text": pa.string(), "timestamp": pa.timestamp("us")}


def decode(
    data: Mapping[str, Sequence[Any]], schema: Schema, known: Mapping[str, Sequence[str]] | None = None
) -> Columns:
    arrays = {
        feature.name: pa.array(list(data[feature.name]), _ARROW.get(feature.kind, pa.float64()))
        for feature in schema.features
    }
    return Decoder(schema, keep_texts=True, known=known).batch(pa.record_batch(arrays))


def assert_parity(
    estimator: Any,
    data: Mapping[str, Sequence[Any]],
    target: Sequence[Any] | None,
    *,
    method: str = "predict_proba",
    fresh: Mapping[str, Sequence[Any]] | None = None,
    dictionary: Collection[str] = (),
    **fit: Any,
) -> CompiledEngine:
    """Fit, compile and prove on the training rows, awkward rows, and ``fresh`` rows; ``fit`` goes to ``fit``.

    Returns the compiled engine, for tests that look further.
    """
    schema = schema_of(data, dictionary)
    columns = decode(data, schema)
    estimator.fit(frame(columns, schema), target, **fit)
    return assert_fitted_parity(estimator, columns, schema, method=method, fresh=fresh)


def assert_fitted_parity(
    estimator: Any,
    columns: Columns,
    schema: Schema,
    *,
    method: str,
    fresh: Mapping[str, Sequence[Any]] | None = None,
) -> CompiledEngine:
    """Compile what was fitted on ``columns`` and prove it, as ``assert_parity`` does."""
    probe = np.asarray(getattr(estimator, method)(frame(columns.slice(0, 2), schema)))
    outputs = list(range(probe.shape[1] if probe.ndim == 2 else 1))
    program = compile_estimator(estimator, schema, method=method, outputs=outputs)
    program = type(program).from_files(program.to_files())
    compiled = CompiledEngine(program, schema)
    reference = ReferenceEngine(estimator, schema, method=method, outputs=outputs)
    tries = [columns] if fresh is None else [columns, decode(fresh, schema, program.known)]
    for number, rows in enumerate(tries):
        proof = prove(compiled, reference, rows, schema, probability=method == "predict_proba")
        assert proof.holds, proof
        assert number or proof.rows + proof.rejected > len(outputs)
    return compiled
