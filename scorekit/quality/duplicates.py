"""Ids that stand more than once, in eight bytes a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hash_numbers(values: NDArray[np.int64]) -> Hashes:
    """Hash whole numbers, each to one of 2⁶⁴ numbers, no two to the same one (splitmix64)."""
    mixed = values.astype(np.uint64) * _MULTIPLIER
    mixed = (mixed ^ (mixed >> _SHIFTS[0])) * _FACTORS[0]
    mixed = (mixed ^ (mixed >> _SHIFTS[1])) * _FACTORS[1]
    return mixed ^ (mixed >> _SHIFTS[2])


def hash_texts(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    """Hash texts that stand one after the other: a polynomial in their bytes, modulo 2⁶⁴.

    Parameters
    ----------
    data : ndarray of uint8
        Bytes of all texts.
    offsets : ndarray of int64, shape (n_texts + 1,)
        Where each begins, and where the last one ends.
    """
    lengths = np.diff(offsets)
    hashes = lengths.astype(np.uint64)
    filled = np.flatnonzero(lengths)
    if len(filled):
        used = data[offsets[0] : offsets[-1]]
        places = np.arange(len(used)) - np.repeat(offsets[:-1] - offsets[0], lengths)
        powers = np.cumprod(np.full(int(lengths.max()), _MULTIPLIER, dtype=np.uint64))
        terms = (used.astype(np.uint64) + np.uint64(1)) * powers[places]
        hashes[filled] += np.add.reduceat(terms, offsets[:-1][filled] - offsets[0])
    return hash_numbers(hashes.astype(np.int64))


def combine(hashes: Sequence[Hashes]) -> Hashes:
    """One hash a row of the hashes of its columns."""
    total = hashes[0]
    for column in hashes[1:]:
        total = hash_numbers((total * _MULTIPLIER ^ column).astype(np.int64))
    return total


class SeenIds:
    """The ids of a window, batch by batch; those of its parts add up, in any order.

    Two ids of a million share a hash with a probability of one in 40 million.
    """

    def __init__(self, hashes: Hashes | None = None) -> None:
        self._batches: list[Hashes] = [] if hashes is None else [hashes]
        self._saved = len(self._batches)

    def add(self, hashes: Hashes) -> None:
        """Take in the ids of a batch."""
        self._batches.append(hashes)

    def merge(self, other: SeenIds) -> None:
        """Take in the ids of other rows of the same window."""
        self._batches += other._batches

    def unsaved(self) -> Hashes:
        """Those that were added since this was last asked."""
        new, self._saved = self._batches[self._saved :], len(self._batches)
        return _joined(new)

    def duplicates(self) -> int:
        """Rows whose id stood before."""
        ordered = np.sort(_joined(self._batches))
        return int(np.count_nonzero(ordered[1:] == ordered[:-1]))


def _joined(batches: Sequence[Hashes]) -> Hashes:
    return np.concatenate(batches) if batches else np.zeros(0, dtype=np.uint64)
