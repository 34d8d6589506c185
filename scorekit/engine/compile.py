"""From a fitted scikit-learn estimator to a program."""

from __future__ import annotations

from typing import Any

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder, NotLowered
from scorekit.engine.program import Program
from scorekit.schema import Schema

__all__ = ["NotLowered", "compile_estimator"]


def compile_estimator(estimator: Any, schema: Schema, *, method: str, outputs: list[int]) -> Program:
    """Lower a fitted estimator to plain arrays.

    Parameters
    ----------
    estimator : fitted scikit-learn estimator
        Fitted on ``reference.frame`` of columns of this schema.
    schema : Schema
    method : {"predict_proba", "decision_function", "predict"}
        What is asked of it.
    outputs : list of int
        Which columns of the method's result are the scores, in their order.

    Returns
    -------
    Program
        Its result has shape (n_rows, len(outputs)).

    Raises
    ------
    NotLowered
        If a step has no compiled form; names the step.
    """
    builder = Builder(schema)
    value = table.predict(builder, estimator, builder.frame(), method)
    return builder.program(builder.step("take", value, columns=outputs))
