"""The one road: decode, score, and say of each row where its score came from.

Batch, stream, REST and the distributed engine hand their input to one ``Scorer``.
Nothing scores by another way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorekit.engine.columns import Columns, Decoder
from scorekit.engine.compiled import Scores
from scorekit.engine.flaws import Flaw
from scorekit.quality.counting import Counter
from scorekit.quality.rows import RowRules
from scorekit.quality.window import Window
from scorekit.tables.arrays import numbers as number_array
from scorekit.tables.arrays import picked

if TYPE_CHECKING:
    from scorekit.answering import Answering
    from scorekit.store.manifest import Manifest

SOURCES = ("model", "fallback", "rejected")
MODEL, FALLBACK, REJECTED = range(3)

Rows: TypeAlias = pa.RecordBatch | Sequence[Mapping[str, Any]]
"""Rows as they come in: an Arrow batch, or parsed records."""

_NO_COUNTS = np.zeros(0, dtype=np.int64)


class Engine(Protocol):
    """What turns columns into scores: ``CompiledEngine`` or ``ReferenceEngine``."""

    name: str
    keeps_texts: bool
    known: Mapping[str, Sequence[str]]

    def score(self, columns: Columns) -> Scores:
        """Score every row."""


@dataclass(frozen=True, eq=False)
class ScoredBatch:
    """Scores of a batch, row by row.

    Attributes
    ----------
    values : ndarray of float64, shape (n_rows, n_outputs)
        NaN in every output of a rejected row.
    sources : ndarray of uint8, shape (n_rows,)
        Index into ``SOURCES``.
    flaws : tuple of Flaw
        What was wrong with rows.
    counts : ndarray of int64, shape (len(counter),), or (0,) without one
        Rows in the bins of the baseline; they add up over batches.
    answers : ndarray of int64
        The same of the fallback's answers (``AnswerCounter``); empty where it gave none.
    """

    values: NDArray[np.float64]
    sources: NDArray[np.uint8]
    flaws: tuple[Flaw, ...]
    counts: NDArray[np.int64] = field(default_factory=lambda: _NO_COUNTS)
    answers: NDArray[np.int64] = field(default_factory=lambda: _NO_COUNTS)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def rejected(self) -> NDArray[np.int64]:
        """Numbers of the rows without a score, ascending."""
        return np.flatnonzero(self.sources == REJECTED) if len(self.poor) else self.poor

    @cached_property
    def has_score(self) -> NDArray[np.bool_]:
        """Which rows have a score: neither rejected nor answered by null."""
        if not self.sources.any():
            return np.ones(len(self), dtype=bool)
        return ~np.isnan(self.values[:, 0])

    @cached_property
    def poor(self) -> NDArray[np.int64]:
        """Numbers of the rows that the model did not answer, ascending."""
        return np.flatnonzero(self.sources != MODEL)

    @property
    def fallback(self) -> int:
        """How many rows the fallback answered."""
        return len(self.poor) - len(self.rejected)

    def window(self) -> Window:
        """What a judge wants to know of it."""
        flaws: dict[tuple[str, str], int] = {}
        for flaw in self.flaws:
            key = (flaw.code, flaw.column)
            flaws[key] = flaws.get(key, 0) + len(flaw.rows)
        return Window(
            rows=len(self),
            rejected=len(self.rejected),
            fallback=self.fallback,
            flaws=flaws,
            counts=self.counts,
            answers=self.answers,
        )

    def flags(self) -> tuple[list[str], NDArray[np.int32]]:
        """What was wrong with each row, as text.

        Returns
        -------
        texts : list of str
            The distinct texts, ``code:column`` joined by ``;``; the first is empty.
        numbers : ndarray of int32, shape (n_rows,)
            Which of them is each row's.
        """
        texts = [""]
        numbers = np.zeros(len(self), dtype=np.int32)
        for flaw in self.flaws:
            for before in np.flatnonzero(np.bincount(numbers[flaw.rows])):  # np.unique imports numpy.ma
                same = flaw.rows[numbers[flaw.rows] == before]
                numbers[same] = len(texts)
                texts.append(f"{texts[before]};{flaw.name}" if before else flaw.name)
        return texts, numbers


class Scorer:
    """Scores batches by one version of a model.

    Parameters
    ----------
    manifest : Manifest
    engine : Engine
    counter : Counter, optional
        Counts rows and scores over the bins of the baseline.
    rules : RowRules, optional
        What the policy asks of each row.
    answering : Answering, optional
        The fallback, which answers rows that the model rejects.
    """

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        counter: Counter | None = None,
        rules: RowRules | None = None,
        answering: Answering | None = None,
    ) -> None:
        self.manifest = manifest
        self.engine = engine
        self.counter = counter
        self.rules = rules
        self.answering = answering
        self._decoder = Decoder(manifest.inputs, keep_texts=engine.keeps_texts, known=engine.known)

    def score(self, batch: Rows, *, unreadable: Sequence[int] = ()) -> ScoredBatch:
        """Score every row of a batch.

        Parameters
        ----------
        batch : pyarrow.RecordBatch or sequence of mapping
            Rows with the columns of the model; others are ignored.
        unreadable : sequence of int
            Rows that stand for a record that could not be read.

        Raises
        ------
        SchemaError
            If an Arrow batch lacks a column or has it in a type that cannot be read.
        """
        columns = (
            self._decoder.batch(batch) if isinstance(batch, pa.RecordBatch) else self._decoder.rows(batch)
        )
        scores = self._scores(columns)
        flaws = columns.flaws + scores.flaws + self._broken(columns)
        if len(unreadable):
            flaws = _only_unreadable(flaws, np.array(unreadable, dtype=np.int64))
        values, sources, flaws = self._without_rejects(scores.values, flaws)
        counts, answers = self._counts(columns, values), _NO_COUNTS
        if self.answering is not None and sources.any():
            values, sources, answers = self._answered(batch, columns, values, sources, flaws, self.answering)
            flaws += self._unanswered(sources, flaws)
        return ScoredBatch(values, sources, flaws, counts, answers)

    @property
    def _replaced(self) -> bool:
        """Whether the fallback answers in place of the model."""
        return self.answering is not None and self.answering.everything

    def _scores(self, columns: Columns) -> Scores:
        if self._replaced:
            return Scores(np.full((len(columns), len(self.manifest.scoring.columns)), np.nan))
        return self.engine.score(columns)

    def _without_rejects(
        self, values: NDArray[np.float64], flaws: tuple[Flaw, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8], tuple[Flaw, ...]]:
        """Scores, where each comes from, and what is wrong with rows."""
        if self._replaced:
            return values, np.full(len(values), REJECTED, dtype=np.uint8), flaws
        # a finite sum of finite terms: the usual case, in one pass
        if flaws or not math.isfinite(np.add.reduce(values, axis=None)):
            return _with_rejects(values, flaws)
        return values, np.zeros(len(values), dtype=np.uint8), flaws

    def _answered(
        self,
        batch: Rows,
        columns: Columns,
        values: NDArray[np.float64],
        sources: NDArray[np.uint8],
        flaws: tuple[Flaw, ...],
        answering: Answering,
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.int64]]:
        """Rejected rows answered by the fallback, as far as it can; nothing is known of unreadable ones."""
        open_rows = sources == REJECTED
        for flaw in flaws:
            if flaw.code == "not_a_record":
                open_rows[flaw.rows] = False
        rows = np.flatnonzero(open_rows)
        found, rungs = answering.answer(batch, columns, rows, flaws)
        answered = rows[rungs >= 0]
        values[answered] = found[rungs >= 0]
        sources[answered] = FALLBACK
        return values, sources, answering.counter.count(found, rungs)

    def _unanswered(self, sources: NDArray[np.uint8], flaws: tuple[Flaw, ...]) -> tuple[Flaw, ...]:
        """Rows that the fallback did not answer, though nothing is wrong with them."""
        unexplained = sources == REJECTED
        for flaw in flaws:
            if flaw.rejects:
                unexplained[flaw.rows] = False
        rows = np.flatnonzero(unexplained)
        return (Flaw("not_answered", "", rows),) if len(rows) else ()

    def _broken(self, columns: Columns) -> tuple[Flaw, ...]:
        if self.rules is None:
            return ()
        return tuple(Flaw(*broken) for broken in self.rules.broken(columns.numeric, columns.codes))

    def _counts(self, columns: Columns, values: NDArray[np.float64]) -> NDArray[np.int64]:
        if self.counter is None:
            return _NO_COUNTS
        return self.counter.count(columns.numeric, columns.codes, values)

    def fork(self) -> Scorer:
        """Another scorer of the same model, for another thread."""
        answering = self.answering.fork() if self.answering is not None else None
        return Scorer(self.manifest, self.engine, counter=self.counter, rules=self.rules, answering=answering)


def _with_rejects(
    values: NDArray[np.float64], flaws: tuple[Flaw, ...]
) -> tuple[NDArray[np.float64], NDArray[np.uint8], tuple[Flaw, ...]]:
    """Scores without those of rejected rows, where each comes from, and what is wrong with rows."""
    sources = np.zeros(len(values), dtype=np.uint8)
    for flaw in flaws:
        if flaw.rejects:
            sources[flaw.rows] = REJECTED
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        odd = np.flatnonzero(~finite & (sources == MODEL))
        flaws = (*flaws, Flaw("score_not_finite", "", odd)) if len(odd) else flaws
        sources[odd] = REJECTED
    if sources.any():
        values = values.copy()
        values[sources == REJECTED] = np.nan
    return values, sources, flaws


def _only_unreadable(flaws: tuple[Flaw, ...], rows: NDArray[np.int64]) -> tuple[Flaw, ...]:
    """Of a row that could not be read nothing else is worth saying."""
    others = (replace(flaw, rows=flaw.rows[~np.isin(flaw.rows, rows)]) for flaw in flaws)
    return (Flaw("not_a_record", "", rows), *(flaw for flaw in others if len(flaw.rows)))


# Output columns ----------------------------------------------------------------------


def output_fields(manifest: Manifest) -> list[pa.Field]:
    """The columns every scored row gets, in their order."""
    fields = [pa.field(name, pa.float64()) for name in manifest.scoring.columns]
    if len(manifest.scoring.columns) > 1:
        fields.append(pa.field("prediction", pa.string()))
    return [
        *fields,
        pa.field("score_source", pa.string()),
        pa.field("quality_flags", pa.string()),
        pa.field("model_version", pa.int32()),
    ]


def output_columns(scored: ScoredBatch, manifest: Manifest) -> list[pa.Array]:
    """Arrow arrays for ``output_fields``, made without a detour over pandas."""
    valid = scored.has_score
    arrays = [number_array(column, pa.float64(), valid) for column in scored.values.T]
    if len(arrays) > 1:
        arrays.append(_predictions(scored, [str(label) for label in manifest.classes]))
    texts, numbers = scored.flags()
    version = np.full(len(scored), manifest.version, dtype=np.int32)
    return [
        *arrays,
        picked(SOURCES, scored.sources),
        picked(texts, numbers),
        number_array(version, pa.int32()),
    ]


def _predictions(scored: ScoredBatch, labels: list[str]) -> pa.Array:
    """The likeliest class; null for a row without scores."""
    best = np.argmax(np.nan_to_num(scored.values, nan=-np.inf), axis=1)
    best[~scored.has_score] = len(labels)
    return picked([*labels, None], best)


def output_rows(scored: ScoredBatch, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The same columns, a dict for each row, for answers that are parsed rows themselves."""
    names, version = manifest.scoring.columns, manifest.version
    labels = [str(label) for label in manifest.classes] if len(names) > 1 else []
    flags: dict[int, str] = {}
    for flaw in scored.flaws:
        for number in flaw.rows.tolist():
            flags[number] = f"{flags[number]};{flaw.name}" if number in flags else flaw.name
    for number, (values, source) in enumerate(
        zip(scored.values.tolist(), scored.sources.tolist(), strict=True)
    ):
        # the null rung of a fallback answers without a score
        without = source != MODEL and math.isnan(values[0])
        row: dict[str, Any] = dict.fromkeys(names) if without else dict(zip(names, values, strict=True))
        if labels:
            row["prediction"] = None if without else labels[values.index(max(values))]
        row["score_source"] = SOURCES[source]
        row["quality_flags"] = flags.get(number, "")
        row["model_version"] = version
        yield row
