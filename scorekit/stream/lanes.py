"""Several cores for one batch: its rows in as many pieces, worked on side by side, and put together again.

Rows do not depend on their neighbours and counts add up in any order, so nothing shows how
many pieces there were.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa

from scorekit.scoring import Rows, ScoredBatch, Scorer

P = TypeVar("P")
R = TypeVar("R")

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
        self._scorers = [scorer, *(scorer.fork() for _ in range((cores or all_cores()) - 1))]

    def score(self, rows: Rows, unreadable: list[int]) -> ScoredBatch:
        """Score every row, as ``Scorer.score`` does."""
        pieces = pieces_of(len(rows), len(self._scorers))
        if len(pieces) < 2 or not isinstance(rows, pa.RecordBatch):
            return self._scorers[0].score(rows, unreadable=unreadable)
        parts = [(scorer, rows[piece]) for scorer, piece in zip(self._scorers, pieces, strict=False)]
        return joined(side_by_side(lambda part: part[0].score(part[1]), parts))


def all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def pieces_of(rows: int, cores: int) -> list[slice]:
    """Rows in as many pieces as cores, as long as each is worth it."""
    count = max(1, min(cores, rows // WORTH_IT))
    return [slice(*ends) for ends in pairwise(rows * number // count for number in range(count + 1))]


def side_by_side(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """What some work makes of each part, the first one in this thread."""
    others = [_pool().submit(work, part) for part in parts[1:]]
    return [work(parts[0]), *(other.result() for other in others)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="lane")


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
