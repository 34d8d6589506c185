"""Running a compiled model: arrays in, scores out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.engine.flaws import FLAWS, Flaw
from scorekit.engine.ops import BINDERS, OPS, take
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
        self.known: Mapping[str, Sequence[str]] = program.known
        self._numeric_names = [feature.name for feature in schema.numeric]
        self._coded_names = [feature.name for feature in schema.coded]
        self._steps = [_bind(step, program) for step in program.steps]
        self._result = program.result
        self._empty = [None] * (1 + max(step.output for step in program.steps))

    def score(self, columns: Columns) -> Scores:
        """Score every row.

        Returns
        -------
        Scores
            ``values`` of shape (n_rows, n_outputs).
        """
        rows = len(columns)
        numeric, codes = columns.numeric, columns.all_codes()
        if rows <= BLOCK_ROWS:
            return self._block(numeric, codes)
        blocks = [
            self._block(numeric[start : start + BLOCK_ROWS], codes[start : start + BLOCK_ROWS])
            for start in range(0, rows, BLOCK_ROWS)
        ]
        flaws = [
            flaw.shifted(number * BLOCK_ROWS) for number, block in enumerate(blocks) for flaw in block.flaws
        ]
        return Scores(np.concatenate([block.values for block in blocks]), tuple(flaws))

    def _block(self, numeric: NDArray[np.float64], codes: NDArray[np.int32]) -> Scores:
        values: list[Any] = [*self._empty, numeric, codes]
        flaws: list[Flaw] = []
        # rows that will be rejected may still overflow or divide by zero on their way
        with np.errstate(all="ignore"):
            for function, inputs, output in self._steps:
                made = function(*[values[number] for number in inputs])
                if output is not None:
                    values[output] = made
                elif made:
                    flaws += self._named(made, flaws)
        scores = values[self._result]
        if flaws:
            scores = scores.copy()
            for flaw in flaws:
                if FLAWS[flaw.code].rejects:
                    scores[flaw.rows] = np.nan
        return Scores(scores, tuple(flaws))

    def _named(self, found: Found, before: list[Flaw]) -> list[Flaw]:
        """Findings as flaws, less the rows that an earlier step rejected."""
        names = {"numeric": self._numeric_names, "codes": self._coded_names}
        gone = np.concatenate([flaw.rows for flaw in before]) if before else np.empty(0, dtype=np.int64)
        flaws = []
        for code, kind, column, rows in found:
            left = rows[~np.isin(rows, gone)] if len(gone) else rows
            if len(left):
                flaws.append(Flaw(code, names[kind][column] if kind else "", left))
        return flaws


NUMERIC, CODES = -2, -1
"""Where the decoded columns stand among the values."""

Bound = tuple[Callable[..., Any], tuple[int, ...], int | None]
"""What to call, the places of the values it gets, and the place of the value it makes, if it makes one."""


def _bind(step: Step, program: Program) -> Bound:
    """A step with its arrays looked up, ready to call."""
    settings = {**step.params, **{key: program.arrays[name] for key, name in step.arrays.items()}}
    if step.op in _DECODED:
        return take(**settings), (_DECODED[step.op],), step.output
    if step.op in _FINDERS:
        return _FINDERS[step.op](**settings), step.inputs or (CODES,), None
    if step.op in BINDERS:
        return BINDERS[step.op](**settings), step.inputs, step.output
    op = OPS[step.op]
    return partial(op, **settings) if settings else op, step.inputs, step.output


def _check(
    *,
    nan: bool,
    infinite: bool,
    single: bool,
    origins: list[int],
    positive: bool = False,
    forbidden: float | None = None,
) -> Callable[[NDArray[np.float64]], Found]:
    """Find what scikit-learn would refuse.

    Parameters
    ----------
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

    Returns
    -------
    callable
        Takes a matrix of shape (n_rows, n_columns).
    """
    only_finite = not (single or positive or forbidden is not None)

    def function(value: NDArray[np.float64]) -> Found:
        # a finite sum of finite terms: the usual case, in one pass
        if only_finite and math.isfinite(np.add.reduce(value, axis=None)):
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

    return function


def _where(mask: NDArray[np.bool_], code: str, origins: list[int]) -> Found:
    if not mask.any():
        return []
    found: Found = []
    for column in np.flatnonzero(mask.any(axis=0)):
        origin = origins[column]
        kind = "numeric" if origin >= 0 else ""
        found.append((code, kind, max(origin, 0), np.flatnonzero(mask[:, column])))
    return found


def _refuse_codes(*, refused: list[tuple[int, int, str, int]]) -> Callable[[NDArray[np.int32]], Found]:
    """Find codes an encoder raises on.

    Parameters
    ----------
    refused : list of (column of codes, code, flaw code, origin)
        ``origin`` is the column of ``Columns.numeric`` the codes were made from, or -1
        for the decoded codes.

    Returns
    -------
    callable
        Takes codes of shape (n_rows, n_columns).
    """

    def function(codes: NDArray[np.int32]) -> Found:
        found: Found = []
        for column, code, flaw, origin in refused:
            rows = np.flatnonzero(codes[:, column] == code)
            if len(rows):
                found.append(
                    (flaw, "numeric", origin, rows) if origin >= 0 else (flaw, "codes", column, rows)
                )
        return found

    return function


_FINDERS: dict[str, Callable[..., Callable[..., Found]]] = {"check": _check, "refuse_codes": _refuse_codes}
"""Steps that make no value, and reject rows instead; bound as ``ops.BINDERS`` are."""

_DECODED = {"numeric": NUMERIC, "codes": CODES}
"""Steps that take some of the decoded columns."""
