"""Which rows are learned from, which are kept back, and the folds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorekit.errors import DataError
from scorekit.training.dataset import Dataset
from scorekit.training.recipe import Recipe
from scorekit.training.target import Target

Rows = NDArray[np.int64]
Fold = tuple[Rows, Rows]
"""Row numbers to fit on and to score, within the training rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of the data, ascending.

    Attributes
    ----------
    train, holdout : ndarray of int64
    notes : tuple of str
    """

    train: Rows
    holdout: Rows
    notes: tuple[str, ...] = ()


def split(dataset: Dataset, recipe: Recipe) -> Split:
    """Keep rows back as the recipe says: the last ones by time, or random ones.

    Raises
    ------
    DataError
        If the rows that are left cannot be learned from.
    """
    share = recipe.holdout_share
    rows = np.arange(len(dataset))
    if share is None:
        return Split(rows, rows[:0])
    kept_back = max(1, round(share * len(rows)))
    if kept_back >= len(rows):
        raise DataError(f"{len(rows)} rows are too few to keep {share:g} of them back", hint="give more rows")
    notes: tuple[str, ...] = ()
    if dataset.times is not None:
        order = np.argsort(dataset.times, kind="stable")
        train, holdout = order[:-kept_back], order[-kept_back:]
    else:
        train, holdout, notes = _random(dataset, rows, kept_back, recipe.seed)
    _refuse_one_class(dataset, train)
    return Split(np.sort(train), np.sort(holdout), notes)


def _random(dataset: Dataset, rows: Rows, kept_back: int, seed: int) -> tuple[Rows, Rows, tuple[str, ...]]:
    from sklearn.model_selection import train_test_split

    codes = dataset.target.codes
    classes = len(dataset.target.classes)
    by_class = (
        classes > 0 and np.bincount(codes).min() >= 2 and min(kept_back, len(rows) - kept_back) >= classes
    )
    train, holdout = train_test_split(
        rows, test_size=kept_back, random_state=seed, stratify=codes if by_class else None
    )
    notes: tuple[str, ...] = ()
    if classes and not by_class:
        notes = ("the holdout is random, not stratified: the rarest class has too few rows",)
    return train, holdout, notes


def _refuse_one_class(dataset: Dataset, train: Rows) -> None:
    target = dataset.target
    if target.classes and len(np.unique(target.codes[train])) < 2:
        raise DataError(
            f"without the holdout, every row has the same class in the target {target.name!r}",
            hint="keep fewer rows back with --holdout",
            code="constant_target",
        )
    if target.classes and len(np.unique(target.codes[train])) < len(target.classes):
        raise DataError(
            f"a class of the target {target.name!r} is in the holdout only",
            hint="keep fewer rows back with --holdout, or leave that class out",
            code="rare_class",
        )


def make_folds(target: Target, train: Rows, count: int, seed: int) -> tuple[list[Fold], str | None]:
    """Shuffled folds of the training rows, stratified for classes.

    Returns
    -------
    list of Fold
        Empty when the rows do not suffice.
    str or None
        What had to be done otherwise than asked.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if not count:
        return [], None
    codes = target.codes[train] if target.classes else None
    possible = len(train)
    if codes is not None:
        sizes = np.bincount(codes, minlength=len(target.classes))
        # with two classes each fold needs both of them; with more, the commonest decides
        possible = int(sizes.min() if len(sizes) == 2 else sizes.max())
    used = min(count, possible)
    if used < 2:
        return [], "no cross-validation: there are too few rows of a class, or too few rows"
    kind = KFold if codes is None else StratifiedKFold
    splitter = kind(n_splits=used, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer rows than folds; the note says so
        folds = list(splitter.split(np.empty((len(train), 0)), codes))
    note = f"{used} folds instead of {count}: the rarest class has no more rows" if used < count else None
    return folds, note
