"""From fitted trees to the arrays of the ``trees`` op.

What a tree asks of a number is only which side of a threshold it lies on. All
thresholds of an ensemble on one matrix column are therefore sorted once, a number
becomes its rank among them (a 16-bit integer), and a node compares ranks. That is
exact, makes a node 8 bytes instead of scikit-learn's 64 and a row of 14 columns a
single cache line.

A column that training saw missing has two ranks: NaN ranks below every threshold
for nodes that send missing values left, above every threshold for the others, so
that walking a tree never asks whether a value is missing.

A category needs no thresholds: its rank is its code, and the rank of a missing or
unknown one is the number of categories. A node holds the set of ranks that go left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorekit.engine.lowering.values import NotLowered

LEAF = 0xFFFF
"""Column number that marks a leaf, whose ``child`` is a row of ``values``."""

LARGEST_RANK = 0xFFFE
SET_WORDS = 8
"""Words of 32 bits in a set of categories: scikit-learn allows at most 255, and one bit is for missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One fitted tree; node 0 is the root, children come after their parents.

    Attributes
    ----------
    feature : ndarray of int64, shape (n_nodes,)
        Column of the matrix; anything at a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        Values up to the threshold go left; anything at a leaf or a set.
    left, right : ndarray of int64, shape (n_nodes,)
        Children; ``left`` is -1 at a leaf.
    missing_left : ndarray of bool, shape (n_nodes,)
    values : ndarray of float64, shape (n_nodes, width)
        What a leaf adds to the scores.
    set_row : ndarray of int64, shape (n_nodes,), optional
        Row of ``sets`` where the node splits categories, else -1.
    sets : ndarray of uint32, shape (n_sets, SET_WORDS), optional
        Categories that go left, one bit each.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    set_row: NDArray[np.int64] | None = None
    sets: NDArray[np.uint32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Splits:
    """The splits of all trees, one after another."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    sets: NDArray[np.uint32]
    is_set: NDArray[np.bool_]


def layout(
    trees: Sequence[Tree], *, nan: NDArray[np.bool_], categories: Mapping[int, int] | None = None
) -> dict[str, NDArray[np.generic]]:
    """Arrays of the ``trees`` op for an ensemble.

    Parameters
    ----------
    trees : sequence of Tree
        In the order in which scikit-learn adds them up.
    nan : ndarray of bool, shape (n_columns,)
        Which columns of the matrix can hold missing values at all.
    categories : mapping of int to int
        Matrix column to number of categories, for columns split by category.

    Returns
    -------
    dict of str to ndarray
        ``rank``, ``column``, ``child`` of shape (n_nodes,): a node's right child
        stands behind its left child. ``roots`` of shape (n_trees,). ``values`` of
        shape (n_distinct, width). ``sources`` of shape (n_inputs,), the matrix
        columns that are ranked; ``columns`` of shape (n_inputs, 2), where their
        ranks go (missing above, missing below; -1 for not needed); ``categories``
        of shape (n_inputs,), 0 for numbers; ``thresholds`` and ``offsets`` of shape
        (n_inputs + 1,), their sorted thresholds. ``sets`` of shape (n_sets, 8).

    Raises
    ------
    NotLowered
        If ranks or columns do not fit in 16 bits.
    """
    splits = _splits(trees, nan)
    inputs, rank, which = _rank(splits, categories or {})
    columns, column = _columns(which, splits.missing_left & ~splits.is_set, len(inputs["sources"]))
    if columns.max(initial=-1) >= LEAF:
        raise NotLowered("trees", f"split on more than {LEAF - 1} columns")
    return {**_nodes(trees, rank, column), **inputs, "columns": columns}


def _splits(trees: Sequence[Tree], nan: NDArray[np.bool_]) -> _Splits:
    """Gather the splits of all trees."""
    inner = [tree.left >= 0 for tree in trees]
    rows = [np.full(len(tree.left), -1) if tree.set_row is None else tree.set_row for tree in trees]
    none = np.zeros((0, SET_WORDS), dtype=np.uint32)
    sets = [
        none if tree.sets is None else tree.sets[row[split & (row >= 0)]]
        for tree, row, split in zip(trees, rows, inner, strict=True)
    ]
    feature = _joined([tree.feature for tree in trees], inner)
    return _Splits(
        feature=feature,
        threshold=_joined([tree.threshold for tree in trees], inner),
        missing_left=_joined([tree.missing_left for tree in trees], inner) & nan[feature],
        sets=np.concatenate(sets),
        is_set=_joined(rows, inner) >= 0,
    )


def _joined(parts: Sequence[NDArray[Any]], picks: Sequence[NDArray[np.bool_]]) -> NDArray[Any]:
    return np.concatenate([part[pick] for part, pick in zip(parts, picks, strict=True)])


def _rank(
    splits: _Splits, categories: Mapping[int, int]
) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.int64], NDArray[np.int64]]:
    """Inputs to rank, and each split's rank and input."""
    rank = np.zeros(len(splits.feature), dtype=np.int64)
    which = np.zeros(len(splits.feature), dtype=np.int64)
    sources: list[int] = []
    counts: list[int] = []
    thresholds: list[NDArray[np.float64]] = []
    numeric = np.flatnonzero(~splits.is_set)
    by_feature = numeric[np.argsort(splits.feature[numeric], kind="stable")]
    features, starts = np.unique(splits.feature[by_feature], return_index=True)
    for feature, members in zip(features, np.split(by_feature, starts[1:]), strict=False):
        distinct, position = np.unique(splits.threshold[members], return_inverse=True)
        # more thresholds than ranks become several inputs, each with its part of them
        which[members] = len(sources) + position // LARGEST_RANK
        rank[members] = position % LARGEST_RANK
        for begin in range(0, len(distinct), LARGEST_RANK):
            sources.append(int(feature))
            counts.append(0)
            thresholds.append(distinct[begin : begin + LARGEST_RANK])
    sets = _rank_sets(splits, categories, rank, which, len(sources))
    for feature in np.unique(splits.feature[splits.is_set]):
        sources.append(int(feature))
        counts.append(categories[int(feature)])
        thresholds.append(np.empty(0))
    offsets = np.cumsum([0, *(len(part) for part in thresholds)])
    inputs: dict[str, NDArray[np.generic]] = {
        "sources": np.array(sources, dtype=np.uint32),
        "categories": np.array(counts, dtype=np.uint32),
        "thresholds": np.concatenate([*thresholds, np.empty(0)]),
        "offsets": offsets.astype(np.uint32),
        "sets": sets,
    }
    return inputs, rank, which


def _rank_sets(
    splits: _Splits,
    categories: Mapping[int, int],
    rank: NDArray[np.int64],
    which: NDArray[np.int64],
    first_input: int,
) -> NDArray[np.uint32]:
    """Distinct sets with the bit for missing; fills in the splits' rank (row of their set) and input."""
    members = np.flatnonzero(splits.is_set)
    if not len(members):
        return np.zeros((0, SET_WORDS), dtype=np.uint32)
    features, which_feature = np.unique(splits.feature[members], return_inverse=True)
    missing = np.array([categories[int(feature)] for feature in features])[which_feature]
    sets = splits.sets.copy()
    bit = np.left_shift(np.uint32(1), (missing % 32).astype(np.uint32))
    rows = np.flatnonzero(splits.missing_left[members])
    sets[rows, missing[rows] // 32] |= bit[rows]
    distinct, position = np.unique(sets, axis=0, return_inverse=True)
    if len(distinct) > LARGEST_RANK:
        raise NotLowered("trees", f"split categories in more than {LARGEST_RANK} ways")
    rank[members] = position.reshape(-1)
    which[members] = first_input + which_feature
    return distinct


def _columns(
    which: NDArray[np.int64], missing_left: NDArray[np.bool_], inputs: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Column numbers of each input's two kinds of rank, and each split's column."""
    used, column = np.unique(which * 2 + missing_left, return_inverse=True)
    columns = np.full(inputs * 2, -1, dtype=np.int32)
    columns[used] = np.arange(len(used))
    return columns.reshape(inputs, 2), column


def _nodes(
    trees: Sequence[Tree], rank: NDArray[np.int64], column: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """Renumber nodes so that siblings stand side by side, pairs in the order of their parents.

    scikit-learn numbers nodes depth first, so a pair mostly stands next to the pair
    below its left half, in the same cache line.
    """
    sizes = [len(tree.left) + 1 for tree in trees]
    roots = np.cumsum([0, *sizes])
    nodes = {
        "rank": np.zeros(roots[-1], dtype=np.uint16),
        "column": np.full(roots[-1], LEAF, dtype=np.uint16),
        "child": np.zeros(roots[-1], dtype=np.uint32),
    }
    values = np.concatenate([tree.values[tree.left < 0] for tree in trees])
    distinct, value_row = _distinct_rows(values)
    split = leaf = 0
    for tree, root in zip(trees, roots, strict=False):
        inner = np.flatnonzero(tree.left >= 0)
        place = np.empty(len(tree.left), dtype=np.int64)
        # the root has a pair of its own, so that no pair straddles two cache lines
        pairs = root + 2 + 2 * np.arange(len(inner))
        place[0] = root
        place[tree.left[inner]] = pairs
        place[tree.right[inner]] = pairs + 1
        at = place[inner]
        nodes["rank"][at] = rank[split : split + len(inner)]
        nodes["column"][at] = column[split : split + len(inner)]
        nodes["child"][at] = pairs
        leaves = place[np.flatnonzero(tree.left < 0)]
        nodes["child"][leaves] = value_row[leaf : leaf + len(leaves)]
        split += len(inner)
        leaf += len(leaves)
    return {**nodes, "roots": roots[:-1].astype(np.uint32), "values": distinct}


def _distinct_rows(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct rows and each row's number among them; full-depth forests have few."""
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    new = np.ones(len(values), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    number = np.empty(len(values), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return ordered[new], number
