"""What holds other steps: Pipeline, ColumnTransformer, FeatureUnion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import Column


def pipeline(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.pipeline.Pipeline`` of transformers."""
    made = tuple(columns)
    for _, step in fitted.steps:
        made = _branch(builder, step, made, None)
    return made


def pipeline_predictor(builder: Builder, fitted: Any, columns: Sequence[Column], method: str) -> int:
    """``sklearn.pipeline.Pipeline`` that ends in a predictor."""
    made = tuple(columns)
    for _, step in fitted.steps[:-1]:
        made = _branch(builder, step, made, None)
    return table.predict(builder, fitted.steps[-1][1], made, method)


def column_transformer(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.compose.ColumnTransformer``: each branch on its own columns, side by side."""
    weights = fitted.transformer_weights or {}
    made: list[Column] = []
    for name, branch, _ in fitted.transformers_:
        chosen = [columns[index] for index in fitted._transformer_to_input_indices[name]]
        if chosen:
            made += _branch(builder, branch, chosen, weights.get(name))
    return tuple(made)


def feature_union(builder: Builder, fitted: Any, columns: Sequence[Column]) -> tuple[Column, ...]:
    """``sklearn.pipeline.FeatureUnion``: each branch on all columns, side by side."""
    weights = fitted.transformer_weights or {}
    made: list[Column] = []
    for name, branch in fitted.transformer_list:
        made += _branch(builder, branch, columns, weights.get(name))
    return tuple(made)


def _branch(
    builder: Builder, branch: Any, columns: Sequence[Column], weight: float | None
) -> tuple[Column, ...]:
    """One transformer, or the words that stand for none, and the weight of what it makes."""
    if isinstance(branch, str) and branch == "drop":
        return ()
    made = tuple(columns)
    if branch is not None and not (isinstance(branch, str) and branch == "passthrough"):
        made = table.transform(builder, branch, made)
    return made if weight is None else builder.elementwise(made, "multiply", factor=float(weight))
