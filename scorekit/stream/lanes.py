"""Several cores for one batch: its rows in as many pieces, scored side by side, and put together again.

Rows do not depend on their neighbours and counts add up in any order, so nothing shows how
many pieces there were.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa

from scorekit.scoring import Rows, ScoredBatch, Scorer

WORTH_IT = 1024
"""Rows of a piece that take longer to score than to hand over."""


class Lanes:
    """A scorer for each core.

    Parameters
    ----------
    scorer : Scorer
    cores : int, optional
        By default as many as this process may use.
    """

    def __init__(self, scorer: Scorer, cores: int | None = None) -> None:
        count = cores or len(os.sched_getaffinity(0))
        self._scorers = [scorer, *(scorer.fork() for _ in range(count - 1))]

    def score(self, rows: Rows, unreadable: list[int]) -> ScoredBatch:
        """Score every row, as ``Scorer.score`` does."""
        pieces = min(len(self._scorers), len(rows) // WORTH_IT)
        if pieces < 2 or not isinstance(rows, pa.RecordBatch):
            return self._scorers[0].score(rows, unreadable=unreadable)
        ends = [len(rows) * number // pieces for number in range(pieces + 1)]
        parts = [rows.slice(start, stop - start) for start, stop in pairwise(ends)]
        others = [
            _pool().submit(scorer.score, part)
            for scorer, part in zip(self._scorers[1:], parts[1:], strict=False)
        ]
        return joined([self._scorers[0].score(parts[0]), *(other.result() for other in others)])


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="score")


def joined(parts: list[ScoredBatch]) -> ScoredBatch:
    """Batches that follow each other, as one."""
    flaws, start = [], 0
    for part in parts:
        flaws += [flaw.shifted(start) for flaw in part.flaws]
        start += len(part)
    answers = [part.answers for part in parts if len(part.answers)]
    return ScoredBatch(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.sources for part in parts]),
        tuple(flaws),
        sum((part.counts for part in parts[1:]), parts[0].counts),
        sum(answers[1:], answers[0]) if answers else parts[0].answers,
    )
