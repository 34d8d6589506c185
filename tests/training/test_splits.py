from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorekit.errors import DataError
from scorekit.training.dataset import Dataset, take_apart
from scorekit.training.recipe import Recipe
from scorekit.training.splits import make_folds, split
from tests.training.samples import made, recipe


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(20, 200), share=st.floats(0.05, 0.6), seed=st.integers(0, 9))
def test_every_row_is_on_one_side_and_classes_keep_their_shares(rows: int, share: float, seed: int) -> None:
    data = take_apart(made({}, rows), recipe(holdout=share, seed=seed), ())
    cut = split(data, recipe(holdout=share, seed=seed))
    assert sorted([*cut.train, *cut.holdout]) == list(range(rows))
    assert len(cut.holdout) == max(1, round(share * rows))
    truth = data.target.truth()
    if not cut.notes:
        assert abs(truth[cut.holdout].mean() - truth.mean()) <= 1 / len(cut.holdout)
    assert split(data, recipe(holdout=share, seed=seed)).holdout.tolist() == cut.holdout.tolist()


def test_the_last_rows_by_time_are_kept_back() -> None:
    order = np.random.default_rng(1).permutation(60)
    made_by = recipe(time_column="t")
    cut = split(take_apart(made({"t": order}), made_by, ()), made_by)
    assert len(cut.holdout) == 12
    assert order[cut.train].max() < order[cut.holdout].min()
    assert (np.diff(cut.train) > 0).all()


def test_nothing_is_kept_back_unless_asked_for() -> None:
    cut = split(take_apart(made({}), recipe(), ()), recipe())
    assert (len(cut.train), len(cut.holdout)) == (60, 0)


def test_a_rare_class_makes_the_holdout_random_and_says_so() -> None:
    data = take_apart(made({"target": ["a"] * 40 + ["b"] * 19 + ["c"]}), recipe(), ())
    ways = {_way(data, seed) for seed in range(30)}
    assert ways == {
        "the holdout is random, not stratified: the rarest class has too few rows",
        "rare_class",  # it fell to the holdout, where nothing could be learned of it
    }


def _way(data: Dataset, seed: int) -> str:
    try:
        return split(data, recipe(holdout=0.2, seed=seed)).notes[0]
    except DataError as error:
        return error.code


def test_one_class_before_the_cut_is_refused() -> None:
    table = made({"target": ["a"] * 50 + ["b"] * 10, "t": range(60)})
    made_by = recipe(time_column="t", holdout=0.3)
    with pytest.raises(DataError, match="without the holdout, every row has the same class"):
        split(take_apart(table, made_by, ()), made_by)


def test_too_few_rows_for_a_holdout_are_refused() -> None:
    table = made({"target": ["a", "b", "b"]}, 3)
    made_by = recipe(holdout=0.9)
    with pytest.raises(DataError, match="too few"):
        split(take_apart(table, made_by, ()), made_by)


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(4, 80), folds=st.integers(2, 10), seed=st.integers(0, 5))
def test_every_row_is_tested_once_by_rows_that_are_not_itself(rows: int, folds: int, seed: int) -> None:
    labels = ["a", "b"] * (rows // 2) + ["a"] * (rows % 2)
    target = take_apart(made({"target": labels}, rows), recipe(), ()).target
    found, _ = make_folds(target, np.arange(rows), folds, seed)
    tested = np.concatenate([test for _, test in found])
    assert sorted(tested) == list(range(rows))
    for train, test in found:
        assert not set(train) & set(test)
        assert len(np.unique(target.codes[train])) == 2


@pytest.mark.parametrize(("rare", "used"), [(1, 0), (2, 2), (4, 4), (5, 5)])
def test_folds_are_no_more_than_the_rarest_of_two_classes(rare: int, used: int) -> None:
    target = take_apart(made({"target": ["b"] * rare + ["a"] * (60 - rare)}), recipe(), ()).target
    folds, note = make_folds(target, np.arange(60), 5, 0)
    assert len(folds) == used
    assert (note is None) == (used == 5)


def test_no_folds_are_no_folds() -> None:
    target = take_apart(made({}), Recipe(target="target"), ()).target
    assert make_folds(target, np.arange(60), 0, 0) == ([], None)
