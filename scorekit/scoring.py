"""The one road: decode, score, and say of each row where its score came from.

Batch, stream, REST and the distributed engine hand their input to one ``Scorer``.
Nothing scores by another way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

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
    from scorekit.store.manifest import Manifest

SOURCES = ("model", "fallback", "rejected")
MODEL, FALLBACK, REJECTED = range(3)

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
    """

    values: NDArray[np.float64]
    sources: NDArray[np.uint8]
    flaws: tuple[Flaw, ...]
    counts: NDArray[np.int64] = field(default_factory=lambda: _NO_COUNTS)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def rejected(self) -> NDArray[np.int64]:
        """Numbers of the rows without a score, ascending."""
        return np.flatnonzero(self.sources == REJECTED)

    @cached_property
    def poor(self) -> NDArray[np.int64]:
        """Numbers of the rows that the model did not answer, ascending."""
        return np.flatnonzero(self.sources != MODEL)

    def window(self) -> Window:
        """What a judge wants to know of it."""
        flaws: dict[tuple[str, str], int] = {}
        for flaw in self.flaws:
            key = (flaw.code, flaw.column)
            flaws[key] = flaws.get(key, 0) + len(flaw.rows)
        rejected = len(self.rejected)
        return Window(
            rows=len(self),
            rejected=rejected,
            fallback=len(self.poor) - rejected,
            flaws=flaws,
            counts=self.counts,
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
    """

    def __init__(
        self,
        manifest: Manifest,
        engine: Engine,
        counter: Counter | None = None,
        rules: RowRules | None = None,
    ) -> None:
        self.manifest = manifest
        self.engine = engine
        self.counter = counter
        self.rules = rules
        self._decoder = Decoder(manifest.inputs, keep_texts=engine.keeps_texts, known=engine.known)

    def score(
        self, batch: pa.RecordBatch | Sequence[Mapping[str, Any]], *, unreadable: Sequence[int] = ()
    ) -> ScoredBatch:
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
        scores = self.engine.score(columns)
        flaws = columns.flaws + scores.flaws + self._broken(columns)
        if len(unreadable):
            flaws = _only_unreadable(flaws, np.array(unreadable, dtype=np.int64))
        values = scores.values
        # a finite sum of finite terms: the usual case, in one pass
        if flaws or not math.isfinite(np.add.reduce(values, axis=None)):
            values, sources, flaws = _with_rejects(values, flaws)
        else:
            sources = np.zeros(len(values), dtype=np.uint8)
        return ScoredBatch(values, sources, flaws, self._counts(columns, values))

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
        return Scorer(self.manifest, self.engine, counter=self.counter, rules=self.rules)


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
    valid = scored.sources != REJECTED
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
    """The likeliest class; null for a rejected row."""
    best = np.argmax(np.nan_to_num(scored.values, nan=-np.inf), axis=1)
    best[scored.rejected] = len(labels)
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
        rejected = source == REJECTED
        row: dict[str, Any] = dict.fromkeys(names) if rejected else dict(zip(names, values, strict=True))
        if labels:
            row["prediction"] = None if rejected else labels[values.index(max(values))]
        row["score_source"] = SOURCES[source]
        row["quality_flags"] = flags.get(number, "")
        row["model_version"] = version
        yield row
