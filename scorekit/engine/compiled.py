"""Running a compiled model: arrays in, scores out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.engine.flaws import FLAWS, Flaw
from scorekit.engine.ops import BINDERS, OPS
from scorekit.engine.program import Program, Step
from scorekit.schema import Schema

Found = list[tuple[str, str, int, NDArray[np.int64]]]
"""Flaw code, ``numeric`` or ``codes`` or nothing, column within it, rows."""

BLOCK_ROWS = 8192
"""Rows worked on at a time: enough to hide the interpreter, few enough for the cache."""

_BEYOND_SINGLE = 2.0**128 - 2.0**103
"""The smallest number that rounds to infinity as float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What an engine makes of columns.

    Attributes
    ----------
    values : ndarray of float64, shape (n_rows, n_outputs)
        NaN in every output of a rejected row.
    flaws : tuple of Flaw
        Rows the engine could not score, and why.
    """

    values: NDArray[np.float64]
    flaws: tuple[Flaw, ...] = ()


class CompiledEngine:
    """Scores by a compiled model, with NumPy alone.

    Parameters
    ----------
    program : Program
    schema : Schema
        The schema the program was compiled for; column names in flaws come from it.
    """

    name = "compiled"
    keeps_texts = False

    def __init__(self, program: Program, schema: Schema) -> None:
        self.program = program
        self._numeric_names = [feature.name for feature in schema.numeric]
        self._coded_names = [feature.name for feature in schema.coded]
        self._steps = [_bind(step, program) for step in program.steps]
        self._result = program.result
        self._size = 1 + max(step.output for step in program.steps)

    def score(self, columns: Columns) -> Scores:
        """Score every row.

        Returns
        -------
        Scores
            ``values`` of shape (n_rows, n_outputs).
        """
        rows = len(columns)
        if rows <= BLOCK_ROWS:
            return self._block(columns.numeric, columns.codes)
        blocks = [
            self._block(
                columns.numeric[start : start + BLOCK_ROWS], columns.codes[start : start + BLOCK_ROWS]
            )
            for start in range(0, rows, BLOCK_ROWS)
        ]
        flaws = [
            flaw.shifted(number * BLOCK_ROWS) for number, block in enumerate(blocks) for flaw in block.flaws
        ]
        return Scores(np.concatenate([block.values for block in blocks]), tuple(flaws))

    def _block(self, numeric: NDArray[np.float64], codes: NDArray[np.int32]) -> Scores:
        values: list[Any] = [None] * self._size
        flaws: list[Flaw] = []
        # rows that will be rejected may still overflow or divide by zero on their way
        with np.errstate(all="ignore"):
            for op, function, inputs, output in self._steps:
                if op == "numeric":
                    values[output] = function(numeric)
                elif op == "codes":
                    values[output] = function(codes)
                elif op == "check":
                    flaws += self._named(function(values[inputs[0]]), flaws)
                elif op == "refuse_codes":
                    flaws += self._named(function(values[inputs[0]] if inputs else codes), flaws)
                else:
                    values[output] = function(*[values[number] for number in inputs])
        scores = values[self._result]
        if flaws:
            scores = scores.copy()
            for flaw in flaws:
                if FLAWS[flaw.code].rejects:
                    scores[flaw.rows] = np.nan
        return Scores(scores, tuple(flaws))

    def _named(self, found: Found, before: list[Flaw]) -> list[Flaw]:
        """Findings as flaws, less the rows that an earlier step rejected."""
        if not found:
            return []
        names = {"numeric": self._numeric_names, "codes": self._coded_names}
        gone = np.concatenate([flaw.rows for flaw in before]) if before else np.empty(0, dtype=np.int64)
        flaws = []
        for code, kind, column, rows in found:
            left = rows[~np.isin(rows, gone)] if len(gone) else rows
            if len(left):
                flaws.append(Flaw(code, names[kind][column] if kind else "", left))
        return flaws


Bound = tuple[str, Callable[..., Any], tuple[int, ...], int]


def _bind(step: Step, program: Program) -> Bound:
    """A step with its arrays looked up, ready to call."""
    settings = {**step.params, **{key: program.arrays[name] for key, name in step.arrays.items()}}
    if step.op in BINDERS:
        function: Callable[..., Any] = BINDERS[step.op](**settings)
    else:
        op = _BUILT_IN.get(step.op) or OPS[step.op]
        function = partial(op, **settings) if settings else op
    return step.op, function, step.inputs, step.output


def _columns(decoded: NDArray[Any], *, columns: list[int]) -> NDArray[Any]:
    """Some columns of the decoded input; a view where they are neighbours."""
    first, count = columns[0], len(columns)
    if columns == list(range(first, first + count)):
        return decoded[:, first : first + count]
    return decoded[:, columns]


def _check(
    value: NDArray[np.float64],
    *,
    nan: bool,
    infinite: bool,
    single: bool,
    origins: list[int],
    positive: bool = False,
    forbidden: float | None = None,
) -> Found:
    """Find what scikit-learn would refuse.

    Parameters
    ----------
    value : ndarray, shape (n_rows, n_columns)
    nan, infinite : bool
        Whether NaN and infinities pass.
    single : bool
        Whether values beyond float32 are refused like infinities, as tree ensembles do.
    origins : list of int
        Column of ``Columns.numeric`` each column came from; -1 where it came from several.
    positive : bool
        Whether zero and less are refused.
    forbidden : float, optional
        A number that is refused.
    """
    special = positive or forbidden is not None
    # a finite sum of finite terms: the usual case, in one pass
    if not single and not special and math.isfinite(np.add.reduce(value, axis=None)):
        return []
    found: Found = []
    if not nan:
        found += _where(np.isnan(value), "missing_not_allowed", origins)
    if not infinite:
        beyond = np.abs(value) >= _BEYOND_SINGLE if single else np.isinf(value)
        found += _where(beyond, "infinite", origins)
    if positive:
        found += _where(value <= 0, "not_positive", origins)
    if forbidden is not None:
        found += _where(value == forbidden, "missing_not_allowed", origins)
    return found


def _where(mask: NDArray[np.bool_], code: str, origins: list[int]) -> Found:
    if not mask.any():
        return []
    found: Found = []
    for column in np.flatnonzero(mask.any(axis=0)):
        origin = origins[column]
        kind = "numeric" if origin >= 0 else ""
        found.append((code, kind, max(origin, 0), np.flatnonzero(mask[:, column])))
    return found


def _refuse_codes(codes: NDArray[np.int32], *, refused: list[tuple[int, int, str, int]]) -> Found:
    """Find codes an encoder raises on.

    Parameters
    ----------
    codes : ndarray of int32, shape (n_rows, n_columns)
    refused : list of (column of codes, code, flaw code, origin)
        ``origin`` is the column of ``Columns.numeric`` the codes were made from, or -1
        for the decoded codes.
    """
    found: Found = []
    for column, code, flaw, origin in refused:
        rows = np.flatnonzero(codes[:, column] == code)
        if len(rows):
            found.append((flaw, "numeric", origin, rows) if origin >= 0 else (flaw, "codes", column, rows))
    return found


_BUILT_IN: dict[str, Callable[..., Any]] = {
    "numeric": _columns,
    "codes": _columns,
    "check": _check,
    "refuse_codes": _refuse_codes,
}
