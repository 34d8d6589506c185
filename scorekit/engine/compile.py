"""From a fitted scikit-learn estimator to a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scorekit.engine.lowering import table
from scorekit.engine.lowering.builder import Builder
from scorekit.engine.lowering.values import NotLowered
from scorekit.engine.program import Program
from scorekit.schema import Schema

__all__ = ["NotLowered", "build", "compile_estimator"]


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

    def scores(builder: Builder) -> int:
        value = table.predict(builder, estimator, builder.frame(), method)
        return builder.step("take", value, columns=outputs)

    return build(schema, scores)


def build(schema: Schema, lower: Callable[[Builder], int]) -> Program:
    """A program from what ``lower`` does with a builder; it gives the number of the value that is the result.

    A text that the pipeline knows and training did not see is found only while lowering,
    and then has a code of its own from the start.
    """
    known: dict[str, Sequence[str]] = {}
    while True:
        builder = Builder(schema, known)
        program = builder.program(lower(builder))
        found = {column: texts for column, texts in builder.unknown.items() if texts}
        if not found:
            return program
        known |= {column: (*known.get(column, ()), *texts) for column, texts in found.items()}
