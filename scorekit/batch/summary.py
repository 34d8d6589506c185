"""What a run made, counted while it goes: nothing here grows with the number of rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from scorekit.scoring import ScoredBatch

SAMPLE = 10_000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass
class ScoreSummary:
    """Counts and shape of the scores of a run.

    Attributes
    ----------
    rows, rejected, fallback, flagged : int
        All rows, those that nothing answered, those that the fallback answered, and those
        with anything in ``quality_flags``.
    flaws : dict of str to int
        Rows for each ``code:column``.
    totals : list of float
        Sum of each score column over the rows that have one.
    sample : list of float
        Every ``stride``-th of the ``seen`` first scores, at most ``SAMPLE``, for the quantiles.
    """

    rows: int = 0
    rejected: int = 0
    fallback: int = 0
    flagged: int = 0
    flaws: dict[str, int] = field(default_factory=dict)
    totals: list[float] = field(default_factory=list)
    minimum: float | None = None
    maximum: float | None = None
    sample: list[float] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    def add(self, scored: ScoredBatch) -> None:
        """Count a batch."""
        self.rows += len(scored)
        self.rejected += len(scored.rejected)
        self.fallback += len(scored.poor) - len(scored.rejected)
        if scored.flaws:
            flawed = np.zeros(len(scored), dtype=bool)
            for flaw in scored.flaws:
                flawed[flaw.rows] = True
            self.flagged += int(np.count_nonzero(flawed))
        for flaw in scored.flaws:
            name = f"{flaw.code}:{flaw.column}" if flaw.column else flaw.code
            self.flaws[name] = self.flaws.get(name, 0) + len(flaw.rows)
        kept = scored.values[np.isfinite(scored.values[:, 0])]
        if len(kept):
            self._add_scores(kept)

    def _add_scores(self, kept: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        sums = kept.sum(axis=0)
        self.totals = (sums + self.totals if self.totals else sums).tolist()
        first = kept[:, 0]
        low, high = float(first.min()), float(first.max())
        self.minimum = low if self.minimum is None else min(low, self.minimum)
        self.maximum = high if self.maximum is None else max(high, self.maximum)
        self.sample += first[-self.seen % self.stride :: self.stride].tolist()
        self.seen += len(first)
        while len(self.sample) > SAMPLE:
            self.sample = self.sample[::2]
            self.stride *= 2

    @property
    def scored(self) -> int:
        """Rows with a score."""
        return self.seen

    @property
    def means(self) -> list[float]:
        """Mean of each score column; empty when nothing was scored."""
        return [total / self.scored for total in self.totals]

    def quantiles(self) -> dict[float, float]:
        """Quantiles of the first score column; exact up to ``SAMPLE`` rows, else of a sample."""
        if not self.sample:
            return {}
        ordered = np.sort(self.sample)
        # as np.quantile, which imports numpy.ma
        values = np.interp(np.array(QUANTILES) * (len(ordered) - 1), np.arange(len(ordered)), ordered)
        return dict(zip(QUANTILES, values.tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, for a run that is taken up again."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read what ``to_dict`` wrote."""
        return cls(**content)
