"""Proving that a compiled model scores as scikit-learn does.

Every training row is scored both ways, and then rows made to be awkward: each
column alone missing, unseen, infinite, at and far beyond its range, beyond
float32. A row the compiled model rejects has to be one scikit-learn raises on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns, Named
from scorekit.engine.compiled import CompiledEngine
from scorekit.engine.reference import ReferenceEngine
from scorekit.schema import MISSING, UNSEEN, UNSEEN_TEXT, Schema

TOLERANCE = 1e-12
"""Largest relative difference between a compiled score and scikit-learn's; ``_floor`` says to what."""

LOOSE = {"interpolate": 1e-9, "exp_normalize": 1e-9}
"""The same for steps that magnify last bits, in which two calls of scikit-learn itself differ as much.

Isotonic calibration climbs from step to step on straight lines, and multiplies the last
bits of a score by their steepness. Naive Bayes makes probabilities of log likelihoods
that are large far from the means, and adds them up in an order that depends on how the
matrix lies in memory.
"""

_CHUNK_CELLS = 2_000_000
"""Cells of a chunk where there are few columns or few rows."""

_MOST_CELLS = 10_000_000
"""The same where training had as many at once: an encoder looks at all its levels for each chunk anew,
and thousands of columns of thousands of levels take it longer than the rows."""
_SINGLE_ROWS = 200
"""Rejected rows of a chunk shown to scikit-learn one by one; more of a kind prove nothing new."""

_SINGLE_SHARE = 100
"""Of how many rows of a chunk one may be shown so: thousands of columns make chunks of few rows."""

_AWKWARD_CELLS = 100_000_000
"""Cells of awkward rows, which grow with the square of the columns, up to which no column goes without
any awkward value. Beyond, each takes its turn with some; see ``awkward_rows``."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and how it came out.

    Attributes
    ----------
    rows : int
        Rows scored both ways.
    rejected : int
        Rows both refused, shown to scikit-learn one by one.
    largest_difference : float
        Largest relative difference of a score.
    failure : str or None
        What did not agree; None when the model is proved.
    """

    rows: int
    rejected: int
    largest_difference: float
    failure: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the compiled model may be used."""
        return self.failure is None


def prove(
    compiled: CompiledEngine,
    reference: ReferenceEngine,
    columns: Columns,
    schema: Schema,
    *,
    probability: bool,
    advance: Callable[[int], object] = int,
) -> Proof:
    """Hold a compiled model against scikit-learn.

    Parameters
    ----------
    compiled, reference : engines of the same model
    columns : Columns
        The training rows.
    schema : Schema
    probability : bool
        Whether scores are probabilities, whose smallest values must agree too; see ``_floor``.
    advance : callable
        Told the number of rows after each chunk.

    Returns
    -------
    Proof
    """
    ops = {step.op for step in compiled.program.steps}
    allowed = max(TOLERANCE, *(LOOSE.get(op, 0.0) for op in ops))
    floor = _floor(reference, columns, probability=probability, stepped="interpolate" in ops)
    rows = rejected = 0
    largest = 0.0
    size = _chunk_rows(len(columns), len(schema))
    singles = min(_SINGLE_ROWS, max(1, size // _SINGLE_SHARE))
    for chunk in _chunks(columns, schema, size, compiled.known):
        ours = compiled.score(chunk).values
        refused = np.isnan(ours).any(axis=1)
        kept = np.flatnonzero(~refused)
        theirs = reference.score(chunk.take(kept)).values
        if np.isnan(theirs).any():
            return Proof(rows, rejected, largest, "scikit-learn refuses rows that the compiled model scores")
        largest = max(largest, _difference(ours[kept], theirs, floor))
        rows += len(kept)
        shown = _spread(np.flatnonzero(refused), singles)
        if not _refuses_each(reference, chunk, shown):
            return Proof(rows, rejected, largest, "the compiled model refuses rows that scikit-learn scores")
        rejected += len(shown)
        advance(len(chunk))
    if largest > allowed:
        return Proof(rows, rejected, largest, f"scores differ by up to {largest:.1e} (allowed {allowed:.0e})")
    return Proof(rows, rejected, largest)


def _chunk_rows(rows: int, width: int) -> int:
    """Rows to score at once of a table of so many rows and columns."""
    cells = min(_MOST_CELLS, max(_CHUNK_CELLS, rows * width))
    return max(1, min(65_536, cells // max(1, width)))


def _floor(
    reference: ReferenceEngine, columns: Columns, *, probability: bool, stepped: bool
) -> NDArray[np.float64]:
    """The least that a score's size counts as when a difference is taken relative to it, shape (n_outputs,).

    Sums that cancel have no relative precision, scikit-learn's no more than ours. A
    difference of values or decisions is therefore relative to the median score at least,
    and a difference of probabilities to 1 where they come of such sums: of two classes the
    first is what the second leaves of 1, and isotonic calibration measures how far a score
    lies beyond the score of a training row.
    """
    size = float(np.finfo(np.float64).tiny)
    if not probability and len(columns):
        sample = reference.score(columns.slice(0, min(len(columns), 10_000))).values
        size = max(size, float(np.median(np.abs(sample)))) if np.isfinite(sample).any() else size
    floor = np.full(len(reference.outputs), size)
    if probability:
        if len(getattr(reference.estimator, "classes_", ())) == 2:
            floor[np.array(reference.outputs) == 0] = 1.0
        if stepped:
            floor[:] = 1.0
    return floor


def _difference(ours: NDArray[np.float64], theirs: NDArray[np.float64], floor: NDArray[np.float64]) -> float:
    """Largest relative difference; two equal infinities do not differ."""
    different = ours != theirs
    if not different.any():
        return 0.0
    scale = np.maximum(np.abs(theirs), floor)
    with np.errstate(all="ignore"):
        relative = (np.abs(ours - theirs) / scale)[different]
    return float(np.nan_to_num(relative, nan=np.inf).max())


def _refuses_each(reference: ReferenceEngine, columns: Columns, rows: list[int]) -> bool:
    """Whether scikit-learn raises on each of these rows, alone."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # a second thread has nothing to do for one row but to wait
        return all(np.isnan(reference.score(columns.slice(row, row + 1)).values).any() for row in rows)


def _spread(rows: NDArray[np.int64], most: int) -> list[int]:
    """At most ``most`` of the rows, evenly spread."""
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return [int(row) for row in rows]


def _chunks(
    columns: Columns, schema: Schema, size: int, known: Mapping[str, Sequence[str]]
) -> Iterator[Columns]:
    """The training rows, then the awkward ones, in bounded pieces."""
    for start in range(0, len(columns), size):
        yield columns.slice(start, min(start + size, len(columns)))
    if len(columns):
        yield from awkward_rows(columns, schema, size, known)


def awkward_rows(
    columns: Columns, schema: Schema, size: int = 65_536, known: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Columns]:
    """Copies of a training row, each with one column made awkward, and whole rows of one awkwardness.

    ``known`` are texts that the model knows beside the levels, by column.

    Among thousands of columns each is missing alone, and takes some of the other values;
    its neighbours take the others.

    Yields
    ------
    Columns
        Of at most ``size`` rows.
    """
    base = _fullest(columns)
    changes = _changes(schema)
    for start in range(0, len(changes), size):
        piece = changes[start : start + size]
        numeric = np.repeat(base.numeric, len(piece), axis=0)
        codes = np.repeat(base.codes, len(piece), axis=0)
        for row, (kind, index, thing) in enumerate(piece):
            (codes if kind == "codes" else numeric)[row, index] = thing
        yield Columns(numeric, codes)
    if known:
        yield _known_rows(base, schema, known)
    yield _whole_rows(base)


def _known_rows(base: Columns, schema: Schema, known: Mapping[str, Sequence[str]]) -> Columns:
    """A row for each text that the model knows beside the levels."""
    texts = [
        (index, len(feature.levels) + number, text)
        for index, feature in enumerate(schema.coded)
        for number, text in enumerate(known.get(feature.name, ()))
        if text not in ("", *schema.na_values)  # these are missing before any pipeline sees them
    ]
    codes = np.repeat(base.codes, len(texts), axis=0)
    originals = {index: [UNSEEN_TEXT] * len(texts) for index, _, _ in texts}
    for row, (index, _, text) in enumerate(texts):
        codes[row, index] = UNSEEN
        originals[index][row] = text
    named = tuple(Named(index, code, np.array([row])) for row, (index, code, _) in enumerate(texts))
    return Columns(np.repeat(base.numeric, len(texts), axis=0), codes, (), originals, named)


def _changes(schema: Schema) -> list[tuple[str, int, float]]:
    """``numeric`` or ``codes``, column within it, and the value it gets there."""
    most = max(2, _AWKWARD_CELLS // max(1, len(schema)) ** 2)
    changes: list[tuple[str, int, float]] = []
    for turn, (feature, index) in enumerate(schema.each()):
        kind = "codes" if feature.coded else "numeric"
        things: list[float] = (
            [MISSING, UNSEEN] if feature.coded else _awkward_numbers(feature.minimum, feature.maximum)
        )
        changes += [(kind, index, thing) for thing in _in_turn(things, turn, most)]
    return changes


def _in_turn(things: list[float], turn: int, most: int) -> list[float]:
    """The first thing, and others from a place on that moves with the turn; ``most`` in all."""
    if len(things) <= most:
        return things
    first, *others = things
    start = turn * (most - 1) % len(others)
    return [first, *(others[start:] + others[:start])[: most - 1]]


def _awkward_numbers(minimum: float | None, maximum: float | None) -> list[float]:
    low, high = (minimum or 0.0), (maximum or 0.0)
    span = (high - low) or 1.0
    beyond_single = 2.0 * float(np.finfo(np.float32).max)
    numbers = [np.nan, np.inf, -np.inf, 0.0, -0.0, low, high, low - 10 * span, high + 10 * span]
    return [*numbers, np.nextafter(low, -np.inf), np.nextafter(high, np.inf), 1e-310, beyond_single]


def _whole_rows(base: Columns) -> Columns:
    numbers = [np.nan, 0.0, np.inf]
    codes = [MISSING, UNSEEN, 0]
    return Columns(
        np.vstack([np.full_like(base.numeric, number) for number in numbers]),
        np.vstack([np.full_like(base.codes, code) for code in codes]),
    )


def _fullest(columns: Columns) -> Columns:
    """The training row with the least missing, so that one change at a time can be seen."""
    head = columns.slice(0, min(len(columns), 1000))
    missing = np.isnan(head.numeric).sum(axis=1) + (head.codes < 0).sum(axis=1)
    row = int(np.argmin(missing))
    return columns.slice(row, row + 1)
