"""A window: the rows that are judged together, as counts that add up in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.quality.duplicates import SeenIds


@dataclass(eq=False)
class Window:
    """Counts of the rows of a window.

    Attributes
    ----------
    rows, rejected, fallback : int
        All rows, those without a score, and those that a fallback answered.
    flaws : dict of (code, column) to int
        Rows for each thing that was wrong with rows.
    counts : ndarray of int64, shape (size of the counter's vector,) or (0,)
        See ``counting.Counter``; empty where there is no baseline, or nothing was counted yet.
    answers : ndarray of int64
        See ``ladder.AnswerCounter``; empty where the fallback answered nothing.
    ids : SeenIds or None
        None where there are no ids.
    """

    rows: int = 0
    rejected: int = 0
    fallback: int = 0
    flaws: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    answers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ids: SeenIds | None = None

    def add(self, other: Window) -> None:
        """Take in the rows of another window; the order does not matter."""
        self.rows += other.rows
        self.rejected += other.rejected
        self.fallback += other.fallback
        for flaw, count in other.flaws.items():
            self.flaws[flaw] = self.flaws.get(flaw, 0) + count
        self.counts = _added(self.counts, other.counts)
        self.answers = _added(self.answers, other.answers)
        if other.ids is not None:
            self.ids = self.ids or SeenIds()
            self.ids.merge(other.ids)

    @property
    def poor(self) -> int:
        """Rows that the model did not answer."""
        return self.rejected + self.fallback

    @property
    def duplicates(self) -> int | None:
        """Rows whose id stood before; None where there are no ids."""
        return None if self.ids is None else self.ids.duplicates()

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, but for the ids: there is one for each row."""
        return {
            "rows": self.rows,
            "rejected": self.rejected,
            "fallback": self.fallback,
            "flaws": [[code, column, count] for (code, column), count in self.flaws.items()],
            "counts": self.counts.tolist(),
            "answers": self.answers.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Window:
        """Read what ``to_dict`` wrote."""
        return cls(
            rows=content["rows"],
            rejected=content["rejected"],
            fallback=content["fallback"],
            flaws={(code, column): count for code, column, count in content["flaws"]},
            counts=np.array(content["counts"], dtype=np.int64),
            answers=np.array(content["answers"], dtype=np.int64),
        )


def _added(counts: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(counts) or not len(more):
        return counts if len(counts) else more
    return counts + more
