"""The fallback at work: what answers a row that the model does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.columns import Columns
from scorekit.engine.flaws import Flaw
from scorekit.quality.fallback import Fallback
from scorekit.quality.ladder import AnswerCounter, Answerer, Ladder, make_ladder

if TYPE_CHECKING:
    from scorekit.quality.baseline import Codes, Values
    from scorekit.scoring import Rows, Scorer


@dataclass(frozen=True, slots=True)
class _Version:
    """Another version, over the batch as it came in: its schema may be another."""

    scorer: Scorer
    batch: Rows
    columns: tuple[str, ...]

    def answer(self, numeric: Values, codes: Codes, rows: NDArray[np.int64]) -> Values:  # noqa: ARG002 - it reads the batch instead
        """Its scores; NaN where it rejects a row."""
        scores: Values = self.scorer.score(self.batch).values[rows]
        return scores


class Answering:
    """A declared fallback, ready to answer rows of batches.

    Parameters
    ----------
    fallback : Fallback
        With the rungs that are to answer, in their order.
    schema : Schema
        Of the model.
    versions : mapping of int to Scorer
        Of other versions, by rung.
    bad_columns : frozenset of str
        Columns whose check failed in the window.
    everything : bool
        Whether every row is answered, not only those that the model rejects.
    """

    def __init__(
        self,
        fallback: Fallback,
        schema: Any,
        versions: Mapping[int, Scorer],
        *,
        bad_columns: frozenset[str] = frozenset(),
        everything: bool = False,
    ) -> None:
        self.fallback = fallback
        self.counter = AnswerCounter(fallback)
        self.everything = everything
        self._schema = schema
        self._versions = versions
        self._bad_columns = bad_columns
        self._ladder = make_ladder(fallback, schema)

    @property
    def versions(self) -> tuple[str, ...]:
        """Digests of the other versions that answer."""
        return tuple(scorer.manifest.digest for scorer in self._versions.values())

    def answer(
        self, batch: Rows, columns: Columns, rows: NDArray[np.int64], flaws: Sequence[Flaw]
    ) -> tuple[Values, NDArray[np.int8]]:
        """Answer some rows of a batch; see ``Ladder.answer``."""
        flawed: dict[str, NDArray[np.bool_]] = {}
        for flaw in flaws:
            if flaw.rejects and flaw.column:
                mask = flawed.setdefault(flaw.column, np.zeros(len(columns), dtype=bool))
                mask[flaw.rows] = True
        ladder = self._ladder if not self._versions else self._with_versions(batch)
        return ladder.answer(columns.numeric, columns.codes, rows, self._bad_columns, flawed)

    @property
    def can_answer(self) -> bool:
        """Whether there is a rung whose columns are all sound."""
        versions = {place: scorer.manifest.inputs.names for place, scorer in self._versions.items()}
        return any(
            self._bad_columns.isdisjoint(versions.get(place, rung.columns))
            for place, rung in enumerate(self._ladder.rungs)
        )

    def _with_versions(self, batch: Rows) -> Ladder:
        rungs: list[Answerer] = list(self._ladder.rungs)
        for place, scorer in self._versions.items():
            rungs[place] = _Version(scorer, batch, scorer.manifest.inputs.names)
        return self._ladder.of(rungs)

    def for_window(self, bad_columns: frozenset[str]) -> Answering:
        """The same fallback, answering every row of a window that failed."""
        return Answering(
            self.fallback, self._schema, self._versions, bad_columns=bad_columns, everything=True
        )

    def fork(self) -> Answering:
        """The same for another thread."""
        versions = {place: scorer.fork() for place, scorer in self._versions.items()}
        return Answering(
            self.fallback,
            self._schema,
            versions,
            bad_columns=self._bad_columns,
            everything=self.everything,
        )
