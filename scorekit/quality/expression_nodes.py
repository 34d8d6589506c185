"""What an expression computes, over whole columns at once.

Numbers and conditions are float64, a condition is 1, 0 or NaN. NaN is "not known", and
spreads: what is computed from a missing value is not known. Conditions follow the
three-valued logic of SQL: ``false and`` something unknown is false, ``true or`` something
unknown is true. ``where`` takes nothing from the branch that it does not choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scorekit.schema import MISSING

Values = NDArray[np.float64] | np.float64
"""A value for each row, or one for all."""
Operation = Callable[[Any, Any], Any]


class Rows(Protocol):
    """Decoded columns, such as ``engine.columns.Columns``."""

    @property
    def numeric(self) -> NDArray[np.float64]:
        """Shape (n_rows, n_numeric)."""

    @property
    def codes(self) -> NDArray[np.int32]:
        """Shape (n_rows, n_coded)."""


class Node(Protocol):
    """Part of an expression."""

    def values(self, rows: Rows) -> Values:
        """Its value in each row."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number."""

    number: float

    def values(self, rows: Rows) -> Values:  # noqa: ARG002 - the same for every row
        """The same for every row."""
        return np.float64(self.number)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers."""

    index: int

    def values(self, rows: Rows) -> Values:
        """The decoded column."""
        column: Values = rows.numeric[:, self.index]
        return column


@dataclass(frozen=True, slots=True)
class IsLevel:
    """Whether a category is one of the training's levels; one that it did not see is another."""

    index: int
    code: int
    equal: bool

    def values(self, rows: Rows) -> Values:
        """Not known where the category is missing."""
        codes = rows.codes[:, self.index]
        holds = (codes == self.code) == self.equal
        return np.where(codes == MISSING, math.nan, holds)


@dataclass(frozen=True, slots=True)
class IsMissing:
    """Whether a column has no value; always known."""

    index: int
    coded: bool

    def values(self, rows: Rows) -> Values:
        """1 or 0."""
        if self.coded:
            return np.where(rows.codes[:, self.index] == MISSING, 1.0, 0.0)
        return np.where(np.isnan(rows.numeric[:, self.index]), 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of one value."""

    function: Callable[[Any], Any]
    of: Node

    def values(self, rows: Rows) -> Values:
        """The function's values."""
        result: Values = self.function(self.of.values(rows))
        return result


@dataclass(frozen=True, slots=True)
class Chain:
    """Operations of equal rank, from left to right."""

    first: Node
    rest: tuple[tuple[Operation, Node], ...]

    def values(self, rows: Rows) -> Values:
        """The last operation's values."""
        result = self.first.values(rows)
        for operation, node in self.rest:
            result = operation(result, node.values(rows))
        return result


@dataclass(frozen=True, slots=True)
class Where:
    """One of two values, by a condition."""

    condition: Node
    chosen: Node
    other: Node

    def values(self, rows: Rows) -> Values:
        """Not known where the condition is not known."""
        holds = self.condition.values(rows)
        branch = np.where(holds == 1, self.chosen.values(rows), self.other.values(rows))
        return np.where(np.isnan(holds), math.nan, branch)


def _compared(operation: Operation) -> Operation:
    def compare(left: Values, right: Values) -> Values:
        unknown = np.isnan(left) | np.isnan(right)
        return np.where(unknown, math.nan, operation(left, right))

    return compare


def _both(left: Values, right: Values) -> Values:
    return np.where((left == 0) | (right == 0), 0.0, left * right)


def _either(left: Values, right: Values) -> Values:
    return np.where((left == 1) | (right == 1), 1.0, left + right)


def negated(condition: Values) -> Values:
    """``not``: what is not known stays so."""
    return 1.0 - condition


COMPARISONS: Mapping[str, Operation] = {
    "==": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "<": _compared(np.less),
    "<=": _compared(np.less_equal),
    ">": _compared(np.greater),
    ">=": _compared(np.greater_equal),
}
CHAINS: Mapping[str, Operation] = {
    "or": _either,
    "and": _both,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}
FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {"abs": np.abs, "exp": np.exp, "log": np.log}
