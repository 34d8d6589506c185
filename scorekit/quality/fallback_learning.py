"""Learning a fallback at training, and holding it against the model's scores.

A fallback that answers on another level than the model is a shift of its own. So every
rung that answers by itself must answer each training row, and on average as the model
does: within a tenth of the standard deviation of the model's scores, or, where the rows
are few, within three standard errors of the mean difference between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import UsageError
from scorekit.nearest import nearest
from scorekit.quality.baseline import Baseline, Bins, Codes, Values, numeric_bins
from scorekit.quality.expression_tokens import quoted
from scorekit.quality.expressions import parse
from scorekit.quality.fallback import (
    ExpressionRung,
    Fallback,
    FallbackSettings,
    MeanRung,
    NullRung,
    Rung,
    RungKind,
    RungSettings,
    SegmentRung,
    Validation,
    VersionRung,
)
from scorekit.quality.ladder import Answerer, Constant, ExpressionAnswerer, RowNumbers, SegmentAnswerer
from scorekit.quality.segments import SegmentTable, learn_segments
from scorekit.schema import MISSING, Schema

SPREADS = 0.1
"""How far the means may be apart, in standard deviations of the model's scores."""
ERRORS = 3.0
"""Or in standard errors of their difference, if that is more."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """The rows that a fallback learns from: those the model was fitted on.

    Attributes
    ----------
    schema : Schema
    numeric, codes : ndarray
        Their decoded columns.
    targets : ndarray of float64, shape (n_rows, n_outputs)
        What each score should be; see ``outcomes``.
    scores : ndarray of float64, shape (n_rows, n_outputs)
        The model's, as its baseline has them; NaN in rows without one.
    baseline : Baseline
        Its bins are those of segments.
    outputs : tuple of str
        Names of the scores.
    probabilities : bool
        Whether scores lie within 0 and 1.
    """

    schema: Schema
    numeric: Values
    codes: Codes
    targets: Values
    scores: Values
    baseline: Baseline
    outputs: tuple[str, ...]
    probabilities: bool

    def values(self, column: str) -> Values | Codes:
        """A decoded column."""
        coded, place = {feature.name: (feature.coded, at) for feature, at in self.schema.each()}[column]
        found: Values | Codes = (self.codes if coded else self.numeric)[:, place]
        return found


def outcomes(truth: NDArray[np.int64] | Values, outputs: int) -> Values:
    """What each score of a row should be.

    Parameters
    ----------
    truth : ndarray, shape (n_rows,)
        0 and 1, class numbers, or values.
    outputs : int
        Scores of a row: 1, or the number of classes.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_outputs)
    """
    if outputs == 1:
        return np.array(truth, dtype=np.float64).reshape(-1, 1)
    return np.where(np.asarray(truth)[:, None] == np.arange(outputs), 1.0, 0.0)


def learn_fallback(settings: FallbackSettings, rows: TrainingRows) -> Fallback:
    """Learn and validate every rung of a ladder.

    Raises
    ------
    UsageError
        If a rung names a column that the model has not, cannot answer every training row,
        or does not answer as the model does on average.
    """
    return Fallback(
        outputs=rows.outputs,
        probabilities=rows.probabilities,
        rungs=tuple(_learned(rung, number, rows) for number, rung in enumerate(settings.ladder, start=1)),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Which rung is learned, for errors."""

    number: int
    rung: RungSettings

    def error(self, message: str, hint: str | None = None) -> UsageError:
        return UsageError(
            f"rung {self.number} of the fallback ladder ({self.rung.kind}): {message}",
            hint=hint,
            code="fallback",
        )


def _learned(rung: RungSettings, number: int, rows: TrainingRows) -> Rung:
    return LEARNERS[rung.kind](rung, _Place(number, rung), rows)


def _version(rung: RungSettings, place: _Place, rows: TrainingRows) -> Rung:  # noqa: ARG001 - rungs are learned by one signature
    return VersionRung(version=rung.version or "")


def _null(rung: RungSettings, place: _Place, rows: TrainingRows) -> Rung:  # noqa: ARG001 - rungs are learned by one signature
    return NullRung()


def _mean(rung: RungSettings, place: _Place, rows: TrainingRows) -> Rung:  # noqa: ARG001 - rungs are learned by one signature
    scored = np.isfinite(rows.scores).all(axis=1)
    if not scored.any():
        raise place.error("no training row has a score, so there is no mean")
    values = tuple(rows.scores[scored].mean(axis=0).tolist())
    validation, answers = _validated(Constant(values), place, rows)
    return MeanRung(values=values, validation=validation, answers=answers)


def _segment(rung: RungSettings, place: _Place, rows: TrainingRows) -> Rung:
    names = rung.segment or ()
    columns = [_bins(name, place, rows) for name in names]
    table: SegmentTable = learn_segments(columns, [rows.values(name) for name in names], rows.targets)
    validation, answers = _validated(SegmentAnswerer(table, rows.schema), place, rows)
    return SegmentRung(table=table, validation=validation, answers=answers)


def _bins(name: str, place: _Place, rows: TrainingRows) -> Bins:
    known = {bins.name: bins for bins in rows.baseline.features}
    if name in known:
        return known[name]
    if name in rows.schema.names:
        raise place.error(f"the column {name!r} is free text and has no segments")
    near = nearest(name, known)
    raise place.error(f"the model has no column {name!r}", f"did you mean {near!r}?" if near else None)


def _expression(rung: RungSettings, place: _Place, rows: TrainingRows) -> Rung:
    if len(rows.outputs) != 1:
        raise place.error(
            f"an expression gives one score, and the model gives {len(rows.outputs)}",
            "declare a segment, or mean = true",
        )
    text = rung.expression or ""
    try:
        answerer = ExpressionAnswerer(parse(text, rows.schema))
    except UsageError as error:
        raise place.error(error.message, error.hint) from None
    validation, answers = _validated(answerer, place, rows)
    return ExpressionRung(expression=text, validation=validation, answers=answers)


LEARNERS: Mapping[RungKind, Callable[[RungSettings, _Place, TrainingRows], Rung]] = {
    "version": _version,
    "segment": _segment,
    "expression": _expression,
    "mean": _mean,
    "null": _null,
}


# Validating --------------------------------------------------------------------------


def _validated(answerer: Answerer, place: _Place, rows: TrainingRows) -> tuple[Validation, tuple[Bins, ...]]:
    answers = answerer.answer(rows.numeric, rows.codes, np.arange(len(rows.numeric)))
    _answers_all(answers, answerer, place, rows)
    validation = validate_mean(answers, rows.scores)
    for name, mean, model, tolerance in zip(
        rows.outputs, validation.mean, validation.model_mean, validation.tolerance, strict=True
    ):
        if not abs(mean - model) <= tolerance:
            raise place.error(
                f"its mean {name} over the training rows is {mean:.4g}, the model's is {model:.4g}; "
                f"they may be {tolerance:.2g} apart",
                "what takes its place moves the scores for everyone behind it; "
                "mend the rung, or declare mean = true",
            )
    return validation, tuple(
        numeric_bins(name, column) for name, column in zip(rows.outputs, answers.T, strict=True)
    )


def validate_mean(answers: Values, scores: Values) -> Validation:
    """Hold a rung's answers against the model's scores.

    Parameters
    ----------
    answers, scores : ndarray of float64, shape (n_rows, n_outputs)
        Rows whose score is not finite are left out.

    Returns
    -------
    Validation
        Its tolerance is the larger of ``SPREADS`` standard deviations of the scores and
        ``ERRORS`` standard errors of the mean difference.
    """
    scored = np.isfinite(scores).all(axis=1)
    given, wanted = answers[scored], scores[scored]
    count = max(int(scored.sum()), 1)
    spread = wanted.std(axis=0) if len(wanted) else np.full(scores.shape[1], math.nan)
    error = (given - wanted).std(axis=0) / math.sqrt(count) if len(wanted) else spread
    # of a model that always says the same, the rounding of its mean
    rounding = 1e-9 * np.abs(wanted.mean(axis=0)) if len(wanted) else spread
    return Validation(
        rows=len(answers),
        mean=_means(given),
        model_mean=_means(wanted),
        tolerance=tuple(np.maximum(np.maximum(SPREADS * spread, ERRORS * error), rounding).tolist()),
    )


def _means(values: Values) -> tuple[float, ...]:
    return tuple(values.mean(axis=0).tolist()) if len(values) else (math.nan,) * values.shape[1]


def _answers_all(answers: Values, answerer: Answerer, place: _Place, rows: TrainingRows) -> None:
    silent = np.flatnonzero(~np.isfinite(answers).all(axis=1))
    if len(silent):
        missing = _missing_in(silent, answerer.columns, rows)
        because = f"; in these {' and '.join(map(repr, missing))} can be missing" if missing else ""
        raise place.error(
            f"it has no finite answer for {len(silent):,} of {len(answers):,} training rows{because}",
            f"write where(missing({quoted(missing[0])}), …, …)" if missing else None,
        )
    outside = ((answers < 0) | (answers > 1)).any(axis=1)
    if rows.probabilities and outside.any():
        raise place.error(
            f"it answers {outside.sum():,} of {len(answers):,} training rows outside 0 to 1, "
            "where the model gives probabilities",
            "write min(1, max(0, …))",
        )


def _missing_in(silent: RowNumbers, columns: Sequence[str], rows: TrainingRows) -> list[str]:
    """Columns that are missing in some of these rows."""
    found = []
    for name in columns:
        values = rows.values(name)[silent]
        if (np.isnan(values) if values.dtype == np.float64 else values == MISSING).any():
            found.append(name)
    return found
