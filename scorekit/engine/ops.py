"""What the steps of a program do: one function an op, and the table of them.

An op is a function of its input values (matrices of shape (n_rows, n_columns))
and, by keyword, the arrays and settings of its step. It is a pure function of
each row alone, works on one row as on a block of thousands, and never changes
its inputs. Two ops read the decoded columns instead of earlier values:
``numeric`` and ``codes``, known to ``compiled``.

An op that only prepares something (a look-up by value, a kernel's layout) does it
in a ``BINDERS`` function, once for each loaded model, not once for each block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.numeric_ops import NUMERIC_BINDERS, NUMERIC_OPS
from scorekit.engine.score_ops import SCORE_BINDERS, SCORE_OPS
from scorekit.engine.tree_ops import TREE_BINDERS, TREE_OPS

Matrix = NDArray[np.float64]
Op = Callable[..., Any]

FEW_ROWS = 64
"""Up to here one fancy look-up of all columns is quicker than one look-up for each column."""


def tables(*, table: Matrix, offsets: NDArray[np.int64], widths: list[int]) -> Op:
    """Look each code up in its column's table.

    Parameters
    ----------
    table : ndarray, shape (sum of levels + 2, widest)
        The tables under one another. Row 0 of each is for unseen, row 1 for
        missing, row 2 for level 0.
    offsets : ndarray, shape (n_columns,)
        First row of each column's table.
    widths : list of int
        Number of outputs of each column.

    Returns
    -------
    callable
        Takes codes of shape (n_rows, n_columns): level numbers, -1 for missing, -2
        for unseen. Gives a matrix of shape (n_rows, sum of widths).
    """
    begins = offsets + 2
    single = np.ascontiguousarray(table[:, 0])
    spans = [
        (int(end) - width, int(end), width) for end, width in zip(np.cumsum(widths), widths, strict=True)
    ]

    def narrow(codes: NDArray[np.int32]) -> Matrix:
        if len(codes) <= FEW_ROWS:
            found: Matrix = single[codes + begins]
            return found
        out = np.empty(codes.shape)
        for column, begin in enumerate(begins):
            np.take(single, codes[:, column] + begin, out=out[:, column], mode="clip")
        return out

    def wide(codes: NDArray[np.int32]) -> Matrix:
        out = np.empty((len(codes), spans[-1][1]))
        for column, (first, last, width) in enumerate(spans):
            out[:, first:last] = table[codes[:, column] + begins[column], :width]
        return out

    return narrow if table.shape[1] == 1 else wide


def one_hot(
    codes: NDArray[np.int32], *, hot: NDArray[np.int64], offsets: NDArray[np.int64], width: int
) -> Matrix:
    """1 in one output for each coded column, 0 elsewhere.

    Parameters
    ----------
    codes : ndarray of int32, shape (n_rows, n_columns)
    hot : ndarray of int, shape (sum of levels + 2,)
        The output of each code, in the order of ``tables``; ``width`` for none.
    offsets : ndarray, shape (n_columns,)
        First entry of each column in ``hot``.
    width : int

    Returns
    -------
    ndarray, shape (n_rows, width)
    """
    out = np.zeros((len(codes), width + 1))
    rows = np.arange(len(codes))
    for column, begin in enumerate(offsets + 2):
        out[rows, hot[codes[:, column] + begin]] = 1.0
    return out[:, :width]


def add_tables(*, table: Matrix, offsets: NDArray[np.int64], intercept: Matrix | None = None) -> Op:
    """Sum of what each coded column's table holds, beside a base or an intercept.

    Parameters
    ----------
    table : ndarray, shape (sum of levels + 2, n_outputs)
    offsets : ndarray, shape (n_columns,)
    intercept : ndarray, shape (n_outputs,), optional

    Returns
    -------
    callable
        Takes codes and, if there is no intercept, a base of shape (n_rows, n_outputs).
        Columns are added one after another, on one row as on thousands.
    """
    begins = offsets + 2
    single = table[:, 0].copy() if table.shape[1] == 1 else None

    def function(codes: NDArray[np.int32], base: Any = intercept) -> Matrix:
        if len(codes) <= FEW_ROWS:
            if single is None:
                out: Matrix = np.add.accumulate(table[codes + begins], axis=1)[:, -1]
            else:
                out = np.add.accumulate(single[codes + begins], axis=1)[:, -1:]
        else:
            out = table[codes[:, 0] + begins[0]]
            for column in range(1, len(begins)):
                out += table[codes[:, column] + begins[column]]
        out += base
        return out

    return function


def concat(*values: Matrix) -> Matrix:
    """Matrices side by side."""
    return np.concatenate(values, axis=1)


def take(*, columns: list[int]) -> Op:
    """Some columns of a matrix; a view where they are neighbours."""
    first, last = columns[0], columns[-1] + 1
    if columns == list(range(first, last)):
        return lambda value: value[:, first:last]
    return lambda value: value[:, columns]


def affine(value: Matrix, *, center: NDArray[Any] | None = None, scale: NDArray[Any] | None = None) -> Matrix:
    """``(value - center) / scale``, each of shape (n_columns,), either left out."""
    if center is None:
        return value / scale if scale is not None else value
    out: Matrix = value - center
    if scale is not None:
        out /= scale
    return out


OPS: dict[str, Op] = {
    "one_hot": one_hot,
    "concat": concat,
    "affine": affine,
    **NUMERIC_OPS,
    **SCORE_OPS,
    **TREE_OPS,
}
"""Name in a program to function. Names are part of the stored format: never change one's meaning."""

BINDERS: dict[str, Callable[..., Op]] = {
    "tables": tables,
    "add_tables": add_tables,
    "take": take,
    **NUMERIC_BINDERS,
    **SCORE_BINDERS,
    **TREE_BINDERS,
}
"""Ops made once for each loaded model: called with the step's arrays and settings, gives the op."""
